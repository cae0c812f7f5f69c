//! The Dockerfile's text: its instructions with their lines, and what follows from them.
//!
//! Pure. The engine's own parser (buildkit `frontend/dockerfile`) decides what a Dockerfile means; here is only what must be
//! known before it is sent, or to say in the user's words what comes back. A text that is not valid gives what can be made of
//! it: the engine says better what is wrong.

mod contexts;
mod directive;
mod error;
mod expand;
mod flag;
mod here_document;
mod images;
mod labels;
mod needs;
mod parse;
mod platform;
mod stage;
mod step;
mod words;

pub use contexts::{Folder, LineMap, Named, Rewritten, Source, VIRTUAL_CONTEXT, VIRTUAL_ROOT, Wording};
pub use directive::Directives;
pub use error::Error;
pub use expand::Variables;
pub use flag::Flag;
pub use images::Unclear;
pub use needs::Needs;
pub use parse::{Command, Instruction};
pub use stage::{Base, Stage};
pub use step::Step;

/// A Dockerfile, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    source: Vec<u8>,
    directives: Directives,
    /// In the order of the text; those before the first `FROM` belong to no stage.
    instructions: Vec<Instruction>,
    stages: Vec<Stage>,
}

impl Dockerfile {
    /// Reads a Dockerfile. Any bytes give something.
    #[must_use]
    pub fn parse(source: &[u8]) -> Self {
        let directives = Directives::of(source);
        let instructions = parse::instructions(source, directives.escape);
        let stages = stage::stages(&instructions);
        Self { source: source.to_vec(), directives, instructions, stages }
    }

    /// What the first lines say.
    #[must_use]
    pub fn directives(&self) -> &Directives {
        &self.directives
    }

    /// All instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The stages.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The instructions of a stage, without its `FROM`.
    fn body(&self, stage: &Stage) -> &[Instruction] {
        self.instructions.get(stage.body.clone()).unwrap_or_default()
    }
}
