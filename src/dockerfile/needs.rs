//! What in a Dockerfile a builder cannot do, found before the build.

use std::fmt;

use super::{Dockerfile, Error, Instruction, Variables};

/// Flags of instructions that the classic builder refuses, ignores or does not know, by instruction
/// (buildkit `frontend/dockerfile/instructions/parse.go`).
///
/// It refuses some when it comes to that step. The rest it leaves undone without a word (measured with 26.1 and 28.5), as it
/// does with a here-document, of which it runs an empty command, with `ADD` of a git repository, of which it stores the web
/// page, and with `TARGETARCH`, which is empty. `COPY --link` is let pass: without it the image is the same.
const CLASSIC: [(&str, &[&str]); 3] = [
    ("RUN", &["mount", "network", "security", "device"]),
    ("COPY", &["chmod", "parents", "exclude"]),
    ("ADD", &["chmod", "checksum", "keep-git-dir", "unpack", "exclude"]),
];

/// Since which engine the frontend inside it knows a flag: from the build tags and flags of `frontend/dockerfile` in the
/// buildkit that each moby vendors (20.10: 0.8; 23.0: 0.10; 24.0: 0.11; 25.0: 0.12; 26.1: 0.13; 27: 0.14 to 0.18;
/// 28.0: 0.20; 28.3: 0.23; 28.5: 0.25; 29.0: 0.26). One that it does not know is an error of the whole Dockerfile, whichever
/// stage is built, and so is one with `=false`.
const FLAGS: [(&str, &str, Option<Version>); 13] = [
    ("COPY", "link", Some((23, 0))),
    ("ADD", "link", Some((23, 0))),
    ("RUN", "network", Some((23, 0))),
    ("ADD", "checksum", Some((25, 0))),
    ("ADD", "keep-git-dir", Some((25, 0))),
    ("HEALTHCHECK", "start-interval", Some((25, 0))),
    ("ADD", "unpack", Some((28, 3))),
    ("COPY", "exclude", Some((28, 5))),
    ("ADD", "exclude", Some((28, 5))),
    ("COPY", "parents", Some((29, 0))),
    ("RUN", "security", Some((29, 0))),
    ("RUN", "device", None),
    ("ADD", "parents", None),
];

/// Since when here-documents are known. Before, their lines are unknown instructions.
const HERE_DOCUMENTS: Version = (23, 0);

/// Since when white space may stand between `<<` and the name.
const SPACED_HERE_DOCUMENTS: Version = (28, 2);

/// Since when `ADD` clones. Before, it stores the web page or looks for a file.
const ADD_GIT: Version = (25, 0);

/// Since when `--chmod` may be a variable, and words such as `u+x`. Before, 20.10 to 26.1 ignore them.
const CHMOD: [Version; 2] = [(27, 3), (28, 0)];

/// Since when a mount takes variables (before, they are paths), `size=`, and `env=` of a secret.
const MOUNT: [Version; 3] = [(23, 0), (23, 0), (27, 3)];

/// Major and minor.
type Version = (u32, u32);

/// The variables that BuildKit sets by itself for a stage that declares them (buildkit `frontend/dockerfile`, global args).
const AUTOMATIC: [&str; 6] = ["BUILDARCH", "BUILDOS", "BUILDPLATFORM", "TARGETARCH", "TARGETOS", "TARGETPLATFORM"];

/// What was found, each kind with its first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(Vec<(String, usize)>);

impl Needs {
    fn add(&mut self, what: String, line: usize) {
        if !self.0.iter().any(|(known, _)| *known == what) {
            self.0.push((what, line));
        }
    }

    fn any(self) -> Option<Self> {
        (!self.0.is_empty()).then_some(self)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (what, line)) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{what} (line {line})")?;
        }
        Ok(())
    }
}

impl Dockerfile {
    /// What the classic builder would refuse or leave undone, in the stages that it builds.
    #[must_use]
    pub fn needs_buildkit(&self, target: Option<&str>) -> Option<Needs> {
        let mut needs = Needs::default();
        for instruction in self.classic_instructions(target) {
            let keyword = instruction.command.keyword.as_str();
            let known = CLASSIC.iter().find(|(name, _)| *name == keyword).map(|(_, flags)| *flags).unwrap_or_default();
            for flag in
                instruction.command.flags.iter().filter(|flag| flag.is_on() && known.contains(&flag.name.as_str()))
            {
                needs.add(format!("`{keyword} --{}`", flag.name), instruction.line);
            }
            if instruction.has_here_document() {
                needs.add("a here-document".to_owned(), instruction.line);
            }
            if adds_git(instruction) {
                needs.add("`ADD` of a git repository".to_owned(), instruction.line);
            }
        }
        needs.any()
    }

