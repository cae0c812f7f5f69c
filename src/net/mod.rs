//! HTTPS to AWS and to registries: one decision about certificate roots and proxies for all clients.
//!
//! The clients would read `SSL_CERT_FILE`, `HTTPS_PROXY` and the like by themselves, each by rules of its own, and none of
//! them reads `AWS_CA_BUNDLE`. So everything is handed to them here, and they are kept from looking.

mod proxy;
mod roots;

use std::path::PathBuf;
use std::time::Duration;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::config::Network;
use crate::error::{ExitCode, Explain, words};

use proxy::Proxies;
use roots::Roots;

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The two HTTP clients of a run.
#[derive(Clone, Debug)]
pub struct Net {
    /// For the AWS SDK.
    pub aws: SharedHttpClient,
    /// For registries.
    pub registry: reqwest::Client,
}

/// HTTPS cannot be made as the variables want it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of certificates cannot be read.
    #[error("`{variable}`: cannot read `{}`: {}", .path.display(), words(.reason))]
    Unreadable {
        /// The variable, or what else names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A file of certificates has none.
    #[error("`{variable}`: `{}` holds no certificate in PEM form", .path.display())]
    NoCertificate {
        /// The variable, or what else names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// There are no roots at all.
    #[error("no certificate roots: none of the system's usual files exists")]
    NoRoots,
    /// A proxy variable holds no URL.
    #[error("`{variable}` is no proxy, expected `http://<host>:<port>`")]
    Proxy {
        /// The variable. Its value may hold a password.
        variable: &'static str,
    },
    /// The client refuses what was put together.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unreadable { .. } | Self::NoCertificate { .. } | Self::NoRoots | Self::Proxy { .. } => {
                ExitCode::Variables
            }
            Self::Client(_) => ExitCode::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { variable, .. } | Self::NoCertificate { variable, .. } => Some(format!(
                "let `{variable}` name a file of PEM certificates that lies in the clone folder, or unset it"
            )),
            Self::NoRoots => Some("set `SSL_CERT_FILE` to a file of PEM certificates".to_owned()),
            Self::Proxy { variable } => Some(format!("correct or unset `{variable}`")),
            Self::Client(_) => None,
        }
    }
}

impl Net {
    /// Reads the certificates and makes the clients; nothing is sent.
    ///
    /// # Errors
    /// A file of certificates that cannot be used, or a proxy that is none.
    pub fn new(network: &Network) -> Result<Self, Error> {
        let roots = Roots::read(network)?;
        let proxies = Proxies::read(network)?;
        Ok(Self { aws: aws(&roots, &proxies)?, registry: registry(&roots, &proxies)? })
    }
}

fn aws(roots: &Roots, proxies: &Proxies) -> Result<SharedHttpClient, Error> {
    let store = roots.pem().fold(TrustStore::empty(), TrustStore::with_pem_certificate);
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|error| Error::Client(error.to_string()))?;
    let proxy = proxies.aws()?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(
            components.and_then(aws_smithy_runtime_api::client::runtime_components::RuntimeComponents::sleep_impl),
        );
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context.clone()).build()
    }))
}

fn registry(roots: &Roots, proxies: &Proxies) -> Result<reqwest::Client, Error> {
    let refused = |error: reqwest::Error| Error::Client(error.without_url().to_string());
    let certificates = roots.pem().map(|pem| reqwest::Certificate::from_pem(&pem)).collect::<Result<Vec<_>, _>>();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("ecr-pipe/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .tls_certs_only(certificates.map_err(refused)?)
        .no_proxy();
    proxies.registry()?.into_iter().fold(builder, reqwest::ClientBuilder::proxy).build().map_err(refused)
}

/// Makes ring the crypto provider of all TLS in the process. The first call wins; the others change nothing.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests;
