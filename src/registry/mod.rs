//! The registry's HTTP API: manifests and blobs, read and put, and copies from one registry to others.
//!
//! Source: OCI distribution specification 1.1; what ECR does differently is said where it matters.

mod bases;
mod blobs;
mod client;
mod copy;
mod error;
#[cfg(test)]
mod fake;
mod images;
mod index;
mod latency;
mod manifest;
mod manifests;
mod mount;
mod pacer;
mod reference;
mod spread;
mod upload;

pub use bases::{Bases, Untold};
pub use blobs::Blob;
pub use client::Registry;
pub use copy::copy;
pub use error::Error;
pub use images::PlatformImage;
pub use index::{Entry, index};
pub use latency::Distance;
pub use manifest::{Content, Descriptor, Manifest};
pub use manifests::Put;
pub use pacer::Pacer;
pub use reference::Reference;
pub use spread::{Spread, spread};
pub use upload::NotTaken;
