//! The build context.

pub mod ignore;
pub mod pattern;
