//! The log: work sends [`Event`]s through a [`Log`], one printer owns stderr.
//!
//! Whatever is foreign (output of build steps, words of the engine) is cleaned of control characters by [`sanitize`] and
//! of secrets by [`mask`] at one place, the printer, so that nothing can go round either.
//!
//! [`classic`] and [`vertices`] make the same events of what the two builders of the engine say; which lines of which step
//! are shown is decided by `steps`, for both.

pub mod classic;
pub mod diagnostics;
mod event;
pub mod layers;
mod log;
mod mask;
mod printer;
pub mod sanitize;
mod steps;
mod units;
pub mod vertices;

pub use event::{End, Event, Step};
pub use log::Log;
pub use printer::Style;
pub use units::{bytes, counted, duration};

#[cfg(test)]
mod tests;
