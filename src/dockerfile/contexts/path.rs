//! Paths into a folder that is served below another one.

use crate::dockerfile::needs::is_git;

/// What becomes of a source path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// This stands before it.
    Before(String),
    /// This stands in its place.
    Instead(String),
}

/// A path below `folder`. `..` ends at the folder, as it does at the root of a source.
pub(super) fn below(folder: &str, path: &str) -> Moved {
    let literal = !path.contains(['$', '"', '\'', '\\', '`']);
    if !literal || !path.split('/').any(|part| part == "..") {
        return Moved::Before(format!("{folder}/"));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    Moved::Instead(format!("{folder}/{}{end}", parts.join("/")))
}

/// The same for `COPY --parents`, which makes the folders after `/./` only.
pub(super) fn below_with_parents(folder: &str, path: &str) -> Moved {
    if path.contains("/./") { below(folder, path) } else { Moved::Before(format!("{folder}/./")) }
}

/// Whether `COPY` and `ADD` take a source from elsewhere (buildkit `dockerfile2llb.dispatchCopy`). Newer engines clone
/// `host/path.git` too.
pub(in crate::dockerfile) fn is_remote(source: &str) -> bool {
    let path = source.split_once('#').map_or(source, |(path, _)| path);
    let is_local = ["/", "./", "../", "github.com/", "$"].iter().any(|start| path.starts_with(start));
    source.starts_with("http://")
        || source.starts_with("https://")
        || is_git(source)
        || (!is_local && path.contains('/') && path.strip_suffix(".git").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder() {
        for path in [".", "./a", "/a", "a/*.md", "$X/..", "a..b", ""] {
            assert_eq!(below("v/c", path), Moved::Before("v/c/".into()), "{path}");
        }
        for (path, moved) in [("..", "v/c/"), ("../../a", "v/c/a"), ("/a/./b/../../../c/", "v/c/c/"), ("a/..", "v/c/")]
        {
            assert_eq!(below("v/c", path), Moved::Instead(moved.into()), "{path}");
        }
        assert_eq!(below_with_parents("v/c", "a/b"), Moved::Before("v/c/./".into()));
        assert_eq!(below_with_parents("v/c", "a/./b"), Moved::Before("v/c/".into()));
    }

    #[test]
    fn urls_and_repositories_are_elsewhere() {
        for source in ["http://x", "https://x/y.git#z", "git@x:y", "gitlab.com/a/b.git"] {
            assert!(is_remote(source), "{source}");
        }
        for source in ["a", "./a/b.git", "/a/b.git", "github.com/a/b.git", "x.git", "$A/b.git"] {
            assert!(!is_remote(source), "{source}");
        }
    }
}
