//! A repository as it is wanted: what is there, what differs, and bringing it there before the build.
//!
//! | module | does |
//! | --- | --- |
//! | `load` | reads the files of policies |
//! | `look` | reads what is there, and changes nothing |
//! | `apply` | creates, changes, and reads back |

mod apply;
mod load;
mod look;

use crate::aws::{Ecr, Mutability, Template};
use crate::image::Repository;
use crate::plan::repository::{Changes, Wanted};
use crate::progress::{Event, Log};

pub(super) use apply::apply;
pub(super) use load::load;
pub(super) use look::look;

/// A repository, the API of its region, and who asks.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) ecr: &'a Ecr,
    pub(super) repository: &'a Repository,
    /// The account of the credentials: repositories are created there only.
    pub(super) own_account: &'a str,
    /// Whether it is the only repository, so that a line of the log need not name it.
    pub(super) is_alone: bool,
}

/// What is there of a repository, and what is to be done.
#[derive(Clone, Debug)]
pub(super) struct Found {
    standing: Standing,
    /// The tag policy as it will be when the image is pushed; `None` when the key may not ask.
    pub(super) mutability: Option<Mutability>,
    /// The tag policy as it is, where it is to be changed.
    pub(super) before: Option<Mutability>,
}

#[derive(Clone, Debug)]
enum Standing {
    /// The key may not ask.
    Unknown,
    Exists(Changes),
    /// It is missing, and [`apply()`] creates it.
    ToCreate,
    /// It is missing, and the push creates it.
    ByPush(Template),
}

impl Found {
    /// Whether there is no such repository yet, so that none of its tags exists.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.standing, Standing::ToCreate | Standing::ByPush(_))
    }

    /// What [`apply()`] will do, in a line; `None` when nothing.
    pub(super) fn intent(&self, repository: &Repository) -> Option<String> {
        match &self.standing {
            Standing::ToCreate => Some(format!("create {repository}")),
            Standing::Exists(changes) => Some(format!("change {repository}: {}", changes.subjects()?)),
            Standing::Unknown | Standing::ByPush(_) => None,
        }
    }

    /// Tells what will be changed, and what differs and stays.
    pub(super) async fn tell(&self, wanted: &Wanted, log: &Log) {
        let lines = match &self.standing {
            Standing::Unknown => Vec::new(),
            Standing::ToCreate => vec![wanted.creation()],
            Standing::ByPush(template) => vec![wanted.by_push(template)],
            Standing::Exists(changes) => changes.lines(),
        };
        for (name, line) in lines {
            log.send(Event::Fact(name, line)).await;
        }
    }
}
