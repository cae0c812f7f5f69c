#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use super::super::sandbox::{Sandbox, drop_privileges};
use crate::config;

use super::*;

#[test]
fn everything_that_would_be_sent_is_counted_once() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("a/b", "12345").hard_link("a/c", "a/b").symlink("d", "a").fifo("p");
    tree.file(".dockerignore", "x").file("x", "not counted");
    let survey = tree.open().survey();
    assert_eq!((survey.files, survey.folders, survey.links, survey.bytes), (3, 1, 2, 12));
    assert!(survey.warnings.is_empty() && survey.problems.is_empty());
}

#[test]
fn git_and_sockets_are_pointed_out() {
    let tree = Sandbox::new();
    let _bound = std::os::unix::net::UnixListener::bind(tree.path("s")).unwrap();
    tree.file("Dockerfile", "FROM x").file(".git/config", "");
    let warnings = tree.open().survey().warnings;
    assert_eq!(warnings, [Warning::Git, Warning::Socket(PathBuf::from("s"))]);
    let told: Vec<_> = warnings.into_iter().map(|warning| config::Warning::from(warning).message).collect();
    assert_eq!(told, ["the context holds `.git`", "`s` in the context is a socket and was left out"]);
    tree.file(".dockerignore", ".git\ns");
    assert_eq!(tree.open().survey().warnings, []);
}

#[test]
fn unreadable_files_are_told_up_to_ten_and_then_counted() {
    drop_privileges();
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x");
    for name in (0..13).map(|number| format!("f{number:02}")) {
        tree.file(&name, "").mode(&name, 0);
    }
    let errors = tree.open().survey().problems;
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 11);
    assert_eq!(told[9], "cannot read `f09` in the context: Permission denied");
    assert_eq!(told[10], "3 more files of the context cannot be sent");
    tree.file(".dockerignore", "f*");
    assert!(tree.open().survey().problems.is_empty());
}

#[test]
fn a_name_with_a_line_feed_stays_on_one_line() {
    let error = Error::Device { path: PathBuf::from("a\nb\u{1b}[31m") };
    assert_eq!(error.to_string(), "`a\\nb\\u{1b}[31m` in the context is a device file");
}
