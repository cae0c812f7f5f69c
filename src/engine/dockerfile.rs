//! What in a Dockerfile the classic builder would leave undone, found before the build.
//!
//! The classic builder refuses some of it, when it comes to that step. The rest it leaves undone without a word (measured with
//! 26.1 and 28.5): `RUN <<EOF` runs an empty command and succeeds, `ADD --checksum` checks nothing, `ADD` of a git repository
//! stores the web page, and `TARGETARCH` is empty. `COPY --link` is let pass: without it the image is the same.

use super::{BuildError, Facts};

/// Flags of instructions that the classic builder refuses, ignores or does not know, by instruction
/// (buildkit `frontend/dockerfile/instructions/parse.go`).
const FLAGS: [(&str, &[&str]); 3] = [
    ("RUN", &["mount", "network", "security", "device"]),
    ("COPY", &["chmod", "parents", "exclude"]),
    ("ADD", &["chmod", "checksum", "keep-git-dir", "unpack", "exclude"]),
];

/// The variables that BuildKit sets by itself for a stage that declares them (buildkit `frontend/dockerfile`, global args).
const AUTOMATIC: [&str; 6] = ["TARGETPLATFORM", "TARGETOS", "TARGETARCH", "BUILDPLATFORM", "BUILDOS", "BUILDARCH"];

/// What was found in the stages up to the target, which are those that the classic builder builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// What only BuildKit does, each kind with its first line.
    only_buildkit: Vec<(String, usize)>,
    automatic: Vec<&'static str>,
}

impl Dockerfile {
    /// Looks through a Dockerfile. One that is not valid gives nothing: the engine says better what is wrong.
    #[must_use]
    pub fn scan(text: &str, target: Option<&str>) -> Self {
        let mut found = Self::default();
        let mut lines = Lines::of(text);
        let mut stages = 0;
        let mut in_target = false;
        while let Some(instruction) = lines.next() {
            let mut words = instruction.text.split_whitespace();
            let mut name = words.next().unwrap_or_default().to_ascii_uppercase();
            if name == "ONBUILD" {
                name = words.next().unwrap_or_default().to_ascii_uppercase();
            }
            match name.as_str() {
                "FROM" if in_target => break,
                "FROM" => {
                    in_target = is_target(words, stages, target);
                    stages += 1;
                }
                "ARG" => found.declares(words),
                _ => {
                    let flags = words.clone().map_while(|word| word.strip_prefix("--"));
                    found.uses(&name, flags, instruction.line);
                    if matches!(name.as_str(), "RUN" | "COPY" | "ADD") && lines.skip_here_documents(&instruction.text) {
                        found.only_buildkit("a here-document".to_owned(), instruction.line);
                    }
                    if name == "ADD" && words.any(is_git) {
                        found.only_buildkit("`ADD` of a git repository".to_owned(), instruction.line);
                    }
                }
            }
        }
        found
    }

    fn declares<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names.map(|word| word.split_once('=').map_or(word, |(name, _)| name)) {
            self.automatic.extend(AUTOMATIC.iter().filter(|automatic| **automatic == name));
        }
    }

    fn uses<'a>(&mut self, name: &str, flags: impl Iterator<Item = &'a str>, line: usize) {
        let Some((_, known)) = FLAGS.iter().find(|(instruction, _)| *instruction == name) else { return };
        for flag in flags.filter(|flag| !flag.ends_with("=false")) {
            let flag = flag.split_once('=').map_or(flag, |(flag, _)| flag);
            if known.contains(&flag) {
                self.only_buildkit(format!("`{name} --{flag}`"), line);
            }
        }
    }

    fn only_buildkit(&mut self, what: String, line: usize) {
        if !self.only_buildkit.iter().any(|(known, _)| *known == what) {
            self.only_buildkit.push((what, line));
        }
    }

    /// The failure that a build would come to, or hide.
    #[must_use]
    pub fn needs_buildkit(&self) -> Option<BuildError> {
        let texts: Vec<String> =
            self.only_buildkit.iter().map(|(what, line)| format!("{what} (line {line})")).collect();
        (!texts.is_empty()).then(|| BuildError::NeedsBuildKit { what: texts.join(", ") })
    }

    /// The build arguments that BuildKit would add, for those that the Dockerfile declares: build on and for the engine's own
    /// platform. Those of the user go before.
    #[must_use]
    pub fn automatic_args(&self, facts: &Facts) -> Vec<(String, String)> {
        let value = |name: &str| match name {
            "TARGETOS" | "BUILDOS" => facts.os.clone(),
            "TARGETARCH" | "BUILDARCH" => facts.architecture.clone(),
            _ => format!("{}/{}", facts.os, facts.architecture),
        };
        let mut names = self.automatic.clone();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| (name.to_owned(), value(name))).collect()
    }
}

