//! The build context: which files are sent, and the tar they are sent in.
//!
//! [`Context::open`] reads the Dockerfile and the ignore file, [`Context::survey`] looks at what would be sent, and
//! [`Context::tar`] sends it. No symlink is followed, modes are kept, and the pipe's own folders never leave.
//!
//! | module | owns |
//! | --- | --- |
//! | [`pattern`] | one pattern of an ignore file |
//! | [`ignore`] | an ignore file: which paths stay behind |
//! | [`walk`] | the ordered walk over the rest |
//! | `dockerfile` | where the Dockerfile lies and what it says |
//! | `placement` | how the Dockerfile and `.dockerignore` travel to the classic builder |
//! | `header`, `tar`, `stream` | the tar |

mod dockerfile;
mod error;
mod header;
pub mod ignore;
mod open;
pub mod pattern;
mod placement;
#[cfg(test)]
mod sandbox;
mod stream;
mod survey;
mod tar;
pub mod walk;
mod warning;

pub use dockerfile::Dockerfile;
pub use error::Error;
pub use open::{Context, Request};
pub use stream::{Chunks, Outcome, Sent};
pub use survey::Survey;
pub use warning::Warning;
