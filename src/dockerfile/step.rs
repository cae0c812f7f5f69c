//! The steps that BuildKit names in its log, and the instruction each comes from.

use super::{Base, Dockerfile, Instruction, Variables};

/// A step, taken from the name of a vertex: `[linux/amd64 build 2/4] RUN make` (buildkit `dockerfile2llb.prefixCommand`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Told when several platforms are built.
    pub platform: Option<String>,
    /// The stage's name, or `stage-` and its number; `None` when the build has one stage.
    pub stage: Option<String>,
    /// From 1.
    pub number: usize,
    /// How many the stage has.
    pub total: usize,
    /// In upper case.
    pub keyword: String,
    /// The instruction, its variables put in, keyword and all.
    pub text: String,
}

impl Step {
    /// The step that a vertex is; `None` for all others, such as `[internal] load build context`.
    #[must_use]
    pub fn of_vertex(name: &str) -> Option<Self> {
        let (inside, text) = name.strip_prefix('[')?.split_once("] ")?;
        let mut words: Vec<&str> = inside.split_whitespace().collect();
        let (number, total) = words.pop()?.split_once('/')?;
        let (number, total) = (number.parse().ok()?, total.parse().ok()?);
        let (platform, stage) = match words.as_slice() {
            [] => (None, None),
            [platform] if platform.contains('/') => (Some(*platform), None),
            [stage] => (None, Some(*stage)),
            [platform, stage] => (Some(*platform), Some(*stage)),
            _ => return None,
        };
        let keyword = text.split_whitespace().next()?.to_ascii_uppercase();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self { platform: owned(platform), stage: owned(stage), number, total, keyword, text: text.to_owned() })
    }
}

impl Dockerfile {
    /// The first line of the instruction that a step is, by the name that the engine gave it; `None` when that is not sure.
    ///
    /// Counted are `FROM` of an image, and `RUN`, `COPY`, `ADD` and `WORKDIR`. A `WORKDIR` that comes to `/` is in the total
    /// and makes no step. What a base brings by `ONBUILD` takes numbers too, on newer engines also in the total.
    #[must_use]
    pub(super) fn line_of(&self, step: &Step, variables: &Variables, words: impl Fn(&str) -> String) -> Option<usize> {
        let number = self.stage_of(step)?;
        let stage = self.stages.get(number)?;
        let base = self.bases(variables).into_iter().nth(number)?;
        let (from, mut folder) = match base {
            Base::Image(_) => (self.instructions.get(stage.from), None),
            Base::Scratch => (None, Some(String::new())),
            Base::Stage(base) if self.body(self.stages.get(base)?).iter().any(|instruction| instruction.onbuild) => {
                return None;
            }
            Base::Stage(_) => (None, None),
            Base::Unknown => return None,
        };
        let counted = |instruction: &&Instruction| {
            !instruction.onbuild && matches!(&*instruction.command.keyword, "RUN" | "COPY" | "ADD" | "WORKDIR")
        };
        let body = || self.body(stage).iter().filter(counted);
        let is_step = |instruction: &&Instruction| {
            instruction.command.keyword != "WORKDIR" || !is_root(&mut folder, instruction.arguments().trim())
        };
        let found = from.into_iter().chain(body().filter(is_step)).nth(step.number.checked_sub(1)?)?;
        let total = from.into_iter().count() + body().count();
        (step.total == total && found.agrees(step, self.directives.escape, words)).then_some(found.line)
    }

    fn stage_of(&self, step: &Step) -> Option<usize> {
        let Some(name) = &step.stage else { return (self.stages.len() == 1).then_some(0) };
        // Of two with one name either may be meant.
        let mut named = (0..self.stages.len()).filter(|number| {
            let stage = self.stages.get(*number).and_then(|stage| stage.name.as_deref());
            stage.map_or_else(|| *name == format!("stage-{number}"), |stage| stage == name)
        });
        named.next().filter(|_| named.next().is_none())
    }
}

/// Whether a `WORKDIR` comes to `/` (buildkit `dispatchWorkdir`), with the folder before and after it, where that is known.
fn is_root(folder: &mut Option<String>, path: &str) -> bool {
    let literal = !path.contains(['$', '"', '\'', '\\', '`']);
    let before = if path.starts_with('/') { Some(String::new()) } else { folder.take() };
    *folder = before.filter(|_| literal).map(|mut folder| {
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => folder.truncate(folder.rfind('/').unwrap_or_default()),
                _ => folder.extend(["/", part]),
            }
        }
        folder
    });
    // An absolute path is taken as it is written.
    if path.starts_with('/') { path == "/" } else { folder.as_deref() == Some("") }
}

