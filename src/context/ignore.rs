//! An ignore file: which paths of the context stay behind.
//!
//! Lines are read as moby/patternmatcher's `ignorefile.ReadAll` and `patternmatcher.New` do, in this order: a byte order
//! mark is dropped; a `#` in the first column begins a comment; white space around is trimmed; `!` makes an exception;
//! the rest is cleaned (`a//b`, `./a`, `a/../b`, a slash at the end) and loses one slash at its beginning.
//!
//! The last pattern that matches a path decides, and a pattern matches a path when it matches the path itself or any of
//! its parents. There is one refinement, which both docker's tar and buildkit's file sync have through
//! `MatchesUsingParentResults`: a folder hands down to its content only the patterns that were tried on it, and a pattern
//! that would change nothing is not tried. So `**/cache` and then `!src` leave `src/cache` excluded, and `*`, `!**/*.go`
//! and then `vendor` keep `vendor/x.go`.

use std::borrow::Cow;

use super::pattern::{Pattern, Problem};

/// The rules of one ignore file, in order. Without rules nothing is excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    exception: bool,
    pattern: Pattern,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub number: usize,
    /// The line without the white space around it; empty when it is too long to show.
    pub text: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What the rules say of one folder or file, kept to judge what lies in it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    excluded: bool,
    /// The rules that matched it or, as far as they were tried, its parents. Empty for the root.
    matched: Vec<bool>,
}

impl Verdict {
    /// Whether it stays behind.
    #[must_use]
    pub fn is_excluded(&self) -> bool {
        self.excluded
    }
}

/// The longest line with its line feed that `bufio.Scanner` takes.
const LONGEST_LINE: usize = 64 * 1024;

impl Ignore {
    /// Reads the text of an ignore file.
    ///
    /// # Errors
    /// Every line that cannot be used.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<BadLine>> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rules = Vec::new();
        let mut bad = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let parsed = if line.len() < LONGEST_LINE { Rule::parse(line) } else { Err(Problem::LongLine) };
            match parsed {
                Ok(rule) => rules.extend(rule),
                Err(problem) => {
                    let shown = if problem == Problem::LongLine { b"" } else { trim(line) };
                    bad.push(BadLine { number: index + 1, text: String::from_utf8_lossy(shown).into_owned(), problem });
                }
            }
        }
        if bad.is_empty() { Ok(Self { rules }) } else { Err(bad) }
    }

    /// Takes patterns as `patternmatcher.New` does, which is how an engine hands on the lines of an ignore file: there
    /// are no comments, and a slash at the beginning stays.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    pub fn from_patterns<'a>(patterns: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, BadLine> {
        let mut rules = Vec::new();
        for (index, pattern) in patterns.into_iter().enumerate() {
            rules.extend(Rule::from_pattern(pattern).map_err(|problem| BadLine {
                number: index + 1,
                text: String::from_utf8_lossy(trim(pattern)).into_owned(),
                problem,
            })?);
        }
        Ok(Self { rules })
    }

    /// Judges a path when its parent has been judged; the parent of a path at the top is `Verdict::default()`, which
    /// also says that the root itself is never excluded.
    #[must_use]
    pub fn judge(&self, path: &[u8], parent: &Verdict) -> Verdict {
        let mut verdict = Verdict { excluded: false, matched: vec![false; self.rules.len()] };
        for (index, rule) in self.rules.iter().enumerate() {
            let inherited = parent.matched.get(index).copied().unwrap_or(false);
            // An exception matters only for what is excluded so far, and the other way round; moby tries no other.
            if inherited || (rule.exception == verdict.excluded && rule.pattern.matches(path)) {
                verdict.matched[index] = true;
                verdict.excluded = !rule.exception;
            }
        }
        verdict
    }

    /// Whether a walk from the root would find the path excluded.
    #[must_use]
    pub fn excludes(&self, path: &[u8]) -> bool {
        lineage(path).fold(Verdict::default(), |parent, path| self.judge(path, &parent)).excluded
    }

    /// Whether the classic builder, which removes the Dockerfile and `.dockerignore` itself, would remove this path:
    /// it tries every rule on the path and on each parent (`removeDockerfile` in moby's `remotecontext/detect.go`).
    #[must_use]
    pub fn engine_removes(&self, path: &[u8]) -> bool {
        let decides = |rule: &&Rule| lineage(path).any(|path| rule.pattern.matches(path));
        self.rules.iter().rev().find(decides).is_some_and(|rule| !rule.exception)
    }

    /// Whether something below a folder could be judged otherwise than the folder itself.
    #[must_use]
    pub fn may_change_below(&self, folder: &[u8], verdict: &Verdict) -> bool {
        // Everything below inherits the rules that matched the folder, so only those behind the last one count, and of
        // these such as turn the verdict.
        let last = verdict.matched.iter().rposition(|matched| *matched).map_or(0, |index| index + 1);
        self.rules[last..].iter().any(|rule| rule.exception == verdict.excluded && rule.pattern.may_match_below(folder))
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    fn parse(line: &[u8]) -> Result<Option<Self>, Problem> {
        // Two passes, as in moby: `/!x` and `/ x` are an exception and `x` only because of the second one.
        normalize(line).map_or(Ok(None), |normal| Self::from_pattern(&normal))
    }

    fn from_pattern(pattern: &[u8]) -> Result<Option<Self>, Problem> {
        let pattern = trim(pattern);
        if pattern.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(pattern);
        let (exception, text) = cleaned.strip_prefix(b"!").map_or((false, cleaned.as_slice()), |text| (true, text));
        if text.is_empty() {
            return Err(Problem::LoneException);
        }
        Ok(Some(Self { exception, pattern: Pattern::compile(text)? }))
    }
}

/// A line as `ignorefile.ReadAll` passes it on.
fn normalize(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    if line.starts_with(b"#") {
        return None;
    }
    let line = trim(line);
    let (exception, text) = line.strip_prefix(b"!").map_or((false, line), |text| (true, trim(text)));
    if text.is_empty() {
        return exception.then_some(Cow::Borrowed(b"!"));
    }
    let cleaned = clean(text);
    let relative = match cleaned.strip_prefix(b"/") {
        Some(rest) if !rest.is_empty() => rest,
        _ => &cleaned,
    };
    Some(Cow::Owned(if exception { [b"!", relative].concat() } else { relative.to_vec() }))
}

/// Go's `strings.TrimSpace`: Unicode white space, on bytes that need not be UTF-8.
fn trim(text: &[u8]) -> &[u8] {
    let blank = |text: &str| text.len() - text.trim_start().len();
    let mut text = text;
    if let Some(chunk) = text.utf8_chunks().next() {
        text = &text[blank(chunk.valid())..];
    }
    if let Some(chunk) = text.utf8_chunks().last().filter(|chunk| chunk.invalid().is_empty()) {
        let end = chunk.valid().len() - chunk.valid().trim_end().len();
        text = &text[..text.len() - end];
    }
    text
}

/// Go's `filepath.Clean`.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/".as_slice(), &joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
pub(crate) fn lineage(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(index, _)| &path[..index]);
    slashes.chain([path])
}

#[cfg(test)]
mod tests;
