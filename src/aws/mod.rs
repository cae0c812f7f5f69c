//! AWS's APIs: as whom the pipe acts, the authorisation token of ECR, the state of a repository, the scans of its images.

mod action;
mod claims;
mod client;
mod ecr;
mod error;
#[cfg(test)]
mod fake;
mod finding;
mod images;
mod mutability;
mod permission;
mod repository;
mod role_error;
mod scan;
mod session;
mod statement;
mod token;

pub use action::Action;
pub use claims::Claims;
pub use ecr::{Ecr, Endpoint};
pub use error::{Error, Request};
pub use finding::{Finding, Findings, KEPT};
pub use images::TaggedImage;
pub use mutability::Mutability;
pub use repository::{Creation, EncryptionState, NewRepository, Reading, RepositoryState, Template};
pub use role_error::RoleError;
pub use scan::{Scan, ScanReport, ScanStatus, Scanning, Started};
pub use session::{Principal, Session};
pub use statement::allow;
pub use token::{Token, TokenSource};
