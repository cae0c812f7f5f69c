//! How a repository is wanted, against how it is: what would change, and what cannot be changed.
//!
//! | module | decides |
//! | --- | --- |
//! | `policy` | whether two policies mean the same |
//! | `encryption` | whether two keys are the same |
//! | `template` | whether a creation template covers a repository that is missing |
//! | `missing` | why nothing creates a repository |
//! | `change` | one thing that differs, and how it is told |
//! | `told` | what the log says of it before the build |

mod change;
mod encryption;
mod missing;
mod policy;
mod template;
mod told;

use crate::aws::{Mutability, NewRepository, Reading, RepositoryState};
use crate::config::{Encryption, TagMutability};
use crate::image::Repository;

pub use change::Change;
pub use encryption::{KeyElsewhere, OtherEncryption, Unchangeable};
pub use missing::{Missing, Why};
pub use policy::{Kind, Policy, Unusable};
pub use template::covering;

use encryption::Sameness;

/// How a repository is wanted. What is `None` or empty stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `CREATE_REPOSITORY`.
    pub create: bool,
    /// `RECONCILE_REPOSITORY`.
    pub reconcile: bool,
    /// `TAG_MUTABILITY` with `TAG_MUTABILITY_EXCEPT`.
    pub mutability: Option<Mutability>,
    /// `SCAN_ON_PUSH`.
    pub scan_on_push: Option<bool>,
    /// `KMS_KEY`.
    pub encryption: Option<Encryption>,
    /// `LIFECYCLE_POLICY`.
    pub lifecycle_policy: Option<Policy>,
    /// `REPOSITORY_POLICY`.
    pub repository_policy: Option<Policy>,
    /// `REPOSITORY_TAGS`.
    pub tags: Vec<(String, String)>,
}

/// How a repository is.
#[derive(Clone, Debug)]
pub struct Actual {
    /// What describes it.
    pub state: RepositoryState,
    /// Its lifecycle policy.
    pub lifecycle_policy: Reading<String>,
    /// Its repository policy.
    pub repository_policy: Reading<String>,
    /// Its resource tags.
    pub tags: Reading<Vec<(String, String)>>,
    /// Whether no image is in it; `None` when that was not asked or may not be.
    pub is_empty: Option<bool>,
}

/// What is to be done with a repository that exists.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What is changed.
    pub made: Vec<Change>,
    /// What differs and stays, since nobody asked for it to be changed.
    pub left: Vec<Change>,
    /// What differs and cannot be changed.
    pub unchangeable: Option<Unchangeable>,
    /// What cannot be compared, in words.
    pub unclear: Option<String>,
}

impl From<&TagMutability> for Mutability {
    fn from(wanted: &TagMutability) -> Self {
        Self::new(wanted.immutable, wanted.except.clone())
    }
}

impl Wanted {
    /// What to do with a repository that is so.
    ///
    /// Without `RECONCILE_REPOSITORY` what differs is only told, but for one thing: a run that was killed after it had created
    /// the repository, and before it had put a policy, left one without any image and without that policy. With
    /// `CREATE_REPOSITORY` its creation is finished. Nothing that is there is touched by that.
    #[must_use]
    pub fn compare(&self, actual: &Actual, partition: &str) -> Changes {
        let mut changes = Changes::default();
        match encryption::compare(self.encryption.as_ref(), &actual.state.encryption) {
            Sameness::Same => {}
            Sameness::Different(unchangeable) => changes.unchangeable = Some(unchangeable),
            Sameness::Unclear(words) => changes.unclear = Some(words),
        }
        let is_unfinished = self.create && actual.is_empty == Some(true);
        let (made, left) = self
            .differences(actual, partition)
            .into_iter()
            .partition(|change| self.reconcile || (is_unfinished && change.completes()));
        Changes { made, left, ..changes }
    }

