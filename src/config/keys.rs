//! `AWS_KEY`, `AWS_SECRET`, `AWS_SESSION_TOKEN`.

use secrecy::SecretString;

use super::Keys;
use super::problem::{Findings, Problem};
use super::raw::Raw;

/// How the id of a long-lived key begins (IAM user guide, "IAM identifiers").
const LONG_LIVED: &str = "AKIA";
/// How the id of a temporary key begins.
const TEMPORARY: &str = "ASIA";
/// The length of a key id, by the service model of IAM (`accessKeyIdType`); those in use have 20.
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;

const SWAPPED: &str = "check that `AWS_KEY` and `AWS_SECRET` are not swapped";

/// Whether there is anything of a key.
pub(super) fn are_given(raw: &Raw) -> bool {
    let scalars = &raw.scalars;
    let given = [&scalars.aws_key, &scalars.aws_secret, &scalars.aws_session_token].into_iter().any(Option::is_some);
    given || ["AWS_KEY", "AWS_SECRET"].into_iter().any(|name| raw.is_faulty(name))
}

/// Reads the keys: both halves. `None` after a problem, and where nothing of a key is given.
pub(super) fn read(raw: &Raw, findings: &mut Findings) -> Option<Keys> {
    let scalars = &raw.scalars;
    if raw.is_faulty("AWS_KEY") || raw.is_faulty("AWS_SECRET") {
        return None;
    }
    let half = |given: &'static str, missing| Problem::HalfAKey { given: raw.name(given).to_owned(), missing };
    let (id, secret) = match (&scalars.aws_key, &scalars.aws_secret, &scalars.aws_session_token) {
        (Some(id), Some(secret), _) => (id, secret),
        (Some(_), None, _) => {
            findings.problem(half("AWS_KEY", other(raw, "AWS_KEY", "AWS_SECRET", "AWS_SECRET_ACCESS_KEY")));
            return None;
        }
        (None, Some(_), _) => {
            findings.problem(half("AWS_SECRET", other(raw, "AWS_SECRET", "AWS_KEY", "AWS_ACCESS_KEY_ID")));
            return None;
        }
        (None, None, Some(_)) => {
            findings.problem(half("AWS_SESSION_TOKEN", "AWS_KEY"));
            return None;
        }
        (None, None, None) => return None,
    };
    check_id(raw, id, findings);
    check_secret(raw, secret, findings);
    let session_token = scalars.aws_session_token.clone().map(SecretString::from);
    let has_token = session_token.is_some() || raw.is_faulty("AWS_SESSION_TOKEN");
    if id.starts_with(TEMPORARY) && !has_token {
        let key = raw.name("AWS_KEY");
        findings.value(
            "AWS_SESSION_TOKEN",
            format!("it is missing, but `{key}` begins with `{TEMPORARY}`: a temporary key needs its session token"),
            Some("pass `AWS_SESSION_TOKEN` too".to_owned()),
        );
    }
    if id.starts_with(LONG_LIVED) && session_token.is_some() {
        findings.warn(
            format!(
                "`AWS_SESSION_TOKEN` is set, but `{}` begins with `{LONG_LIVED}`, which has no token",
                raw.name("AWS_KEY")
            ),
            Some("remove `AWS_SESSION_TOKEN` if AWS refuses the key".to_owned()),
        );
    }
    Some(Keys { id: id.clone(), secret: SecretString::from(secret.as_str()), session_token })
}

/// The missing half in the spelling that fits the one given: ours to ours, AWS's to AWS's.
fn other(raw: &Raw, given: &'static str, ours: &'static str, aws: &'static str) -> &'static str {
    if raw.name(given) == given { ours } else { aws }
}

/// No message quotes the id: what stands there may be the secret.
fn check_id(raw: &Raw, id: &str, findings: &mut Findings) {
    let name = raw.name("AWS_KEY");
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if id.contains(char::is_whitespace) {
        findings.value(name, "there is white space within the access key id", Some("copy the id alone".to_owned()));
    } else if !id.chars().all(is_word) {
        let reason = "an access key id has letters and digits only, this has other characters";
        findings.value(name, reason, Some(SWAPPED.to_owned()));
    } else if (id.starts_with(LONG_LIVED) || id.starts_with(TEMPORARY)) && !ID_LENGTHS.contains(&id.len()) {
        let reason = format!("the access key id has {} characters, 20 are usual, at least 16 accepted", id.len());
        findings.value(name, reason, Some("copy the whole id".to_owned()));
    }
}

fn check_secret(raw: &Raw, secret: &str, findings: &mut Findings) {
    let name = raw.name("AWS_SECRET");
    let looks_like_id = secret.len() == 20 && (secret.starts_with(LONG_LIVED) || secret.starts_with(TEMPORARY));
    if secret.contains(char::is_whitespace) {
        findings.value(
            name,
            "there is white space within the secret access key",
            Some("copy the key alone".to_owned()),
        );
    } else if looks_like_id {
        findings.value(name, "it holds an access key id, not the secret", Some(SWAPPED.to_owned()));
    }
}

#[cfg(test)]
mod tests;
