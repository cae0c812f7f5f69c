#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, path: &str) -> bool {
    Pattern::compile(pattern.as_bytes()).unwrap().matches(path.as_bytes())
}

/// pattern, paths that match as a whole, paths that do not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

#[test]
fn patterns_match_the_paths_that_moby_matches() {
    const TABLE: &[Row] = &[
        // Plain text.
        ("readme", &["readme"], &["Readme", "readme.md", "docs/readme", "readm", ""]),
        ("a.c", &["a.c"], &["abc", "ac"]),
        ("a.|)$(}+{c", &["a.|)$(}+{c"], &["a", "a.|"]),
        ("src/a(1)/x", &["src/a(1)/x"], &["src/a1/x"]),
        ("a^b", &["a^b"], &["ab"]),
        ("bär", &["bär"], &["bar", "ba\u{308}r"]),
        ("with space", &["with space"], &["with", "withspace"]),
        ("x]", &["x]"], &["x"]),
        ("!x", &["!x"], &["x"]),
        ("#x", &["#x"], &["x"]),
        // One component.
        ("*", &["a", ".a", "a.b", "a\nb"], &["a/b"]),
        ("*.o", &["a.o", ".o", "a.b.o"], &["a.c", "d/a.o", "a.oo"]),
        ("a*", &["a", "ab", "a."], &["ba", "a/b"]),
        ("*a*", &["a", "bab", "ba"], &["b", "b/a"]),
        ("a*/b", &["a/b", "ax/b"], &["a/c/b", "ab", "a/b/c"]),
        ("*/*", &["a/b"], &["a", "a/b/c"]),
        ("*/b", &["a/b"], &["b", "a/a/b"]),
        ("a*b*c", &["abc", "axxbyyc", "abbcc"], &["acb", "abcx"]),
        ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
        (".*", &[".a", "."], &["a"]),
        ("?", &["a", "ä", "☺", "\n"], &["", "ab", "/"]),
        ("a?c", &["abc", "a☺c"], &["ac", "a/c", "abbc"]),
        ("a???c", &["axyzc"], &["a☺c"]),
        // Classes.
        ("[abc]", &["a", "c"], &["d", "ab", ""]),
        ("a[b-d]e", &["abe", "ade"], &["ae", "aae", "aee"]),
        ("a[^b-d]e", &["aae", "aze"], &["abe", "ace"]),
        ("[^a]x", &["bx", "/x"], &["ax"]),
        ("[!a]", &["!", "a"], &["b"]),
        ("[*?]", &["*", "?"], &["a", "[*?]"]),
        ("[a-ζ]*", &["α", "ab"], &["A"]),
        ("[\\]a]", &["]", "a"], &["\\"]),
        ("[\\-x]", &["-", "x"], &["z"]),
        ("[x\\-]", &["x", "-"], &["z", "\\"]),
        ("[+-\\-]", &["+", ",", "-"], &["."]),
        ("[[]", &["["], &["]"]),
        ("*.[ch]", &["a.c", "a.h"], &["a.o", "d/a.c"]),
        ("a[^a][^a]b", &["axyb"], &["a☺b"]),
        // Escapes.
        ("a\\*b", &["a*b"], &["ab", "axb", "a\\*b"]),
        ("a\\\\", &["a\\"], &["a", "a\\\\"]),
        ("\\_\\ ", &["_ "], &["\\_"]),
        ("\\[x", &["[x"], &["x"]),
        ("\\!x", &["!x"], &["\\!x"]),
        // Many components.
        ("**", &["a", "a/b", "a\nb/c", ".x"], &[]),
        ("**/**", &["a", "a/b/c"], &["a\nb"]),
        ("a/**", &["a/b", "a/b/c", "a/b\nc"], &["a", "ab", "b/a/c"]),
        ("a**", &["a", "ab", "a/b"], &["ba"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a", "ab", "a/xb", "a/b/c"]),
        ("a**b", &["ab", "ax/b", "a/b"], &["axb"]),
        ("a**/*.t", &["a/x.t", "a.t", "a/b/x.t", "ax/x.t"], &["b/x.t", "a/x.s"]),
        ("a/*.t**", &["a/x.t", "a/x.tt", "a/x.t/y"], &["a/x.s", "x.t"]),
        ("**/a", &["a", "b/a", "b/c/a", "b\nc/a"], &["ba", "b/ba", "a/b"]),
        ("**a", &["a", "ba", "b/a", "b/ca"], &["ab"]),
        ("**/.a", &[".a", "b/.a"], &["b.a"]),
        ("**/a/b", &["a/b", "x/a/b", "x/y/a/b"], &["xa/b", "a/x/b"]),
        ("**/a/**", &["a/b", "x/a/b/c"], &["a", "x/a", "xa/b"]),
        ("**/a/*", &["a/b", "x/a/b"], &["a", "a/b/c"]),
        ("**/a*", &["a", "ab", "x/ab"], &["ba", "ab/c", "x\ny/ab"]),
        ("**a*", &["a", "ab", "x/ab"], &["xa"]),
        ("**/*.t", &["x.t", "a/x.t", "a/b/.t"], &["x.s", "x.t/a"]),
        ("**/**/*.t", &["x.t", "a/x.t", "a/b/c/x.t"], &["x.u"]),
        ("**/f*.t*", &["f.t", "a/fx.tt"], &["gx.t"]),
        ("**/[ab]", &["a", "x/b"], &["c", "xa"]),
        ("***", &["a", "a/b"], &["a\nb/c"]),
        ("a/**/**/b", &["a/b", "a/x/b"], &["ab"]),
        ("\\./**", &["./b"], &[".", "./b\nc"]),
    ];
    let cases: usize = TABLE.iter().map(|(_, yes, no)| yes.len() + no.len()).sum();
    assert!(cases >= 200, "{cases}");
    for (pattern, yes, no) in TABLE {
        yes.iter().for_each(|path| assert!(matches(pattern, path), "`{pattern}` must match {path:?}"));
        no.iter().for_each(|path| assert!(!matches(pattern, path), "`{pattern}` must not match {path:?}"));
    }
}

#[test]
fn a_malformed_pattern_is_refused_for_its_own_reason() {
    for (pattern, problem) in [
        ("[", Problem::OpenClass),
        ("a[", Problem::OpenClass),
        ("[^", Problem::OpenClass),
        ("[^bc", Problem::OpenClass),
        ("x/[ab/y", Problem::OpenClass),
        ("[\\]", Problem::OpenClass),
        ("[\\", Problem::OpenClass),
        ("*[a", Problem::OpenClass),
        ("[]", Problem::EmptyClass),
        ("[]a]", Problem::EmptyClass),
        ("[^]a]", Problem::EmptyClass),
        ("[-]", Problem::OpenRange),
        ("[x-]", Problem::OpenRange),
        ("[-x]", Problem::OpenRange),
        ("[a-b-c]", Problem::OpenRange),
        ("[+--]", Problem::OpenRange),
        ("[z-a]", Problem::BackwardRange),
        ("\\", Problem::TrailingBackslash),
        ("a/b\\", Problem::TrailingBackslash),
        ("**\\", Problem::TrailingBackslash),
        ("build\\debug", Problem::EscapedLetter),
        ("\\ä", Problem::EscapedLetter),
        ("[\\d]", Problem::EscapedLetter),
    ] {
        assert_eq!(Pattern::compile(pattern.as_bytes()).unwrap_err(), problem, "{pattern}");
    }
    assert_eq!(Pattern::compile(b"[\xff]").unwrap_err(), Problem::ForeignByte);
}

#[test]
fn a_byte_that_is_not_utf8_is_one_character() {
    let pattern = |text: &[u8]| Pattern::compile(text).unwrap();
    assert!(pattern(b"caf\xe9").matches(b"caf\xe9"));
    assert!(!pattern(b"caf\xe9").matches("café".as_bytes()));
    assert!(pattern(b"caf?").matches(b"caf\xe9"));
    assert!(pattern(b"caf?").matches("café".as_bytes()));
    assert!(pattern(b"c*\xe9").matches(b"ca\xff\xe9"));
    assert!(!pattern(b"c*\xe9").matches(b"ca\xff\xe8"));
    assert!(pattern(b"[^a]").matches(b"\xff"));
}

#[test]
fn a_pattern_full_of_wildcards_takes_no_exponential_time() {
    let path = format!("{}/b", "a".repeat(4000));
    let begun = Instant::now();
    for pattern in ["*a".repeat(60) + "c", "**a*/".repeat(40) + "c", "**/*a".repeat(40) + "c", "*".repeat(301) + "c"] {
        assert!(!matches(&pattern, &path), "{pattern}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// moby's matching written another way: by plain recursion over the text of the pattern.
fn model(pattern: &str, path: &str) -> bool {
    let special = |text: &str| text.contains(['*', '?', '[', ']', '\\']);
    if !special(pattern) {
        return pattern == path;
    }
    if let Some(prefix) = pattern.strip_suffix("**").filter(|prefix| !special(prefix)) {
        return path.starts_with(prefix);
    }
    if let Some(suffix) = pattern.strip_prefix("**").filter(|suffix| !special(suffix)) {
        return path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path);
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    recurse(&pattern, &path)
}

fn recurse(pattern: &[char], path: &[char]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*', '*', '/', rest @ ..] | ['*', '*', rest @ ..] => {
            if rest.is_empty() {
                return !path.contains(&'\n');
            }
            let behind_a_slash = |end: usize| path[end - 1] == '/' && !path[..end].contains(&'\n');
            recurse(rest, path) || (1..=path.len()).any(|end| behind_a_slash(end) && recurse(rest, &path[end..]))
        }
        ['*', rest @ ..] => (0..=path.len()).any(|end| !path[..end].contains(&'/') && recurse(rest, &path[end..])),
        ['?', rest @ ..] => path.first().is_some_and(|char| *char != '/') && recurse(rest, &path[1..]),
        ['[', '^', low, '-', high, ']', rest @ ..] => {
            path.first().is_some_and(|char| !(low..=high).contains(&char)) && recurse(rest, &path[1..])
        }
        ['[', low, '-', high, ']', rest @ ..] => {
            path.first().is_some_and(|char| (low..=high).contains(&char)) && recurse(rest, &path[1..])
        }
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => path.first() == Some(literal) && recurse(rest, &path[1..]),
    }
}

pub(in crate::context) fn pattern_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[ab./]", 3 => Just("/".to_owned()), 3 => Just("*".to_owned()), 4 => Just("**/".to_owned()),
        2 => Just("**".to_owned()), 1 => Just("?".to_owned()), 1 => Just("[a-b]".to_owned()),
        1 => Just("[^a-b]".to_owned()), 1 => Just("\\.".to_owned()), 1 => Just("\\*".to_owned()), 1 => Just("ä".to_owned()),
    ];
    proptest::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

pub(in crate::context) fn path_text() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab.ä*\n]{1,3}", 1..5).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_pattern_matches_as_the_recursive_model_does(
        pattern in pattern_text().prop_filter("cleaned", |text| !text.ends_with('/')), path in path_text()
    ) {
        prop_assert_eq!(matches(&pattern, &path), model(&pattern, &path), "{:?} on {:?}", pattern, path);
    }

    #[test]
    fn a_folder_above_a_match_is_never_ruled_out(pattern in pattern_text(), path in path_text()) {
        let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
        if pattern.matches(path.as_bytes()) {
            for (end, _) in path.match_indices('/') {
                prop_assert!(pattern.may_match_below(&path.as_bytes()[..end]), "{:?} {:?}", pattern, &path[..end]);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(pattern: Vec<u8>, path: Vec<u8>) {
        if let Ok(pattern) = Pattern::compile(&pattern) {
            let _ = pattern.matches(&path);
            let _ = pattern.may_match_below(&path);
        }
    }
}

#[test]
fn a_folder_that_a_pattern_cannot_reach_is_ruled_out() {
    let below =
        |pattern: &str, folder: &str| Pattern::compile(pattern.as_bytes()).unwrap().may_match_below(folder.as_bytes());
    assert!(below("docs/api/x.md", "docs"));
    assert!(below("docs/api/x.md", "docs/api"));
    assert!(!below("docs/api/x.md", "docs/api/x.md"));
    assert!(!below("docs/api/x.md", "src"));
    assert!(!below("docs/*.md", "docs/api"));
    assert!(!below("docs", "docs"));
    assert!(below("docs/**", "docs"));
    assert!(below("docs**", "docs"));
    assert!(below("**/x", "any/thing"));
    assert!(below("*/x", "any"));
    assert!(!below("*/x", "any/thing"));
}
