//! The ids of what was sent, and how to open a file again by its id.
//!
//! Of each folder and file its name is kept, and the id of its folder: much less than its path.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::beneath;
use super::source::{Content, Source, inside};
use super::wire::Stat;

/// All that was sent, in order.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    names: Vec<u8>,
    /// The folders on the way to the last entry: the lengths of their paths and their ids.
    folders: Vec<(usize, u32)>,
    /// The path of the last of these.
    folder: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    /// The id of its folder.
    parent: Option<u32>,
    /// Where its name begins.
    name: usize,
    /// As it was announced.
    size: u64,
    part: u32,
}

impl Index {
    /// Takes in the next entry of a source.
    pub(super) fn push(&mut self, stat: &Stat, part: usize) {
        while self.folders.last().is_some_and(|(length, _)| inside(&stat.path, &self.folder[..*length]).is_none()) {
            self.folders.pop();
        }
        let (length, parent) = self.folders.last().copied().map_or((0, None), |(length, id)| (length + 1, Some(id)));
        let id = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            parent,
            name: self.names.len(),
            size: u64::try_from(stat.size).unwrap_or_default(),
            part: u32::try_from(part).unwrap_or(u32::MAX),
        });
        self.names.extend_from_slice(&stat.path[length..]);
        if stat.is_folder() {
            self.folder.clone_from(&stat.path);
            self.folders.push((stat.path.len(), id));
        }
    }

    fn entry(&self, id: u32) -> Option<(&Entry, &[u8])> {
        let index = usize::try_from(id).ok()?;
        let entry = self.entries.get(index)?;
        let end = self.entries.get(index + 1).map_or(self.names.len(), |next| next.name);
        Some((entry, &self.names[entry.name..end]))
    }

    /// The path as it was sent.
    pub(super) fn path(&self, id: u32) -> Vec<u8> {
        let mut names = Vec::new();
        let mut next = Some(id);
        while let Some((entry, name)) = next.and_then(|id| self.entry(id)) {
            names.push(name);
            next = entry.parent;
        }
        names.reverse();
        names.join(&b'/')
    }
}

/// What a file holds.
#[derive(Debug)]
pub(super) enum Opened<'a> {
    Memory(&'a [u8]),
    File {
        file: OwnedFd,
        /// As it was announced.
        expected: u64,
        /// As it is now.
        found: u64,
    },
}

/// Opens files of a source again. The folder of the last one stays open, for the next one often lies there too.
#[derive(Debug)]
pub(super) struct Opener<'a> {
    source: &'a Source,
    index: Index,
    last: Option<(u32, Option<u32>, OwnedFd)>,
}

impl<'a> Opener<'a> {
    pub(super) fn new(source: &'a Source, index: Index) -> Self {
        Self { source, index, last: None }
    }

    /// The file of this id.
    pub(super) fn open(&mut self, id: u32) -> Result<Opened<'a>, Errno> {
        let (entry, name) = self.index.entry(id).ok_or(Errno::NOENT)?;
        let part = usize::try_from(entry.part).ok().and_then(|part| self.source.parts.get(part)).ok_or(Errno::NOENT)?;
        let tree = match &part.content {
            Content::Files(files) => {
                let file = files.iter().find(|(file, _)| file == name).ok_or(Errno::NOENT)?;
                return Ok(Opened::Memory(&file.1));
            }
            Content::Tree(tree) => tree,
        };
        let same = |(part, parent, _): &(u32, Option<u32>, OwnedFd)| (*part, *parent) == (entry.part, entry.parent);
        if !self.last.as_ref().is_some_and(same) {
            let path = entry.parent.map(|parent| self.index.path(parent)).unwrap_or_default();
            let folder = beneath::folder(&tree.root, inside(&path, &part.at).unwrap_or_default())?;
            self.last = Some((entry.part, entry.parent, folder));
        }
        let Some((_, _, folder)) = &self.last else { return Err(Errno::NOENT) };
        let (file, stat) = beneath::file(folder, name)?;
        Ok(Opened::File { file, expected: entry.size, found: u64::try_from(stat.st_size).unwrap_or_default() })
    }

    /// The path of a file as a message shows it: relative to its own tree.
    pub(super) fn shown(&self, id: u32) -> Vec<u8> {
        let path = self.index.path(id);
        let part = self.index.entry(id).and_then(|(entry, _)| usize::try_from(entry.part).ok());
        let part = part.and_then(|part| self.source.parts.get(part));
        part.and_then(|part| inside(&path, &part.at)).unwrap_or(&path).to_vec()
    }
}
