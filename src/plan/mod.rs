//! What will be done, and everything that forbids it. Pure: the checks' findings go in, decisions or failures come out.
//!
//! | module | decides |
//! | --- | --- |
//! | `tags` | what becomes of the tags, and whether that may be |
//! | `builder` | which builder builds |
//! | `push_mode` | who pushes, the engine or the pipe |
//! | `epoch` | whether times in the image can be set |
//! | `labels` | what an image says of where it comes from |
//! | `existing` | which image of the engine is pushed where none is built |
//! | `limits` | what is beyond ECR's limits |
//! | `preview` | what a dry run tells of all that |
//! | `cache` | which images may serve as a cache |
//! | `repository` | what of a repository is to be changed |
//! | `fingerprint` | whether two builds have the same inputs |
//! | `unchanged` | what becomes of the tags when an image has them already |
//! | `index` | whether images make an index, and what becomes of the tags then |
//! | `scan` | whether the scan of an image lets it pass |
//! | `table` | the findings of a scan as a table |

mod builder;
mod cache;
mod epoch;
mod existing;
mod fingerprint;
mod index;
mod labels;
mod limits;
mod preview;
mod push_mode;
pub mod repository;
mod scan;
mod table;
mod tags;
mod unchanged;

pub use builder::{Choice, Chosen, Unbuildable, Wishes, choose};
pub use cache::cache_tags;
pub use epoch::{epoch_in_force, times_that_stay};
pub use existing::{Names as LocalNames, NoImage, existing};
pub use fingerprint::{BuildInputs, Fingerprint, Inputs, InputsDigest, is_fingerprint};
pub use index::{Contribution, Unjoinable, index_course, join};
pub use labels::{Labels, Origin, annotations, is_automatic, labels, other_base};
pub use limits::context_beyond_a_layer;
pub use preview::preview;
pub use push_mode::{Load, Push, Pusher, Site, overtakes, pusher_by_kind, quicker_pusher};
pub use scan::{Late, NoResult, Stopped, Verdict, Watched, conclude, judge};
pub use table::{summary, table};
pub use tags::{Course, Forbidden, Gap, NotTheSame, PlannedTag, Standing, course, strangers};
pub use unchanged::{Retagging, ago, retagging};
