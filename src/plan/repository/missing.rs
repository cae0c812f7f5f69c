//! A repository that is not there, and that nothing will create.

use crate::aws::{Action, Principal};
use crate::error::{ExitCode, Explain};
use crate::image::Repository;

/// There is no such repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository `{}` does not exist in account {}, region {}{}", repository.name, repository.host.account(), repository.host.region(), words(why, principal))]
pub struct Missing {
    /// Which.
    pub repository: Repository,
    /// Who asks.
    pub principal: Principal,
    /// Why it will not be created.
    pub why: Why,
}

/// Why a repository that is missing will not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody asked for it, and no creation template covers it.
    NotAsked,
    /// Nobody asked for it, and who asks may not see creation templates.
    TemplatesUnknown,
    /// It is in another account than the credentials' own, which is this.
    OtherAccount(String),
}

/// What follows on "does not exist".
fn words(why: &Why, principal: &Principal) -> String {
    match why {
        Why::NotAsked => String::new(),
        Why::TemplatesUnknown => format!(
            ", and whether a creation template has the push create it is not known: {principal} may not do `{}`",
            Action::DescribeRepositoryCreationTemplates
        ),
        Why::OtherAccount(own) => {
            format!(", and {principal} is of account {own}: only there it can create repositories")
        }
    }
}

impl Explain for Missing {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        let command = self.repository.creation();
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
