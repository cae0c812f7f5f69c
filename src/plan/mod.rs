//! What will be done, and everything that forbids it. Pure: the checks' findings go in, decisions or failures come out.
//!
//! | module | decides |
//! | --- | --- |
//! | `tags` | whether the tags may be pushed |
//! | `builder` | which builder builds |
//! | `cache` | which images may serve as a cache |

mod builder;
mod cache;
mod tags;

pub use builder::{Choice, Chosen, Unbuildable, Wishes, choose};
pub use cache::cache_tags;
pub use tags::{Forbidden, Plan, PlannedTag};
