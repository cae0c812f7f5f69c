//! The images that a build takes from registries, and what it takes from elsewhere, as far as the text tells.

use super::contexts::{from_of_mount, is_remote};
use super::stage::Names;
use super::{Base, Dockerfile, Instruction, Variables};
use crate::image::ImageReference;

/// What a Dockerfile may begin a line with (buildkit `frontend/dockerfile/command`).
const KNOWN: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Frontends that are Dockerfile's own. Any other one may mean anything by the same text.
const FRONTENDS: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// Why it cannot be said what a build takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A line that is no instruction.
    #[error("line {line} of the Dockerfile is not understood")]
    Instruction {
        /// The line.
        line: usize,
    },
    /// A frontend that may do anything.
    #[error("the frontend `{frontend}` may read the Dockerfile in a way of its own")]
    Frontend {
        /// What `# syntax=` names.
        frontend: String,
    },
    /// The name of an image cannot be known, or is none.
    #[error("line {line} of the Dockerfile names an image that is not known before the build")]
    Image {
        /// The line.
        line: usize,
    },
    /// Something is fetched whose content nothing fixes.
    #[error("`ADD` on line {line} of the Dockerfile fetches what may change; `--checksum` would fix it")]
    Fetched {
        /// The line.
        line: usize,
    },
    /// A source that may be an address.
    #[error("`ADD` on line {line} of the Dockerfile has a source that may be an address; `COPY` takes files only")]
    MayBeFetched {
        /// The line.
        line: usize,
    },
}

impl Dockerfile {
    /// The images that a build takes from registries, each once: bases, sources of `COPY --from` and mounts, the frontend.
    /// BuildKit takes those that the target needs, the classic builder all.
    ///
    /// # Errors
    /// The first thing of which it cannot be said what it takes.
    pub fn images(
        &self,
        is_buildkit: bool,
        target: Option<&str>,
        variables: &Variables,
    ) -> Result<Vec<ImageReference>, Unclear> {
        let is_unknown = |instruction: &&Instruction| !KNOWN.contains(&instruction.command.keyword.as_str());
        if let Some(instruction) = self.instructions.iter().find(is_unknown) {
            return Err(Unclear::Instruction { line: instruction.line });
        }
        let mut images: Vec<ImageReference> = Vec::new();
        if is_buildkit {
            images.extend(self.frontend(variables)?);
        }
        let reached = if is_buildkit { self.reachable(target, variables) } else { vec![true; self.stages.len()] };
        let names = Names::of(&self.stages);
        for ((stage, base), _) in self.stages.iter().zip(self.bases(variables)).zip(reached).filter(|(_, yes)| *yes) {
            match base {
                Base::Scratch | Base::Stage(_) => {}
                Base::Unknown => return Err(Unclear::Image { line: stage.line }),
                Base::Image(text) => images.push(parsed(&text, stage.line)?),
            }
            for instruction in self.body(stage) {
                fixed(instruction)?;
                for from in froms(instruction)? {
                    let is_stage = from.parse::<usize>().is_ok() || names.find(&from).is_some();
                    // A mount may name `scratch`, by which it means nothing at all.
                    if !is_stage && from != "scratch" {
                        images.push(parsed(&from, instruction.line)?);
                    }
                }
            }
        }
        images.sort_unstable();
        images.dedup();
        Ok(images)
    }

    fn frontend(&self, variables: &Variables) -> Result<Option<ImageReference>, Unclear> {
        let Some(text) = variables.get("BUILDKIT_SYNTAX").or(self.directives.syntax.as_deref()) else {
            return Ok(None);
        };
        let unclear = || Unclear::Frontend { frontend: text.to_owned() };
        let frontend = ImageReference::parse(text).ok_or_else(unclear)?;
        let is_known = frontend.is_of_docker_hub() && FRONTENDS.contains(&frontend.path());
        if is_known { Ok(Some(frontend)) } else { Err(unclear()) }
    }
}

fn parsed(text: &str, line: usize) -> Result<ImageReference, Unclear> {
    ImageReference::parse(text).ok_or(Unclear::Image { line })
}

/// Where an instruction takes files from: stages and images by what it calls them.
fn froms(instruction: &Instruction) -> Result<Vec<String>, Unclear> {
    let unclear = Unclear::Image { line: instruction.line };
    let flags = instruction.command.flags.iter().filter_map(|flag| Some((flag.name.as_str(), flag.value.as_deref()?)));
    let mut froms = Vec::new();
    for (name, value) in flags {
        match (instruction.command.keyword.as_str(), name) {
            ("COPY" | "ADD", "from") => froms.push(value.to_owned()),
            // By the rules of CSV quotes may hold a comma.
            ("RUN", "mount") if value.contains('"') => return Err(unclear),
            ("RUN", "mount") => froms.extend(from_of_mount(value)),
            _ => {}
        }
    }
    if froms.iter().any(|from| from.contains('$')) { Err(unclear) } else { Ok(froms) }
}