    /// The failure that the frontend inside an engine of that version would come to, or hide. None when the Dockerfile
    /// brings its frontend by `# syntax=`, or the build argument `BUILDKIT_SYNTAX` does.
    ///
    /// # Errors
    /// Names what the frontend lacks, with lines.
    pub fn check_frontend(&self, engine: &str, target: Option<&str>, variables: &Variables) -> Result<(), Error> {
        let brings = self.directives.syntax.is_some() || variables.get("BUILDKIT_SYNTAX").is_some();
        let Some(version) = version(engine).filter(|_| !brings) else { return Ok(()) };
        let mut needs = Needs::default();
        for instruction in &self.instructions {
            for what in refused(instruction, version) {
                needs.add(what, instruction.line);
            }
        }
        let reachable = self.reachable(target, variables);
        for stage in self.stages.iter().zip(&reachable).filter(|(_, reachable)| **reachable).map(|(stage, _)| stage) {
            for instruction in self.body(stage) {
                for what in misread(instruction, version) {
                    needs.add(what, instruction.line);
                }
            }
        }
        let labs = needs.0.iter().any(|(what, _)| what == "`RUN --device`");
        needs.any().map_or(Ok(()), |needs| {
            let engine = format!("{}.{}", version.0, version.1);
            Err(Error::Frontend { engine, needs, labs })
        })
    }

    /// The build arguments that BuildKit would add, for those that the Dockerfile declares in what the classic builder builds:
    /// built on and for the engine's own platform. Those of the user go before.
    #[must_use]
    pub fn automatic_args(&self, target: Option<&str>, os: &str, architecture: &str) -> Vec<(String, String)> {
        let values = Variables::of_platform(os, architecture);
        let args = self.classic_instructions(target).filter(|instruction| instruction.command.keyword == "ARG");
        let words: Vec<String> = args.flat_map(Instruction::words).map(|word| word.text).collect();
        // One with a default keeps it.
        let declared = AUTOMATIC.into_iter().filter(|name| words.iter().any(|word| word == name));
        declared.filter_map(|name| Some((name.to_owned(), values.get(name)?.to_owned()))).collect()
    }

    /// The instructions that the classic builder comes to.
    fn classic_instructions(&self, target: Option<&str>) -> impl Iterator<Item = &Instruction> {
        let end = self.stages.get(self.last_classic(target)).map_or(self.instructions.len(), |stage| stage.body.end);
        self.instructions.iter().take(end)
    }
}

/// `26.1.5+dfsg1`
fn version(engine: &str) -> Option<Version> {
    let mut numbers = engine.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What makes the whole Dockerfile an error, whichever stage is built.
fn refused(instruction: &Instruction, version: Version) -> Vec<String> {
    let keyword = instruction.command.keyword.as_str();
    let lacks = |flag: &str| {
        let since = FLAGS.iter().find(|(instruction, name, _)| *instruction == keyword && *name == flag);
        since.is_some_and(|(_, _, since)| since.is_none_or(|since| version < since))
    };
    let flags = instruction.command.flags.iter().filter(|flag| lacks(&flag.name));
    let mut found: Vec<String> = flags.map(|flag| format!("`{keyword} --{}`", flag.name)).collect();
    if version < HERE_DOCUMENTS && instruction.has_here_document() {
        found.push("a here-document".to_owned());
    } else if version < SPACED_HERE_DOCUMENTS && instruction.has_spaced_here_document() {
        found.push("a here-document with a space after `<<`".to_owned());
    }
    found
}

/// What a step is an error for, or does not do what it says.
fn misread(instruction: &Instruction, version: Version) -> Vec<String> {
    let keyword = instruction.command.keyword.as_str();
    let mut found = Vec::new();
    if version < ADD_GIT && adds_git(instruction) {
        found.push("`ADD` of a git repository".to_owned());
    }
    if let Some(mode) = instruction.flag("chmod").filter(|_| matches!(keyword, "COPY" | "ADD")) {
        let [variable, words] = CHMOD.map(|since| version < since);
        if variable && mode.contains('$') {
            found.push(format!("`{keyword} --chmod` with a variable"));
        } else if words && !mode.contains('$') && u32::from_str_radix(mode, 8).is_err() {
            found.push(format!("`{keyword} --chmod` with something else than a number"));
        }
    }
    let [variables, size, env] = MOUNT.map(|since| version < since);
    let mounts = instruction.command.flags.iter().filter(|flag| keyword == "RUN" && flag.name == "mount");
    for mount in mounts.filter_map(|flag| flag.value.as_deref()) {
        let has = |key: &str| mount.split(',').any(|field| field.strip_prefix(key).is_some());
        for (lacks, what) in [(size && has("size="), "size"), (env && has("env="), "env")] {
            found.extend(lacks.then(|| format!("`{what}=` of `RUN --mount`")));
        }
        found.extend((variables && mount.contains('$')).then(|| "`RUN --mount` with a variable".to_owned()));
    }
    found
}

fn adds_git(instruction: &Instruction) -> bool {
    instruction.command.keyword == "ADD" && instruction.paths().iter().any(|path| is_git(&path.text))
}

/// buildkit `util/gitutil`: what `ADD` clones.
pub(super) fn is_git(source: &str) -> bool {
    let path = source.split_once('#').map_or(source, |(path, _)| path);
    let is_http = path.starts_with("https://") || path.starts_with("http://");
    (is_http && path.strip_suffix(".git").is_some())
        || ["git@", "git://", "ssh://"].iter().any(|start| path.starts_with(start))
}

#[cfg(test)]
mod tests;
