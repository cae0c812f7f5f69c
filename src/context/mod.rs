//! The build context: which files are sent, and the tar they are sent in.
//!
//! [`Context::open`] reads the Dockerfile and the ignore file, [`Context::survey`] looks at what would be sent, and
//! [`Context::tar`] sends it. No symlink is followed, modes are kept, and the pipe's own folders never leave.
//!
//! | module | owns |
//! | --- | --- |
//! | [`pattern`] | one pattern of an ignore file |
//! | [`ignore`] | an ignore file: which paths stay behind |
//! | [`filter`] | what an engine asks for of a tree |
//! | [`walk`] | the ordered walk over the rest |
//! | `tree` | a folder to send, and what of it |
//! | `fingerprint` | what two trees have in common when a build sees no difference |
//! | `dockerfile` | where the Dockerfile lies and what it says |
//! | `placement` | how the Dockerfile and `.dockerignore` travel to the classic builder |
//! | `header`, `tar`, `stream` | the tar |

mod dockerfile;
mod error;
pub mod filter;
mod fingerprint;
mod header;
pub mod ignore;
mod ignore_file;
pub(crate) mod links;
mod open;
pub mod pattern;
mod placement;
#[cfg(test)]
pub(crate) mod sandbox;
pub(crate) mod stream;
mod survey;
mod tar;
mod tree;
pub mod walk;
mod warning;
mod xattrs;

pub use dockerfile::Dockerfile;
pub(crate) use error::owned;
pub use error::{Error, Variable};
pub use fingerprint::Fingerprint;
pub use open::{Context, Request};
pub use stream::{Chunks, Outcome, Sent};
pub use survey::Survey;
pub(crate) use tar::size;
pub use tree::Tree;
pub use warning::Warning;
pub(crate) use xattrs::xattrs;
