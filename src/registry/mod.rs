//! The registry's HTTP API: the manifest behind a tag, as the registry itself has it.
//!
//! Source: OCI distribution specification 1.1, "Pulling manifests"; what ECR does differently is said where it matters.

mod client;
mod error;
mod manifest;

pub use client::Registry;
pub use error::Error;
pub use manifest::Manifest;
