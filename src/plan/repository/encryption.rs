//! Whether a repository is encrypted as it is wanted. ECR sets that at creation, and no call changes it later.

use crate::aws::EncryptionState;
use crate::config::Encryption;
use crate::error::{ExitCode, Explain};
use crate::image::Repository;

/// The encryption differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchangeable {
    /// In words.
    pub found: String,
    /// In words.
    pub wanted: String,
}

/// A repository is to be made as it is wanted, and its encryption differs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{repository}` is encrypted with {}, and `KMS_KEY` asks for {}: that is set when a repository is created and cannot be changed",
    .encryption.found,
    .encryption.wanted
)]
pub struct OtherEncryption {
    /// The repository.
    pub repository: Repository,
    /// How it is, and how it is wanted.
    pub encryption: Unchangeable,
}

impl Explain for OtherEncryption {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        Some(
            "remove `KMS_KEY`, or push to a repository with another name, which `CREATE_REPOSITORY` set to `true` creates with this key"
                .to_owned(),
        )
    }
}

/// The key is one of another region than the repository that is to be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`KMS_KEY`: it is a key in {region}, and `{}` is to be created in {}", repository.name, repository.host.region()
)]
pub struct KeyElsewhere {
    /// The key's region.
    pub region: String,
    /// The repository.
    pub repository: Repository,
}

impl Explain for KeyElsewhere {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Variables
    }

    fn hint(&self) -> Option<String> {
        Some("name the key by an `alias/…`, which each region has for itself".to_owned())
    }
}

/// How two encryptions compare.
pub(super) enum Sameness {
    Same,
    Different(Unchangeable),
    /// An alias and a key's id: which key an alias stands for is KMS's to say, and needs a permission more.
    Unclear(String),
}

/// The key that ECR takes when none is named (ECR API reference, `EncryptionConfiguration`).
const DEFAULT: &str = "alias/aws/ecr";

pub(super) fn compare(wanted: Option<&Encryption>, found: &EncryptionState) -> Sameness {
    let Some(wanted) = wanted else { return Sameness::Same };
    let same = match (wanted, found) {
        (Encryption::Aes256, EncryptionState::Aes256) => Some(true),
        // Two layers of encryption are no less than one.
        (Encryption::Kms(wanted), EncryptionState::Kms { key, .. }) => {
            same_key(wanted, key.as_deref().unwrap_or(DEFAULT))
        }
        (_, EncryptionState::Other(_)) => None,
        (Encryption::Aes256, EncryptionState::Kms { .. }) | (Encryption::Kms(_), EncryptionState::Aes256) => {
            Some(false)
        }
    };
    match same {
        Some(true) => Sameness::Same,
        Some(false) => Sameness::Different(Unchangeable { found: found.to_string(), wanted: words(wanted) }),
        None => Sameness::Unclear(format!(
            "{found}; whether that is {} of `KMS_KEY` is not known here, and it stays",
            words(wanted)
        )),
    }
}

/// `None` when one is an alias and the other is not.
fn same_key(wanted: &str, found: &str) -> Option<bool> {
    let is_alias = |key: &str| last(key).is_some();
    if is_alias(wanted) != is_alias(found) {
        return None;
    }
    let is_arn = |key: &str| key.starts_with("arn:");
    if is_arn(wanted) && is_arn(found) {
        return Some(wanted == found);
    }
    let name = |key: &str| {
        let resource = key.rsplit(':').next().unwrap_or(key);
        resource.strip_prefix("key/").unwrap_or(resource).to_owned()
    };
    Some(name(wanted).eq_ignore_ascii_case(&name(found)))
}

/// The alias in a key's name or ARN.
fn last(key: &str) -> Option<&str> {
    key.rsplit(':').next().filter(|resource| resource.starts_with("alias/"))
}

/// The region of a key that is named by its ARN.
pub(super) fn region(wanted: Option<&Encryption>) -> Option<&str> {
    let Some(Encryption::Kms(key)) = wanted else { return None };
    key.strip_prefix("arn:")?.split(':').nth(2)
}

pub(super) fn words(wanted: &Encryption) -> String {
    match wanted {
        Encryption::Aes256 => EncryptionState::Aes256.to_string(),
        Encryption::Kms(key) => format!("KMS key `{key}`"),
    }
}
