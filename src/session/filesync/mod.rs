//! File sync: the engine asks for the files it builds from (`moby.filesync.v1.FileSync/DiffCopy`).
//!
//! The engine names a source and what it wants of it. It is told of each folder and file in order, by `STAT` packets,
//! asks for the content of some or all files at once, and gets one after the other in `DATA` packets. The rules are
//! those of buildkit's client (`session/filesync`) and of fsutil (`send.go`, `filter.go`, `followlinks.go`).
//!
//! Each call has a task that takes in what the engine says, and a thread that walks and reads. Between them lies the set
//! of the files asked for; between the thread and the connection a bounded pipe of chunks. So memory holds the names of
//! the files and a few chunks, however much is asked for.
//!
//! Where fsutil would send an empty or a cut file because it cannot be read any more, the call fails here.
//!
//! | module | owns |
//! | --- | --- |
//! | `metadata` | what a call asks for |
//! | `source` | where files come from: folders, memory |
//! | `beneath` | opening below a folder without following symlinks |
//! | `follow` | symlinks on the way to a path asked for |
//! | `stat`, `wire` | the packets |
//! | `index` | ids of files, to open them again |
//! | `requests` | which files were asked for and not sent yet |
//! | `sender` | the thread |
//! | `service` | the gRPC service |

mod beneath;
mod follow;
mod index;
mod metadata;
mod requests;
mod sender;
mod service;
mod source;
mod stat;
mod wire;

pub use service::FileSync;
pub use source::Source;

#[cfg(test)]
mod tests;
