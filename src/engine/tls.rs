//! TLS to the engine, by the files of `DOCKER_CERT_PATH`.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::Error;
use crate::error::words;

/// Reads `ca.pem`, `cert.pem` and `key.pem`. Only the authorities in `ca.pem` are trusted.
pub(super) fn config(folder: &Path) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(folder, "ca.pem")? {
        roots.add(certificate).map_err(|error| broken(folder, "ca.pem", &error.to_string()))?;
    }
    let chain = certificates(folder, "cert.pem")?;
    let key = PrivateKeyDer::from_pem_slice(&read(folder, "key.pem")?).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            broken(folder, "key.pem", "it holds no private key that can be used without a passphrase")
        }
        error => broken(folder, "key.pem", &error.to_string()),
    })?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(folder, "cert.pem", &error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| broken(folder, "key.pem", &format!("it does not fit `cert.pem`: {error}")))
}

fn certificates(folder: &Path, name: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(folder, name)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(broken(folder, name, "it holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(broken(folder, name, &error.to_string())),
    }
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(folder.join(name)).map_err(|error| broken(folder, name, &words(&error)))
}

fn broken(folder: &Path, name: &str, reason: &str) -> Error {
    Error::CertificateFile { path: folder.join(name), reason: reason.to_owned() }
}

/// What a failed handshake, or a first read that brought an alert, says of the two sides.
pub(super) fn explain(host: &str, error: &rustls::Error, folder: &Path) -> Error {
    let host = host.to_owned();
    match error {
        // The other side answered in clear: the first bytes are no TLS record.
        rustls::Error::InvalidMessage(_) => Error::TlsToPlain { host },
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Error::UnknownAuthority { host, ca: folder.join("ca.pem") }
        }
        rustls::Error::InvalidCertificate(error) => Error::EngineCertificate { host, reason: error.to_string() },
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied),
        ) => Error::ClientCertificate { host, cert: folder.join("cert.pem"), reason: format!("{alert:?}") },
        error => Error::Tls { host, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_missing_or_empty_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = || config(folder.path()).unwrap_err().to_string();
        assert!(message().contains("ca.pem`: No such file"), "{}", message());
        std::fs::write(folder.path().join("ca.pem"), "nothing").unwrap();
        assert!(message().ends_with("ca.pem`: it holds no certificate"), "{}", message());
        std::fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .unwrap();
        assert!(message().contains("ca.pem`"), "{}", message());
    }
}
