//! Builds as engines told of them, and builds that no engine would send.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::tests::{PLAIN, printed};
use super::*;
use crate::progress::Style;

mod made;
mod recorded;

const DEBUG: Style = Style { color: false, debug: true };

/// At the start of a build in whose Dockerfile each step stands in the line that is ten times its position.
fn vertices() -> Vertices {
    Vertices::new("docker/Dockerfile", |step| Some(10 * step.number))
}
