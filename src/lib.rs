//! A Bitbucket Pipe that builds a Dockerfile through the Docker Engine API and pushes the image to Amazon ECR.
//!
//! The order of a run is in [`run`]; `ARCHITECTURE.md` draws the rooms.

pub mod archive;
pub mod arguments;
pub mod aws;
pub mod compress;
pub mod config;
pub mod context;
pub mod dockerfile;
pub mod encoding;
pub mod engine;
pub mod error;
pub mod fault;
pub mod image;
pub mod net;
pub mod plan;
pub mod progress;
pub mod registry;
pub mod report;
pub mod run;
pub mod session;
