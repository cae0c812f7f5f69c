//! The archive that an engine makes of an image, read as a stream: a tar in Docker's layout (20.10) or in OCI's (25 and later).
//!
//! Sources: moby `image/tarexport/save.go`; OCI image specification, "Image Layout"; containerd `core/images/archive`. Both
//! layouts name their layers in a document at the end, so that a reader has to take the layers as they come.

mod documents;
pub mod epoch;
mod error;
mod header;
mod layer_paths;
mod reader;

pub use documents::{Documents, Unpacked};
pub use error::Error;
pub use layer_paths::layer_paths;
pub use reader::{Archive, Member};
