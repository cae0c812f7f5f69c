//! Names of images: registry host, repository, tag, digest. Parsed here once, never again.

mod digest;
mod host;
mod likeness;
mod partition;
mod platform;
mod reference;
mod repository;
mod tag;

pub use digest::{Digest, DigestError, Hasher};
pub use host::{EcrHost, HostError, check_account};
pub use likeness::Likeness;
pub use partition::{RegionError, check_region, partition_of};
pub use platform::{Platform, PlatformError};
pub use reference::{DOCKER_HUB, ImageReference, is_docker_hub};
pub use repository::{Name, NameError, Repository, RepositoryName};
pub use tag::{Tag, TagError};
