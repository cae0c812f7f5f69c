#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;

use super::super::pattern::tests::{path_text, pattern_text};
use super::*;

fn ignore(text: &str) -> Ignore {
    Ignore::parse(text.as_bytes()).unwrap()
}

/// lines, paths that stay behind, paths that are kept.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

#[test]
fn files_exclude_what_docker_excludes() {
    const TABLE: &[Row] = &[
        ("", &[], &["a", "a/b"]),
        ("\n\n  \n", &[], &["a"]),
        // How lines are read.
        ("\u{feff}a", &["a"], &["\u{feff}a"]),
        ("x\n\u{feff}a", &["\u{feff}a"], &["a"]),
        ("# a\na", &["a"], &["# a"]),
        (" # a", &["# a"], &["a"]),
        ("\u{feff}#a", &[], &["a", "#a"]),
        ("a # b", &["a # b"], &["a"]),
        ("  a\t ", &["a"], &[]),
        ("a\r\nb\r\n", &["a", "b"], &[]),
        ("\u{a0}a\u{2003}", &["a"], &[]),
        ("a b", &["a b"], &["a", "b"]),
        // Cleaning.
        ("/a", &["a"], &["b/a"]),
        ("//a//b/", &["a/b"], &["a"]),
        ("./a", &["a"], &[]),
        ("a/../b", &["b"], &["a"]),
        ("a/./b", &["a/b"], &["a"]),
        ("../a", &[], &["a"]),
        ("/../a", &["a"], &[]),
        ("a/", &["a", "a/b"], &["ab"]),
        (".", &[], &["a", ".a"]),
        ("/", &[], &["a"]),
        ("/ a", &["a"], &[]),
        ("a/..", &[], &["a"]),
        // A folder takes its content along.
        ("a", &["a", "a/b", "a/b/c"], &["b/a", "ab"]),
        ("a/b", &["a/b", "a/b/c/d"], &["a", "a/c"]),
        ("*", &["a", "a/b", ".a"], &[]),
        ("*/b", &["a/b", "a/b/c"], &["b", "a/c/b"]),
        ("*/*/b", &["a/a/b"], &["a/b"]),
        ("**/b", &["b", "a/b", "a/b/c"], &["ab"]),
        ("**/*.o", &["a.o", "x/y.o", "x.o/y"], &["a.c"]),
        ("a/**", &["a/b", "a/b/c"], &["a"]),
        ("**", &["a", "a/b"], &[]),
        ("**/", &["a", "a/b"], &[]),
        ("a?", &["ab", "ab/c"], &["a", "a/b"]),
        ("A", &["A"], &["a"]),
        // Exceptions.
        ("a\n!a/b", &["a", "a/c"], &["a/b", "a/b/c"]),
        ("a/*\n!a/b", &["a/c"], &["a", "a/b"]),
        ("!a\na", &["a"], &[]),
        ("*\n!a", &["b", "b/a"], &["a", "a/b"]),
        ("*\n!a/b/c", &["a", "a/b", "a/x"], &["a/b/c", "a/b/c/d"]),
        ("*\n!*.md\nREADME*.md", &["README.md", "a"], &["x.md"]),
        ("*.md\n!README*.md\nREADME-x.md", &["a.md", "README-x.md"], &["README.md"]),
        ("*\n!**/*.go", &["a", "a/b", "x/y.c"], &["m.go", "a/b/m.go"]),
        ("**\n!a/b/c\na/b/c/d", &["a/b/c/d", "a/x"], &["a/b/c", "a/b/c/e"]),
        ("a\n! a/b", &["a"], &["a/b"]),
        ("a\n!/a/b", &["a/c"], &["a/b"]),
        ("a\n!./a/b/", &["a/c"], &["a/b"]),
        ("a\n/!a/b", &["a/c"], &["a/b"]),
        ("!x\n!!x", &[], &["x", "!x"]),
        ("*\n!!x", &["x"], &["!x"]),
        ("\\!x", &["!x"], &["x"]),
        ("*\n!a\n!b/**\nb/c", &["b", "b/c", "c"], &["a", "b/d"]),
        // A rule that would change nothing is not tried, so it is not handed down.
        ("**/cache\n!src", &["src/cache", "cache", "src/a/cache"], &["src", "src/x"]),
        ("a/b\n!a", &["a/b", "a/b/c"], &["a", "a/c"]),
        ("*\n!**/*.go\nvendor", &["vendor", "vendor/x.c"], &["vendor/x.go", "x.go"]),
        ("*\n!a\na/b\n!a/b/c", &["a/b", "a/b/d"], &["a", "a/c", "a/b/c"]),
    ];
    for (text, excluded, kept) in TABLE {
        let ignore = ignore(text);
        excluded.iter().for_each(|path| assert!(ignore.excludes(path.as_bytes()), "{text:?} must exclude {path:?}"));
        kept.iter().for_each(|path| assert!(!ignore.excludes(path.as_bytes()), "{text:?} must keep {path:?}"));
    }
}

#[test]
fn every_bad_line_is_named_with_its_number() {
    let long = "x".repeat(64 * 1024);
    let text = format!("a\n [b \n#[\n!\n! \n!/\n{long}\n!c\\\nd");
    let found: Vec<_> = Ignore::parse(text.as_bytes()).unwrap_err();
    let found: Vec<_> = found.iter().map(|bad| (bad.number, bad.text.as_str(), bad.problem)).collect();
    assert_eq!(
        found,
        [
            (2, "[b", Problem::OpenClass),
            (4, "!", Problem::LoneException),
            (5, "!", Problem::LoneException),
            (6, "!/", Problem::LoneException),
            (7, "", Problem::LongLine),
            (8, "!c\\", Problem::TrailingBackslash),
        ]
    );
}

