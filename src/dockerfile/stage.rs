//! Stages: what each is based on, and which a build comes to.

use std::collections::HashMap;
use std::ops::Range;

use super::{Command, Dockerfile, Instruction, Variables, expand};

/// A stage of the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name, in lower case as buildkit keeps it.
    pub name: Option<String>,
    /// What stands after `FROM`, variables and all.
    pub base: String,
    /// The line of its `FROM`.
    pub line: usize,
    /// Where its `FROM` stands among the instructions.
    pub(super) from: usize,
    /// The place of `base` in the text of that instruction.
    pub(super) base_range: Range<usize>,
    /// Its other instructions.
    pub(super) body: Range<usize>,
}

/// What a stage is based on, its variables resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// Another stage, by its number.
    Stage(usize),
    /// An image.
    Image(String),
    /// Not to be known without the engine.
    Unknown,
}

pub(super) fn stages(instructions: &[Instruction]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for (number, instruction) in instructions.iter().enumerate() {
        if is_from(instruction) {
            stages.push(stage(instruction, number));
        } else if let Some(stage) = stages.last_mut() {
            stage.body.end = number + 1;
        }
    }
    stages
}

fn is_from(instruction: &Instruction) -> bool {
    instruction.command.keyword == "FROM" && !instruction.onbuild
}

fn stage(from: &Instruction, number: usize) -> Stage {
    let words = from.words();
    let name = match words.as_slice() {
        [_, keyword, name] if keyword.text.eq_ignore_ascii_case("AS") => Some(name.text.to_lowercase()),
        _ => None,
    };
    let (base, base_range) = words.into_iter().next().map(|word| (word.text, word.range)).unwrap_or_default();
    Stage { name, base, line: from.line, from: number, base_range, body: number + 1..number + 1 }
}

/// The stages by their names; of two with one name the last one counts for `--from`.
pub(super) struct Names<'a>(HashMap<&'a str, usize>);

impl<'a> Names<'a> {
    pub(super) fn of(stages: &'a [Stage]) -> Self {
        Self(stages.iter().enumerate().filter_map(|(number, stage)| Some((stage.name.as_deref()?, number))).collect())
    }

    /// The stage that `--from`, `from=` or a target names.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name.to_lowercase().as_str()).copied()
    }
}

impl Dockerfile {
    /// What each stage is based on (buildkit `dockerfile2llb`: a base is a stage above it by its exact name, else an image).
    #[must_use]
    pub fn bases(&self, variables: &Variables) -> Vec<Base> {
        let globals = self.globals(variables);
        let mut above: HashMap<&str, usize> = HashMap::new();
        let mut bases = Vec::new();
        for (number, stage) in self.stages.iter().enumerate() {
            let base = expand::word(&stage.base, &globals, self.directives.escape);
            bases.push(match base {
                None => Base::Unknown,
                Some(base) => match above.get(base.as_str()) {
                    Some(stage) => Base::Stage(*stage),
                    None if base == "scratch" => Base::Scratch,
                    None => Base::Image(base),
                },
            });
            above.extend(stage.name.as_deref().map(|name| (name, number)));
        }
        bases
    }

    /// The arguments above the first `FROM`, with the platform's own.
    pub(super) fn globals(&self, given: &Variables) -> Variables {
        let mut globals = given.platform();
        let end = self.stages.first().map_or(self.instructions.len(), |stage| stage.from);
        let args = self.instructions.iter().take(end).filter(|instruction| instruction.command.keyword == "ARG");
        for word in args.flat_map(|arg| expand::words(&arg.arguments(), self.directives.escape)) {
            let (name, default) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let expanded = |default| expand::word(default, &globals, self.directives.escape);
            match given.get(name).map(str::to_owned).or_else(|| default.map(expanded)?) {
                Some(value) => globals.set(name, value),
                None if default.is_some() => globals.forget(name),
                None => {}
            }
        }
        globals
    }

    /// The name of the stage that a target means by its number, which the classic builder takes and BuildKit does not
    /// (buildkit `dockerfile2llb.findStateByName`).
    #[must_use]
    pub fn target_by_number(&self, target: &str) -> Option<&str> {
        let number: usize = target.parse().ok()?;
        let is_name = Names::of(&self.stages).find(target).is_some();
        self.stages.get(number).filter(|_| !is_name)?.name.as_deref()
    }

