//! What the log must never show.

use secrecy::{ExposeSecret, SecretString};

use super::build::is_secret_name;
use super::environment::Environment;
use super::variables::{VARIABLES, Variable};
use super::{Build, Network, RegistryLogin, SecretSource};

/// Shorter texts are not masked: they occur everywhere in a log, which would then say nothing and give them away.
const SHORTEST: usize = 4;

/// What Bitbucket puts into the environment of a pipe that opens doors.
const BITBUCKET: [&str; 2] = [super::credentials::TOKEN, "PIPELINES_JWT_TOKEN"];

/// Everything that must be masked in the log: keys, tokens, passwords of registries and proxies, build secrets that
/// come from variables, and build arguments whose name says that they are secret. A secret of several lines is there line by line too, as a log is lines. Keys and tokens are
/// taken as the environment has them, so that they are known also where the variables are wrong.
pub(super) fn collect(
    environment: &Environment,
    logins: &[RegistryLogin],
    build: &Build,
    network: &Network,
) -> Vec<SecretString> {
    let named = VARIABLES.iter().filter(|variable| variable.secret).flat_map(Variable::names);
    let named = named.chain(BITBUCKET).filter_map(|name| environment.get(name));
    let passwords = logins.iter().map(|login| &login.password);
    let arguments = build.args.iter().filter(|(key, _)| is_secret_name(key)).map(|(_, value)| value);
    let secrets = build.secrets.iter().filter_map(|secret| match &secret.source {
        SecretSource::Value { value, .. } => Some(value),
        SecretSource::File(_) => None,
    });
    let proxies = [&network.https_proxy, &network.http_proxy].into_iter().flatten();
    let proxies = proxies.filter_map(|proxy| password_in(proxy.expose_secret()));
    named
        .chain(passwords.chain(arguments).chain(secrets).map(ExposeSecret::expose_secret))
        .chain(proxies)
        .flat_map(|secret| [secret].into_iter().chain(lines(secret)))
        .filter(|text| text.len() >= SHORTEST)
        .map(SecretString::from)
        .collect()
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