#[test]
fn a_line_of_just_under_64_kib_is_taken() {
    assert!(Ignore::parse("x".repeat(64 * 1024 - 1).as_bytes()).is_ok());
}

#[test]
fn bytes_that_are_not_utf8_are_trimmed_and_matched() {
    let ignore = Ignore::parse(b"  \xff/caf\xe9 \n \xe9").unwrap();
    assert!(ignore.excludes(b"\xff/caf\xe9"));
    assert!(ignore.excludes(b"\xe9"));
    assert!(!ignore.excludes(b"\xff"));
}

#[test]
fn the_engine_removes_by_any_parent() {
    assert!(ignore("Dockerfile").engine_removes(b"Dockerfile"));
    assert!(ignore("docker").engine_removes(b"docker/prod/Dockerfile"));
    assert!(!ignore("*\n!Dockerfile").engine_removes(b"Dockerfile"));
    assert!(!ignore("docker/Dockerfile\n!docker").engine_removes(b"docker/Dockerfile"));
    assert!(!ignore("").engine_removes(b".dockerignore"));
}

#[test]
fn an_excluded_folder_is_walked_only_for_an_exception_that_could_lie_in_it() {
    let walked = |text: &str, folder: &str| {
        let ignore = ignore(text);
        let verdict = lineage(folder.as_bytes()).fold(Verdict::default(), |parent, path| ignore.judge(path, &parent));
        assert!(verdict.is_excluded(), "{text:?} {folder}");
        ignore.may_change_below(folder.as_bytes(), &verdict)
    };
    assert!(!walked("a", "a"));
    assert!(walked("a\n!a/b", "a"));
    assert!(!walked("a\n!b/c", "a"));
    assert!(!walked("!a/b\na", "a"));
    assert!(walked("*\n!**/*.go", "node_modules"));
    assert!(!walked("a\n!**/*.go\n**/b", "x/b"));
    assert!(!walked("*\n!*.go", "node_modules"));
    assert!(walked("*\n!*/x", "a"));
    assert!(!walked("*\n!*/x", "a/b"));
}

/// `MatchesUsingParentResults` told step by step: what each level knows of each rule.
fn model(rules: &[(bool, Pattern)], path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let mut known = vec![false; rules.len()];
    let mut excluded = false;
    for depth in 1..=parts.len() {
        let here = parts[..depth].join("/");
        excluded = false;
        for ((exception, pattern), known) in rules.iter().zip(&mut known) {
            if !*known {
                let skipped = if *exception { !excluded } else { excluded };
                if skipped {
                    continue;
                }
                *known = pattern.matches(here.as_bytes());
            }
            if *known {
                excluded = !exception;
            }
        }
    }
    excluded
}

fn lines() -> impl Strategy<Value = Vec<(bool, String)>> {
    let line = (any::<bool>(), pattern_text().prop_map(|text| text.trim_matches('/').to_owned()));
    proptest::collection::vec(line.prop_filter("a pattern", |(_, text)| !text.is_empty()), 0..5)
}

fn text(lines: &[(bool, String)]) -> String {
    let lines: Vec<_> = lines.iter().map(|(not, line)| format!("{}{line}", if *not { "!" } else { "" })).collect();
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn verdicts_are_those_of_the_model(lines in lines(), path in path_text()) {
        let text = text(&lines);
        let Ok(ignore) = Ignore::parse(text.as_bytes()) else { return Ok(()) };
        let rules = ignore.rules.iter().map(|rule| (rule.exception, rule.pattern.clone())).collect::<Vec<_>>();
        prop_assert_eq!(ignore.excludes(path.as_bytes()), model(&rules, &path), "{:?} on {:?}", text, path);
    }

    #[test]
    fn pruning_loses_nothing(lines in lines(), path in path_text()) {
        let text = text(&lines);
        let Ok(ignore) = Ignore::parse(text.as_bytes()) else { return Ok(()) };
        let excluded = ignore.excludes(path.as_bytes());
        let mut verdict = Verdict::default();
        for (end, _) in path.match_indices('/') {
            let folder = &path.as_bytes()[..end];
            verdict = ignore.judge(folder, &verdict);
            if verdict.is_excluded() != excluded {
                prop_assert!(ignore.may_change_below(folder, &verdict), "{:?} on {:?}", text, path);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>, path: Vec<u8>) {
        if let Ok(ignore) = Ignore::parse(&text) {
            let _ = ignore.excludes(&path);
            let _ = ignore.engine_removes(&path);
        }
    }
}

#[test]
fn paths_are_cleaned_as_go_cleans_them() {
    for (path, cleaned) in [
        ("a", "a"),
        ("a/b", "a/b"),
        ("", "."),
        (".", "."),
        ("/", "/"),
        ("//", "/"),
        ("a/", "a"),
        ("a//b", "a/b"),
        ("./a", "a"),
        ("a/.", "a"),
        ("a/..", "."),
        ("a/../b", "b"),
        ("..", ".."),
        ("../..", "../.."),
        ("a/../..", ".."),
        ("/..", "/"),
        ("/a/../../b", "/b"),
        ("a/b/../../../c", "../c"),
        ("!./a", "!./a"),
    ] {
        assert_eq!(String::from_utf8(clean(path.as_bytes())).unwrap(), cleaned, "{path}");
    }
}
