#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::io::Write;

use bytes::Bytes;
use futures_util::StreamExt;

use super::super::sandbox::{Sandbox, built_from, list, pack, paths, send};
use super::super::stream::{CHUNK, WAITING};
use super::super::{Outcome, Request};
use super::*;
use crate::error::{ExitCode, Explain};

mod model;

/// More than is under way when nobody reads: a chunk taken, those that wait, one being handed over and one being filled.
const FAR: usize = CHUNK * (WAITING + 4);

#[test]
fn names_modes_times_and_links_arrive() {
    let tree = Sandbox::new();
    let long = "l".repeat(150);
    let (deep, far) = (format!("{long}/{long}/{long}"), "t".repeat(300));
    tree.file("Dockerfile", "FROM x").file(&deep, "deep").file(b"caf\xe9", "").file("a\nb", "").folder("empty");
    tree.file("setuid", "x").mode("setuid", 0o6711).folder("sticky").mode("sticky", 0o1777).mode("empty", 0o500);
    tree.symlink("far", &far)
        .fifo("pipe")
        .mtime("setuid", 123)
        .mtime("empty", 7)
        .file("one", "1")
        .hard_link("two", "one");
    let members = list(&pack(tree.open()));
    let member = |path: &[u8]| members.iter().find(|(name, _)| name == path).unwrap().1.clone();
    assert_eq!(member(deep.as_bytes()).content, b"deep");
    assert!(member(b"caf\xe9").kind.is_file());
    assert!(member(b"a\nb").kind.is_file());
    assert_eq!((member(b"setuid").mode, member(b"setuid").mtime), (0o6711, 123));
    assert_eq!((member(b"empty").mode, member(b"empty").mtime, member(b"empty").kind.is_dir()), (0o500, 7, true));
    assert_eq!(member(b"sticky").mode, 0o1777);
    assert_eq!((member(b"far").kind.is_symlink(), member(b"far").content), (true, far.into_bytes()));
    assert!(member(b"pipe").kind.is_fifo());
    assert_eq!(member(b"one").content, b"1");
    assert_eq!((member(b"two").kind.is_hard_link(), member(b"two").content), (true, b"one".to_vec()));
}

#[test]
fn a_hard_link_to_an_excluded_file_is_the_file() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("a", "1").hard_link("b", "a").hard_link("c", "a").file(".dockerignore", "a");
    let members = list(&pack(tree.open()));
    let kinds: Vec<_> = members.iter().skip(2).map(|(path, member)| (path[0], member.kind.is_file())).collect();
    assert_eq!(kinds, [(b'b', true), (b'c', false)]);
}

#[test]
fn an_excluded_folder_around_a_kept_file_has_the_mode_that_the_builder_gives() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x")
        .file(".dockerignore", "a\n!a/b")
        .file("a/b/c", "")
        .mode("a", 0o700)
        .mode("a/b", 0o710);
    let modes: Vec<_> = list(&pack(tree.open())).into_iter().skip(2).map(|(_, member)| member.mode & 0o777).collect();
    assert_eq!(modes[..2], [0o755, 0o710]);
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let files = ["Dockerfile", "a/b", "a/c", "b", "c/d/e", "c/f"];
    for path in files {
        one.file(path, format!("FROM {path}")).mtime(path, 2_000_000_000);
    }
    for path in files.iter().rev() {
        other.file(path, format!("FROM {path}")).mtime(path, 2_100_000_000);
    }
    one.symlink("a/s", "b").hard_link("z", "b").mtime("a/s", 5);
    other.hard_link("z", "b").symlink("a/s", "b").mtime("a/s", 5);
    let packed = |tree: &Sandbox| {
        pack(Context::open(&Request { source_date_epoch: Some(1_000_000), ..tree.request() }).unwrap())
    };
    assert!(packed(&one) == packed(&other));
    let times: Vec<_> = list(&packed(&one)).into_iter().map(|(path, member)| (path, member.mtime)).collect();
    assert!(times.contains(&(b"a/s".to_vec(), 5)));
    assert!(times.contains(&(b"b".to_vec(), 1_000_000)));
}

