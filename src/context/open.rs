//! A context, opened and checked before anything is sent.

use std::fs;
use std::path::{Path, PathBuf};

use super::dockerfile::Dockerfile;
use super::error::{Error, Variable};
use super::ignore_file::read_ignore;
use super::placement::Placement;
use super::tree::{Tree, ignore_path};

/// What to open. Relative paths are relative to the working folder.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `CONTEXT`.
    pub root: PathBuf,
    /// `DOCKERFILE`.
    pub dockerfile: Option<PathBuf>,
    /// Folders and files that are never sent: the output folder, the pipes' storage. They need not exist.
    pub own_folders: Vec<PathBuf>,
    /// `SOURCE_DATE_EPOCH`: nothing sent is newer.
    pub source_date_epoch: Option<u64>,
}

/// A context whose Dockerfile and ignore file have been read. Nothing else has been looked at yet.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) tree: Tree,
    pub(super) dockerfile: Dockerfile,
    /// Its path and its text.
    pub(super) ignore_file: Option<(PathBuf, Vec<u8>)>,
    pub(super) placement: Placement,
}

impl Context {
    /// Opens a context.
    ///
    /// # Errors
    /// All that is wrong with the context's folder, the Dockerfile and the ignore file.
    pub fn open(request: &Request) -> Result<Self, Vec<Error>> {
        let epoch = request.source_date_epoch;
        let (mut tree, mut errors) =
            Tree::bare(&Variable::Context, &request.root, &request.own_folders, epoch).map_err(|error| vec![error])?;
        let dockerfile = Dockerfile::open(request.dockerfile.as_deref(), &request.root, &tree.root)
            .map_err(|error| errors.push(error))
            .ok();
        let root_ignore = read_ignore(&ignore_path(&request.root));
        let own_ignore = dockerfile.as_ref().map(|dockerfile| read_ignore(&dockerfile.own_ignore_file()));
        let (root_ignore, own_ignore) = match (root_ignore, own_ignore.transpose()) {
            // One in force is enough; the other one is of interest only if it can be read.
            (root_ignore, Ok(Some(Some(own_ignore)))) => (root_ignore.unwrap_or_default(), Some(own_ignore)),
            (Ok(root_ignore), Ok(_)) => (root_ignore, None),
            (root_ignore, own_ignore) => {
                errors.extend(root_ignore.err().into_iter().flatten());
                errors.extend(own_ignore.err().into_iter().flatten());
                return Err(errors);
            }
        };
        let in_force = own_ignore.as_ref().or(root_ignore.as_ref());
        let ignore_file = in_force.map(|file| (file.path.clone(), file.root.content.clone()));
        tree.selection.ignore = in_force.map(|file| file.root.rules.clone()).unwrap_or_default();
        match dockerfile {
            Some(dockerfile) if errors.is_empty() => {
                let is_free = |name: &str| fs::symlink_metadata(tree.root.join(name)).is_err();
                let root_ignore = root_ignore.as_ref().map(|file| &file.root);
                let inside = dockerfile.inside.as_deref();
                let placement = Placement::decide(inside, &dockerfile.content, root_ignore, &tree.selection, is_free);
                Ok(Self { tree, dockerfile, ignore_file, placement })
            }
            _ => Err(errors),
        }
    }

    /// The value of `dockerfile` in the query of `POST /build`.
    #[must_use]
    pub fn dockerfile_name(&self) -> &str {
        &self.placement.name
    }

    /// The Dockerfile.
    #[must_use]
    pub fn dockerfile(&self) -> &Dockerfile {
        &self.dockerfile
    }

    /// The ignore file in force, if there is one.
    #[must_use]
    pub fn ignore_file(&self) -> Option<&Path> {
        self.ignore_file.as_ref().map(|(path, _)| path.as_path())
    }

    /// The text of the ignore file in force, if there is one.
    #[must_use]
    pub fn ignore_text(&self) -> Option<&[u8]> {
        self.ignore_file.as_ref().map(|(_, text)| text.as_slice())
    }

    /// The folder and what of it is selected. For BuildKit, which gets the Dockerfile apart from the context.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
}

#[cfg(test)]
mod tests;
