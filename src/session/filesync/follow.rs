//! Symlinks on the way to the paths asked for: fsutil's `FollowLinks`.
//!
//! A path becomes an include pattern, and so does each symlink on its way, and the path behind it. Wildcards stay. More
//! is included than by fsutil in two cases, where its users miss files: two paths through the same symlink, and a
//! symlink below a folder that a wildcard found.

use std::collections::{BTreeSet, HashSet};

use super::beneath::Kind;
use super::source::{Source, components};
use crate::context::ignore::clean;
use crate::context::pattern::Pattern;

/// How many symlinks an engine follows on one path (containerd's `fs.RootPath`).
const LINKS: usize = 255;
/// How many places are looked at before all is taken for wanted.
const MOST: usize = 100_000;

/// The include patterns for these paths; `None` when all is wanted.
pub(super) fn follow(source: &Source, paths: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let mut resolver =
        Resolver { source, patterns: BTreeSet::new(), seen: HashSet::new(), open: Vec::new(), budget: MOST };
    for path in paths {
        resolver.add(path, 0);
    }
    while let Some((path, links)) = resolver.open.pop() {
        if path.is_empty() {
            return None;
        }
        if resolver.resolve(&path, links)? {
            resolver.patterns.insert(path);
        }
    }
    Some(resolver.patterns.into_iter().collect())
}

struct Resolver<'a> {
    source: &'a Source,
    patterns: BTreeSet<Vec<u8>>,
    seen: HashSet<Vec<u8>>,
    /// Paths to resolve, relative to the root, and how many symlinks led there.
    open: Vec<(Vec<u8>, usize)>,
    budget: usize,
}

impl Resolver<'_> {
    /// Remembers a path to resolve. What leads out of the root ends at it.
    fn add(&mut self, path: &[u8], links: usize) {
        let path = clean(&[b"/", path].concat())[1..].to_vec();
        if links <= LINKS && self.seen.insert(path.clone()) {
            self.open.push((path, links));
        }
    }

    /// Adds what lies behind the symlinks on a path, and tells whether something may lie at the path itself. `None` when
    /// there is too much.
    fn resolve(&mut self, path: &[u8], links: usize) -> Option<bool> {
        let components: Vec<_> = components(path).collect();
        let mut folders = vec![Vec::new()];
        let mut cut = false;
        for (index, component) in components.iter().enumerate() {
            let rest = &components[index + 1..];
            let mut next = Vec::new();
            for folder in folders {
                for (name, kind) in self.find(&folder, component)? {
                    let found = join(&folder, &name);
                    match kind {
                        Kind::Folder if !rest.is_empty() => next.push(found),
                        Kind::Symlink(target) => {
                            cut |= !rest.is_empty();
                            self.patterns.insert(escape(&found));
                            self.add(&behind(&folder, &target, rest), links + 1);
                        }
                        Kind::Folder | Kind::Other => {}
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            folders = next;
        }
        Some(!cut || has_wildcard(path))
    }

    /// What of a folder a component means.
    fn find(&mut self, folder: &[u8], component: &[u8]) -> Option<Vec<(Vec<u8>, Kind)>> {
        let found = if has_wildcard(component) {
            let Ok(pattern) = Pattern::compile(component) else { return Some(Vec::new()) };
            self.source.list(folder, |name| pattern.matches(name))
        } else {
            let name = unescape(component);
            self.source.look(&join(folder, &name)).map(|kind| (name, kind)).into_iter().collect()
        };
        self.budget = self.budget.checked_sub(found.len() + 1)?;
        Some(found)
    }
}

/// What the rest of a path means behind a symlink in a folder.
fn behind(folder: &[u8], target: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let target = if target.starts_with(b"/") { target.to_vec() } else { join(folder, target) };
    // Cleaned before the rest comes to it, as the kernel would not, but fsutil does.
    let mut path = escape(&clean(&[b"/", target.as_slice()].concat()));
    for component in rest {
        path.push(b'/');
        path.extend_from_slice(component);
    }
    path
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// fsutil's `containsWildcards`.
fn has_wildcard(component: &[u8]) -> bool {
    let mut bytes = component.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// A component without wildcards as the name that it means.
fn unescape(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.iter();
    let mut name = Vec::with_capacity(component.len());
    while let Some(byte) = bytes.next() {
        name.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    name
}

/// A pattern that means just this path.
fn escape(path: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '*' | '?' | '[' | ']' | '\\' | '!' => pattern.push(b'\\'),
                // At its ends a pattern is trimmed.
                char if char.is_whitespace() => {
                    pattern.extend_from_slice(format!("[{char}]").as_bytes());
                    continue;
                }
                _ => {}
            }
            pattern.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        pattern.extend_from_slice(chunk.invalid());
    }
    pattern
}
