//! The Docker Engine: connecting, what it is, the build by BuildKit or the classic builder, the push, and leaving nothing behind.
//!
//! `transport` makes one connection per request and is what all calls go through: those of bollard, which knows the API's
//! types, and our own for the ping, the build and the push, where bollard 0.21.1 hides the headers and error codes, cannot
//! say `ulimits` or several `extrahosts`, and always says `platform`.

mod attach;
mod buildkit;
mod classic;
mod cleanup;
mod connect;
mod denial;
mod error;
mod export;
mod facts;
#[cfg(test)]
mod fake;
mod image_id;
mod inspect;
mod layers;
mod lines;
mod login;
mod push;
mod query;
mod retry;
mod running;
mod tls;
mod trace;
mod transport;
mod version;

pub use buildkit::{BuildkitRequest, Built};
pub use classic::ClassicRequest;
pub use connect::Engine;
pub use denial::CacheState;
pub use error::{BuildError, Error, PushError, StepName};
pub use export::Export;
pub use facts::{Facts, Storage};
#[cfg(test)]
pub(crate) use fake::plain;
pub use image_id::ImageId;
pub use layers::Stack;
pub use login::Login;
pub use push::{PushRequest, Pushed};
pub use retry::Tries;
pub use trace::Trace;
pub use version::ApiVersion;
