#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::super::sandbox::{Sandbox, paths};
use super::*;
use crate::error::{ExitCode, Explain, Failure};

/// The failures as a user reads them, with the tree's own path taken out.
fn failures(tree: &Sandbox, request: &Request) -> Vec<String> {
    let errors = Context::open(request).unwrap_err();
    assert!(errors.iter().all(|error| error.exit_code() == ExitCode::Variables));
    let root = format!("{}/", tree.root().display());
    errors.into_iter().map(|error| Failure::from(error).to_string().replace(&root, "")).collect()
}

#[test]
fn a_context_that_is_no_folder_is_refused() {
    let tree = Sandbox::new();
    tree.file("file", "");
    let refused = |path: &str| failures(&tree, &Request { root: tree.path(path), ..Request::default() });
    assert_eq!(
        refused("nothing"),
        ["`CONTEXT`: there is no folder `nothing`\n\
          hint: set `CONTEXT` to a folder, relative to the root of the repository"]
    );
    let no_folder = "is not a folder\n\
        hint: set `CONTEXT` to the folder to send, and `DOCKERFILE` to the Dockerfile if it lies elsewhere";
    assert_eq!(refused("file"), [format!("`CONTEXT`: `file` {no_folder}")]);
    assert_eq!(refused("file/x"), [format!("`CONTEXT`: `file/x` {no_folder}")]);
}

#[test]
fn a_context_that_cannot_be_opened_is_refused() {
    super::super::sandbox::drop_privileges();
    let tree = Sandbox::new();
    tree.folder("closed").mode("closed", 0);
    let refused = failures(&tree, &Request { root: tree.path("closed"), ..Request::default() });
    assert_eq!(
        refused,
        ["`CONTEXT`: cannot open the folder `closed`: Permission denied\n\
          hint: give the user that the pipe runs as read and search permission on it"]
    );
}

#[test]
fn all_problems_are_told_together() {
    let tree = Sandbox::new();
    tree.file(".dockerignore", "a\n[b\n\n!\n").file("Dockerfile.prod", "FROM x");
    let own_folders = vec![tree.root().to_path_buf()];
    let told = failures(&tree, &Request { own_folders, ..tree.request() });
    let root = tree.root().display();
    assert_eq!(
        told,
        [
            format!(
                "`CONTEXT`: `{root}` lies in `{root}`, which belongs to the pipe and is never sent\n\
                 hint: set `CONTEXT` to a folder outside it, or `OUTPUT_DIR` to a folder of its own"
            ),
            "`DOCKERFILE`: there is no file `Dockerfile`\nhint: did you mean `DOCKERFILE=Dockerfile.prod`".to_owned(),
            "`.dockerignore`, line 2: bad pattern `[b`: a `[` needs a `]`\n\
             hint: correct line 2 of `.dockerignore`"
                .to_owned(),
            "`.dockerignore`, line 4: bad pattern `!`: a `!` needs a pattern behind it\n\
             hint: correct line 4 of `.dockerignore`"
                .to_owned(),
        ]
    );
}

#[test]
fn a_context_may_be_a_symlink_to_a_folder() {
    let tree = Sandbox::new();
    tree.file("real/Dockerfile", "FROM x").symlink("link", "real");
    let context = Context::open(&Request { root: tree.path("link"), ..Request::default() }).unwrap();
    assert_eq!(context.tree.root, fs::canonicalize(tree.path("real")).unwrap());
    assert_eq!(paths(context), ["Dockerfile"]);
}

#[test]
fn the_ignore_file_beside_the_dockerfile_wins() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("a", "").file("b", "").file(".dockerignore", "a\nDockerfile*");
    let context = tree.open();
    assert_eq!(context.ignore_file(), Some(tree.path(".dockerignore").as_path()));
    assert!(!context.tree.selection.includes(b"a"));
    tree.file("Dockerfile.dockerignore", "b");
    let context = tree.open();
    assert_eq!(context.ignore_file(), Some(tree.path("Dockerfile.dockerignore").as_path()));
    assert!(context.tree.selection.includes(b"a"));
    assert!(!context.tree.selection.includes(b"b"));
    // A bad pattern in the file that is not in force says nothing.
    tree.file(".dockerignore", "[");
    assert_eq!(tree.open().dockerfile_name(), "Dockerfile");
}

#[test]
fn an_ignore_file_outside_the_context_belongs_to_its_dockerfile() {
    let (tree, other) = (Sandbox::new(), Sandbox::new());
    other.file("prod", "FROM x").file("prod.dockerignore", "a");
    tree.file("a", "").file("b", "");
    let context = Context::open(&Request { dockerfile: Some(other.path("prod")), ..tree.request() }).unwrap();
    let name = context.dockerfile_name().to_owned();
    assert_eq!(paths(context), [name.as_str(), ".dockerignore", "b"]);
}

#[test]
fn an_ignore_file_that_is_no_readable_file_is_refused() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").folder(".dockerignore");
    assert_eq!(
        failures(&tree, &tree.request()),
        ["cannot read `.dockerignore`: Is a directory\n\
          hint: give the user that the pipe runs as the right to read it"]
    );
    fs::remove_dir(tree.path(".dockerignore")).unwrap();
    tree.fifo(".dockerignore");
    assert!(failures(&tree, &tree.request())[0].contains("it is not a regular file"));
    fs::remove_file(tree.path(".dockerignore")).unwrap();
    tree.symlink(".dockerignore", "nowhere");
    assert_eq!(tree.open().ignore_file(), None);
}

#[test]
fn own_folders_never_enter_however_they_are_named() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file(".dockerignore", "!**").file("out/image.env", "").file("a/b/out/x", "");
    tree.file("secret", "").symlink("alias", "a/b").folder("x");
    let own_folders = vec![
        tree.path("out/"),
        tree.path("alias/out"),
        tree.path("x/../secret"),
        tree.path("x/not/yet"),
        tree.path("/tmp/elsewhere"),
    ];
    let context = Context::open(&Request { own_folders, ..tree.request() }).unwrap();
    tree.file("x/not/yet/y", "");
    let expected = [".dockerignore", "Dockerfile", "a", "a/b", "alias", "x", "x/not"];
    assert_eq!(paths(context), expected);
}

#[test]
fn own_folders_are_found_through_a_symlinked_context() {
    let tree = Sandbox::new();
    tree.file("real/Dockerfile", "FROM x").file("real/out/x", "").symlink("link", "real");
    for (root, own) in [("link", "real/out"), ("real", "link/out"), ("link", "link/out")] {
        let request = Request { root: tree.path(root), own_folders: vec![tree.path(own)], ..Request::default() };
        assert_eq!(paths(Context::open(&request).unwrap()), ["Dockerfile"]);
    }
}
