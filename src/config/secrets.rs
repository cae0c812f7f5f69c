//! What the log must never show.

use secrecy::{ExposeSecret, SecretString};

use super::Config;
use super::build::is_secret_name;

/// Shorter texts are not masked: they occur everywhere in a log, which would then say nothing and give them away.
const SHORTEST: usize = 4;

impl Config {
    /// Everything that must be masked in the log: keys, tokens, passwords of registries and proxies, and build arguments
    /// whose name says that they are secret. A secret of several lines is there line by line too, as a log is lines.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let keys = self.keys.iter().flat_map(|keys| [Some(&keys.secret), keys.session_token.as_ref()]).flatten();
        let passwords = self.registry_logins.iter().map(|login| &login.password);
        let arguments = self.build.args.iter().filter(|(key, _)| is_secret_name(key)).map(|(_, value)| value);
        let proxies = [&self.network.https_proxy, &self.network.http_proxy].into_iter().flatten();
        let proxies = proxies.filter_map(|proxy| password_in(proxy.expose_secret()));
        keys.chain(passwords)
            .chain(arguments)
            .chain(&self.bitbucket.secrets)
            .map(ExposeSecret::expose_secret)
            .chain(proxies)
            .flat_map(|secret| [secret].into_iter().chain(lines(secret)))
            .filter(|text| text.len() >= SHORTEST)
            .map(SecretString::from)
            .collect()
    }
}

/// The lines of a secret that has several.
fn lines(secret: &str) -> impl Iterator<Item = &str> {
    secret.lines().map(str::trim).filter(move |line| line.len() < secret.trim().len())
}

/// The password in `http://user:password@host`.
fn password_in(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_proxy_is_found() {
        for (url, password) in [
            ("http://u:p%40ss@proxy:3128", Some("p%40ss")),
            ("u:pass@proxy:3128/", Some("pass")),
            ("http://u:p@ss@proxy", Some("p@ss")),
            ("http://user@proxy:3128", None),
            ("http://proxy:3128/a@b:c", None),
        ] {
            assert_eq!(password_in(url), password, "{url}");
        }
    }
}