#[test]
fn the_builder_sees_neither_a_dockerfile_from_outside_nor_its_helper() {
    let (tree, other) = (Sandbox::new(), Sandbox::new());
    other.file("prod", "FROM outside");
    tree.file("a", "").file("Dockerfile", "FROM inside");
    let request = Request { dockerfile: Some(other.path("prod")), ..tree.request() };
    let names = |request: Request| built_from(Context::open(&request).unwrap()).into_keys().collect::<Vec<_>>();
    assert_eq!(names(request.clone()), [b"Dockerfile".to_vec(), b"a".to_vec()]);
    tree.file(".dockerignore", "Dockerfile\n.dockerignore");
    assert_eq!(names(request.clone()), [b"a"]);
    tree.file(".dockerignore", "Dockerfile");
    assert_eq!(names(request), [b".dockerignore".to_vec(), b"a".to_vec()]);
}

#[test]
fn a_dockerfile_in_an_excluded_folder_does_not_pull_the_folder_in() {
    let tree = Sandbox::new();
    tree.file("docker/Dockerfile", "FROM x")
        .file("docker/secret", "")
        .file("a", "")
        .file(".dockerignore", "docker\n.*");
    let request = Request { dockerfile: Some(tree.path("docker/Dockerfile")), ..tree.request() };
    assert_eq!(built_from(Context::open(&request).unwrap()).into_keys().collect::<Vec<_>>(), [b"a"]);
}

#[test]
fn a_replaced_ignore_file_is_no_target_of_hard_links() {
    let (tree, other) = (Sandbox::new(), Sandbox::new());
    other.file("prod", "FROM outside");
    tree.file(".dockerignore", "x").hard_link("copy", ".dockerignore");
    let request = Request { dockerfile: Some(other.path("prod")), ..tree.request() };
    assert_eq!(built_from(Context::open(&request).unwrap())[b"copy".as_slice()].content, b"x");
}

/// Takes one chunk, changes the tree, and reads the rest.
fn changed_meanwhile(
    tree: &Sandbox,
    change: impl FnOnce(),
) -> (Vec<Result<Bytes, std::io::Error>>, super::super::Sent) {
    let context = Arc::new(tree.open());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut chunks, outcome): (_, Outcome) = context.tar();
        let first = chunks.next().await.unwrap();
        assert!(outcome.take().is_none());
        change();
        let mut all = vec![first];
        while let Some(chunk) = chunks.next().await {
            all.push(chunk);
        }
        (all, outcome.take().unwrap())
    })
}

#[test]
fn a_file_that_shrinks_ends_the_stream_with_an_error() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("big", vec![1; 3 * FAR]).file("z", "never sent");
    let (chunks, sent) = changed_meanwhile(&tree, || {
        File::options().write(true).open(tree.path("big")).unwrap().set_len(2 * FAR as u64).unwrap();
    });
    let error = sent.error.unwrap();
    let sizes = format!("`big` shrank from {} to {} bytes while it was sent", 3 * FAR, 2 * FAR);
    assert_eq!((error.to_string(), error.exit_code()), (sizes.clone(), ExitCode::Build));
    assert_eq!(chunks.last().unwrap().as_ref().unwrap_err().to_string(), sizes);
    assert_eq!(chunks.iter().filter(|chunk| chunk.is_err()).count(), 1);
}

#[test]
fn of_a_file_that_grows_the_first_bytes_are_sent() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("big", vec![1; 2 * FAR]).file("z", "sent");
    let (chunks, sent) = changed_meanwhile(&tree, || {
        File::options().append(true).open(tree.path("big")).unwrap().write_all(&[2; 3000]).unwrap();
    });
    assert!(sent.error.is_none());
    assert_eq!(sent.warnings, [Warning::Grown("big".into())]);
    let tar: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
    let members = list(&tar);
    assert!(members[1].1.content == vec![1; 2 * FAR]);
    assert_eq!(members[2].1.content, b"sent");
}

