//! How the Dockerfile and `.dockerignore` travel to the classic builder, so that it sees exactly the selected files.
//!
//! The builder takes the Dockerfile from the context, under the name that the request gives. After parsing it reads
//! `.dockerignore` **in the context it was sent** and removes that file and the Dockerfile where the patterns match them
//! (`removeDockerfile` in moby's `remotecontext/detect.go`); it filters nothing else. So:
//!
//! 1. When what it would do is what is wanted, both files are sent as they are: the usual case.
//! 2. Otherwise the Dockerfile is sent once more under a name of its own at the top, `.dockerfile.<20 digits>`, made from
//!    its content. This is so when it lies outside the context, or in an excluded folder that would come along otherwise,
//!    or when `<Dockerfile>.dockerignore` is in force. To have it removed there must be a `.dockerignore`:
//!    - if none is selected, one that names these two files, and both are removed;
//!    - if one is selected, it with a line for the Dockerfile added, as the docker CLI does with a Dockerfile from outside.
//!      Only here the builder sees something else than the tree holds, and only in `.dockerignore` itself.

use super::ignore::Ignore;
use super::walk::Selection;
use crate::image::Digest;

/// The `.dockerignore` at the top of the context.
#[derive(Clone, Debug)]
pub(super) struct RootIgnore {
    pub(super) content: Vec<u8>,
    pub(super) rules: Ignore,
    /// Not a symlink: the builder is sure to read the same.
    pub(super) regular: bool,
    pub(super) mode: u32,
    pub(super) mtime: i64,
}

/// A file that is sent and does not lie in the tree like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    pub(super) mtime: i64,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The Dockerfile's name for the request.
    pub(super) name: String,
    /// Sent before the tree.
    pub(super) extras: Vec<Extra>,
    /// A path of the tree that is sent though it is excluded; the builder removes it.
    pub(super) required: Option<Vec<u8>>,
    /// Whether an extra takes the place of `.dockerignore`.
    pub(super) replaces_ignore: bool,
}

pub(super) const IGNORE: &str = ".dockerignore";

impl Placement {
    /// Decides for a Dockerfile of this content that lies at `inside` in the context, if it lies there.
    /// `is_free` tells whether the tree has no such name at its top.
    pub(super) fn decide(
        inside: Option<&[u8]>,
        content: &[u8],
        root_ignore: Option<&RootIgnore>,
        selection: &Selection,
        is_free: impl Fn(&str) -> bool,
    ) -> Self {
        let sent_ignore = root_ignore.filter(|_| selection.includes(IGNORE.as_bytes()));
        // The name travels in the query of the request.
        let inside = inside.and_then(|path| str::from_utf8(path).ok());
        if let Some(path) = inside.filter(|path| suits(path, sent_ignore, selection)) {
            let required = Some(path.as_bytes().to_vec()).filter(|path| !selection.includes(path));
            return Self { name: path.to_owned(), extras: Vec::new(), required, replaces_ignore: false };
        }
        let name = free_name(content, is_free);
        let ignore = sent_ignore.map_or_else(
            || Extra { path: IGNORE.to_owned(), content: format!("{IGNORE}\n{name}\n").into(), mode: 0o644, mtime: 0 },
            |sent| amended(sent, &name),
        );
        let dockerfile = Extra { path: name.clone(), content: content.to_vec(), mode: 0o644, mtime: 0 };
        Self { name, extras: vec![dockerfile, ignore], required: None, replaces_ignore: true }
    }
}

/// Whether the Dockerfile can stay where it is: the builder keeps it if it is selected and else removes it, and it
/// keeps `.dockerignore` if that is sent.
fn suits(path: &str, sent_ignore: Option<&RootIgnore>, selection: &Selection) -> bool {
    let selected = selection.includes(path.as_bytes());
    let Some(sent) = sent_ignore else { return selected };
    if sent.rules.engine_removes(IGNORE.as_bytes()) {
        return false;
    }
    let removed = sent.rules.engine_removes(path.as_bytes());
    // At the top no excluded folder comes along with it, and all versions of the matcher agree.
    if selected { !removed } else { removed && sent.regular && !path.contains('/') && is_only_ignored(path, selection) }
}

/// Not also barred for another reason.
fn is_only_ignored(path: &str, selection: &Selection) -> bool {
    let barred = Selection { ignore: Ignore::default(), barred: selection.barred.clone(), required: None };
    barred.includes(path.as_bytes())
}

/// The `.dockerignore` of the tree, with lines that have the Dockerfile removed and nothing else.
fn amended(sent: &RootIgnore, name: &str) -> Extra {
    let mut content = sent.content.clone();
    content.extend_from_slice(format!("\n{name}\n").as_bytes());
    if sent.rules.engine_removes(IGNORE.as_bytes()) {
        content.extend_from_slice(format!("!{IGNORE}\n").as_bytes());
    }
    Extra { path: IGNORE.to_owned(), content, mode: sent.mode, mtime: sent.mtime }
}

fn free_name(content: &[u8], is_free: impl Fn(&str) -> bool) -> String {
    let digest = Digest::of(content);
    let hex = digest.as_str().trim_start_matches("sha256:");
    let mut name = format!(".dockerfile.{}", &hex[..20]);
    while !is_free(&name) {
        name.push('x');
    }
    name
}

#[cfg(test)]
mod tests;
