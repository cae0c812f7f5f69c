//! Entries of the form `key=value,key=value`, of which one key may name the variable that holds a secret.

use super::environment::{Environment, is_name};

/// What is wrong with an entry. Neither text holds anything that could be a secret.
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self { reason, hint: None }
    }
}

/// The keys with their values, without the white space around them; no value where there is no `=`.
pub(super) fn parts(entry: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    entry
        .split(',')
        .map(|part| part.split_once('=').map_or((part.trim(), None), |(key, value)| (key.trim(), Some(value.trim()))))
}

/// The value of the variable that a key names, as it is; white space alone is no value. A name that is not written as such names usually are
/// may be the secret itself, and is not quoted.
pub(super) fn variable<'a>(key: &str, name: &str, holds: &str, environment: &'a Environment) -> Result<&'a str, Fault> {
    let is_usual = is_name(name) && name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let shown = if is_usual { format!("`{name}`") } else { "a variable".to_owned() };
    if environment.not_utf8().any(|other| other == name) {
        return Err(format!("names {shown} in `{key}`, which holds bytes that are not UTF-8").into());
    }
    environment.verbatim(name).filter(|value| !value.trim().is_empty()).ok_or_else(|| Fault {
        reason: format!("names {shown} in `{key}`, which is not set"),
        hint: Some(if is_usual {
            format!("pass `{name}` under `variables:` of the pipe too")
        } else {
            format!("name in `{key}` the variable that holds the {holds}")
        }),
    })
}
