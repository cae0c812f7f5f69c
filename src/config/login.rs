//! Entries of `REGISTRY_LOGINS`.

use secrecy::SecretString;

use super::RegistryLogin;
use super::entry::{Fault, parts, variable};
use super::environment::{Environment, is_reference};
use super::problem::Findings;
use super::raw::Raw;
use crate::image::DOCKER_HUB;

const VARIABLE: &str = "REGISTRY_LOGINS";
const EXPECTED: &str = "expected `host=…,username=…,password-env=VAR`";

/// Reads the logins; what is not accepted is reported and left out.
pub(super) fn read(raw: &Raw, environment: &Environment, findings: &mut Findings) -> Vec<RegistryLogin> {
    let mut logins: Vec<RegistryLogin> = Vec::new();
    for (index, entry) in raw.list(VARIABLE).iter().enumerate() {
        let number = index + 1;
        match login(entry, environment) {
            Ok(login) if logins.iter().any(|earlier| earlier.host == login.host) => {
                findings.value(VARIABLE, format!("entry {number} is a second login for `{}`", login.host), None);
            }
            Ok(login) => {
                use secrecy::ExposeSecret as _;
                if is_reference(login.password.expose_secret()) {
                    let message = format!(
                        "the password for `{}` in `{VARIABLE}` is the literal text of a reference to a variable",
                        login.host
                    );
                    findings.warn(message, Some("define that variable in the repository's settings".to_owned()));
                }
                logins.push(login);
            }
            Err(fault) => findings.value(VARIABLE, format!("entry {number} {}", fault.reason), fault.hint),
        }
    }
    logins
}

fn login(entry: &str, environment: &Environment) -> Result<RegistryLogin, Fault> {
    let parts: Vec<_> = parts(entry).collect();
    if parts.iter().any(|(key, _)| *key == "password") {
        return Err(Fault {
            reason: format!("gives the password itself, {EXPECTED}"),
            hint: Some("put the password in a secured variable and name that in `password-env`".to_owned()),
        });
    }
    let (mut host, mut username, mut password_env) = (None, None, None);
    for (key, value) in parts {
        let place = match key {
            "host" => &mut host,
            "username" => &mut username,
            "password-env" => &mut password_env,
            _ => return Err(unknown(key, value.is_some()).into()),
        };
        if place.replace(value.unwrap_or_default()).is_some() {
            return Err(format!("has `{key}` twice, {EXPECTED}").into());
        }
    }
    let need = |key: &str, value: Option<&str>| match value.filter(|value| !value.is_empty()) {
        Some(value) => Ok(value.to_owned()),
        None => Err(format!("lacks `{key}`, {EXPECTED}")),
    };
    let host = registry_host(&need("host", host)?)?;
    let username = need("username", username)?;
    let password = password(&need("password-env", password_env)?, environment)?;
    Ok(RegistryLogin { host, username, password })
}

/// Quotes the key only where it can be nothing else, since a comma in a value ends up here.
fn unknown(key: &str, has_value: bool) -> String {
    let is_word = key.len() <= 20 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    if has_value && is_word && !key.is_empty() {
        format!("has an unknown key `{key}`, {EXPECTED}")
    } else {
        format!("has a part that is none of `host=`, `username=` and `password-env=`, {EXPECTED}")
    }
}

/// Any of its hosts, also as the URL under which docker's own configuration keeps the login.
fn is_docker_hub(text: &str) -> bool {
    let text = text.strip_prefix("https://").unwrap_or(text);
    let host = text.split_once('/').map_or(text, |(host, _)| host);
    host.strip_suffix(DOCKER_HUB).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn registry_host(text: &str) -> Result<String, Fault> {
    if is_docker_hub(text) {
        return Ok(DOCKER_HUB.to_owned());
    }
    if text.contains('@') {
        return Err("has a host with an `@`, expected a host name with or without a port".to_owned().into());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(
            format!("has a host with `{}://`, expected `{}`", scheme.escape_debug(), rest.escape_debug()).into()
        );
    }
    let is_legal =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | ':' | '[' | ']');
    if !text.chars().all(is_legal) {
        let shown = text.escape_debug();
        return Err(format!("has the host `{shown}`, expected a host name with or without a port").into());
    }
    Ok(text.to_ascii_lowercase())
}

/// The value of the variable that `password-env` names.
fn password(name: &str, environment: &Environment) -> Result<SecretString, Fault> {
    let value = variable("password-env", name, "password", environment)?;
    // A newline at the end comes from a file or a block of YAML, never from a password.
    Ok(SecretString::from(value.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests;