    /// Whether an answer to "is any image in it" could matter.
    #[must_use]
    pub fn depends_on_emptiness(&self, actual: &Actual) -> bool {
        let lacks = |wanted: &Option<Policy>, found: &Reading<String>| wanted.is_some() && *found == Reading::Absent;
        self.create
            && !self.reconcile
            && (lacks(&self.lifecycle_policy, &actual.lifecycle_policy)
                || lacks(&self.repository_policy, &actual.repository_policy))
    }

    /// Whether anything is wanted that an existing repository may differ in.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.mutability.is_some()
            || self.scan_on_push.is_some()
            || self.encryption.is_some()
            || self.lifecycle_policy.is_some()
            || self.repository_policy.is_some()
            || !self.tags.is_empty()
    }

    /// The policies that are wanted.
    pub fn policies(&self) -> impl Iterator<Item = (Kind, &Policy)> {
        let each = [(Kind::Lifecycle, &self.lifecycle_policy), (Kind::Repository, &self.repository_policy)];
        each.into_iter().filter_map(|(kind, policy)| Some((kind, policy.as_ref()?)))
    }

    /// What one call creates a repository with: everything but the policies.
    #[must_use]
    pub fn new_repository(&self) -> NewRepository<'_> {
        NewRepository {
            mutability: self.mutability.as_ref(),
            scan_on_push: self.scan_on_push,
            encryption: self.encryption.as_ref(),
            tags: &self.tags,
        }
    }

    /// What a repository would be created with, in words; nothing where AWS's defaults hold.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.mutability.as_ref().map(ToString::to_string));
        words.extend(self.scan_on_push.map(|scan| if scan { "scan on push" } else { "no scan on push" }.to_owned()));
        words.extend(self.encryption.as_ref().map(encryption::words));
        words.extend(self.policies().map(|(kind, policy)| format!("a {} of {}", kind.name(), policy.size())));
        match self.tags.len() {
            0 => {}
            1 => words.push("1 resource tag".to_owned()),
            count => words.push(format!("{count} resource tags")),
        }
        words.join("; ")
    }

    /// Why the key cannot be that of this repository.
    #[must_use]
    pub fn key_elsewhere(&self, repository: &Repository) -> Option<KeyElsewhere> {
        let region = encryption::region(self.encryption.as_ref())?;
        let is_elsewhere = region != repository.host.region();
        is_elsewhere.then(|| KeyElsewhere { region: region.to_owned(), repository: repository.clone() })
    }

    fn differences(&self, actual: &Actual, partition: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        let (wanted, found) = match &actual.tags {
            Reading::Unknown => (&[][..], &[][..]),
            Reading::Absent => (self.tags.as_slice(), &[][..]),
            Reading::Present(found) => (self.tags.as_slice(), found.as_slice()),
        };
        let now = |key: &str| found.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone());
        let tags: Vec<(String, Option<String>, String)> = wanted
            .iter()
            .map(|(key, value)| (key.clone(), now(key), value.clone()))
            .filter(|(_, now, value)| now.as_ref() != Some(value))
            .collect();
        if !tags.is_empty() {
            changes.push(Change::Tags(tags));
        }
        let scan = actual.state.scan_on_push;
        if let Some(wanted) = self.scan_on_push.filter(|wanted| *wanted != scan) {
            changes.push(Change::ScanOnPush(wanted));
        }
        let found = |kind| match kind {
            Kind::Lifecycle => &actual.lifecycle_policy,
            Kind::Repository => &actual.repository_policy,
        };
        for (kind, policy) in self.policies() {
            let lines = match found(kind) {
                Reading::Unknown => continue,
                Reading::Absent => None,
                Reading::Present(found) => match policy.differences(found, partition) {
                    lines if lines.is_empty() => continue,
                    lines => Some(lines),
                },
            };
            changes.push(Change::Policy { kind, policy: policy.clone(), lines });
        }
        // Last, so that a tag is not frozen by a run that then fails at something else.
        let now = &actual.state.mutability;
        if let Some(wanted) = self.mutability.as_ref().filter(|wanted| !wanted.is_same(now)) {
            changes.push(Change::Mutability { from: now.clone(), to: wanted.clone() });
        }
        changes
    }
}

#[cfg(test)]
mod tests;
