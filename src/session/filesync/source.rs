//! Where the files of a call come from.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::beneath::{self, Kind};
use super::wire::Stat;
use crate::context::filter::Filter;
use crate::context::ignore::lineage;
use crate::context::links::Links;
use crate::context::walk::{self, View, view};
use crate::context::{Error, Tree, Warning};

/// What the engine can ask for under one name: folders on disk, each at its own path, or a few files in memory.
#[derive(Clone, Debug)]
pub struct Source {
    /// By their paths, component by component; none lies in another.
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Where it appears; empty for the root.
    pub(super) at: Vec<u8>,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Tree(Tree),
    /// By name.
    Files(Vec<(Vec<u8>, Vec<u8>)>),
}

/// What a walk over a source comes across.
#[derive(Debug)]
pub(super) enum Finding {
    /// The next folder or file, of the part of this number.
    Stat(Stat, usize),
    Warning(Warning),
    Problem(Error),
}

impl Source {
    /// One folder.
    #[must_use]
    pub fn tree(tree: Tree) -> Self {
        Self::trees([(String::new(), tree)])
    }

    /// Several folders, each at a path of its own such as `a/b`. The folders above them appear with the mode 0755.
    /// No path may lie in another one.
    #[must_use]
    pub fn trees(trees: impl IntoIterator<Item = (String, Tree)>) -> Self {
        let part = |(at, tree): (String, Tree)| Part { at: at.into_bytes(), content: Content::Tree(tree) };
        let mut parts: Vec<_> = trees.into_iter().map(part).collect();
        parts.sort_by(|one, other| components(&one.at).cmp(components(&other.at)));
        debug_assert!(parts.windows(2).all(|pair| !is_in(&pair[1].at, &pair[0].at)), "a path lies in another one");
        Self { parts }
    }

    /// Files in memory, by their names, with the mode 0644.
    #[must_use]
    pub fn files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut files: Vec<_> = files.into_iter().map(|(name, content)| (name.into_bytes(), content)).collect();
        files.sort();
        Self { parts: vec![Part { at: Vec::new(), content: Content::Files(files) }] }
    }

    /// Whether the times of files are real, so that a file that has changed has another one.
    pub(super) fn has_real_times(&self) -> bool {
        self.parts.iter().all(|part| match &part.content {
            Content::Tree(tree) => tree.source_date_epoch.is_none(),
            Content::Files(_) => true,
        })
    }

    /// Shows all that the filter keeps, in the order that fsutil's `Validator` wants: a folder before its content,
    /// siblings by their bytes.
    pub(super) fn walk<B>(&self, filter: &Filter, mut visit: impl FnMut(Finding) -> ControlFlow<B>) -> ControlFlow<B> {
        let mut above = Above { filter, shown: Vec::new() };
        for (number, part) in self.parts.iter().enumerate() {
            above.kept(part, &mut visit)?;
            match &part.content {
                Content::Tree(tree) => {
                    let beside = filter.beside(&tree.selection.ignore);
                    // Patterns mean other paths where the tree is not the root.
                    let filter = if part.at.is_empty() { &beside } else { filter };
                    let view_of = View { at: &part.at, filter: (!filter.is_empty()).then_some(filter) };
                    let mut links = Links::default();
                    view(&tree.root, &tree.selection, view_of, |finding| match finding {
                        walk::Finding::Entry(entry) => {
                            above.all(part, &mut visit)?;
                            let stat = Stat::of(tree, &entry, links.earlier(&entry));
                            visit(Finding::Stat(stat, number))
                        }
                        walk::Finding::Warning(warning) => visit(Finding::Warning(warning)),
                        walk::Finding::Problem(error) => visit(Finding::Problem(error)),
                    })?;
                }
                Content::Files(files) => {
                    for (name, content) in files {
                        if filter.keeps(&filter.judge_whole(name)) {
                            visit(Finding::Stat(Stat::file(name, content), number))?;
                        }
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// What lies at a path; `None` when nothing does or it cannot be told.
    pub(super) fn look(&self, path: &[u8]) -> Option<Kind> {
        if self.parts.iter().any(|part| is_in(&part.at, path)) {
            return Some(Kind::Folder);
        }
        self.parts.iter().find_map(|part| {
            let inside = inside(path, &part.at)?;
            match &part.content {
                Content::Tree(tree) => beneath::look(&tree.root, inside).ok(),
                Content::Files(files) => files.iter().any(|(name, _)| name == inside).then_some(Kind::Other),
            }
        })
    }

    /// The names in a folder that a predicate wants, and what they are; none when it cannot be read.
    pub(super) fn list(&self, folder: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, Kind)> {
        let mut found = HashMap::new();
        for part in &self.parts {
            if let Some(inside) = inside(folder, &part.at) {
                match &part.content {
                    Content::Tree(tree) => {
                        found.extend(beneath::list(&tree.root, inside, &wanted).unwrap_or_default());
                    }
                    Content::Files(files) => {
                        let names = files.iter().map(|(name, _)| name).filter(|name| wanted(name));
                        found.extend(names.map(|name| (name.clone(), Kind::Other)));
                    }
                }
            } else {
                let name = self::inside(&part.at, folder).and_then(|rest| components(rest).next());
                found.extend(name.filter(|name| wanted(name)).map(|name| (name.to_vec(), Kind::Folder)));
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }
}

/// The folders above the parts, which exist only here.
struct Above<'a> {
    filter: &'a Filter,
    /// The last one that was shown.
    shown: Vec<u8>,
}

impl Above<'_> {
    /// Shows those that are kept for their own sake, and what they lie in.
    fn kept<B>(&mut self, part: &Part, visit: &mut impl FnMut(Finding) -> ControlFlow<B>) -> ControlFlow<B> {
        let folders = lineage(&part.at).filter(|folder| !folder.is_empty());
        let kept = folders.filter(|folder| self.filter.keeps(&self.filter.judge_whole(folder))).last();
        match kept.map(<[u8]>::to_vec) {
            Some(kept) => self.show(&kept, visit),
            None => ControlFlow::Continue(()),
        }
    }

    /// Shows all that this part lies in.
    fn all<B>(&mut self, part: &Part, visit: &mut impl FnMut(Finding) -> ControlFlow<B>) -> ControlFlow<B> {
        if is_in(&self.shown, &part.at) { ControlFlow::Continue(()) } else { self.show(&part.at, visit) }
    }

    fn show<B>(&mut self, folder: &[u8], visit: &mut impl FnMut(Finding) -> ControlFlow<B>) -> ControlFlow<B> {
        for folder in lineage(folder) {
            if !is_in(&self.shown, folder) {
                visit(Finding::Stat(Stat::folder(folder), 0))?;
                self.shown = folder.to_vec();
            }
        }
        ControlFlow::Continue(())
    }
}

/// The components of a path.
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// A path relative to a folder that it is or lies in.
pub(super) fn inside<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    if folder.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(folder)? {
        [] => Some(b""),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

fn is_in(path: &[u8], folder: &[u8]) -> bool {
    inside(path, folder).is_some()
}
