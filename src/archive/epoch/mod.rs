//! An image in which no time is later than `SOURCE_DATE_EPOCH`, so that two builds of the same files give the same bytes.
//!
//! Later times become that one; earlier ones, such as those of most base images, stay. So a layer in which nothing is later stays
//! as it is, and doing all this twice changes no more than doing it once.
//!
//! | module | owns |
//! | --- | --- |
//! | `layer` | the tar of a layer, as a stream |
//! | `block` | a header of it |
//! | `records` | an extended header |
//! | `configuration` | the image's configuration |
//!
//! Sources: reproducible-builds.org, "`SOURCE_DATE_EPOCH` specification"; `POSIX` `pax`, "ustar Interchange Format" and "pax Extended
//! Header"; GNU tar manual, "Basic Tar Format"; image specification, "OCI Image Configuration".

mod block;
mod configuration;
mod layer;
mod records;

pub use configuration::configuration;
pub use layer::{Layer, NotTar};
