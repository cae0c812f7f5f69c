//! The house rules that a test can hold.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pipe::project;

/// All files below a folder with one of these endings.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|ending| endings.iter().any(|each| *each == ending)) {
            found.push(path);
        }
    }
    found
}

fn sources() -> Vec<PathBuf> {
    [files(&project("src"), &["rs"]), files(&project("tests"), &["rs", "py"])].concat()
}

#[test]
fn no_file_needs_a_map() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines, at most 500 are allowed", path.display());
    }
    assert!(fs::read_to_string(project("src/main.rs")).unwrap().lines().count() <= 20);
}

#[test]
fn the_environment_is_read_at_one_place() {
    let readers: Vec<PathBuf> = files(&project("src"), &["rs"])
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            ["env::var", "env::vars", "env::var_os", "from_env"].iter().any(|reader| text.contains(reader))
        })
        .collect();
    // `main` passes the pairs, `config` names in its documentation who does.
    let allowed = [project("src/main.rs"), project("src/config/read.rs")];
    assert!(readers.iter().all(|path| allowed.contains(path)), "{readers:?}");
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let mut documents = files(&project("docs"), &["md"]);
    documents.push(project("tests/lab/README.md"));
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        documents.push(project(name));
    }
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = link.split('#').next().unwrap();
            let exists =
                target.is_empty() || target.starts_with("https://") || document.parent().unwrap().join(target).exists();
            assert!(exists, "{} links to {link}", document.display());
        }
    }
}

#[test]
fn what_the_architecture_names_exists() {
    let text = fs::read_to_string(project("ARCHITECTURE.md")).unwrap();
    let manifest = fs::read_to_string(project("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap();
    let (dependencies, rest) = rest.split_once("\n[dev-dependencies]\n").unwrap();
    let development = rest.split("\n[").next().unwrap();
    for line in dependencies.lines().chain(development.lines()).filter(|line| line.contains('=')) {
        let name = line.split([' ', '=']).next().unwrap();
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not say why `{name}` is there");
    }
    for room in text.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|rest| rest.split('`').next()) {
        let is_room = room.ends_with('/') || Path::new(room).extension().is_some_and(|ending| ending == "rs");
        assert!(!is_room || project("src").join(room).exists() || project(room).exists(), "there is no {room}");
    }
}
