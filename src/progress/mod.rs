//! The log: work sends [`Event`]s through a [`Log`], one printer owns stderr.
//!
//! Whatever is foreign (output of build steps, words of the engine) is cleaned of control characters by [`sanitize`] and
//! of secrets by [`mask`] at one place, the printer, so that nothing can go round either.

pub mod classic;
pub mod diagnostics;
mod event;
pub mod layers;
mod log;
mod mask;
mod printer;
pub mod sanitize;
mod units;

pub use event::Event;
pub use log::Log;
pub use printer::Style;
pub use units::{bytes, counted, duration};

#[cfg(test)]
mod tests;
