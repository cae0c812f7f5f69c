//! One thing that differs, and how it is told.

use crate::aws::Mutability;

use super::{Kind, Policy};

/// One thing of a repository that is not as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `imageTagMutability` with its filters.
    Mutability {
        /// How it is.
        from: Mutability,
        /// How it is wanted.
        to: Mutability,
    },
    /// `scanOnPush`, as it is wanted.
    ScanOnPush(bool),
    /// Resource tags: key, value that it has, value that is wanted.
    Tags(Vec<(String, Option<String>, String)>),
    /// A policy.
    Policy {
        /// Which.
        kind: Kind,
        /// As it is wanted.
        policy: Policy,
        /// Where it differs; `None` when there is none yet.
        lines: Option<Vec<String>>,
    },
}

impl Change {
    /// Whether it adds what is not there at all, and so undoes nobody's decision.
    pub(super) fn completes(&self) -> bool {
        matches!(self, Self::Policy { lines: None, .. })
    }

    /// What it is about: `tag mutability`.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Mutability { .. } => "tag mutability",
            Self::ScanOnPush(_) => "scan on push",
            Self::Tags(_) => "resource tags",
            Self::Policy { kind, .. } => kind.name(),
        }
    }

    /// Before and after in a few words, without the details of what has many.
    pub(super) fn summary(&self) -> String {
        self.lines().swap_remove(0).trim_end_matches(':').to_owned()
    }

    /// Before and after, a line or several: the first is the subject's.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let subject = self.subject();
        match self {
            Self::Mutability { from, to } => vec![format!("{subject}: {} → {}", from.rule(), to.rule())],
            Self::ScanOnPush(wanted) => {
                let word = |on: bool| if on { "on" } else { "off" };
                vec![format!("{subject}: {} → {}", word(!wanted), word(*wanted))]
            }
            Self::Tags(tags) => {
                let each = tags.iter().map(|(key, now, wanted)| match now {
                    Some(now) => format!("~ {key}: {now} → {wanted}"),
                    None => format!("+ {key}={wanted}"),
                });
                std::iter::once(format!("{subject}:")).chain(each).collect()
            }
            Self::Policy { policy, lines: None, .. } => {
                vec![format!("{subject}: none → {}", policy.size())]
            }
            Self::Policy { lines: Some(lines), .. } => {
                std::iter::once(format!("{subject}:")).chain(lines.iter().cloned()).collect()
            }
        }
    }
}