#[test]
fn a_reader_that_waits_holds_the_walk_up_and_what_vanishes_meanwhile_is_an_error() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("big", vec![1; FAR]).file("last", "");
    // Had the walk gone on while nobody read, it would have opened the last file before it is gone.
    let (chunks, sent) = changed_meanwhile(&tree, || fs::remove_file(tree.path("last")).unwrap());
    let error = sent.error.unwrap();
    assert!(matches!(&error, Error::Vanished { path } if path.as_os_str() == "last"), "{error}");
    assert_eq!(error.exit_code(), ExitCode::Build);
    assert!(chunks.last().unwrap().is_err());
}

#[test]
fn a_file_replaced_by_a_symlink_meanwhile_is_not_followed() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("big", vec![1; FAR]).file("last", "");
    let (_, sent) = changed_meanwhile(&tree, || {
        fs::remove_file(tree.path("last")).unwrap();
        tree.symlink("last", "/etc/hostname");
    });
    assert!(matches!(sent.error, Some(Error::Vanished { .. })));
}

#[test]
fn chunk_boundaries_lose_nothing() {
    for size in [CHUNK - 1024, CHUNK - 1023, CHUNK - 512, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1536] {
        let tree = Sandbox::new();
        let content: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect();
        tree.file("Dockerfile", "FROM x").file("a", &content).file("b".repeat(200), "x").file("c", &content);
        let members = list(&pack(tree.open()));
        assert!(members[1].1.content == content, "{size}");
        assert_eq!(members[2].1.content, b"x");
        assert!(members[3].1.content == content, "{size}");
    }
}

#[test]
fn a_stream_that_is_dropped_stops_the_work() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("big", vec![1; 2 * FAR]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(async {
        let (mut chunks, outcome) = Arc::new(tree.open()).tar();
        chunks.next().await.unwrap().unwrap();
        outcome
    });
    // Waits for the thread, which would wait for ever if it did not notice.
    drop(runtime);
    let sent = outcome.take().unwrap();
    assert!(sent.error.is_none());
    assert!(sent.bytes < 2 * FAR as u64);
}

#[test]
fn a_device_stops_the_stream() {
    let other = Sandbox::new();
    other.file("Dockerfile", "FROM x").file("Dockerfile.dockerignore", "*\n!null");
    let request = Request { root: "/dev".into(), dockerfile: Some(other.path("Dockerfile")), ..Request::default() };
    let (chunks, sent) = send(Context::open(&request).unwrap());
    assert_eq!(sent.error.unwrap().to_string(), "`null` in the context is a device file");
    assert!(chunks.last().unwrap().is_err());
}

#[test]
fn file_capabilities_travel() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x").file("ping", "x");
    // Revision 2, effective, CAP_NET_RAW permitted.
    let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::setxattr(tree.path("ping"), c"security.capability", &value, flags).is_err() {
        // Only root may, and not on every file system; then there are none to lose either.
        return;
    }
    let tar = pack(tree.open());
    let record = [b"57 SCHILY.xattr.security.capability=".as_slice(), &value, b"\n"].concat();
    assert!(tar.windows(record.len()).any(|window| window == record));
}

#[test]
fn an_empty_context_holds_its_dockerfile() {
    let tree = Sandbox::new();
    tree.file("Dockerfile", "FROM x");
    assert_eq!(paths(tree.open()), ["Dockerfile"]);
}

#[test]
fn the_stream_is_a_body_that_bollard_takes() {
    fn body(chunks: super::super::Chunks) {
        let _ = bollard::body_try_stream(chunks);
    }
    let _: fn(super::super::Chunks) = body;
}
