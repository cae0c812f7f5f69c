//! A repository that is not there, and that nothing will create.

use crate::aws::Action;
use crate::error::{ExitCode, Explain};
use crate::image::Repository;

/// There is no such repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository `{}` does not exist in account {}, region {}{}", repository.name, repository.host.account(), repository.host.region(), why)]
pub struct Missing {
    /// Which.
    pub repository: Repository,
    /// Why it will not be created.
    pub why: Why,
}

/// Why a repository that is missing will not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody asked for it, and no creation template covers it.
    NotAsked,
    /// Nobody asked for it, and the key may not ask for creation templates.
    TemplatesUnknown,
    /// It is in another account than the key's own, which is this.
    OtherAccount(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAsked => Ok(()),
            Self::TemplatesUnknown => write!(
                f,
                ", and whether a creation template has the push create it is not known: the key may not do `{}`",
                Action::DescribeRepositoryCreationTemplates
            ),
            Self::OtherAccount(own) => {
                write!(f, ", and the key is of account {own}: only there it can create repositories")
            }
        }
    }
}

impl Explain for Missing {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        let (name, region) = (&self.repository.name, self.repository.host.region());
        let command = format!("create it with `aws ecr create-repository --repository-name {name} --region {region}`");
        Some(match &self.why {
            Why::NotAsked | Why::TemplatesUnknown => {
                format!("{command}, set `CREATE_REPOSITORY` to `true`, or correct `IMAGE`")
            }
            Why::OtherAccount(_) => {
                format!("{command} in account {}, or correct `IMAGE`", self.repository.host.account())
            }
        })
    }
}
