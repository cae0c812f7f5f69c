//! What in a Dockerfile the classic builder would leave undone without a word, found before the build.
//!
//! Measured with 26.1 and 28.5: `RUN <<EOF` runs an empty command and succeeds, `ADD --checksum` checks nothing, `ADD` of a git
//! repository stores the web page, and `TARGETARCH` is empty. 20.10 knows some of these words as errors, others neither.

use super::{BuildError, Facts};

/// The variables that `BuildKit` sets by itself for a stage that declares them (buildkit `frontend/dockerfile`, global args).
const AUTOMATIC: [&str; 6] = ["TARGETPLATFORM", "TARGETOS", "TARGETARCH", "BUILDPLATFORM", "BUILDOS", "BUILDARCH"];

/// What was found in a Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    only_buildkit: Option<String>,
    automatic: Vec<&'static str>,
}

impl Dockerfile {
    /// Looks through a Dockerfile. One that is not valid gives nothing: the engine says better what is wrong.
    #[must_use]
    pub fn scan(text: &str) -> Self {
        let mut found = Self::default();
        for instruction in instructions(text) {
            if let Some(what) = only_buildkit(&instruction.text) {
                found.only_buildkit = Some(format!("line {}: {what}", instruction.line));
                // Behind a here-document the lines are no instructions.
                break;
            }
            let mut words = instruction.text.split_whitespace();
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("ARG")) {
                for name in words.map(|word| word.split_once('=').map_or(word, |(name, _)| name)) {
                    found.automatic.extend(AUTOMATIC.iter().filter(|automatic| **automatic == name));
                }
            }
        }
        found
    }

    /// The failure that a build would hide.
    #[must_use]
    pub fn needs_buildkit(&self) -> Option<BuildError> {
        self.only_buildkit.clone().map(|what| BuildError::NeedsBuildKit { what })
    }

    /// The build arguments that `BuildKit` would add, for those that the Dockerfile declares: build on and for the engine's own
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

/// An instruction with its continuation lines joined.
struct Instruction {
    line: usize,
    text: String,
}

/// As buildkit `frontend/dockerfile/parser` splits them.
fn instructions(text: &str) -> Vec<Instruction> {
    let escape = escape_character(text);
    let mut all: Vec<Instruction> = Vec::new();
    let mut open = false;
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (piece, goes_on) = match trimmed.strip_suffix(escape) {
            Some(piece) => (piece, true),
            None => (trimmed, false),
        };
        match all.last_mut().filter(|_| open) {
            Some(last) => {
                last.text.push(' ');
                last.text.push_str(piece);
            }
            None => all.push(Instruction { line: number, text: piece.to_owned() }),
        }
        open = goes_on;
    }
    all
}

/// The `# escape=` directive, which stands before anything else but other directives.
fn escape_character(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
    let escape = directives.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    if escape.is_some_and(|(_, value)| value.trim() == "`") { '`' } else { '\\' }
}

fn only_buildkit(instruction: &str) -> Option<String> {
    let mut words = instruction.split_whitespace();
    let name = words.next()?.to_uppercase();
    let flags: &[&str] = match name.as_str() {
        "ONBUILD" => return only_buildkit(instruction.split_once(char::is_whitespace)?.1.trim_start()),
        "RUN" => &["mount", "network", "security", "device"],
        "COPY" | "ADD" => &["chmod", "parents", "exclude", "checksum", "keep-git-dir", "unpack"],
        _ => return None,
    };
    let mut arguments = words.skip_while(|word| word.starts_with("--")).peekable();
    let given = instruction.split_whitespace().skip(1).map_while(|word| word.strip_prefix("--"));
    let flag = given.map(|flag| flag.split_once('=').map_or(flag, |(flag, _)| flag)).find(|flag| flags.contains(flag));
    if let Some(flag) = flag {
        return Some(format!("`{name} --{flag}`"));
    }
    if arguments.peek().is_some_and(|first| first.starts_with('[')) {
        return None;
    }
    if let Some(word) = arguments.clone().find(|word| is_here_document(word)) {
        return Some(format!("`{name} {word}` (here-document)"));
    }
    let git = arguments.find(|word| name == "ADD" && is_git(word))?;
    Some(format!("`ADD {git}` (git repository)"))
}

