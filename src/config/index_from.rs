//! `INDEX_FROM`: what is joined, and what does nothing beside it.

use super::existing::OF_A_BUILD;
use super::problem::Findings;
use super::raw::Raw;
use crate::image::{DigestError, Name, Repository, TagError};
use crate::registry::Reference;

/// One entry of `INDEX_FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexMember {
    /// As the user wrote it.
    pub text: String,
    /// The repository, where it is named.
    pub repository: Option<Repository>,
    /// What names the image there.
    pub reference: Reference,
}

/// What has to do with the push of what was built.
const OF_A_PUSH: [&str; 3] = ["COMPRESSION", "PUSH_MODE", "BUILD"];

/// The entries, in their order; none when nothing is joined.
pub(super) fn read(raw: &Raw, push: bool, findings: &mut Findings) -> Vec<IndexMember> {
    let members = raw.entries("INDEX_FROM", member, findings);
    if members.is_empty() {
        return members;
    }
    if !push {
        let hint = "remove `PUSH`, or build without `INDEX_FROM`".to_owned();
        findings.value(
            "INDEX_FROM",
            "it is set, and `PUSH` is `false`: an index is in a registry or nowhere",
            Some(hint),
        );
    }
    let idle: Vec<String> = OF_A_BUILD
        .iter()
        .chain(&OF_A_PUSH)
        .filter(|name| raw.is_given(name))
        .map(|name| format!("`{}`", raw.name(name)))
        .collect();
    if let Some((last, others)) = idle.split_last() {
        let names = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
        let verb = if others.is_empty() { "does" } else { "do" };
        let hint = "remove what is for a build, or build in a step of its own".to_owned();
        findings.warn(format!("{names} {verb} nothing beside `INDEX_FROM`, with which nothing is built"), Some(hint));
    }
    members
}

/// A digest, a tag, or either with the repository in front, as a pipe prints it.
fn member(entry: &str) -> Result<IndexMember, String> {
    let (repository, reference) = match entry.rsplit_once('@') {
        Some((repository, digest)) => (Some(repository), digest),
        None => match entry.rsplit_once(['/', ':']) {
            Some((repository, tag)) if repository != "sha256" && entry[repository.len()..].starts_with(':') => {
                (Some(repository), tag)
            }
            _ => (None, entry),
        },
    };
    let repository = match repository.map(str::parse::<Name>) {
        None => None,
        Some(Ok(Name::Full(repository))) => Some(repository),
        Some(Ok(Name::Bare(name))) => {
            let found = entry.escape_debug();
            return Err(format!("`{found}` names `{name}` without its registry, expected `<registry>/{name}`"));
        }
        Some(Err(error)) => return Err(error.to_string()),
    };
    let is_digest = reference.contains(':') || entry.contains('@');
    let reference = if is_digest {
        Reference::Digest(reference.parse().map_err(|error: DigestError| error.to_string())?)
    } else {
        Reference::Tag(reference.parse().map_err(|error: TagError| error.to_string())?)
    };
    Ok(IndexMember { text: entry.to_owned(), repository, reference })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems, warnings};
    use super::*;

    const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop";
    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn an_entry_is_a_digest_a_tag_or_what_a_run_prints() {
        let (at, tagged) = (format!("{REPOSITORY}@{DIGEST}"), format!("{REPOSITORY}:1-arm64"));
        let list = format!("1-amd64, {DIGEST}\n{at} {tagged}");
        let found = config(&[("INDEX_FROM", &list)]).index_from;
        let shown = |member: &IndexMember| {
            (member.repository.as_ref().map(ToString::to_string), member.reference.as_str().to_owned())
        };
        let repository = Some(REPOSITORY.to_owned());
        assert_eq!(
            found.iter().map(shown).collect::<Vec<_>>(),
            [
                (None, "1-amd64".to_owned()),
                (None, DIGEST.to_owned()),
                (repository.clone(), DIGEST.to_owned()),
                (repository, "1-arm64".to_owned())
            ]
        );
        assert_eq!(found[2].text, at);
        assert_eq!(config(&[]).index_from, []);
    }

    #[test]
    fn what_is_no_entry_is_told_with_what_is() {
        let list = format!("sha256:12 a/b shop:1 shop/web:1 docker.io/library/a:1 x{}y -a", '@');
        insta::assert_snapshot!(problems(&[("INDEX_FROM", &list)]), @"
        `INDEX_FROM`: `sha256:12` is no digest, expected `sha256:` and 64 hexadecimal digits
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `a/b` is no legal tag: it holds `/`; accepted are letters, digits, `.`, `_` and `-`
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `shop:1` names `shop` without its registry, expected `<registry>/shop`
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `shop/web:1` names `shop/web` without its registry, expected `<registry>/shop/web`
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `docker.io` is no ECR registry host: expected `<account>.dkr.ecr.<region>.amazonaws.com`
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `x` is no repository name: its length is 1; accepted are 2 to 256 characters
          hint: write it like `1.4.2-arm64`
        `INDEX_FROM`: `-a` is no legal tag: it begins with `-`; accepted there is a letter, a digit or `_`
          hint: write it like `1.4.2-arm64`
        ");
    }

    #[test]
    fn what_belongs_to_a_build_does_nothing_beside_it() {
        insta::assert_snapshot!(warnings(&[("INDEX_FROM", "a b"), ("CONTEXT", "web"), ("BUILD_ARGS", "A=1"), ("CACHE", "none")]), @"
        `CONTEXT`, `BUILD_ARGS` and `CACHE` do nothing beside `INDEX_FROM`, with which nothing is built
          hint: remove what is for a build, or build in a step of its own
        ");
        insta::assert_snapshot!(warnings(&[("INDEX_FROM", "a b"), ("SKIP_UNCHANGED", "7d")]), @"
        `SKIP_UNCHANGED` does nothing beside `INDEX_FROM`, with which nothing is built
          hint: remove what is for a build, or build in a step of its own
        ");
        let config = config(&[("INDEX_FROM", "a b"), ("SKIP_UNCHANGED", "7d")]);
        assert!(!config.skip_unchanged.is_on() && !config.cache.auto);
    }

    #[test]
    fn without_a_push_there_is_no_index() {
        insta::assert_snapshot!(problems(&[("INDEX_FROM", "a b"), ("PUSH", "false")]), @"
        `INDEX_FROM`: it is set, and `PUSH` is `false`: an index is in a registry or nowhere
          hint: remove `PUSH`, or build without `INDEX_FROM`
        ");
    }
}
