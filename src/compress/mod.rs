//! Layers to blobs: a layer is cut into blocks, and each is compressed by itself, on all cores.
//!
//! Deterministic: a blob depends on its layer, the codec and the version of this program, never on the machine or on how the layer
//! came. So a layer that has to be sent once more is compressed once more, and a rerun finds its blobs in the registry.
//!
//! | module | owns |
//! | --- | --- |
//! | `codec` | gzip and zstd, of one block |
//! | `budget` | how many bytes may be on their way at once |
//! | `workers` | the threads that compress |
//! | `packing` | a layer on its way: cut, compressed, put together in order, with both digests |

mod budget;
mod codec;
mod packing;
mod workers;

pub use codec::Codec;
pub use packing::{Blob, Packed, Packing};
pub use workers::Workers;
