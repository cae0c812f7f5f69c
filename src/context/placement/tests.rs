#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

const DOCKERFILE: &[u8] = b"FROM scratch\n";
const NAME: &str = ".dockerfile.f4e7a9e2b4b0f3b2d1c0";

struct Case {
    inside: Option<&'static str>,
    root_ignore: Option<&'static str>,
    /// `<Dockerfile>.dockerignore`.
    own_ignore: Option<&'static str>,
}

fn decide(case: &Case) -> Placement {
    let rules = |text: &str| Ignore::parse(text.as_bytes()).unwrap();
    let root_ignore = case.root_ignore.map(|text| RootIgnore {
        content: text.into(),
        rules: rules(text),
        regular: true,
        mode: 0o640,
        mtime: 5,
    });
    let ignore = case.own_ignore.or(case.root_ignore).map(rules).unwrap_or_default();
    let selection = Selection { ignore, ..Selection::default() };
    Placement::decide(case.inside.map(str::as_bytes), DOCKERFILE, root_ignore.as_ref(), &selection, |_| true)
}

/// The placement in words: the Dockerfile's name, `required` or not, the content of the `.dockerignore` made.
fn words(inside: Option<&'static str>, root_ignore: Option<&'static str>, own_ignore: Option<&'static str>) -> String {
    let placement = decide(&Case { inside, root_ignore, own_ignore });
    let required = if placement.required.is_some() { " required" } else { "" };
    let ignore = placement.extras.iter().find(|extra| extra.path == IGNORE);
    assert_eq!(placement.replaces_ignore, ignore.is_some());
    let ignore = ignore.map(|extra| format!(" {:?}", String::from_utf8_lossy(&extra.content))).unwrap_or_default();
    let made = placement.extras.iter().find(|extra| extra.path == placement.name);
    assert_eq!(made.is_some(), placement.name.starts_with(".dockerfile."));
    assert!(made.is_none_or(|extra| extra.content == DOCKERFILE));
    format!("{}{required}{ignore}", placement.name).replace(&free_name(DOCKERFILE, |_| true), "EXTRA")
}

#[test]
fn what_the_builder_would_do_anyway_is_left_to_it() {
    let top = Some("Dockerfile");
    assert_eq!(words(top, None, None), "Dockerfile");
    assert_eq!(words(top, Some("node_modules"), None), "Dockerfile");
    assert_eq!(words(top, Some("Dockerfile"), None), "Dockerfile required");
    assert_eq!(words(top, Some(".dockerignore"), None), "Dockerfile");
    assert_eq!(words(Some("docker/Dockerfile"), Some("*.md"), None), "docker/Dockerfile");
    assert_eq!(words(top, Some("*\n!src\n!Dockerfile\n!.dockerignore"), None), "Dockerfile");
}

#[test]
fn a_dockerfile_that_must_not_be_seen_travels_under_a_name_of_its_own() {
    let made = r#"EXTRA ".dockerignore\nEXTRA\n""#;
    assert_eq!(words(None, None, None), made);
    assert_eq!(words(None, Some("*\n!src"), None), made);
    assert_eq!(words(Some("Dockerfile"), Some("*\n!src"), None), made);
    assert_eq!(words(Some("docker/Dockerfile"), Some("docker\n.dockerignore"), None), made);
    assert_eq!(words(Some("Dockerfile"), None, Some("Dockerfile")), made);
}

#[test]
fn an_ignore_file_that_is_sent_gets_a_line_more_only_when_it_must() {
    assert_eq!(words(None, Some("*.md"), None), r#"EXTRA "*.md\nEXTRA\n""#);
    assert_eq!(words(Some("docker/Dockerfile"), Some("docker"), None), r#"EXTRA "docker\nEXTRA\n""#);
    // Another file is in force: what `.dockerignore` says must not happen.
    assert_eq!(words(Some("Dockerfile"), Some("Dockerfile"), Some("*.md")), r#"EXTRA "Dockerfile\nEXTRA\n""#);
    assert_eq!(words(Some("Dockerfile"), Some("*"), Some("*.md")), r#"EXTRA "*\nEXTRA\n!.dockerignore\n""#);
    assert_eq!(words(Some("Dockerfile"), Some("*.c"), Some("*.md")), "Dockerfile");
}

#[test]
fn an_amended_ignore_file_keeps_mode_and_time() {
    let placement = decide(&Case { inside: None, root_ignore: Some("x"), own_ignore: None });
    let ignore = placement.extras.iter().find(|extra| extra.path == IGNORE).unwrap();
    assert_eq!((ignore.mode, ignore.mtime), (0o640, 5));
}

#[test]
fn the_name_comes_from_the_content_and_gives_way_to_a_file_of_the_tree() {
    let name = free_name(DOCKERFILE, |_| true);
    assert_eq!((name.len(), name.starts_with(".dockerfile.")), (NAME.len(), true));
    assert_ne!(name, free_name(b"FROM other\n", |_| true));
    assert_eq!(free_name(DOCKERFILE, |free| free != name), format!("{name}x"));
}
