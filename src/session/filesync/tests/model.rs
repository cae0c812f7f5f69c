//! The filter and the follow-paths against what they mean, path by path.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::context::ignore::{Ignore, lineage};

#[derive(Clone, Debug)]
enum Kind {
    File,
    Folder,
    Symlink(String),
}

/// A path of few names, so that they meet.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a.b"), Just("a-b"), Just("c")];
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn tree() -> impl Strategy<Value = BTreeMap<String, Kind>> {
    let target =
        prop_oneof![path(), path().prop_map(|path| format!("/{path}")), path().prop_map(|path| format!("../{path}"))];
    let kind = prop_oneof![3 => Just(Kind::File), 1 => Just(Kind::Folder), 2 => target.prop_map(Kind::Symlink)];
    prop::collection::vec((path(), kind), 0..15).prop_map(|entries| {
        let mut tree: BTreeMap<String, Kind> = BTreeMap::new();
        for (path, kind) in entries {
            let above: Vec<_> =
                lineage(path.as_bytes()).map(|path| String::from_utf8(path.to_vec()).unwrap()).collect();
            let (_, folders) = above.split_last().unwrap();
            if tree.contains_key(&path)
                || folders.iter().any(|folder| matches!(tree.get(folder), Some(kind) if !matches!(kind, Kind::Folder)))
            {
                continue;
            }
            tree.extend(folders.iter().map(|folder| (folder.clone(), Kind::Folder)));
            tree.insert(path, kind);
        }
        tree
    })
}

fn pattern() -> impl Strategy<Value = String> {
    let name = prop_oneof![3 => Just("a"), 2 => Just("b"), 1 => Just("a.b"), 2 => Just("*"), 1 => Just("**"), 1 => Just("a*"), 1 => Just("?")];
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(
        (any::<bool>(), pattern()).prop_map(|(not, text)| format!("{}{text}", if not { "!" } else { "" })),
        0..4,
    )
}

fn build(tree: &BTreeMap<String, Kind>) -> Sandbox {
    let sandbox = Sandbox::new();
    for (path, kind) in tree {
        match kind {
            Kind::File => sandbox.file(path, path),
            Kind::Folder => sandbox.folder(path),
            Kind::Symlink(target) => sandbox.symlink(path, target),
        };
    }
    sandbox
}

fn ask(keys: &[(&'static str, &[String])]) -> Vec<(&'static str, String)> {
    keys.iter().flat_map(|(key, values)| values.iter().map(|value| (*key, value.clone()))).collect()
}

fn received(service: &FileSync, metadata: &[(&'static str, String)]) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value.as_str())).collect();
    runtime.block_on(async {
        let received = receive(service, "context", &metadata).await.whole();
        assert!(received.files.iter().all(|(path, content)| content == path.as_bytes()));
        received.paths().into_iter().collect()
    })
}

/// Where a path leads when the tree is the root of all, and the symlinks on the way; `None` when nowhere.
fn resolve(tree: &BTreeMap<String, Kind>, path: &str) -> Option<(String, Vec<String>)> {
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut done: Vec<String> = Vec::new();
    let mut links = Vec::new();
    while let Some(name) = rest.pop() {
        match name.as_str() {
            "" => continue,
            ".." => {
                done.pop();
                continue;
            }
            _ => done.push(name),
        }
        match tree.get(&done.join("/"))? {
            Kind::File if rest.is_empty() => {}
            Kind::File => return None,
            Kind::Folder => {}
            Kind::Symlink(target) => {
                links.push(done.join("/"));
                if links.len() > 40 {
                    return None;
                }
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
        }
    }
    Some((done.join("/"), links))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn each_path_is_kept_by_its_own_merits(
        tree in tree(),
        own in patterns(),
        include in patterns(),
        exclude in patterns(),
    ) {
        let sandbox = build(&tree);
        let mut opened = sandbox.open_tree();
        let rules = |patterns: &[String]| Ignore::from_patterns(patterns.iter().map(String::as_bytes)).unwrap();
        opened.selection.ignore = rules(&own);
        let service = serve("context", Source::tree(opened));
        let kept = tree.keys().filter(|path| {
            let path = path.as_bytes();
            !rules(&own).excludes(path)
                && !rules(&exclude).excludes(path)
                && (include.is_empty() || rules(&include).excludes(path))
        });
        let text = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap();
        let expected: BTreeSet<_> = kept.flat_map(|path| lineage(path.as_bytes()).map(text)).collect();
        let metadata = ask(&[("include-patterns", &include), ("exclude-patterns", &exclude)]);
        prop_assert_eq!(received(&service, &metadata), expected);
    }

    #[test]
    fn what_a_followed_path_leads_to_is_there(tree in tree(), follow in prop::collection::vec(path(), 1..4)) {
        let sandbox = build(&tree);
        let found = received(&context(&sandbox), &ask(&[("followpaths", &follow)]));
        for path in &follow {
            let Some((end, links)) = resolve(&tree, path) else { continue };
            for link in links {
                prop_assert!(found.contains(&link), "{} of {} in {:?}", link, path, found);
            }
            let below = tree.keys().filter(|path| end.is_empty() || **path == end || path.starts_with(&format!("{end}/")));
            for below in below {
                prop_assert!(found.contains(below), "{} of {} in {:?}", below, path, found);
            }
        }
    }

    #[test]
    fn a_tree_below_a_path_is_the_tree_with_longer_paths(tree in tree(), exclude in patterns()) {
        let sandbox = build(&tree);
        let below = |exclude: &[String]| {
            let service = serve("context", Source::trees([("v/w".to_owned(), sandbox.open_tree())]));
            received_below(&service, &ask(&[("exclude-patterns", exclude)]))
        };
        let moved = exclude.iter().map(|text| match text.strip_prefix('!') {
            Some(text) => format!("!v/w/{text}"),
            None => format!("v/w/{text}"),
        });
        let plain = received(&context(&sandbox), &ask(&[("exclude-patterns", &exclude)]));
        let found = below(&moved.collect::<Vec<_>>());
        let expected: BTreeSet<_> = plain.iter().map(|path| format!("v/w/{path}")).chain(["v".into(), "v/w".into()]).collect();
        prop_assert_eq!(found, expected);
    }
}

/// As [`received`], for files whose content is their path in their own tree.
fn received_below(service: &FileSync, metadata: &[(&'static str, String)]) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value.as_str())).collect();
    runtime.block_on(async {
        let received = receive(service, "context", &metadata).await.whole();
        assert!(received.files.iter().all(|(path, content)| path.as_bytes().ends_with(content)));
        received.paths().into_iter().collect()
    })
}
