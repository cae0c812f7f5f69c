//! The same tree gives the same files through the pipe and through the docker CLI.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::lab::{Engine, Lab, lab, output};
use crate::pipe::Pipe;

/// What an image says of one file: type, mode, owner, link and content.
pub(crate) type Listing = BTreeMap<String, (tar::EntryType, u32, u64, u64, Option<String>, Vec<u8>)>;

/// The files below `/tree` of an image.
pub(crate) fn listing(lab: &Lab, image: &str) -> Listing {
    let container = lab.docker(&["create", image, "none"]);
    let mut command = lab.docker_command(Path::new("/"));
    command.args(["export", container.trim()]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("docker export starts");
    let mut archive = tar::Archive::new(child.stdout.take().expect("stdout is a pipe"));
    let mut listing = Listing::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !path.starts_with("tree/") {
            continue;
        }
        let header = entry.header();
        let facts = (header.entry_type(), header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let link = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        listing.insert(path, (facts.0, facts.1, facts.2, facts.3, link, content));
    }
    assert!(child.wait().expect("docker export ends").success());
    lab.docker(&["rm", container.trim()]);
    listing
}

/// A tree with everything that is easily lost on the way.
fn plant(root: &Path) {
    let write = |path: &str, mode: u32| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("content of {}", path.file_name().unwrap().to_string_lossy())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("plain.txt", 0o644);
    write("private/key.pem", 0o600);
    write("bin/tool", 0o755);
    write("bin/setuid", 0o4755);
    write("bin/setgid", 0o2755);
    write("no-rights", 0o000);
    write("names/with space", 0o644);
    write("names/umlaut-ü-漢", 0o644);
    write("names/back\\slash", 0o644);
    write("names/new\nline", 0o644);
    write(&format!("names/{}", "long".repeat(50)), 0o644);
    write(&format!("deep/{}/leaf", ["a-rather-long-folder-name"; 12].join("/")), 0o644);
    write("logs/app.log", 0o644);
    write("logs/keep.log", 0o644);
    write("node_modules/left/index.js", 0o644);
    write("node_modules/kept/index.js", 0o644);
    write("docs/readme.md", 0o644);
    write("docs/api/readme.md", 0o644);
    write("docs/api/index.html", 0o644);
    write("#hash", 0o644);
    write("build/out.o", 0o644);
    write("src/build/out.c", 0o644);
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("binary"), (0..=255).cycle().take(300_000).collect::<Vec<u8>>()).unwrap();
    fs::create_dir_all(root.join("empty-folder/inner")).unwrap();
    fs::set_permissions(root.join("empty-folder"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("plain.txt", root.join("link")).unwrap();
    symlink("../plain.txt", root.join("bin/up")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("docs", root.join("folder-link")).unwrap();
    fs::hard_link(root.join("plain.txt"), root.join("zz-hard-link")).unwrap();
    fs::write(
        root.join(".dockerignore"),
        "# a comment\n#hash\n\n  build  \n/logs\n!logs/keep.log\nnode_modules/**\n!node_modules/kept\n\
         **/*.md\n!docs/api/*.md\n./private/../docs/api/index.html\n",
    )
    .unwrap();
    fs::write(root.join("Dockerfile"), "FROM busybox:1.36\nCOPY . /tree/\n").unwrap();
}

/// The names of files that differ, for a message that can be read.
pub(crate) fn differences(ours: &Listing, theirs: &Listing) -> Vec<String> {
    let mut names: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| {
            let short = |listing: &Listing| {
                listing.get(name).map(|(kind, mode, uid, gid, link, content)| {
                    format!("{kind:?} {mode:o} {uid}:{gid} {link:?} {} bytes", content.len())
                })
            };
            format!("{name}: pipe {:?}, docker CLI {:?}", short(ours), short(theirs))
        })
        .collect()
}

/// Builds a tree by the pipe and by the docker CLI with the same builder, and compares what is in the images.
fn compare(lab: &'static Lab, builder: &str) {
    let pipe = Pipe::new(lab).var("BUILDER", builder);
    plant(pipe.folder.path());
    if builder == "classic" {
        // A name that does not fit into a message of BuildKit's session, which is of protobuf.
        fs::write(pipe.folder.path().join(OsStr::from_bytes(b"names/latin-\xfc")), "not UTF-8").unwrap();
    }
    let word = if builder == "classic" { "classic, as `BUILDER` says" } else { "BuildKit" };
    pipe.run().exits(0).says(&format!("\n  builder     {word}\n"));
    // The pipe's own folder is its output, which the CLI would take for a part of the tree.
    fs::remove_dir_all(pipe.path(".ecr-pipe")).unwrap();
    let theirs = format!("cli-{}", pipe.repository);
    let mut cli = lab.step_cli_command(pipe.folder.path());
    cli.args(["build", "--quiet", "--tag", &theirs, "."]);
    output(cli.env("DOCKER_BUILDKIT", if builder == "classic" { "0" } else { "1" }));
    let (ours, theirs) = (listing(lab, &format!("{}:main", pipe.uri())), listing(lab, &theirs));
    assert!(theirs.len() > 40, "the tree arrived: {} files", theirs.len());
    assert_eq!(differences(&ours, &theirs), Vec::<String>::new(), "{builder}");
}

fn compare_both(lab: &'static Lab) {
    for builder in ["buildkit", "classic"] {
        compare(lab, builder);
    }
}

#[test]
fn a_tree_of_odd_files_arrives_as_the_docker_cli_sends_it_on_engine_20_10_in_the_cage() {
    compare_both(lab(Engine::V20, true));
}

#[test]
fn a_tree_of_odd_files_arrives_as_the_docker_cli_sends_it_on_engine_26_1_in_the_cage() {
    compare_both(lab(Engine::V26, true));
}

#[test]
fn a_tree_of_odd_files_arrives_as_the_docker_cli_sends_it_on_engine_28_5() {
    compare_both(lab(Engine::V28, false));
}

#[test]
fn a_tree_of_odd_files_arrives_as_the_docker_cli_sends_it_on_the_containerd_store() {
    compare_both(lab(Engine::V28Containerd, false));
}

#[test]
fn a_name_that_is_not_utf_8_is_left_to_the_classic_builder() {
    let pipe = Pipe::new(lab(Engine::V28, false)).dockerfile("FROM busybox:1.36\nCOPY . /tree/\n");
    fs::write(pipe.folder.path().join(OsStr::from_bytes(b"latin-\xfc")), "not UTF-8").unwrap();
    let words = "classic, for `latin-\u{fffd}` in the context: BuildKit takes only file names that are UTF-8";
    pipe.run().exits(0).says(&format!("\n  builder     {words}\n"));
    assert_eq!(listing(pipe.lab, &format!("{}:main", pipe.uri())).len(), 3);
}
