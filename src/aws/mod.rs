//! Amazon ECR's API: the authorisation token, and the state of a repository.

mod ecr;
mod error;
mod mutability;
mod permission;
mod repository;
mod token;

pub use ecr::{Ecr, Endpoint};
pub use error::{Action, Error};
pub use mutability::Mutability;
pub use repository::{Creation, EncryptionState, NewRepository, Reading, RepositoryState, Template};
pub use token::{Token, TokenSource};