/// What `ADD` fetches must be fixed by a checksum.
fn fixed(instruction: &Instruction) -> Result<(), Unclear> {
    let line = instruction.line;
    let is_fixed = instruction.flag("checksum").is_some_and(|checksum| !checksum.is_empty() && !checksum.contains('$'));
    if instruction.command.keyword != "ADD" || is_fixed {
        return Ok(());
    }
    let mut sources = instruction.paths();
    sources.pop();
    for source in sources.iter().filter(|source| !instruction.is_here_document(&source.text)) {
        let text = source.text.trim_matches(['"', '\'']);
        if is_remote(text) {
            return Err(Unclear::Fetched { line });
        }
        // What stands here may become an address by a variable, or by what quotes and escapes leave of it.
        if text.contains(['$', '"', '\'', '\\', '`']) {
            return Err(Unclear::MayBeFetched { line });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn images(text: &str, is_buildkit: bool, target: Option<&str>) -> Result<Vec<String>, String> {
        let variables = Variables::of_platform("linux", "amd64").with([("V".to_owned(), "2".to_owned())]);
        let found = Dockerfile::parse(text.as_bytes()).images(is_buildkit, target, &variables);
        let short = |image: &ImageReference| image.to_string().replace("docker.io/library/", "");
        found.map(|found| found.iter().map(short).collect()).map_err(|unclear| unclear.to_string())
    }

    #[test]
    fn all_that_comes_from_registries_is_named_once() {
        let text = "# syntax=docker/dockerfile:1\nARG V=1\nFROM a:$V AS one\nRUN --mount=type=bind,from=m,target=/m x\n\
            FROM scratch AS two\nCOPY --from=one x /\nCOPY --from=0 x /\nCOPY --from=h.x/b:1 x /\n\
            FROM one\nCOPY --from=two x /\nCOPY --from=a:2 x /\nADD f /\nADD <<E /g\nhttps://x\nE\n";
        let all = ["docker.io/docker/dockerfile:1", "a:2", "m:latest", "h.x/b:1"];
        assert_eq!(images(text, true, None).map(|found| found.join(" ")), Ok(all.join(" ")));
        let two = ["docker.io/docker/dockerfile:1", "a:2", "m:latest", "h.x/b:1"];
        assert_eq!(images(text, true, Some("two")).map(|found| found.join(" ")), Ok(two.join(" ")));
    }

    #[test]
    fn what_the_target_does_not_need_is_the_classic_builders_alone() {
        let text = "FROM a AS one\nFROM b:$N AS two\nFROM c\n";
        assert_eq!(images(text, true, None), Ok(vec!["c:latest".to_owned()]));
        assert!(images(text, false, None).is_err());
    }

    #[test]
    fn doubts_name_their_line() {
        for (text, expected) in [
            ("FROM a\nRUN x\nEOF\n", "line 3 of the Dockerfile is not understood"),
            ("FROM $NO\n", "line 1 of the Dockerfile names an image that is not known before the build"),
            ("FROM ${V#2}\n", "line 1 of the Dockerfile names an image that is not known before the build"),
            (
                "FROM a\nCOPY --from=$X x /\n",
                "line 2 of the Dockerfile names an image that is not known before the build",
            ),
            (
                "FROM a\nRUN --mount=from=$X x\n",
                "line 2 of the Dockerfile names an image that is not known before the build",
            ),
            (
                "FROM a\nADD https://x/y /\n",
                "`ADD` on line 2 of the Dockerfile fetches what may change; `--checksum` would fix it",
            ),
            (
                "FROM a\nADD [\"a\", \"git@x:y\", \"/\"]\n",
                "`ADD` on line 2 of the Dockerfile fetches what may change; `--checksum` would fix it",
            ),
            (
                "FROM a\nADD \"https://x/y\" /\n",
                "`ADD` on line 2 of the Dockerfile fetches what may change; `--checksum` would fix it",
            ),
            (
                "FROM a\nADD a-$V.tar /\n",
                "`ADD` on line 2 of the Dockerfile has a source that may be an address; `COPY` takes files only",
            ),
            (
                "FROM a\nONBUILD ADD https://x/y /\n",
                "`ADD` on line 2 of the Dockerfile fetches what may change; `--checksum` would fix it",
            ),
            ("# syntax=me/own\nFROM a\n", "the frontend `me/own` may read the Dockerfile in a way of its own"),
        ] {
            assert_eq!(images(text, true, None), Err(expected.to_owned()), "{text}");
        }
        let sum = "sha256:0000";
        assert!(images(&format!("FROM a\nADD --checksum={sum} https://x/y /\n"), true, None).is_ok());
        assert!(images("FROM a\nADD --checksum=$V https://x/y /\n", true, None).is_err());
        assert!(images("# syntax=me/own\nFROM a\n", false, None).is_ok(), "the classic builder knows no frontend");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "((FROM|COPY|ADD|RUN|ARG|ONBUILD) (--(from|mount|checksum)=)?([a$:/@ \"'<-]|\\PC){0,10}\n){0,5}") {
            let _ = images(&text, true, None);
        }
    }
}
