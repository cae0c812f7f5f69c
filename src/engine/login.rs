//! Logins for registries, in the two headers by which the engine takes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::config::RegistryLogin;

/// Who one is to a registry.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry, with a port if it has one.
    pub host: String,
    /// The user name; `AWS` for ECR.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

impl From<&RegistryLogin> for Login {
    fn from(login: &RegistryLogin) -> Self {
        Self { host: login.host.clone(), username: login.username.clone(), password: login.password.clone() }
    }
}

impl Login {
    fn json(&self) -> serde_json::Value {
        json!({ "username": self.username, "password": self.password.expose_secret(), "serveraddress": self.host })
    }

    /// The value of `X-Registry-Auth`.
    pub(super) fn auth(&self) -> HeaderValue {
        header(&self.json())
    }
}

/// The value of `X-Registry-Config`.
///
/// A login to Docker Hub is the only one that the engine does not look for under the registry's host, but under the address of
/// the index (moby `registry/config.go`, `IndexServer`), which it tells itself in `GET /info`.
pub(super) fn config(logins: &[Login], index: Option<&str>) -> HeaderValue {
    // The configuration has one spelling for it.
    let key = |login: &Login| index.filter(|_| login.host == "docker.io").unwrap_or(&login.host).to_owned();
    let all: serde_json::Map<_, _> = logins.iter().map(|login| (key(login), login.json())).collect();
    header(&all.into())
}

/// In the URL-safe alphabet, which is what the engine decodes (moby `api/types/registry/authconfig.go`; bollard 0.21.1 takes
/// the other, so that a password with `?`, `>` or `~` may not arrive).
fn header(json: &serde_json::Value) -> HeaderValue {
    let text = URL_SAFE.encode(json.to_string());
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("e30="));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn decoded(value: &HeaderValue) -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE.decode(value.as_bytes()).unwrap()).unwrap()
    }

    fn login(host: &str) -> Login {
        Login { host: host.to_owned(), username: "user".to_owned(), password: "a?>~b".to_owned().into() }
    }

    #[test]
    fn docker_hub_has_the_key_that_the_engine_looks_for() {
        let all = decoded(&config(&[login("docker.io"), login("registry.lab.test:5000")], Some("https://index/v1/")));
        assert_eq!(all["https://index/v1/"]["username"], "user");
        assert_eq!(all["registry.lab.test:5000"]["password"], "a?>~b");
    }

    #[test]
    fn a_login_is_never_printed() {
        let login = login("docker.io");
        assert!(!format!("{login:?} {:?}", login.auth()).contains("a?>~b"));
        assert_eq!(format!("{:?}", login.auth()), "Sensitive");
        assert_eq!(decoded(&login.auth())["serveraddress"], "docker.io");
    }
}
