//! Where the image goes: `IMAGE`, `TAG`, `IF_TAG_EXISTS`, `AWS_REGION`.

use std::collections::HashSet;
use std::hash::Hash;

use crate::image::{Name, NameError, Tag, check_region};

use super::problem::{Findings, Problem};
use super::raw::Raw;
use super::{Bitbucket, IfTagExists};

/// ECR user guide, "Amazon ECR service quotas": tags per image.
const MOST_TAGS: usize = 1000;

/// The repositories, each once, in their order; `None` when there is none or one of them is not accepted.
pub(super) fn images(raw: &Raw, nearly: Option<String>, findings: &mut Findings) -> Option<Vec<Name>> {
    if raw.is_faulty("IMAGE") {
        return None;
    }
    let name = raw.name("IMAGE");
    let entries = distinct(raw.list("IMAGE").iter());
    if entries.is_empty() {
        let meaning =
            "the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name";
        findings.problem(Problem::Missing { variable: "IMAGE", meaning, nearly });
        return None;
    }
    let parse = |entry: &String| {
        entry.parse::<Name>().map_err(|error| findings.value(name, error.to_string(), image_hint(&error))).ok()
    };
    let parsed: Vec<Option<Name>> = entries.into_iter().map(parse).collect();
    parsed.into_iter().collect()
}

fn image_hint(error: &NameError) -> Option<String> {
    match error {
        NameError::Host(_) => Some(
            "write the repository's URI as the ECR console shows it, or its bare name together with `AWS_REGION`"
                .to_owned(),
        ),
        NameError::Repository { .. } => None,
    }
}

/// The tags, each once, in their order: those given, else the one made from the build.
pub(super) fn tags(raw: &Raw, bitbucket: &Bitbucket, findings: &mut Findings) -> Vec<Tag> {
    if raw.is_faulty("TAG") {
        return Vec::new();
    }
    let given = raw.list("TAG");
    if given.is_empty() {
        return from_build(bitbucket, findings).into_iter().collect();
    }
    let given = distinct(given.iter());
    if given.len() > MOST_TAGS {
        let reason = format!("it has {} tags; ECR accepts at most {MOST_TAGS} for an image", given.len());
        findings.value(raw.name("TAG"), reason, None);
        return Vec::new();
    }
    let mut tags = Vec::new();
    for entry in given {
        match entry.parse::<Tag>() {
            Ok(tag) => tags.push(tag),
            Err(error) => {
                let hint = error.nearest.as_ref().map(|nearest| format!("the nearest legal tag is `{nearest}`"));
                findings.value(raw.name("TAG"), error.to_string(), hint);
            }
        }
    }
    tags
}

fn from_build(bitbucket: &Bitbucket, findings: &mut Findings) -> Option<Tag> {
    let branch = bitbucket.branch.as_ref().map(|branch| ("BITBUCKET_BRANCH", branch));
    let tag = bitbucket.tag.as_ref().map(|tag| ("BITBUCKET_TAG", tag));
    let Some((variable, name)) = branch.or(tag) else {
        findings.problem(Problem::NoTag);
        return None;
    };
    let nearest = Tag::nearest(name);
    if nearest.is_none() {
        let reason = format!("it is missing, and no legal tag can be made of `{variable}`, which is `{name}`");
        findings.value("TAG", reason, Some("set `TAG`".to_owned()));
    }
    nearest
}

/// What to do with tags that exist; the default when it is unset or not accepted.
pub(super) fn if_tag_exists(raw: &Raw, findings: &mut Findings) -> IfTagExists {
    let words = [("overwrite", IfTagExists::Overwrite), ("skip", IfTagExists::Skip), ("fail", IfTagExists::Fail)];
    findings.choice("IF_TAG_EXISTS", raw.scalars.if_tag_exists.as_deref(), &words)
}

/// The region: that of `AWS_REGION`, which must be that of a repository in `IMAGE`, else that of the first one with a region.
/// Needed for a push only.
pub(super) fn region(raw: &Raw, images: &[Name], push: bool, findings: &mut Findings) -> Option<String> {
    if raw.is_faulty("AWS_REGION") {
        return None;
    }
    let of = |image: &Name| match image {
        Name::Full(repository) => Some(repository.host.region().to_owned()),
        Name::Bare(_) => None,
    };
    let of_images: Vec<String> = distinct(images.iter().filter_map(of).collect::<Vec<_>>().iter().map(String::as_str))
        .into_iter()
        .map(str::to_owned)
        .collect();
    let bare = images.iter().find(|image| matches!(image, Name::Bare(_)));
    let name = raw.name("AWS_REGION");
    let Some(given) = &raw.scalars.aws_region else {
        if let (Some(Name::Bare(bare)), true) = (bare, push) {
            findings.value(
                name,
                format!("it is missing, and `{bare}` in `{}` is a bare name without a region", raw.name("IMAGE")),
                Some("set `AWS_REGION`, or write the repository's URI as the ECR console shows it".to_owned()),
            );
        }
        return of_images.into_iter().next();
    };
    if let Err(error) = check_region(given) {
        findings.value(name, error.to_string(), None);
    } else if let ([first, ..], None, false) = (of_images.as_slice(), bare, of_images.contains(given)) {
        let reason = format!("it is `{given}`, but the region in `{}` is `{first}`", raw.name("IMAGE"));
        findings.value(name, reason, Some(format!("remove `{name}` or correct one of the two")));
    }
    Some(given.clone())
}

/// The items without repetitions, in their order.
fn distinct<T: Eq + Hash + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}

#[cfg(test)]
mod tests;
