//! What would be sent, found out before the build without reading a file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::error::{Error, owned};
use super::links::Links;
use super::open::Context;

use super::tree::Tree;
use super::walk::{Entry, Finding, Node, Selection, walk};
use super::warning::Warning;

/// The size of a context.
#[derive(Debug, Default)]
pub struct Survey {
    /// Regular files; of several hard links to one file the first.
    pub files: u64,
    /// Folders below the context's own.
    pub folders: u64,
    /// Symlinks and further hard links.
    pub links: u64,
    /// The bytes of all files.
    pub bytes: u64,
    /// A path that is not UTF-8, which BuildKit's session cannot carry to each engine.
    pub not_utf8: Option<PathBuf>,
    /// What is odd.
    pub warnings: Vec<Warning>,
    /// What cannot be sent: the first ten, and how many more there are.
    pub problems: Vec<Error>,
}

/// How many failures are told one by one.
const TOLD: usize = 10;

impl Context {
    /// Walks the tree, opens every file that would be sent as a tar and reads none. Blocks the thread.
    #[must_use]
    pub fn survey(&self) -> Survey {
        survey(&self.tree.root, &self.sent())
    }
}

impl Tree {
    /// Walks the tree, opens every file that may be asked for and reads none. Blocks the thread.
    #[must_use]
    pub fn survey(&self) -> Survey {
        survey(&self.root, &self.selection)
    }
}

fn survey(root: &Path, selection: &Selection) -> Survey {
    let mut survey = Survey::default();
    let mut links = Links::default();
    let mut more = 0;
    let _: ControlFlow<()> = walk(root, selection, |finding| {
        match finding {
            Finding::Entry(entry) => survey.count(&entry, &mut links),
            Finding::Warning(warning) => survey.warnings.push(warning),
            Finding::Problem(error) if survey.problems.len() < TOLD => survey.problems.push(error),
            Finding::Problem(_) => more += 1,
        }
        ControlFlow::Continue(())
    });
    if more > 0 {
        survey.problems.push(Error::More { count: more });
    }
    survey
}

impl Survey {
    fn count(&mut self, entry: &Entry<'_>, links: &mut Links) {
        if self.not_utf8.is_none() && std::str::from_utf8(entry.path).is_err() {
            self.not_utf8 = Some(owned(entry.path));
        }
        match &entry.node {
            Node::Folder { implied, .. } => {
                self.folders += 1;
                if entry.path == b".git" && !implied {
                    self.warnings.push(Warning::Git);
                }
            }
            _ if links.earlier(entry).is_some() => self.links += 1,
            Node::File(_) => {
                debug_assert_eq!(FileType::from_raw_mode(entry.stat.st_mode), FileType::RegularFile);
                self.files += 1;
                self.bytes += u64::try_from(entry.stat.st_size).unwrap_or_default();
            }
            Node::Symlink(_) => self.links += 1,
            Node::Fifo => {}
        }
    }
}

#[cfg(test)]
mod tests;
