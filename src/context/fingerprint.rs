//! What two trees have in common when a build sees no difference between them.
//!
//! That is paths, kinds, modes, contents, hard links, targets of symlinks, and extended attributes. Owners never travel, and times
//! are those of the checkout, which are new at each clone. The walk is that of the sending, so that what the ignore file excludes
//! does not count.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::error::Error;
use super::links::Links;
use super::tree::Tree;
use super::walk::{Entry, Finding, Node, problem, walk};
use super::xattrs::xattrs;
use crate::encoding::Encoding;
use crate::image::{Digest, Hasher};

/// A tree as a build sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of all that a build sees.
    pub content: Digest,
    /// Of sizes and times, without any content: while it stays the same, so does the content.
    pub stamp: Digest,
}

/// Files that wait for a thread, and files whose digests wait for their turn.
const WAITING: usize = 64;
/// More threads only wait for the same disk.
const MOST_THREADS: usize = 4;
/// What is read at once.
const PIECE: usize = 128 * 1024;

/// A file to read, and where its digest goes.
struct Job {
    file: OwnedFd,
    answer: SyncSender<Result<Digest, Errno>>,
}

/// An entry of the tree, in its turn.
struct Pending {
    path: Vec<u8>,
    head: Vec<u8>,
    content: Option<Receiver<Result<Digest, Errno>>>,
}

impl Tree {
    /// Reads every file that may be sent. Blocks the thread.
    ///
    /// # Errors
    /// The first thing that cannot be read: then nobody can say what a build would see.
    pub fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let (jobs, queue) = sync_channel::<Job>(WAITING);
        let queue = Mutex::new(queue);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(&queue));
            }
            // Dropped with the end of the walk, so that the threads end.
            self.hash(jobs)
        })
    }

    /// Looks at every file that may be sent and reads none. Blocks the thread.
    ///
    /// # Errors
    /// The first thing that cannot be looked at.
    pub fn stamp(&self) -> Result<Digest, Error> {
        let mut stamp = Encoding::into(Hasher::default());
        let walked = walk(&self.root, &self.selection, |finding| match finding {
            Finding::Entry(entry) => {
                encode_stamp(&mut stamp, &entry);
                ControlFlow::Continue(())
            }
            Finding::Warning(_) => ControlFlow::Continue(()),
            Finding::Problem(error) => ControlFlow::Break(error),
        });
        walked.break_value().map_or_else(|| Ok(stamp.end().finish()), Err)
    }

    fn hash(&self, jobs: SyncSender<Job>) -> Result<Fingerprint, Error> {
        let mut content = Encoding::into(Hasher::default());
        let mut stamp = Encoding::into(Hasher::default());
        let mut links = Links::default();
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let walked = walk(&self.root, &self.selection, |finding| match finding {
            Finding::Entry(entry) => {
                encode_stamp(&mut stamp, &entry);
                let first = links.earlier(&entry).map(<[u8]>::to_vec);
                pending.push_back(begin(entry, first.as_deref(), &jobs));
                if pending.len() > WAITING
                    && let Some(oldest) = pending.pop_front()
                {
                    return finish(oldest, &mut content);
                }
                ControlFlow::Continue(())
            }
            Finding::Warning(_) => ControlFlow::Continue(()),
            Finding::Problem(error) => ControlFlow::Break(error),
        });
        drop(jobs);
        let mut rest = pending.into_iter();
        let ended = walked.is_continue().then(|| rest.try_for_each(|one| finish(one, &mut content)));
        match walked.break_value().or(ended.and_then(ControlFlow::break_value)) {
            Some(error) => Err(error),
            None => Ok(Fingerprint { content: content.end().finish(), stamp: stamp.end().finish() }),
        }
    }
}

/// Writes what is known of an entry without its content, and gives its content to a thread.
fn begin(entry: Entry<'_>, first: Option<&[u8]>, jobs: &SyncSender<Job>) -> Pending {
    let path = entry.path.to_vec();
    let mut head = Encoding::into(Vec::new());
    head.bytes(&path).number(u64::from(entry.stat.st_mode & 0o7777));
    if let Some(first) = first {
        head.text("link").bytes(first);
        return Pending { path, head: head.end(), content: None };
    }
    let mut content = None;
    match entry.node {
        Node::Folder { folder, .. } => {
            head.text("folder");
            attributes(&mut head, folder);
        }
        Node::Symlink(target) => {
            head.text("symlink").bytes(target.to_bytes());
        }
        Node::Fifo => {
            head.text("fifo");
        }
        Node::File(file) => {
            head.text("file");
            attributes(&mut head, file.as_fd());
            let (answer, receiver) = sync_channel(1);
            // With nobody left to take it there will be no answer either, which is seen in its turn.
            let _ = jobs.send(Job { file, answer });
            content = Some(receiver);
        }
    }
    Pending { path, head: head.end(), content }
}

fn finish(Pending { path, head, content: file }: Pending, content: &mut Encoding<Hasher>) -> ControlFlow<Error> {
    content.bytes(&head);
    match file.map(|answer| answer.recv().unwrap_or(Err(Errno::IO))) {
        None => ControlFlow::Continue(()),
        Some(Ok(digest)) => {
            content.text(digest.as_str());
            ControlFlow::Continue(())
        }
        Some(Err(errno)) => ControlFlow::Break(problem(&path, errno)),
    }
}

fn attributes(head: &mut Encoding<Vec<u8>>, file: std::os::fd::BorrowedFd<'_>) {
    let attributes = xattrs(file);
    head.items(attributes.len());
    for (name, value) in &attributes {
        head.text(name).bytes(value);
    }
}

/// What changes when a file does (inode(7): the kernel sets the time of the last change of status, and nobody else can).
fn encode_stamp(stamp: &mut Encoding<Hasher>, entry: &Entry<'_>) {
    let Stat { st_dev, st_ino, st_mode, st_size, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec, .. } = *entry.stat;
    stamp.bytes(entry.path).number(st_dev).number(st_ino).number(u64::from(st_mode));
    if matches!(entry.node, Node::Folder { .. }) {
        // What is put beside the files that count, such as logs, changes a folder's times and no file.
        return;
    }
    stamp.signed(st_size).signed(st_mtime).number(st_mtime_nsec).signed(st_ctime).number(st_ctime_nsec);
}

/// Reads files until there are no more.
fn work(queue: &Mutex<Receiver<Job>>) {
    let mut buffer = vec![0; PIECE];
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { file, answer }) = job else { return };
        let _ = answer.send(read(&file, &mut buffer));
    }
}

fn read(file: &OwnedFd, buffer: &mut [u8]) -> Result<Digest, Errno> {
    let mut hasher = Hasher::default();
    loop {
        match rustix::io::read(file, &mut *buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests;
