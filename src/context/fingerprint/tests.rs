#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::context::sandbox::Sandbox;

fn of(sandbox: &Sandbox) -> Fingerprint {
    sandbox.open().tree().fingerprint().unwrap()
}

fn plain() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("Dockerfile", "FROM scratch\n").file("a/b", "b").file("a/c", "c").symlink("link", "a/b");
    sandbox
}

type Change = (&'static str, fn(&Sandbox));

#[test]
fn each_thing_that_a_build_sees_counts() {
    let before = of(&plain()).content;
    let changes: [Change; 10] = [
        ("a content of the same length", |sandbox| {
            sandbox.file("a/b", "B");
        }),
        ("a longer content", |sandbox| {
            sandbox.file("a/b", "b\0");
        }),
        ("a further file", |sandbox| {
            sandbox.file("z", "");
        }),
        ("an empty folder", |sandbox| {
            sandbox.folder("z");
        }),
        ("a name", |sandbox| fs::rename(sandbox.path("a/b"), sandbox.path("a/bb")).unwrap()),
        ("a mode", |sandbox| {
            sandbox.mode("a/b", 0o755);
        }),
        ("a folder's mode", |sandbox| {
            sandbox.mode("a", 0o700);
        }),
        ("a target", |sandbox| {
            fs::remove_file(sandbox.path("link")).unwrap();
            sandbox.symlink("link", "a/c");
        }),
        ("a kind", |sandbox| {
            fs::remove_file(sandbox.path("a/b")).unwrap();
            sandbox.fifo("a/b");
        }),
        ("a hard link", |sandbox| {
            fs::remove_file(sandbox.path("a/c")).unwrap();
            sandbox.hard_link("a/c", "a/b");
        }),
    ];
    for (what, change) in changes {
        let sandbox = plain();
        change(&sandbox);
        assert_ne!(of(&sandbox).content, before, "{what}");
    }
    let sandbox = plain();
    fs::remove_file(sandbox.path("a/c")).unwrap();
    sandbox.file("a/c", "b");
    let copied = of(&sandbox).content;
    fs::remove_file(sandbox.path("a/c")).unwrap();
    sandbox.hard_link("a/c", "a/b");
    assert_ne!(of(&sandbox).content, copied, "a hard link is no copy");
}

#[test]
fn times_and_places_do_not_count_for_the_content() {
    let (one, other) = (plain(), plain());
    assert_eq!(of(&one).content, of(&other).content, "another folder on another disk");
    let before = of(&one);
    one.mtime("a/b", 1_000_000);
    let after = of(&one);
    assert_eq!(after.content, before.content);
    assert_ne!(after.stamp, before.stamp, "but it may have been changed");
}

#[test]
fn what_the_ignore_file_excludes_does_not_count() {
    let sandbox = plain();
    sandbox.file(".dockerignore", "*.log\n.dockerignore\n");
    let before = of(&sandbox);
    sandbox.file("x.log", "1").file("a/y.txt", "1");
    let with_a_file = of(&sandbox);
    assert_ne!(before, with_a_file);
    sandbox.file("x.log", "2");
    assert_eq!(of(&sandbox), with_a_file);
    // The rules themselves count for nothing but what they leave.
    sandbox.file(".dockerignore", "*.log\n*.other\n.dockerignore\n");
    assert_eq!(of(&sandbox).content, with_a_file.content);
}

#[test]
fn the_stamp_alone_is_that_of_the_fingerprint_and_sees_a_change() {
    let sandbox = plain();
    let tree = sandbox.open().tree().clone();
    let before = tree.fingerprint().unwrap();
    assert_eq!(tree.stamp().unwrap(), before.stamp);
    sandbox.file("a/b", "x").mtime("a/b", 7);
    assert_ne!(tree.stamp().unwrap(), before.stamp);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let sandbox = plain();
    let tree = sandbox.open().tree().clone();
    fs::remove_dir_all(sandbox.root()).unwrap();
    assert!(tree.fingerprint().is_err() && tree.stamp().is_err());
}

#[test]
fn more_files_than_wait_at_once_keep_their_order() {
    let sandbox = Sandbox::new();
    sandbox.file("Dockerfile", "FROM scratch\n");
    for number in 0..WAITING * 5 {
        sandbox.file(format!("f/{number}"), vec![b'x'; number % 7 * 50_000]);
    }
    let before = of(&sandbox);
    for _ in 0..5 {
        assert_eq!(of(&sandbox), before);
    }
    fs::rename(sandbox.path("f/1"), sandbox.path("f/t")).unwrap();
    fs::rename(sandbox.path("f/2"), sandbox.path("f/1")).unwrap();
    fs::rename(sandbox.path("f/t"), sandbox.path("f/2")).unwrap();
    assert_ne!(of(&sandbox).content, before.content, "two contents change places");
}

/// Names that are near each other, where the border between a name and a content could be lost.
fn files() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<u8>>> {
    proptest::collection::btree_map(
        "[ab]{1,3}",
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(0)], 0..3),
        0..5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_trees_have_one_fingerprint_only_if_they_are_the_same(one in files(), other in files()) {
        let sandbox = |files: &std::collections::BTreeMap<String, Vec<u8>>, backwards: bool| {
            let sandbox = Sandbox::new();
            sandbox.file("Dockerfile", "FROM scratch\n");
            let mut names: Vec<_> = files.iter().collect();
            if backwards {
                names.reverse();
            }
            for (name, content) in names {
                sandbox.file(name, content);
            }
            sandbox
        };
        let first = of(&sandbox(&one, false)).content;
        prop_assert_eq!(&first, &of(&sandbox(&one, true)).content, "the order in which files are made");
        prop_assert_eq!(first == of(&sandbox(&other, false)).content, one == other);
    }
}
