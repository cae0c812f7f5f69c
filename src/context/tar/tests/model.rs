//! Random trees against an independent model of what the builder must see.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;

use super::super::super::ignore::Ignore;
use super::super::super::sandbox::{Members, Sandbox, built_from, list, pack};
use super::super::super::{Context, Request};

#[derive(Clone, Debug)]
enum Step {
    File(Vec<Vec<u8>>, Vec<u8>, u32),
    Folder(Vec<Vec<u8>>, u32),
    Symlink(Vec<Vec<u8>>, Vec<u8>),
    /// Of the file made as so manieth.
    HardLink(Vec<Vec<u8>>, usize),
    Fifo(Vec<Vec<u8>>),
}

fn component() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[abc]".prop_map(String::into_bytes),
        2 => Just(b"Dockerfile".to_vec()),
        1 => Just(b"a b".to_vec()),
        1 => Just("ä\n*".into()),
        1 => Just(b"\xff\xfe".to_vec()),
        1 => (90_usize..250).prop_map(|length| vec![b'x'; length]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let path = || proptest::collection::vec(component(), 1..4);
    // Always readable for its owner, so that it works for anybody.
    let mode = || (0_u32..0o10000).prop_map(|mode| mode | 0o700);
    prop_oneof![
        5 => (path(), proptest::collection::vec(any::<u8>(), 0..600), mode()).prop_map(|(p, c, m)| Step::File(p, c, m)),
        2 => (path(), mode()).prop_map(|(path, mode)| Step::Folder(path, mode)),
        1 => (path(), component()).prop_map(|(path, target)| Step::Symlink(path, target)),
        1 => (path(), any::<usize>()).prop_map(|(path, first)| Step::HardLink(path, first)),
        1 => path().prop_map(Step::Fifo),
    ]
}

/// Makes what can be made; steps that contradict earlier ones do nothing.
fn make(tree: &Sandbox, steps: &[Step]) {
    let mut files = Vec::new();
    for step in steps {
        let (Step::File(path, ..)
        | Step::Folder(path, ..)
        | Step::Symlink(path, ..)
        | Step::HardLink(path, ..)
        | Step::Fifo(path)) = step;
        let path = path.join(&b'/');
        let target = tree.path(&path);
        let stray = (1..path.len()).any(|end| path[end] == b'/' && tree.path(&path[..end]).is_symlink());
        let free = !stray && fs::symlink_metadata(&target).is_err();
        if !free || target.parent().is_none_or(|parent| fs::create_dir_all(parent).is_err()) {
            continue;
        }
        match step {
            Step::File(_, content, mode) => {
                tree.file(&path, content).mode(&path, *mode);
                files.push(path);
            }
            Step::Folder(_, mode) => drop(tree.folder(&path).mode(&path, *mode)),
            Step::Symlink(_, link) => drop(tree.symlink(&path, link)),
            Step::HardLink(_, first) if !files.is_empty() => {
                tree.hard_link(&path, &files[first % files.len()]);
            }
            Step::HardLink(..) => {}
            Step::Fifo(_) => {
                tree.fifo(&path);
            }
        }
    }
}