/// Whether a `FROM` line, given by its words, begins the stage that is asked for by name or number.
fn is_target<'a>(words: impl Iterator<Item = &'a str>, number: usize, target: Option<&str>) -> bool {
    let Some(target) = target else { return false };
    let words: Vec<&str> = words.collect();
    let name = match words.as_slice() {
        [.., keyword, name] if keyword.eq_ignore_ascii_case("AS") => Some(*name),
        _ => None,
    };
    name.is_some_and(|name| name.eq_ignore_ascii_case(target)) || target.parse() == Ok(number)
}

/// One instruction, its continuation lines joined.
struct Instruction {
    /// Where it begins, from 1.
    line: usize,
    text: String,
}

/// Reads instructions as buildkit's `frontend/dockerfile/parser` does.
struct Lines<'a> {
    all: Vec<&'a str>,
    next: usize,
    escape: char,
}

impl<'a> Lines<'a> {
    fn of(dockerfile: &'a str) -> Self {
        let text = dockerfile.strip_prefix('\u{feff}').unwrap_or(dockerfile);
        let lines: Vec<&str> = text.lines().collect();
        // Directives stand before anything else.
        let directives = lines.iter().map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
        let backtick = directives
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("escape"))
            .any(|(_, value)| value.trim() == "`");
        Self { all: lines, next: 0, escape: if backtick { '`' } else { '\\' } }
    }

    fn next(&mut self) -> Option<Instruction> {
        let mut instruction: Option<Instruction> = None;
        while let Some(line) = self.all.get(self.next) {
            self.next += 1;
            let trimmed = line.trim();
            // Both are skipped within a continued instruction too.
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let continued = trimmed.strip_suffix(self.escape);
            let number = self.next;
            let whole = instruction.get_or_insert_with(|| Instruction { line: number, text: String::new() });
            whole.text.push_str(continued.unwrap_or(trimmed));
            if continued.is_none() {
                return instruction;
            }
        }
        instruction
    }

    /// Goes past the here-documents that the instruction begins; whether there was any. What only looks like one, such as a
    /// shift, has no line with its end.
    fn skip_here_documents(&mut self, instruction: &str) -> bool {
        let mut any = false;
        for (end, tabs) in ends(instruction) {
            let rest = self.all.get(self.next..).unwrap_or_default();
            let is_end = |line: &&str| if tabs { line.trim_start_matches('\t') == end } else { *line == end };
            if let Some(at) = rest.iter().position(is_end) {
                self.next += at + 1;
                any = true;
            }
        }
        any
    }
}

/// The ends of the here-documents in a line, and whether tabs may stand before them: words such as `<<EOF`, `3<<-"EOF"`.
fn ends(line: &str) -> Vec<(String, bool)> {
    let unnumbered = |word: &str| word.trim_start_matches(|first: char| first.is_ascii_digit()).to_owned();
    words(line)
        .iter()
        .filter_map(|word| {
            let word = unnumbered(word);
            let name = word.strip_prefix("<<")?;
            let (name, tabs) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
            let end = name.replace(['"', '\''], "");
            (!end.is_empty() && !end.contains('<')).then_some((end, tabs))
        })
        .collect()
}

