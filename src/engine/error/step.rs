//! Steps of a Dockerfile as messages name them.

use std::fmt;

use crate::progress::classic;
use crate::progress::vertices::Failed;

/// A step of the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepName {
    /// `step 2 of 4`, with the stage if the builder counts by stages.
    pub words: String,
    /// What stands in the Dockerfile, as the engine words it.
    pub instruction: String,
    /// `Dockerfile:12`, where that is known.
    pub place: Option<String>,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl From<&classic::Step> for StepName {
    fn from(step: &classic::Step) -> Self {
        let words = format!("step {} of {}", step.number, step.total);
        Self { words, instruction: step.instruction.clone(), place: None }
    }
}

impl StepName {
    /// The step, if what failed is one: labels of others, such as `internal`, do not end with `2/4`.
    pub(in super::super) fn of_vertex(failed: &Failed) -> Option<Self> {
        let (number, total) = failed.label.split_whitespace().last()?.split_once('/')?;
        let (number, total): (u64, u64) = (number.parse().ok()?, total.parse().ok()?);
        let stage = failed.stage.as_ref().map(|stage| format!(" of stage `{stage}`")).unwrap_or_default();
        let words = format!("step {number} of {total}{stage}");
        Some(Self { words, instruction: failed.instruction.clone(), place: failed.place.clone() })
    }
}
