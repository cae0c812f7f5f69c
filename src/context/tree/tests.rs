#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::sandbox::Sandbox;
use super::*;
use crate::error::Explain;

fn refused(sandbox: &Sandbox, folder: &str, own: &[PathBuf]) -> Vec<String> {
    let errors = Tree::open("shared", &sandbox.path(folder), own, None).unwrap_err();
    let root = format!("{}/", sandbox.root().display());
    errors.iter().map(|error| format!("{error}; {}", error.hint().unwrap_or_default()).replace(&root, "")).collect()
}

#[test]
fn a_named_context_has_its_own_ignore_file() {
    let sandbox = Sandbox::new();
    sandbox.file("x/.dockerignore", "a").file("x/a", "").file("x/b", "").file("x/out/c", "");
    let tree = Tree::open("shared", &sandbox.path("x"), &[sandbox.path("x/out")], Some(7)).unwrap();
    let kept = |path: &str| tree.selection.includes(path.as_bytes());
    assert_eq!((kept("a"), kept("b"), kept("out/c")), (false, true, false));
    assert_eq!((tree.time(3), tree.time(8)), (3, 7));
}

#[test]
fn what_is_wrong_with_a_named_context_names_it() {
    let sandbox = Sandbox::new();
    sandbox.file("file", "").file("bad/.dockerignore", "[a\n").folder("out/x");
    let relative = "relative to the root of the repository";
    assert_eq!(
        refused(&sandbox, "none", &[]),
        [format!("`BUILD_CONTEXTS`: `shared`: there is no folder `none`; give `shared` a folder, {relative}")]
    );
    assert_eq!(
        refused(&sandbox, "file", &[]),
        [format!("`BUILD_CONTEXTS`: `shared`: `file` is not a folder; give `shared` a folder, {relative}")]
    );
    assert_eq!(
        refused(&sandbox, "bad", &[]),
        ["`bad/.dockerignore`, line 1: bad pattern `[a`: a `[` needs a `]`; correct line 1 of `bad/.dockerignore`"]
    );
    assert_eq!(
        refused(&sandbox, "out/x", &[sandbox.path("out")]),
        ["`BUILD_CONTEXTS`: `shared`: `out/x` lies in `out`, which belongs to the pipe and is never sent; \
         give `shared` a folder outside it, or set `OUTPUT_DIR` to a folder of its own"]
    );
}
