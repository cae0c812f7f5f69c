//! What `docker build` would take.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Build;
use super::environment::{Environment, is_name, is_reference};
use super::extra_host::extra_host;
use super::problem::Findings;
use super::raw::Raw;
use super::secret;
use super::size::size;
use super::ulimit::ulimit;

/// The options of a build; what is not accepted is reported and left out.
pub(super) fn read(raw: &Raw, environment: &Environment, findings: &mut Findings) -> Build {
    let scalars = &raw.scalars;
    Build {
        context: context(raw, findings),
        dockerfile: dockerfile(raw, findings),
        target: scalars.target.clone(),
        platforms: super::platform::platforms(raw, findings),
        args: arguments(raw, environment, findings),
        labels: labels(raw, findings),
        no_cache: raw.boolean("NO_CACHE", scalars.no_cache.as_deref(), false, findings),
        pull: raw.boolean("PULL", scalars.pull.as_deref(), false, findings),
        network: scalars.network.clone(),
        add_hosts: raw.entries("ADD_HOSTS", extra_host, findings),
        shm_size: shm_size(raw, findings),
        ulimits: raw.entries("ULIMITS", ulimit, findings).into_iter().fold(Vec::new(), |mut limits, limit| {
            // As in docker's map, the last of a name wins.
            limits.retain(|earlier: &super::Ulimit| earlier.name != limit.name);
            limits.push(limit);
            limits
        }),
        secrets: secret::read(raw, environment, findings),
        contexts: super::context::read(raw, findings),
        source_date_epoch: super::epoch::source_date_epoch(raw, findings),
    }
}

/// What docker takes for the address of a remote context (moby, `builder/remotecontext/urlutil`), and its standard input.
const REMOTE: [&str; 7] = ["http://", "https://", "git://", "ssh://", "git@", "github.com/", "-"];

fn context(raw: &Raw, findings: &mut Findings) -> PathBuf {
    let text = raw.scalars.context.as_deref().unwrap_or(".");
    let is_remote = REMOTE.iter().any(|remote| if *remote == "-" { text == "-" } else { text.starts_with(remote) });
    if is_remote {
        // The address may hold a password.
        let hint = "clone it in the step and name its folder";
        findings.value("CONTEXT", "it is an address or standard input, expected a folder", Some(hint.to_owned()));
    }
    PathBuf::from(text)
}

fn dockerfile(raw: &Raw, findings: &mut Findings) -> Option<PathBuf> {
    let text = raw.scalars.dockerfile.as_deref()?;
    if text == "-" || text.starts_with("http://") || text.starts_with("https://") {
        findings.value("DOCKERFILE", "it is an address or standard input, expected the path of a file", None);
    }
    Some(PathBuf::from(text))
}

fn shm_size(raw: &Raw, findings: &mut Findings) -> Option<u64> {
    let text = raw.scalars.shm_size.as_deref()?;
    let size = size(text);
    if size.is_none() {
        findings.value(
            "SHM_SIZE",
            format!("`{text}` is no size, expected a number and a unit: `b`, `k`, `m` or `g`"),
            None,
        );
    }
    size
}

/// No message quotes an entry: a value may be a secret, and so may a line that was meant to belong to the value before.
fn arguments(raw: &Raw, environment: &Environment, findings: &mut Findings) -> Vec<(String, SecretString)> {
    let mut arguments: Vec<(String, SecretString)> = Vec::new();
    for (index, entry) in raw.list("BUILD_ARGS").iter().enumerate() {
        let number = index + 1;
        let (key, value) = entry.split_once('=').map_or((entry.as_str(), None), |(key, value)| (key, Some(value)));
        if let Some(fault) = key_fault(key) {
            findings.value("BUILD_ARGS", format!("{fault} of entry {number}, expected `KEY=value` or `KEY`"), None);
            continue;
        }
        let shown = if is_name(key) && key.len() <= 40 { format!("`{key}`") } else { format!("entry {number}") };
        if value.is_none() && environment.not_utf8().any(|name| name == key) {
            findings.value(
                "BUILD_ARGS",
                format!("{shown} takes its value from the environment, where it is not UTF-8"),
                None,
            );
            continue;
        }
        let Some(value) = value.or_else(|| environment.verbatim(key)) else {
            findings.warn(
                format!("{shown} of `BUILD_ARGS` is left out: it has no value and the environment has none either"),
                Some("a pipe sees only the variables listed under its `variables:`; add it there".to_owned()),
            );
            continue;
        };
        if is_reference(value) {
            findings.warn(
                format!(
                    "{shown} of `BUILD_ARGS` holds the literal text of a reference to a variable that is not defined"
                ),
                Some("define it in the repository's, workspace's or deployment's settings".to_owned()),
            );
        }
        if is_secret_name(key) {
            findings.warn(
                format!(
                    "{shown} of `BUILD_ARGS` looks like a secret: build arguments can be read in the image's history"
                ),
                Some("keep secrets out of the image, or revoke this one after the build".to_owned()),
            );
        }
        put(&mut arguments, key, SecretString::from(value));
    }
    arguments
}

fn labels(raw: &Raw, findings: &mut Findings) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (index, entry) in raw.list("LABELS").iter().enumerate() {
        let number = index + 1;
        let Some((key, value)) = entry.split_once('=') else {
            findings.value("LABELS", format!("entry {number} has no `=`, expected `key=value`"), None);
            continue;
        };
        if let Some(fault) = key_fault(key) {
            findings.value("LABELS", format!("{fault} of entry {number}, expected `key=value`"), None);
            continue;
        }
        if is_reference(value) {
            findings.warn(
                format!("label `{key}` of `LABELS` holds the literal text `{value}`: that variable is not defined"),
                Some("define it in the repository's, workspace's or deployment's settings".to_owned()),
            );
        }
        put(&mut labels, key, value.to_owned());
    }
    labels
}

fn key_fault(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("there is nothing before the `=`")
    } else if key.contains(|character: char| character.is_whitespace() || character.is_control()) {
        Some("there is white space in the name")
    } else {
        None
    }
}

/// Of two values for one key the last wins, in the place of the first.
fn put<V>(pairs: &mut Vec<(String, V)>, key: &str, value: V) {
    match pairs.iter_mut().find(|(earlier, _)| earlier == key) {
        Some((_, place)) => *place = value,
        None => pairs.push((key.to_owned(), value)),
    }
}

/// Whether the name of a build argument says that its value is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(['_', '-', '.']).collect();
    name.contains("PASSWORD")
        || name.contains("SECRET")
        || words.iter().any(|word| matches!(*word, "TOKEN" | "PASSWD" | "PASSPHRASE" | "CREDENTIALS"))
        || words.last().is_some_and(|word| matches!(*word, "KEY" | "APIKEY" | "PAT" | "PASS"))
}

#[cfg(test)]
mod tests;
