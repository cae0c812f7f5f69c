#![expect(clippy::unwrap_used, reason = "tests")]

mod engine;
mod model;
mod protocol;

use std::collections::HashMap;

use engine::receive;

use super::*;
use crate::context::sandbox::Sandbox;
use crate::context::{Request, Tree, Warning};

/// A service with one source.
fn serve(name: &str, source: Source) -> FileSync {
    FileSync::new(HashMap::from([(name.to_owned(), source)]))
}

/// A sandbox as the context.
fn context(sandbox: &Sandbox) -> FileSync {
    serve("context", Source::tree(sandbox.open_tree()))
}

impl Sandbox {
    fn open_tree(&self) -> Tree {
        Tree::open("x", self.root(), &[], None).unwrap()
    }
}

/// The paths that an engine gets which asks with this metadata.
async fn paths(service: &FileSync, metadata: &[(&'static str, &str)]) -> Vec<String> {
    receive(service, "context", metadata).await.whole().paths()
}

#[tokio::test]
async fn a_tree_arrives_in_order_with_its_content() {
    let tree = Sandbox::new();
    tree.file("a/b", "1").file("a-b", "").file("a.b", "3").file("a/c/d", vec![7; 100_000]).folder("e");
    tree.symlink("l", "../nowhere").mode("a.b", 0o6711).mode("e", 0o1777).mtime("a/b", 5);
    let received = receive(&context(&tree), "context", &[]).await.whole();
    assert_eq!(received.paths(), ["a", "a/b", "a/c", "a/c/d", "a-b", "a.b", "e", "l"]);
    assert_eq!(received.files["a/c/d"], vec![7; 100_000]);
    assert_eq!((received.files["a/b"].as_slice(), received.files["a-b"].as_slice()), (&b"1"[..], &b""[..]));
    let stat = |path: &str| received.stats.iter().find(|stat| stat.path == path).unwrap();
    assert_eq!((stat("a").mode & 1 << 31, stat("a").size), (1 << 31, 0));
    assert_eq!(stat("a.b").mode, 1 << 23 | 1 << 22 | 0o711);
    assert_eq!(stat("e").mode, 1 << 31 | 1 << 20 | 0o777);
    assert_eq!((stat("l").mode & !0o777, stat("l").linkname.as_str(), stat("l").size), (1 << 27, "../nowhere", 10));
    assert_eq!(stat("a/b").mod_time, 5_000_000_007);
    assert!(received.stats.iter().all(|stat| (stat.uid, stat.gid) == (0, 0)));
}

#[tokio::test]
async fn the_first_path_that_is_sent_of_a_file_has_its_content_and_others_link_to_it() {
    let tree = Sandbox::new();
    tree.file("a", "x").file("b", "yy").folder("e").hard_link("c", "a").hard_link("d", "a").hard_link("e/f", "b");
    let received = receive(&context(&tree), "context", &[("exclude-patterns", "a")]).await.whole();
    let links = received.stats.iter().map(|stat| (stat.path.as_str(), stat.linkname.as_str()));
    assert_eq!(links.collect::<Vec<_>>(), [("b", ""), ("c", ""), ("d", "c"), ("e", ""), ("e/f", "b")]);
    assert_eq!(received.files.keys().collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn patterns_are_those_of_fsutil() {
    let tree = Sandbox::new();
    tree.file("a/b/c", "").file("a/b/d", "").file("a/e", "").file("f/c", "").file("g", "");
    let service = context(&tree);
    let exclude = |pattern: &'static str| ("exclude-patterns", pattern);
    let include = |pattern: &'static str| ("include-patterns", pattern);
    assert_eq!(paths(&service, &[exclude("*"), exclude("!a/b/d")]).await, ["a", "a/b", "a/b/d"]);
    assert_eq!(paths(&service, &[include("**/c")]).await, ["a", "a/b", "a/b/c", "f", "f/c"]);
    assert_eq!(paths(&service, &[include("a/b")]).await, ["a", "a/b", "a/b/c", "a/b/d"]);
    assert_eq!(paths(&service, &[include("a"), exclude("a/b")]).await, ["a", "a/e"]);
    assert_eq!(paths(&service, &[include("nothing")]).await, Vec::<String>::new());
    assert_eq!(paths(&service, &[include("a"), include("!a/b")]).await, ["a", "a/e"]);
}

#[tokio::test]
async fn symlinks_on_the_way_to_a_wanted_path_come_along() {
    let tree = Sandbox::new();
    tree.file("real/x/1", "").file("real/y", "").file("other", "").file("[z]/w", "");
    tree.symlink("abs", "/real").symlink("real/up", "../abs/x").symlink("loop", "loop/a").symlink("out", "../../other");
    tree.symlink("z", "[z]").symlink("root", ".");
    let service = context(&tree);
    let follow = |path: &'static str| ("followpaths", path);
    assert_eq!(paths(&service, &[follow("abs/y")]).await, ["abs", "real", "real/y"]);
    assert_eq!(
        paths(&service, &[follow("abs/x"), follow("abs/y")]).await,
        ["abs", "real", "real/x", "real/x/1", "real/y"]
    );
    assert_eq!(paths(&service, &[follow("abs/up")]).await, ["abs", "real", "real/up", "real/x", "real/x/1"]);
    assert_eq!(paths(&service, &[follow("a*")]).await.len(), 6);
    assert_eq!(
        paths(&service, &[follow("[ar]*/up/1")]).await,
        ["abs", "real", "real/up", "real/x", "real/x/1", "root"]
    );
    assert_eq!(paths(&service, &[follow("loop/b")]).await, ["loop"]);
    assert_eq!(paths(&service, &[follow("out")]).await, ["other", "out"]);
    assert_eq!(paths(&service, &[follow("z/w")]).await, ["[z]", "[z]/w", "z"]);
    assert_eq!(paths(&service, &[follow("missing/x")]).await, Vec::<String>::new());
    assert_eq!(paths(&service, &[follow("root/../other")]).await, ["other"]);
    assert_eq!(paths(&service, &[follow("root")]).await, paths(&service, &[]).await);
    assert_eq!(paths(&service, &[follow("/")]).await, paths(&service, &[]).await);
}

#[tokio::test]
async fn trees_lie_at_their_paths_with_their_own_rules() {
    let one = Sandbox::new();
    one.file("a", "1").file("secret", "").file(".dockerignore", "secret").symlink("link", "a");
    let two = Sandbox::new();
    two.file("a", "2").folder("empty");
    let trees = [(".p/one".to_owned(), one.open_tree()), (".p/a".to_owned(), two.open_tree())];
    let service = serve("context", Source::trees(trees));
    let all = [".p", ".p/a", ".p/a/a", ".p/a/empty", ".p/one", ".p/one/.dockerignore", ".p/one/a", ".p/one/link"];
    let received = receive(&service, "context", &[]).await.whole();
    assert_eq!(received.paths(), all);
    assert_eq!((received.files[".p/one/a"].as_slice(), received.files[".p/a/a"].as_slice()), (&b"1"[..], &b"2"[..]));
    assert_eq!(received.stats[0].mode, 1 << 31 | 0o755);
    let follow = |path: &'static str| ("followpaths", path);
    assert_eq!(paths(&service, &[follow(".p/one/l*")]).await, [".p", ".p/one", ".p/one/a", ".p/one/link"]);
    assert_eq!(paths(&service, &[follow(".p/one")]).await.len(), 5);
    assert_eq!(paths(&service, &[follow(".p/*/a")]).await, [".p", ".p/a", ".p/a/a", ".p/one", ".p/one/a"]);
    assert_eq!(paths(&service, &[("exclude-patterns", ".p/one")]).await, all[..4]);
    assert_eq!(paths(&service, &[follow(".p/none")]).await, Vec::<String>::new());
}

#[tokio::test]
async fn files_in_memory_are_served() {
    let files = [("b".to_owned(), b"FROM x".to_vec()), ("Dockerfile".to_owned(), vec![b'#'; 70_000])];
    let service = serve("dockerfile", Source::files(files));
    let follow = [("followpaths", "Dockerfile"), ("followpaths", "dockerfile")];
    let received = receive(&service, "dockerfile", &follow).await.whole();
    assert_eq!(received.paths(), ["Dockerfile"]);
    assert_eq!(received.files["Dockerfile"].len(), 70_000);
    assert_eq!(received.stats[0].mode, 0o644);
    assert_eq!(service.sent().unwrap().bytes, 70_000);
}

#[tokio::test]
async fn selection_and_patterns_both_hold() {
    let tree = Sandbox::new();
    tree.file("own/x", "").file("theirs", "").file("kept", "").file(".dockerignore", "theirs").file("a/kept", "");
    let request = Request { own_folders: vec![tree.path("own")], ..tree.request() };
    let opened = Tree::open("x", &request.root, &request.own_folders, Some(3)).unwrap();
    let service = serve("context", Source::tree(opened));
    assert!(!service.changes_show() && context(&tree).changes_show());
    tree.mtime("kept", 100);
    let received = receive(&service, "context", &[("exclude-patterns", "a")]).await.whole();
    assert_eq!(received.paths(), [".dockerignore", "kept"]);
    assert_eq!(received.stats[1].mod_time, 3_000_000_000);
    assert_eq!(paths(&service, &[("exclude-patterns", "theirs")]).await, [".dockerignore", "a", "a/kept", "kept"]);
    assert_eq!(paths(&service, &[("followpaths", "own/x")]).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_sent_is_summed_over_all_calls() {
    let tree = Sandbox::new();
    tree.file("a", "12").file("b", "345");
    let service = context(&tree);
    assert!(service.sent().is_none());
    let (one, other) =
        tokio::join!(receive(&service, "context", &[]), receive(&service, "context", &[("followpaths", "a")]));
    one.whole();
    other.whole();
    let sent = service.sent().unwrap();
    assert_eq!((sent.files, sent.bytes), (3, 7));
    assert!(sent.error.is_none());
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_travels_as_it_is() {
    let tree = Sandbox::new();
    tree.file(b"\xff\xfe", "x").symlink("l", b"\xff");
    let service = context(&tree);
    let packets = engine::raw(&service, 2).await;
    let stats: Vec<_> = packets.into_iter().map(|packet| packet.stat.unwrap()).collect();
    assert_eq!((stats[0].linkname.as_slice(), stats[1].path.as_slice()), (&b"\xff"[..], &b"\xff\xfe"[..]));
    let sent = protocol::report(&service).await;
    assert!(matches!(sent.warnings.as_slice(), [Warning::NotUtf8(path)] if path.as_os_str() == "l"));
}