/// Splits at white space outside quotes; the quotes stay.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, _) if character.is_whitespace() => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    words
}

/// buildkit `util/gitutil`: what `ADD` clones.
fn is_git(source: &str) -> bool {
    let path = source.split_once('#').map_or(source, |(path, _)| path);
    let is_http = path.starts_with("https://") || path.starts_with("http://");
    (is_http && path.strip_suffix(".git").is_some())
        || ["git@", "git://", "ssh://"].iter().any(|start| path.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(dockerfile: &str, target: Option<&str>) -> Option<String> {
        Dockerfile::scan(dockerfile, target).needs_buildkit().map(|error| error.to_string())
    }

    fn found(dockerfile: &str) -> Option<String> {
        needs(dockerfile, None)
    }

    #[test]
    fn here_documents_and_flags_are_found_each_kind_with_its_first_line() {
        let text = "# syntax=docker/dockerfile:1\nFROM a\nRUN --mount=type=cache,target=/x \\\n  # why\n  make\n\nRUN <<EOF\nRUN --network=none x\nEOF\n\
            COPY --chown=1 --link . /\nrun --mount=type=ssh x\nADD --checksum=sha256:1 http://x /x\n";
        let all = "`RUN --mount` (line 3), a here-document (line 7), `ADD --checksum` (line 12)";
        assert_eq!(found(text), Some(format!("the Dockerfile needs BuildKit: {all}")));
    }

    #[test]
    fn here_documents_are_found_in_all_their_forms() {
        for text in [
            "RUN cat <<-\"E O\" > /x\n\tE O\n",
            "COPY <<'EOF' /x\nEOF\n",
            "RUN 3<<EOF x\na\nEOF\n",
            "ONBUILD RUN <<X\nX\n",
            "RUN a && \\\n cat <<EOF\nEOF\n",
        ] {
            assert!(found(text).is_some_and(|text| text.contains("a here-document (line 1)")), "{text}");
        }
    }

    #[test]
    fn what_the_classic_builder_does_is_let_pass() {
        for text in [
            "FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:1 x /\n",
            "RUN echo $((1 <<3)) \"a <<EOF\nEOF\n",
            "RUN echo 'x <<EOF y'\nCMD <<EOF\nEOF\n",
            "RUN make --mount=x\nENV A=--link\nCOPY --link=false a /\n",
            "# RUN --mount=x\nRUN a \\\n# --mount\n b\n",
            "ADD https://github.com/a/b.git.tar /\nCOPY --link a b\n",
            "# escape=`\nRUN dir c:\\\nRUN x\n",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_stage_after_the_target_may_need_what_it_wants() {
        let text = "FROM a AS one\nRUN x\nFROM b AS two\nRUN --mount=x y\n";
        assert!(needs(text, Some("ONE")).is_none());
        assert!(needs(text, Some("0")).is_none());
        assert!(needs(text, Some("two")).is_some());
        assert!(needs(text, None).is_some());
    }

    #[test]
    fn a_git_repository_is_no_web_page() {
        for source in ["https://github.com/a/b.git#v1", "git@github.com:a/b", "git://a/b"] {
            let text = format!("FROM a\nADD {source} /\n");
            assert_eq!(
                found(&text).as_deref(),
                Some("the Dockerfile needs BuildKit: `ADD` of a git repository (line 2)")
            );
        }
    }

    #[test]
    fn automatic_variables_that_are_declared_get_their_values() {
        let facts = Facts {
            version: String::new(),
            api: super::super::ApiVersion::OLDEST,
            storage: None,
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            address: String::new(),
        };
        let scan = Dockerfile::scan("ARG BUILDPLATFORM\nFROM a\nARG TARGETARCH=x OTHER\nARG TARGETARCH\n", None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(scan.automatic_args(&facts), [pair("BUILDPLATFORM", "linux/arm64"), pair("TARGETARCH", "arm64")]);
    }
}