    /// Which stages BuildKit builds for a target: that and all it needs. More than that where it cannot be known.
    #[must_use]
    pub fn reachable(&self, target: Option<&str>, variables: &Variables) -> Vec<bool> {
        let names = Names::of(&self.stages);
        let target = match target.filter(|target| !target.is_empty()) {
            Some(target) => names.find(target),
            None => self.stages.len().checked_sub(1),
        };
        let Some(target) = target else { return vec![true; self.stages.len()] };
        let bases = self.bases(variables);
        let mut reached = vec![false; self.stages.len()];
        let mut left = vec![target];
        // The stages above this one are all on the list.
        let mut listed = 0;
        while let Some(number) = left.pop() {
            let Some(seen) = reached.get_mut(number).filter(|seen| !**seen) else { continue };
            *seen = true;
            match bases.get(number) {
                Some(Base::Stage(base)) => left.push(*base),
                Some(Base::Unknown) => {
                    left.extend(listed..number);
                    listed = listed.max(number);
                }
                _ => {}
            }
            let body = self.stages.get(number).map(|stage| self.body(stage)).unwrap_or_default();
            left.extend(body.iter().flat_map(|instruction| uses(&instruction.command, &names)));
        }
        reached
    }

    /// The number of the last stage that the classic builder builds: it builds all in order, up to the target.
    pub(super) fn last_classic(&self, target: Option<&str>) -> usize {
        let is_target = |number: usize, stage: &Stage| {
            target.is_some_and(|target| {
                stage.name.as_deref() == Some(target.to_lowercase().as_str()) || target.parse() == Ok(number)
            })
        };
        let found = self.stages.iter().enumerate().position(|(number, stage)| is_target(number, stage));
        found.unwrap_or(self.stages.len())
    }
}

/// The stages that an instruction takes files from.
fn uses(command: &Command, names: &Names<'_>) -> Vec<usize> {
    let value = |name: &'static str| {
        command.flags.iter().filter(move |flag| flag.name == name).filter_map(|flag| flag.value.as_deref())
    };
    match command.keyword.as_str() {
        "COPY" | "ADD" => value("from").filter_map(|from| from.parse().ok().or_else(|| names.find(from))).collect(),
        "RUN" => value("mount")
            .flat_map(|mount| mount.split(','))
            .filter_map(|field| {
                field.trim_matches('"').split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("from"))
            })
            .filter_map(|(_, from)| names.find(from))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "ARG BASE=busy\nARG IMAGE=${BASE}box:1\nFROM --platform=linux/amd64 $IMAGE AS One\nRUN a\n\
        FROM one as two-amd64\nFROM scratch\nCOPY --from=ONE a /\nFROM two-${TARGETARCH}\nRUN --mount=type=bind,from=0,target=/x y\nFROM $NO";

    #[test]
    fn bases_are_stages_above_or_images() {
        let parsed = Dockerfile::parse(TEXT.as_bytes());
        let names: Vec<_> = parsed.stages().iter().map(|stage| stage.name.as_deref()).collect();
        assert_eq!(names, [Some("one"), Some("two-amd64"), None, None, None]);
        let variables = Variables::of_platform("linux", "amd64");
        let bases = [
            Base::Image("busybox:1".into()),
            Base::Stage(0),
            Base::Scratch,
            Base::Stage(1),
            Base::Image(String::new()),
        ];
        assert_eq!(parsed.bases(&variables), bases);
        let given = variables.with([("BASE".to_owned(), "x/".to_owned())]);
        assert_eq!(parsed.bases(&given).first(), Some(&Base::Image("x/box:1".into())));
    }

    #[test]
    fn a_target_by_number_is_the_stage_of_that_number() {
        let parsed = Dockerfile::parse(b"FROM a AS one\nFROM b\nFROM c AS 0\nFROM d AS Four\n");
        let names = ["0", "1", "2", "3", "4", "one", "-1"].map(|target| parsed.target_by_number(target));
        assert_eq!(names, [None, None, Some("0"), Some("four"), None, None, None]);
    }

    #[test]
    fn only_what_the_target_needs_is_reached() {
        let text = "FROM a AS one\nFROM b AS two\nFROM c AS three\nCOPY --from=0 x /\nFROM d\nRUN --mount=target=/x,from=TWO y\n";
        let parsed = Dockerfile::parse(text.as_bytes());
        let reached = |target| parsed.reachable(target, &Variables::default());
        assert_eq!(reached(None), [false, true, false, true]);
        assert_eq!(reached(Some("Three")), [true, false, true, false]);
        assert_eq!(reached(Some("no")), [true; 4]);
    }
}