impl Instruction {
    /// Whether a step can be this instruction. Its words are the same where the engine changes none of them.
    fn agrees(&self, step: &Step, escape: u8, words: impl Fn(&str) -> String) -> bool {
        let keyword = self.command.keyword.as_str();
        let quotes = if keyword == "RUN" { "" } else { "\"'" };
        let changes = |byte: &u8| *byte == b'$' || *byte == escape || quotes.as_bytes().contains(byte);
        let unchanged = keyword != "FROM" && !self.has_here_document() && !self.text.iter().any(changes);
        let text = words(&String::from_utf8_lossy(&self.text));
        keyword == step.keyword
            && (!unchanged || text.split_whitespace().skip(1).eq(step.text.split_whitespace().skip(1)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = "ARG X=a\nFROM $X AS Build\nWORKDIR /\nRUN make \\\n it\nCOPY a b\nFROM build\nENV A=b\nADD x y\nFROM scratch AS last\n\
        COPY --from=build a /\n";

    fn line(vertex: &str) -> Option<usize> {
        let step = Step::of_vertex(vertex)?;
        Dockerfile::parse(TEXT.as_bytes()).line_of(&step, &Variables::default(), str::to_owned)
    }

    #[test]
    fn a_step_is_found_by_stage_number_and_keyword() {
        for (vertex, expected) in [
            ("[build 1/4] FROM docker.io/library/a:latest@sha256:1", Some(2)),
            ("[build 2/4] RUN make  it", Some(4)),
            ("[linux/amd64 build 3/4] COPY a b", Some(6)),
            ("[stage-1 1/1] ADD x y", Some(9)),
            ("[last 1/1] COPY --from=build a /", Some(11)),
            ("[build 2/5] RUN make  it", None),
            ("[build 2/4] COPY make  it", None),
            ("[build 2/4] RUN make", None),
            ("[stage-2 1/1] COPY x", None),
            ("[1/1] COPY x", None),
            ("[build 9/4] RUN x", None),
            ("[build 0/4] RUN x", None),
            ("[internal] load build context", None),
            ("[context x] load x", None),
            ("exporting to image", None),
        ] {
            assert_eq!(line(vertex), expected, "{vertex}");
        }
    }

    #[test]
    fn a_folder_that_comes_to_the_root_makes_no_step() {
        // As 20.10.24, 26.1.5 and 28.5.2 number them.
        let text = "FROM busybox:1.36 AS b\nWORKDIR /\nWORKDIR /x\nRUN true\nWORKDIR ..\nWORKDIR //\nRUN echo $((1+1))\nONBUILD RUN echo trigger\n\
            FROM b\nWORKDIR y\nRUN echo 'a  b' \\\n  && true\nFROM scratch\nWORKDIR .\nWORKDIR /q\nCOPY --from=b /x /\n";
        let parsed = Dockerfile::parse(text.as_bytes());
        for (vertex, expected) in [
            ("[b 2/7] WORKDIR /x", Some(3)),
            ("[b 4/7] WORKDIR //", Some(6)),
            ("[b 5/7] RUN echo $((1+1))", Some(7)),
            ("[stage-2 1/3] WORKDIR /q", Some(15)),
            ("[stage-2 2/3] COPY --from=b /x /", Some(16)),
            ("[stage-1 1/2] RUN echo trigger", None),
            ("[stage-1 2/2] WORKDIR y", None),
            ("[stage-1 3/3] RUN echo 'a  b'   && true", None),
        ] {
            assert_eq!(
                parsed.line_of(&Step::of_vertex(vertex).unwrap(), &Variables::default(), str::to_owned),
                expected,
                "{vertex}"
            );
        }
    }

    #[test]
    fn the_name_of_a_vertex_is_taken_apart() {
        let step = Step::of_vertex("[linux/amd64->arm64 build  2/12] run a ] b").unwrap();
        assert_eq!((step.platform.as_deref(), step.stage.as_deref()), (Some("linux/amd64->arm64"), Some("build")));
        assert_eq!((step.number, step.total, step.keyword.as_str(), step.text.as_str()), (2, 12, "RUN", "run a ] b"));
        let step = Step::of_vertex("[1/2] FROM a").unwrap();
        assert_eq!((step.platform, step.stage), (None, None));
    }
}
