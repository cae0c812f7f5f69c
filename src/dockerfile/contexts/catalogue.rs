//! The named contexts by their names.

use super::VIRTUAL_ROOT;
use crate::image::is_docker_hub;

/// A named context as the user gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// A stage's name or an image reference.
    pub name: String,
    /// What it stands for.
    pub source: Source,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder; the session serves its files.
    Folder,
    /// An image, by its reference without `docker-image://`.
    Image(String),
}

/// A folder to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name as given.
    pub name: String,
    /// Where it must lie in the `context` source; without `/` at either end.
    pub path: String,
}

pub(super) struct Catalogue(Vec<Entry>);

struct Entry {
    given: String,
    familiar: String,
    kind: Kind,
}

/// What takes a name's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder(Folder),
    Image(String),
}

impl Catalogue {
    pub(super) fn of(contexts: &[Named]) -> Self {
        let mut taken = vec!["context".to_owned()];
        let entries = contexts.iter().map(|named| {
            let kind = match &named.source {
                Source::Image(reference) => Kind::Image(reference.clone()),
                Source::Folder => {
                    Kind::Folder(Folder { name: named.name.clone(), path: path(&named.name, &mut taken) })
                }
            };
            Entry { given: named.name.clone(), familiar: familiar(&named.name), kind }
        });
        Self(entries.collect())
    }

    /// The context that stands for an image reference or a stage's name. `scratch` and `context` are never looked up.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Kind)> {
        if ["scratch", "context"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return None;
        }
        let name = familiar(name);
        // Of two with one name the last one counts, as in buildx.
        let (number, entry) = self.0.iter().enumerate().rev().find(|(_, entry)| entry.familiar == name)?;
        Some((number, &entry.kind))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The folders among those that are used.
    pub(super) fn folders<'a>(&'a self, used: &'a [bool]) -> impl Iterator<Item = &'a Folder> {
        self.0.iter().zip(used).filter(|(_, used)| **used).filter_map(|(entry, _)| match &entry.kind {
            Kind::Folder(folder) => Some(folder),
            Kind::Image(_) => None,
        })
    }

    pub(super) fn unused(&self, used: &[bool]) -> Vec<String> {
        self.0.iter().zip(used).filter(|(_, used)| !**used).map(|(entry, _)| entry.given.clone()).collect()
    }
}

/// A folder's path: its name, of characters that mean nothing in a Dockerfile.
fn path(name: &str, taken: &mut Vec<String>) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let plain: String = name.chars().map(|character| if plain(character) { character } else { '-' }).collect();
    let plain = plain.trim_matches('.').to_owned();
    let mut folder = plain.clone();
    let mut number = 1;
    while folder.is_empty() || taken.contains(&folder) {
        number += 1;
        folder = format!("{plain}-{number}");
    }
    taken.push(folder.clone());
    format!("{VIRTUAL_ROOT}/{folder}")
}

/// The short form of a reference, without `:latest` (`reference.FamiliarString`, as `dockerui.NamedContext` compares them).
fn familiar(reference: &str) -> String {
    let path = reference.split_once('/').filter(|(host, _)| is_docker_hub(host)).map_or(reference, |(_, path)| path);
    let path = path.strip_prefix("library/").filter(|name| !name.contains('/')).unwrap_or(path);
    path.strip_suffix(":latest").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_their_short_form() {
        for (reference, short) in [
            ("docker.io/library/alpine:latest", "alpine"),
            ("docker.io/a/b:1", "a/b:1"),
            ("library/alpine", "alpine"),
            ("library/a/b", "library/a/b"),
            ("ghcr.io/library/a:latest", "ghcr.io/library/a"),
            ("alpine@sha256:1", "alpine@sha256:1"),
        ] {
            assert_eq!(familiar(reference), short);
        }
        // Of the hosts below Docker Hub's own only its index is another name for it (distribution `reference/normalize.go`).
        for (above, short) in [("index.", "a/b:1"), ("other.", "other.docker.io/a/b:1")] {
            assert_eq!(familiar(&format!("{above}docker.io/a/b:1")), short);
        }
    }

    #[test]
    fn each_folder_has_a_path_of_its_own() {
        let names = ["a/b", "a-b", "context", "x:1", "..", "A.b_c"];
        let contexts: Vec<_> =
            names.iter().map(|name| Named { name: (*name).to_owned(), source: Source::Folder }).collect();
        let catalogue = Catalogue::of(&contexts);
        let paths: Vec<_> = catalogue.folders(&[true; 6]).map(|folder| folder.path.as_str()).collect();
        let expected = ["a-b", "a-b-2", "context-2", "x-1", "-2", "A.b_c"].map(|name| format!(".ecr-pipe/{name}"));
        assert_eq!(paths, expected);
        assert_eq!(catalogue.find("Context"), None);
        assert_eq!(catalogue.find("docker.io/a/b:latest").map(|(number, _)| number), Some(0));
    }
}
