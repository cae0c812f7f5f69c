#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::super::sandbox::Sandbox;
use super::*;

fn open(tree: &Sandbox, given: Option<&str>) -> Result<Dockerfile, Error> {
    let given = given.map(|given| tree.path(given));
    Dockerfile::open(given.as_deref(), tree.root(), &fs::canonicalize(tree.root()).unwrap())
}

#[test]
fn the_default_is_dockerfile_in_the_context_and_lower_case_is_second() {
    let tree = Sandbox::new();
    tree.file("dockerfile", "FROM lower");
    assert_eq!(open(&tree, None).unwrap().text, "FROM lower");
    tree.file("Dockerfile", "FROM upper");
    let found = open(&tree, None).unwrap();
    assert_eq!((found.text.as_str(), found.inside.as_deref()), ("FROM upper", Some(b"Dockerfile".as_slice())));
    assert_eq!(found.path, tree.path("Dockerfile"));
}

#[test]
fn a_dockerfile_outside_the_context_has_no_place_in_it() {
    let (tree, other) = (Sandbox::new(), Sandbox::new());
    other.file("Dockerfile", "FROM x");
    tree.symlink("Dockerfile", other.path("Dockerfile").as_os_str().as_bytes());
    let found = open(&tree, None).unwrap();
    assert_eq!((found.text.as_str(), found.inside), ("FROM x", None));
}

#[test]
fn a_symlink_is_resolved_to_the_place_in_the_context() {
    let tree = Sandbox::new();
    tree.file("docker/prod", "FROM x").symlink("Dockerfile", "docker/prod").symlink("link", "docker");
    assert_eq!(open(&tree, None).unwrap().inside.unwrap(), b"docker/prod");
    assert_eq!(open(&tree, Some("link/prod")).unwrap().inside.unwrap(), b"docker/prod");
}

#[test]
fn text_without_an_instruction_is_empty() {
    let tree = Sandbox::new();
    for text in ["", "\n \t\r\n", "# syntax=docker/dockerfile:1\n\n  # x", "\u{feff}# x\n"] {
        tree.file("Dockerfile", text);
        assert!(matches!(open(&tree, None), Err(Error::DockerfileEmpty { .. })), "{text:?}");
    }
    tree.file("Dockerfile", b"\xef\xbb\xbf# caf\xe9\nFROM x");
    assert_eq!(open(&tree, None).unwrap().text, "\u{feff}# caf\u{fffd}\nFROM x");
}

#[test]
fn a_missing_dockerfile_comes_with_those_that_are_there() {
    let tree = Sandbox::new();
    let missing = |given: Option<&str>| match open(&tree, given) {
        Err(Error::DockerfileMissing { candidates, .. }) => {
            let names =
                candidates.iter().map(|path| path.strip_prefix(tree.root()).unwrap().to_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(None), [""; 0]);
    tree.file("app/Dockerfile", "").file("web/Dockerfile", "").file("x/y/Dockerfile", "");
    assert_eq!(missing(None), ["app/Dockerfile", "web/Dockerfile"]);
    assert_eq!(missing(Some("app/Dokerfile")), ["app/Dockerfile"]);
    tree.file("Dockerfile.prod", "")
        .file("Dockerfile.prod.dockerignore", "")
        .folder("Dockerfile.d")
        .file("Containerfile", "");
    assert_eq!(missing(None), ["Dockerfile.prod", "Containerfile"]);
    assert_eq!(missing(Some("Dockerfile.prd")), ["Dockerfile.prod", "Containerfile"]);
    assert_eq!(missing(Some("Containerfile/x")), ["Containerfile", "Dockerfile.prod"]);
}

#[test]
fn a_dangling_symlink_is_a_missing_dockerfile() {
    let tree = Sandbox::new();
    tree.symlink("Dockerfile", "nowhere");
    assert!(matches!(open(&tree, None), Err(Error::DockerfileMissing { .. })));
}

#[test]
fn what_is_no_file_is_refused() {
    let tree = Sandbox::new();
    tree.file("docker/Dockerfile", "FROM x").folder("empty").fifo("pipe");
    let inside = |given| match open(&tree, Some(given)) {
        Err(Error::DockerfileFolder { inside, .. }) => inside,
        other => panic!("{other:?}"),
    };
    assert_eq!(inside("docker"), Some(tree.path("docker/Dockerfile")));
    assert_eq!(inside("empty"), None);
    assert!(matches!(open(&tree, Some("pipe")), Err(Error::DockerfileNotFile { .. })));
}

#[test]
fn an_unreadable_or_huge_dockerfile_is_refused() {
    super::super::sandbox::drop_privileges();
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").mode("Dockerfile", 0);
    assert!(matches!(open(&tree, None), Err(Error::DockerfileUnreadable { .. })));
    tree.file("huge", "");
    File::options().write(true).open(tree.path("huge")).unwrap().set_len(LIMIT + 1).unwrap();
    assert!(matches!(open(&tree, Some("huge")), Err(Error::TooLarge { .. })));
}
