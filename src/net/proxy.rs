//! Through which proxy a request goes.

use aws_smithy_http_client::proxy::ProxyConfig;
use secrecy::{ExposeSecret as _, SecretString};

use super::Error;
use crate::config::Network;

/// What the proxy variables say. Their URLs may hold passwords.
#[derive(Debug)]
pub(super) struct Proxies {
    https: Option<SecretString>,
    http: Option<SecretString>,
    none: Option<String>,
}

impl Proxies {
    pub(super) fn read(network: &Network) -> Result<Self, Error> {
        let read =
            |variable, value: &Option<SecretString>| value.as_ref().map(|value| url(variable, value)).transpose();
        Ok(Self {
            https: read("HTTPS_PROXY", &network.https_proxy)?,
            http: read("HTTP_PROXY", &network.http_proxy)?,
            none: network.no_proxy.clone(),
        })
    }

    /// For the AWS SDK, which takes one proxy. Its endpoints are `https`, but for one that somebody set for a test.
    pub(super) fn aws(&self) -> Result<ProxyConfig, Error> {
        let Some((variable, url, https)) = self
            .https
            .as_ref()
            .map(|url| ("HTTPS_PROXY", url, true))
            .or_else(|| self.http.as_ref().map(|url| ("HTTP_PROXY", url, false)))
        else {
            return Ok(ProxyConfig::disabled());
        };
        let url = url.expose_secret();
        let config = if https { ProxyConfig::https(url) } else { ProxyConfig::http(url) };
        let config = config.map_err(|_| Error::Proxy { variable })?;
        Ok(match &self.none {
            Some(rules) => config.no_proxy(rules),
            None => config,
        })
    }

    /// For the registry client.
    pub(super) fn registry(&self) -> Result<Vec<reqwest::Proxy>, Error> {
        let mut proxies = Vec::new();
        if let Some(url) = &self.https {
            let proxy = reqwest::Proxy::https(url.expose_secret());
            proxies.push(proxy.map_err(|_| Error::Proxy { variable: "HTTPS_PROXY" })?);
        }
        if let Some(url) = &self.http {
            let proxy = reqwest::Proxy::http(url.expose_secret());
            proxies.push(proxy.map_err(|_| Error::Proxy { variable: "HTTP_PROXY" })?);
        }
        let none = self.none.as_deref().and_then(reqwest::NoProxy::from_string);
        Ok(proxies.into_iter().map(|proxy| proxy.no_proxy(none.clone())).collect())
    }
}

/// A URL, `http://` where no scheme is given, as curl reads it.
fn url(variable: &'static str, value: &SecretString) -> Result<SecretString, Error> {
    let text = value.expose_secret();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let legal = reqwest::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if legal { Ok(SecretString::from(text)) } else { Err(Error::Proxy { variable }) }
}