/// What of the tree is to be seen: path by path from the disk, judged one by one.
fn wanted(tree: &Sandbox, ignore: &Ignore, own: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut wanted = BTreeMap::new();
    let mut links: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut folders = vec![tree.root().to_path_buf()];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.path() == own {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    // In the order of the walk, for hard links: parents first, siblings by bytes.
    all.sort_by(|one, other| one.components().cmp(other.components()));
    for path in all {
        let name = path.strip_prefix(tree.root()).unwrap().as_os_str().as_bytes().to_vec();
        if ignore.excludes(&name) {
            continue;
        }
        for (end, _) in name.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            wanted.entry(name[..end].to_vec()).or_insert_with(|| "folder 755".to_owned());
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.mode() & 0o7777;
        let first = links.get(&metadata.ino()).cloned();
        let told = if metadata.is_dir() {
            format!("folder {mode:o}")
        } else if let Some(first) = first {
            format!("link {first:?}")
        } else if metadata.is_symlink() {
            format!("symlink {:?}", fs::read_link(&path).unwrap().as_os_str().as_bytes())
        } else if metadata.is_file() {
            format!("file {mode:o} {:?}", fs::read(&path).unwrap())
        } else {
            format!("pipe {mode:o}")
        };
        if metadata.nlink() > 1 && !metadata.is_dir() {
            links.entry(metadata.ino()).or_insert_with(|| name.clone());
        }
        wanted.insert(name, told);
    }
    wanted
}

fn told(members: &Members) -> BTreeMap<Vec<u8>, String> {
    let told = members.iter().map(|(path, member)| {
        let (mode, content) = (member.mode, &member.content);
        let told = match member.kind {
            kind if kind.is_dir() => format!("folder {mode:o}"),
            kind if kind.is_hard_link() => format!("link {content:?}"),
            kind if kind.is_symlink() => format!("symlink {content:?}"),
            kind if kind.is_file() => format!("file {mode:o} {content:?}"),
            kind if kind.is_fifo() => format!("pipe {mode:o}"),
            kind => format!("{kind:?}"),
        };
        (path.clone(), told)
    });
    told.collect()
}

fn ignore_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("*"),
        Just("a"),
        Just("b"),
        Just("**/c"),
        Just("!a/b"),
        Just("!**/a"),
        Just("!c"),
        Just("a/*"),
        Just("?"),
        Just("!?/?"),
        Just("**/Dockerfile"),
        Just("!Dockerfile"),
        Just(".dockerignore"),
        Just("!.dockerignore"),
        Just("x*"),
        Just("!a/"),
        Just("**/* *"),
        Just("Dockerfile"),
        Just("[a-b]/**"),
        Just("# x"),
        Just("")
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_builder_sees_exactly_what_is_selected(
        steps in proptest::collection::vec(step(), 0..25), ignore in proptest::option::of(ignore_text()),
        own_ignore in proptest::option::weighted(0.2, ignore_text()), outside in proptest::bool::weighted(0.3),
    ) {
        let (tree, other) = (Sandbox::new(), Sandbox::new());
        make(&tree, &steps);
        let own = tree.path("b/c");
        let dockerfile = if outside { other.path("Dockerfile") } else { tree.path("docker/Dockerfile") };
        let beside = if outside { &other } else { &tree };
        let name = if outside { "" } else { "docker/" };
        beside.file(format!("{name}Dockerfile"), "FROM scratch");
        if let Some(ignore) = &ignore {
            tree.file(".dockerignore", ignore);
        }
        if let Some(ignore) = &own_ignore {
            beside.file(format!("{name}Dockerfile.dockerignore"), ignore);
        }
        let request = Request {
            dockerfile: Some(dockerfile), own_folders: vec![own.clone()], ..tree.request()
        };
        let open = || Context::open(&request).unwrap();
        let rules = own_ignore.as_ref().or(ignore.as_ref()).map(|text| Ignore::parse(text.as_bytes()).unwrap());
        let parent = fs::canonicalize(tree.path("b")).unwrap_or_else(|_| tree.path("b"));
        let own = fs::canonicalize(&own).unwrap_or_else(|_| parent.join("c"));
        let mut wanted = wanted(&tree, &rules.unwrap_or_default(), &own);
        let mut seen = told(&built_from(open()));
        // The one liberty: lines more in a `.dockerignore` that is sent.
        if let (Some(wanted), Some(seen)) = (wanted.get_mut(b".dockerignore".as_slice()), seen.get_mut(b".dockerignore".as_slice())) {
            prop_assert!(seen.starts_with(wanted.trim_end_matches(']')));
            seen.clone_from(wanted);
        }
        prop_assert_eq!(&seen, &wanted);
        // The order is that of the walk, and twice the same bytes.
        let tar = pack(open());
        prop_assert!(tar == pack(open()));
        let extras = usize::from(open().dockerfile_name().starts_with(".dockerfile.")) * 2;
        let names: Vec<_> = list(&tar).into_iter().map(|(path, _)| path).skip(extras).collect();
        let parts = |path: &[u8]| path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
        prop_assert!(names.is_sorted_by_key(|path| parts(path)));
        // The survey counts the same.
        let survey = open().survey();
        let pipes = seen.values().filter(|told| told.starts_with("pipe")).count();
        let counted = survey.files + survey.folders + survey.links;
        prop_assert_eq!(usize::try_from(counted).unwrap() + pipes, names.len());
    }
}
