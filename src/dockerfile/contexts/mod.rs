//! Named contexts: the Dockerfile rewritten so that it gives what `docker buildx build --build-context` would.
//!
//! The engine's build API carries no named contexts, so they are put into the Dockerfile that is served. The rules which name
//! means what are buildkit's (`frontend/dockerui/namedcontext.go`, `frontend/dockerfile/dockerfile2llb`): a context goes before a
//! stage of its name, which then is not built, and before an image of its name.
//!
//! An image takes the place of the name. A folder is served within the main context's source, below a virtual folder of its
//! own, and `COPY --from=name a /` becomes a `COPY` of that path; only `FROM name` needs a line more, a `COPY` of all of it. As a
//! `COPY . /` would then take those folders too, the main context is served below a virtual folder as well, and all paths into
//! it get that in front. Nothing is moved to another line, and there are no more stages, so numbers stay right.

mod catalogue;
mod edits;
mod mount;
mod path;
mod rewrite;
mod wording;

pub use catalogue::{Folder, Named, Source};
pub use edits::LineMap;
pub use wording::Wording;

pub(super) use mount::from_of_mount;
pub(super) use path::is_remote;

use super::{Dockerfile, Error, Step, Variables};
use catalogue::Catalogue;
use rewrite::Rewrite;

/// The folder at the root of the `context` source in which all others lie, when a folder is served besides the main context.
pub const VIRTUAL_ROOT: &str = ".ecr-pipe";

/// Where the main context lies then. No named context can have that name.
pub const VIRTUAL_CONTEXT: &str = ".ecr-pipe/context";

/// The Dockerfile to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its bytes.
    pub text: Vec<u8>,
    /// The folders to serve, those that are used. When there is any, the main context must lie at [`VIRTUAL_CONTEXT`] and
    /// nothing else in the source; when there is none, the main context is the source.
    pub folders: Vec<Folder>,
    /// The names that nothing uses.
    pub unused: Vec<String>,
    /// Puts the engine's texts back into the user's words.
    pub wording: Wording,
    /// The text, parsed.
    served: Dockerfile,
}

impl Rewritten {
    /// The user's line of the instruction that a step, told in the user's words, is; `None` when that is not sure.
    #[must_use]
    pub fn line_of(&self, step: &Step, variables: &Variables) -> Option<usize> {
        self.served.line_of(step, variables, |text| self.wording.restore(text)).map(|line| self.wording.line(line))
    }
}

impl Dockerfile {
    /// Puts the named contexts in. Without any use of them all bytes stay.
    ///
    /// # Errors
    /// When an instruction cannot be rewritten so that it surely does what it says.
    pub fn with_contexts(&self, contexts: &[Named], variables: &Variables) -> Result<Rewritten, Error> {
        let catalogue = Catalogue::of(contexts);
        let bases = self.bases(variables);
        // Whether a folder is used at all decides about the paths into the main context.
        let mut rewrite = Rewrite::new(self, &catalogue, &bases, false).run()?;
        if catalogue.folders(&rewrite.used).next().is_some() {
            rewrite = Rewrite::new(self, &catalogue, &bases, true).run()?;
        }
        let (text, lines) = rewrite.edits.apply();
        let folders: Vec<Folder> = catalogue.folders(&rewrite.used).cloned().collect();
        Ok(Rewritten {
            served: Self::parse(&text),
            text,
            unused: catalogue.unused(&rewrite.used),
            wording: Wording::new(folders.clone(), lines),
            folders,
        })
    }
}

#[cfg(test)]
mod tests;
