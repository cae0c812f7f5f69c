//! AWS's APIs: as whom the pipe acts, the authorisation token of ECR, and the state of a repository.

mod action;
mod claims;
mod client;
mod ecr;
mod error;
#[cfg(test)]
mod fake;
mod mutability;
mod permission;
mod repository;
mod role_error;
mod session;
mod token;

pub use action::Action;
pub use claims::Claims;
pub use ecr::{Ecr, Endpoint};
pub use error::{Error, Request};
pub use mutability::Mutability;
pub use repository::{Creation, EncryptionState, NewRepository, Reading, RepositoryState, Template};
pub use role_error::RoleError;
pub use session::{Principal, Session};
pub use token::{Token, TokenSource};
