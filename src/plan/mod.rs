//! What will be done, and everything that forbids it. Pure: the checks' findings go in, decisions or failures come out.
//!
//! | module | decides |
//! | --- | --- |
//! | `tags` | what becomes of the tags, and whether that may be |
//! | `builder` | which builder builds |
//! | `limits` | what is beyond ECR's limits |
//! | `cache` | which images may serve as a cache |
//! | `repository` | what of a repository is to be changed |

mod builder;
mod cache;
mod limits;
pub mod repository;
mod tags;

pub use builder::{Choice, Chosen, Unbuildable, Wishes, choose};
pub use cache::cache_tags;
pub use limits::context_beyond_a_layer;
pub use tags::{Course, Forbidden, Gap, NotTheSame, PlannedTag, Standing, course, strangers};
