//! The repository as it is wanted: what is created, and what an existing one is brought to.

use std::path::PathBuf;

use super::problem::Findings;
use super::raw::Raw;

/// What is wanted of each repository. What is `None` or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositorySettings {
    /// `CREATE_REPOSITORY`.
    pub create: bool,
    /// `RECONCILE_REPOSITORY`.
    pub reconcile: bool,
    /// `TAG_MUTABILITY` with `TAG_MUTABILITY_EXCEPT`.
    pub mutability: Option<TagMutability>,
    /// `SCAN_ON_PUSH`.
    pub scan_on_push: Option<bool>,
    /// `KMS_KEY`.
    pub encryption: Option<Encryption>,
    /// `LIFECYCLE_POLICY`.
    pub lifecycle_policy: Option<PolicySource>,
    /// `REPOSITORY_POLICY`.
    pub repository_policy: Option<PolicySource>,
    /// `REPOSITORY_TAGS`, each key once.
    pub tags: Vec<(String, String)>,
}

/// Whether tags may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMutability {
    /// `immutable` and not `mutable`.
    pub immutable: bool,
    /// Wildcard filters of the tags that are under the opposite rule.
    pub except: Vec<String>,
}

/// With what the images are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// `AES256`: the keys that S3 manages, which is what ECR does by itself.
    Aes256,
    /// A key of KMS: its id, its ARN, an alias or an alias's ARN.
    Kms(String),
}

/// Where the text of a policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// The value itself, which begins with `{`.
    Inline(String),
    /// A file, relative to the working folder. Not looked at yet.
    File(PathBuf),
}

/// Reads the group; what is not accepted is reported and left out.
pub(super) fn read(raw: &Raw, findings: &mut Findings) -> RepositorySettings {
    let scalars = &raw.scalars;
    let settings = RepositorySettings {
        create: raw.boolean("CREATE_REPOSITORY", scalars.create_repository.as_deref(), false, findings),
        reconcile: raw.boolean("RECONCILE_REPOSITORY", scalars.reconcile_repository.as_deref(), false, findings),
        mutability: mutability(raw, findings),
        scan_on_push: scalars
            .scan_on_push
            .as_deref()
            .map(|text| raw.boolean("SCAN_ON_PUSH", Some(text), false, findings)),
        encryption: encryption(raw, findings),
        lifecycle_policy: scalars.lifecycle_policy.as_deref().map(source),
        repository_policy: scalars.repository_policy.as_deref().map(source),
        tags: tags(raw, findings),
    };
    if !settings.create && !settings.reconcile {
        warn_of_no_effect(&settings, findings);
    }
    settings
}

fn warn_of_no_effect(settings: &RepositorySettings, findings: &mut Findings) {
    let given = [
        ("TAG_MUTABILITY", settings.mutability.is_some()),
        ("SCAN_ON_PUSH", settings.scan_on_push.is_some()),
        ("KMS_KEY", settings.encryption.is_some()),
        ("LIFECYCLE_POLICY", settings.lifecycle_policy.is_some()),
        ("REPOSITORY_POLICY", settings.repository_policy.is_some()),
        ("REPOSITORY_TAGS", !settings.tags.is_empty()),
    ];
    let names: Vec<String> = given.iter().filter(|(_, given)| *given).map(|(name, _)| format!("`{name}`")).collect();
    let Some((last, others)) = names.split_last() else { return };
    let (names, change) = match others {
        [] => (last.clone(), "changes"),
        others => (format!("{} and {last}", others.join(", ")), "change"),
    };
    findings.warn(
        format!("{names} {change} nothing: neither `CREATE_REPOSITORY` nor `RECONCILE_REPOSITORY` is on"),
        Some("set `RECONCILE_REPOSITORY` to `true` to bring an existing repository there".to_owned()),
    );
}

/// How many exclusion filters there may be (ECR API reference, `PutImageTagMutability`).
const FILTERS: usize = 5;

fn mutability(raw: &Raw, findings: &mut Findings) -> Option<TagMutability> {
    let immutable = raw.scalars.tag_mutability.as_deref().and_then(|text| {
        let immutable = text.eq_ignore_ascii_case("immutable");
        if !immutable && !text.eq_ignore_ascii_case("mutable") {
            let hint = "tags under the opposite rule are listed in `TAG_MUTABILITY_EXCEPT`";
            let reason = format!("`{text}` is no rule for tags, expected `mutable` or `immutable`");
            findings.value("TAG_MUTABILITY", reason, Some(hint.to_owned()));
            return None;
        }
        Some(immutable)
    });
    let mut except = raw.entries("TAG_MUTABILITY_EXCEPT", filter, findings);
    let mut seen = Vec::new();
    except.retain(|filter| {
        !seen.contains(filter) && {
            seen.push(filter.clone());
            true
        }
    });
    if except.len() > FILTERS {
        let reason = format!("it has {} filters, ECR takes {FILTERS} at the most", except.len());
        findings.value("TAG_MUTABILITY_EXCEPT", reason, Some("join some of them by a `*`".to_owned()));
    }
    if !except.is_empty() && raw.scalars.tag_mutability.is_none() && !raw.is_faulty("TAG_MUTABILITY") {
        let hint = "set `TAG_MUTABILITY` to `immutable` if only the tags listed here may move";
        let reason = "it makes exceptions from a rule, and `TAG_MUTABILITY` is not set";
        findings.value("TAG_MUTABILITY_EXCEPT", reason, Some(hint.to_owned()));
    }
    Some(TagMutability { immutable: immutable?, except })
}

