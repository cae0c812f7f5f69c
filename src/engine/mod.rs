//! The Docker Engine: connecting, what it is, the classic build, the push, and leaving nothing behind.
//!
//! `transport` makes one connection per request and is what all calls go through: those of bollard, which knows the API's
//! types, and our own for the ping, the build and the push, where bollard 0.21.1 hides the headers and error codes, cannot
//! say `ulimits` or several `extrahosts`, and always says `platform`.

mod build;
mod cleanup;
mod connect;
mod denial;
mod error;
mod facts;
#[cfg(test)]
mod fake;
mod lines;
mod login;
mod push;
mod query;
mod retry;
mod tls;
mod trace;
mod transport;
mod version;

pub use build::{BuildRequest, ImageId};
pub use connect::Engine;
pub use error::{BuildError, Error, PushError};
pub use facts::{Facts, Storage};
pub use login::Login;
pub use push::Pushed;
pub use retry::Tries;
pub use trace::Trace;
pub use version::ApiVersion;
