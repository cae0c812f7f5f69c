//! Hard links.

use std::collections::HashMap;
use std::collections::hash_map;

use super::walk::{Entry, Node};

/// The first paths of files that have several.
#[derive(Debug, Default)]
pub(crate) struct Links {
    first: HashMap<(u64, u64), Vec<u8>>,
}

impl Links {
    /// The path under which the same file was met before, if it was.
    pub(crate) fn earlier(&mut self, entry: &Entry<'_>) -> Option<&[u8]> {
        if entry.stat.st_nlink < 2 || matches!(entry.node, Node::Folder { .. }) {
            return None;
        }
        match self.first.entry((entry.stat.st_dev, entry.stat.st_ino)) {
            hash_map::Entry::Occupied(first) => Some(first.into_mut()),
            hash_map::Entry::Vacant(place) => {
                place.insert(entry.path.to_vec());
                None
            }
        }
    }
}
