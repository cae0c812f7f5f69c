//! A table of wishes and what comes of them.

use super::*;
use crate::config::{BuildSecret, SecretSource, Ulimit};
use crate::dockerfile::Dockerfile;
use crate::engine::plain;

fn engine(version: &str, minor: u16) -> Facts {
    Facts {
        version: version.to_owned(),
        api: ApiVersion { major: 1, minor },
        storage: None,
        index: None,
        plugins: Vec::new(),
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        address: String::new(),
    }
}

/// What comes of it in words: the choice, or the failures with their hints.
fn chosen(builder: Builder, change: impl Fn(&mut Build), old: bool, dockerfile: &str) -> String {
    let mut build = plain();
    change(&mut build);
    let engine = if old { engine("20.10.24", 41) } else { engine("26.1.5", 45) };
    let needs = Dockerfile::parse(dockerfile.as_bytes()).needs_buildkit(None);
    let wishes = Wishes {
        builder,
        build: &build,
        cache_from: &[],
        engine: &engine,
        foreign: &[],
        only_buildkit: needs.as_ref(),
        not_utf8: None,
    };
    match choose(&wishes) {
        Ok(choice) => format!("{}, falls back: {}", choice.words, choice.falls_back),
        Err(failures) => failures.iter().map(|failure| format!("{failure}\n")).collect(),
    }
}

fn nothing(_: &mut Build) {}

fn limits(build: &mut Build) {
    build.shm_size = Some(1);
    build.ulimits = vec![Ulimit { name: "nofile".to_owned(), soft: 1, hard: 1 }];
}

fn secret(build: &mut Build) {
    let source = SecretSource::File("x".into());
    build.secrets = vec![BuildSecret { id: "x".to_owned(), source }];
}

#[test]
fn buildkit_is_taken_wherever_it_does_all_that_is_asked_for() {
    assert_eq!(chosen(Builder::Auto, nothing, true, "FROM a\n"), "BuildKit, falls back: true");
    assert_eq!(chosen(Builder::Auto, limits, false, "FROM a\n"), "BuildKit, falls back: true");
    assert_eq!(chosen(Builder::Auto, secret, false, "FROM a\n"), "BuildKit, falls back: false");
    assert_eq!(chosen(Builder::Buildkit, nothing, true, "FROM a\n"), "BuildKit, falls back: false");
    assert_eq!(chosen(Builder::Classic, nothing, false, "FROM a\n"), "classic, as `BUILDER` says, falls back: false");
}

#[test]
fn what_buildkit_would_ignore_is_done_by_the_classic_builder() {
    insta::assert_snapshot!(chosen(Builder::Auto, limits, true, "FROM a\n"), @"classic, for `SHM_SIZE`: BuildKit in engine 20.10.24 ignores it, falls back: false");
    insta::assert_snapshot!(chosen(Builder::Auto, |build| build.network = Some("ci".to_owned()), false, "FROM a\n"), @"classic, for `NETWORK`: BuildKit knows only `default`, `none` and `host`, falls back: false");
}

#[test]
fn a_file_name_that_is_not_utf8_is_left_to_the_classic_builder_if_that_will_do() {
    use std::os::unix::ffi::OsStrExt as _;
    let (build, engine) = (plain(), engine("28.5.2", 51));
    let path = Path::new(std::ffi::OsStr::from_bytes(b"a/\xfc"));
    let needs = Dockerfile::parse(b"FROM a\nRUN <<EOF\nEOF\n").needs_buildkit(None);
    let wishes = |only_buildkit| Wishes {
        foreign: &[],
        builder: Builder::Auto,
        build: &build,
        cache_from: &[],
        engine: &engine,
        only_buildkit,
        not_utf8: Some(path),
    };
    let words = |only_buildkit| choose(&wishes(only_buildkit)).map(|choice| choice.words);
    assert_eq!(
        words(None).as_deref(),
        Ok("classic, for `a/\u{fffd}` in the context: BuildKit takes only file names that are UTF-8")
    );
    assert_eq!(words(needs.as_ref()).as_deref(), Ok("BuildKit"), "the file may not be asked for");
}

#[test]
fn what_no_builder_does_is_told_before_the_build() {
    insta::assert_snapshot!(chosen(Builder::Auto, limits, true, "FROM a\nRUN <<EOF\nEOF\n"), @r#"
        `SHM_SIZE`: BuildKit in engine 20.10.24 ignores it, and a here-document (line 2) in the Dockerfile needs BuildKit
        `ULIMITS`: BuildKit in engine 20.10.24 ignores it, and a here-document (line 2) in the Dockerfile needs BuildKit
        "#);
    insta::assert_snapshot!(chosen(Builder::Buildkit, limits, true, "FROM a\n"), @r#"
        `SHM_SIZE`: BuildKit in engine 20.10.24 ignores it, and `BUILDER` is `buildkit`
        `ULIMITS`: BuildKit in engine 20.10.24 ignores it, and `BUILDER` is `buildkit`
        "#);
    insta::assert_snapshot!(chosen(Builder::Classic, secret, false, "FROM a\nRUN --mount=type=cache,target=/x y\n"), @r#"
        `BUILD_SECRETS` needs BuildKit, and `BUILDER` is `classic`
        `RUN --mount` (line 2) in the Dockerfile needs BuildKit, and `BUILDER` is `classic`
        "#);
}
