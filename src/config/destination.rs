//! Where the image goes: `IMAGE`, `TAG`, `AWS_REGION`.

use std::collections::HashSet;
use std::hash::Hash;

use crate::image::{Name, NameError, Tag, check_region};

use super::Bitbucket;
use super::problem::{Findings, Problem};
use super::raw::Raw;

/// The one repository.
pub(super) fn image(raw: &Raw, nearly: Option<String>, findings: &mut Findings) -> Option<Name> {
    if raw.is_faulty("IMAGE") {
        return None;
    }
    let name = raw.name("IMAGE");
    let entries = distinct(raw.list("IMAGE").iter());
    if entries.is_empty() {
        let meaning =
            "the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name";
        findings.problem(Problem::Missing { variable: "IMAGE", meaning, nearly });
    } else if entries.len() > 1 {
        findings.problem(Problem::SeveralRepositories { variable: name.to_owned(), count: entries.len() });
    }
    let mut image = None;
    for entry in entries {
        match entry.parse::<Name>() {
            Ok(parsed) => image = Some(parsed),
            Err(error) => findings.value(name, error.to_string(), image_hint(&error)),
        }
    }
    image
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
    let mut tags = Vec::new();
    for entry in distinct(given.iter()) {
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

/// The region: that of `AWS_REGION`, which must be that of `IMAGE`, else that of `IMAGE`. Needed for a push only.
pub(super) fn region(raw: &Raw, image: Option<&Name>, push: bool, findings: &mut Findings) -> Option<String> {
    if raw.is_faulty("AWS_REGION") {
        return None;
    }
    let of_image = match image {
        Some(Name::Full(repository)) => Some(repository.host.region()),
        Some(Name::Bare(_)) | None => None,
    };
    let name = raw.name("AWS_REGION");
    let Some(given) = &raw.scalars.aws_region else {
        if of_image.is_none() && image.is_some() && push {
            findings.value(
                name,
                format!("it is missing, and `{}` is a bare name without a region", raw.name("IMAGE")),
                Some("set `AWS_REGION`, or write the repository's URI as the ECR console shows it".to_owned()),
            );
        }
        return of_image.map(str::to_owned);
    };
    if let Err(error) = check_region(given) {
        findings.value(name, error.to_string(), None);
    } else if let Some(of_image) = of_image.filter(|of_image| of_image != given) {
        let reason = format!("it is `{given}`, but the region in `{}` is `{of_image}`", raw.name("IMAGE"));
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