/// buildkit `frontend/dockerfile/parser`, `reHeredoc`, for names that can be one.
fn is_here_document(word: &str) -> bool {
    let Some(name) = word.trim_start_matches(|character: char| character.is_ascii_digit()).strip_prefix("<<") else {
        return false;
    };
    let name = name.strip_prefix('-').unwrap_or(name).trim_start_matches(['"', '\'']);
    !name.contains('<') && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
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

    fn found(text: &str) -> Option<String> {
        Dockerfile::scan(text).only_buildkit
    }

    #[test]
    fn what_would_be_left_undone_without_a_word_is_found() {
        let line = |text: &str| found(&format!("FROM a\n{text}\n"));
        assert_eq!(line("RUN <<EOF\nexit 3\nEOF").as_deref(), Some("line 2: `RUN <<EOF` (here-document)"));
        assert_eq!(line("run cat <<-'EOF' > /x").as_deref(), Some("line 2: `RUN <<-'EOF'` (here-document)"));
        assert_eq!(line("COPY <<a <<b /x/").as_deref(), Some("line 2: `COPY <<a` (here-document)"));
        assert_eq!(line("ADD --checksum=sha256:1 https://x/y /").as_deref(), Some("line 2: `ADD --checksum`"));
        assert_eq!(
            line("ADD https://github.com/a/b.git#v1 /").as_deref(),
            Some("line 2: `ADD https://github.com/a/b.git#v1` (git repository)")
        );
        assert_eq!(line("RUN --mount=type=cache,target=/x \\\n make").as_deref(), Some("line 2: `RUN --mount`"));
        assert_eq!(line("ONBUILD COPY --chown=1 --chmod=755 a b").as_deref(), Some("line 2: `COPY --chmod`"));
    }

    #[test]
    fn what_the_classic_builder_does_as_well_is_not() {
        for text in [
            "RUN echo $((1<<2)) $(( 1 << 2 )) '<<' <<<word",
            "RUN [\"sh\", \"-c\", \"cat <<EOF\"]",
            "RUN make --mount=x",
            "COPY --from=a --chown=1:1 --link x y",
            "ADD https://github.com/a/b.git.tar /",
            "ENV A=<<EOF",
            "# RUN <<EOF",
            "RUN a \\\n# RUN <<EOF\n\n && b",
        ] {
            assert_eq!(found(&format!("FROM a\n{text}\n")), None, "{text}");
        }
    }

    #[test]
    fn continuation_lines_follow_the_escape_directive() {
        assert_eq!(
            found("# escape=`\nFROM a\nRUN dir c:\\\nRUN <<EOF\n").as_deref(),
            Some("line 4: `RUN <<EOF` (here-document)")
        );
        assert_eq!(found("FROM a\nRUN b \\  \n  <<EOF\n").as_deref(), Some("line 2: `RUN <<EOF` (here-document)"));
    }

    #[test]
    fn automatic_variables_that_are_declared_get_their_values() {
        let facts = Facts {
            version: String::new(),
            api: super::super::ApiVersion::OLDEST,
            newest_api: super::super::ApiVersion::OLDEST,
            oldest_api: None,
            storage: None,
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            builder: None,
            address: String::new(),
        };
        let scan = Dockerfile::scan("ARG BUILDPLATFORM\nFROM a\nARG TARGETARCH=x OTHER\nARG TARGETARCH\n");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(scan.automatic_args(&facts), [pair("BUILDPLATFORM", "linux/arm64"), pair("TARGETARCH", "arm64")]);
    }
}
