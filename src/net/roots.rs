//! Which certificate authorities are trusted.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Error;
use crate::config::Network;

/// Where systems keep their roots; the first that exists is taken. The pipe's image has the first.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Certificates that have been seen to parse: the AWS client panics on others.
#[derive(Debug)]
pub(super) struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// `SSL_CERT_FILE` in place of the system's, and `AWS_CA_BUNDLE` besides.
    pub(super) fn read(network: &Network) -> Result<Self, Error> {
        let mut certificates = match &network.ssl_cert_file {
            Some(path) => file("SSL_CERT_FILE", path)?,
            None => match SYSTEM.iter().map(Path::new).find(|path| path.exists()) {
                Some(path) => file("the system's certificates", path)?,
                None => Vec::new(),
            },
        };
        if let Some(path) = &network.aws_ca_bundle {
            certificates.extend(file("AWS_CA_BUNDLE", path)?);
        }
        if certificates.is_empty() { Err(Error::NoRoots) } else { Ok(Self(certificates)) }
    }

    /// Each certificate in PEM form.
    pub(super) fn pem(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter().map(|certificate| {
            let body = STANDARD.encode(certificate);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n").into_bytes()
        })
    }
}

fn file(variable: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unreadable = |reason| Error::Unreadable { variable, path: path.to_path_buf(), reason };
    let content = std::fs::read(path).map_err(unreadable)?;
    let none = || Error::NoCertificate { variable, path: PathBuf::from(path) };
    let certificates = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(|_| none())?;
    // Systems' bundles hold a few that no TLS library takes as a root; those are passed over, as OpenSSL does.
    let usable: Vec<_> = certificates
        .into_iter()
        .filter(|certificate| rustls::RootCertStore::empty().add(certificate.clone()).is_ok())
        .collect();
    if usable.is_empty() { Err(none()) } else { Ok(usable) }
}