/// `^[0-9a-zA-Z._*-]{1,128}$` (ECR API reference, `ImageTagMutabilityExclusionFilter`).
fn filter(text: &str) -> Result<String, String> {
    let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '*' | '-');
    if let Some(wrong) = text.chars().find(|character| !legal(*character)) {
        return Err(format!(
            "the filter `{text}` holds `{wrong}`; accepted are letters, digits, `.`, `_`, `-`, and `*` for any text"
        ));
    }
    if text.len() > 128 {
        return Err(format!("a filter has {} characters, accepted are 128 at the most", text.len()));
    }
    Ok(text.to_owned())
}

/// What `CreateRepository` takes (ECR API reference, `EncryptionConfiguration`).
const KEYS: &str = "expected a key id, a key's ARN, `alias/<name>`, or `AES256` for encryption without KMS";

fn encryption(raw: &Raw, findings: &mut Findings) -> Option<Encryption> {
    let text = raw.scalars.kms_key.as_deref()?;
    if text.eq_ignore_ascii_case("AES256") {
        return Some(Encryption::Aes256);
    }
    let name = match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "kms", region, account, name] if !region.is_empty() && account.len() == 12 => {
            name.strip_prefix("key/").map(|id| (id, is_key_id(id))).or_else(|| Some((name, is_alias(name))))
        }
        [name] => Some((*name, is_key_id(name) || is_alias(name))),
        _ => None,
    };
    if !name.is_some_and(|(_, legal)| legal) {
        findings.value("KMS_KEY", format!("`{text}` names no key of KMS, {KEYS}"), None);
        return None;
    }
    Some(Encryption::Kms(text.to_owned()))
}

/// A UUID, or `mrk-` and 32 digits for a key of several regions (KMS developer guide, "Key identifiers").
fn is_key_id(text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    text.strip_prefix("mrk-").is_some_and(|rest| rest.len() == 32 && hex(rest))
        || (lengths == [8, 4, 4, 4, 12] && text.split('-').all(hex))
}

/// KMS API reference, `CreateAlias`.
fn is_alias(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    text.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && name.bytes().all(legal))
}

fn source(text: &str) -> PolicySource {
    if text.starts_with('{') { PolicySource::Inline(text.to_owned()) } else { PolicySource::File(PathBuf::from(text)) }
}

/// How many tags a resource may have, and how long their halves may be (ECR API reference, `Tag`; user guide, "Tagging").
const TAGS: usize = 50;
const KEY: usize = 128;
const VALUE: usize = 256;

fn tags(raw: &Raw, findings: &mut Findings) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for (index, entry) in raw.list("REPOSITORY_TAGS").iter().enumerate() {
        let number = index + 1;
        let fault = match entry.split_once('=') {
            None => Some("has no `=`, expected `key=value`".to_owned()),
            Some((key, value)) => tag_fault(key.trim(), value.trim()).or_else(|| {
                let key = key.trim();
                let twice = tags.iter().any(|(other, _)| other == key);
                twice.then(|| format!("has the key `{key}` once more, expected each key once"))
            }),
        };
        match (fault, entry.split_once('=')) {
            (None, Some((key, value))) => tags.push((key.trim().to_owned(), value.trim().to_owned())),
            (fault, _) => {
                let fault = fault.unwrap_or_default();
                findings.value("REPOSITORY_TAGS", format!("entry {number} {fault}"), None);
            }
        }
    }
    if tags.len() > TAGS {
        let reason = format!("it has {} tags, ECR takes {TAGS} at the most", tags.len());
        findings.value("REPOSITORY_TAGS", reason, Some("remove some of them".to_owned()));
    }
    tags
}

fn tag_fault(key: &str, value: &str) -> Option<String> {
    if key.is_empty() {
        return Some("has nothing before the `=`, expected `key=value`".to_owned());
    }
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        return Some(format!("has the key `{key}`; keys that begin with `aws:` are AWS's own"));
    }
    for (half, text, most) in [("key", key, KEY), ("value", value, VALUE)] {
        let length = text.chars().count();
        if length > most {
            return Some(format!("has a {half} of {length} characters, accepted are {most} at the most"));
        }
        let legal = |character: char| {
            character.is_alphanumeric() || matches!(character, ' ' | '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
        };
        if let Some(wrong) = text.chars().find(|character| !legal(*character)) {
            return Some(format!(
                "holds `{wrong}` in its {half}; accepted are letters, digits, spaces and `+ - = . _ : / @`, and one tag a line"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests;
