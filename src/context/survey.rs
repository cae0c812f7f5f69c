//! What would be sent, found out before the build without reading a file.

use std::ops::ControlFlow;

use rustix::fs::FileType;

use super::error::Error;
use super::open::Context;
use super::tar::Links;
use super::walk::{Entry, Finding, Node, walk};
use super::warning::Warning;

/// The size of a context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Regular files; of several hard links to one file the first.
    pub files: u64,
    /// Folders below the context's own.
    pub folders: u64,
    /// Symlinks and further hard links.
    pub links: u64,
    /// The bytes of all files.
    pub bytes: u64,
    /// What is odd.
    pub warnings: Vec<Warning>,
}

/// How many failures are told one by one.
const TOLD: usize = 10;

impl Context {
    /// Walks the tree, opens every file that would be sent and reads none. Blocks the thread.
    ///
    /// # Errors
    /// What cannot be sent: the first ten, and how many more there are.
    pub fn survey(&self) -> Result<Survey, Vec<Error>> {
        let mut survey = Survey::default();
        let mut links = Links::default();
        let mut errors = Vec::new();
        let mut more = 0;
        let _: ControlFlow<()> = walk(&self.root, &self.sent(), |finding| {
            match finding {
                Finding::Entry(entry) => survey.count(&entry, &mut links),
                Finding::Warning(warning) => survey.warnings.push(warning),
                Finding::Problem(error) if errors.len() < TOLD => errors.push(error),
                Finding::Problem(_) => more += 1,
            }
            ControlFlow::Continue(())
        });
        if more > 0 {
            errors.push(Error::More { count: more });
        }
        if errors.is_empty() { Ok(survey) } else { Err(errors) }
    }
}

impl Survey {
    fn count(&mut self, entry: &Entry<'_>, links: &mut Links) {
        match &entry.node {
            Node::Folder { implied } => {
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
