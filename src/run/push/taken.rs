//! Tags that somebody else takes between the checks and the push.

use futures_util::future::join_all;

use super::super::preflight::Destination;
use crate::config::IfTagExists;
use crate::engine::ImageId;
use crate::error::{ExitCode, Explain, Failure};
use crate::image::{Digest, Repository, Tag};
use crate::plan::{Gap, PlannedTag};

/// A tag that did not exist when the checks looked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag `{tag}` was taken in `{repository}` while this run was at work: it was new, and now names {now}")]
pub(super) struct Taken {
    tag: Tag,
    repository: Repository,
    now: Digest,
}

impl Explain for Taken {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        Some(
            "another run pushes the same `TAG`: choose one that is new with each build, or run the step again with `IF_TAG_EXISTS=skip` to keep what is there"
                .to_owned(),
        )
    }
}

/// Looks once more, just before the push, at the tags that did not exist, where no tag may be moved by the user's rule. In a
/// repository with immutable tags the registry itself sees to it.
pub(super) async fn recheck(rule: IfTagExists, destinations: &[Destination], image: &ImageId) -> Result<(), Failure> {
    if rule == IfTagExists::Overwrite {
        return Ok(());
    }
    let new = destinations.iter().flat_map(|destination| {
        let tags = destination.tags.iter().filter(|planned| planned.now.is_none());
        tags.map(move |planned| taken(destination, planned, image))
    });
    free(join_all(new).await)
}

/// The same for tags that are to get an image which is in ECR already: what was missing may be there by now, as that image only.
pub(super) async fn recheck_gaps(gaps: &[Gap], destinations: &[Destination]) -> Result<(), Failure> {
    let looks = gaps.iter().map(async |gap| {
        let Destination { repository, registry, .. } = &destinations[gap.to];
        let now = registry.manifest(&gap.tag).await.ok()??.digest;
        let taken = || Taken { tag: gap.tag.clone(), repository: repository.clone(), now: now.clone() };
        (now != gap.digest).then(taken)
    });
    free(join_all(looks).await)
}

fn free(looks: Vec<Option<Taken>>) -> Result<(), Failure> {
    looks.into_iter().flatten().next().map_or(Ok(()), |taken| Err(taken.into()))
}

/// Whether a tag that was new has been taken by another image. The same one was pushed by a run that was killed, whose push the
/// engine has finished meanwhile. A registry that does not tell is no reason to stop: the push says it better.
pub(super) async fn taken(destination: &Destination, planned: &PlannedTag, image: &ImageId) -> Option<Taken> {
    let Destination { repository, registry, .. } = destination;
    if planned.now.is_some() {
        return None;
    }
    let manifest = registry.manifest(&planned.tag).await.ok()??;
    let taken = || Taken { tag: planned.tag.clone(), repository: repository.clone(), now: manifest.digest.clone() };
    (!manifest.is_of(image.as_str())).then(taken)
}
