//! Tags that somebody else takes between the checks and the push.

use futures_util::future::join_all;

use super::super::preflight::Destination;
use crate::config::IfTagExists;
use crate::error::{ExitCode, Explain, Failure};
use crate::image::{Digest, Repository, Tag};
use crate::plan::{Gap, PlannedTag};

/// A tag that did not exist when the checks looked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag `{tag}` was taken in `{repository}` while this run was at work: it was new, and now names {now}{}", difference.as_ref().map(|difference| format!(", which is another image: {difference}")).unwrap_or_default())]
pub(super) struct Taken {
    tag: Tag,
    repository: Repository,
    now: Digest,
    /// In what that image differs, where it was looked at.
    difference: Option<String>,
    /// Whether `IF_TAG_EXISTS` is `skip` already.
    skips: bool,
}

impl Explain for Taken {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Repository
    }

    fn hint(&self) -> Option<String> {
        let choose = "another run pushes the same `TAG`: choose one that is new with each build";
        Some(if self.skips {
            choose.to_owned()
        } else {
            format!("{choose}, or run the step again with `IF_TAG_EXISTS=skip` to keep what is there")
        })
    }
}

/// Tags that were new and name another image by now.
#[derive(Clone, Debug)]
pub(super) struct Others {
    /// Where the first of them is.
    pub(super) holder: usize,
    first: Taken,
    all: Vec<(usize, Taken)>,
}

impl Others {
    /// The one image that they name; `None` if they are several.
    pub(super) fn digest(&self) -> Option<&Digest> {
        let digest = &self.first.now;
        self.all.iter().all(|(_, taken)| taken.now == *digest).then_some(digest)
    }

    /// The failure that they are by a rule, with what that image differs in from ours, where it was looked at.
    pub(super) fn refused(self, rule: IfTagExists, difference: Option<String>) -> Failure {
        Taken { difference, skips: rule == IfTagExists::Skip, ..self.first }.into()
    }

    /// The tags that are still new, which may get that image too.
    pub(super) fn gaps(&self, destinations: &[Destination]) -> Vec<Gap> {
        let is_taken = |place: usize, tag: &Tag| self.all.iter().any(|(at, taken)| *at == place && taken.tag == *tag);
        let new = destinations.iter().enumerate().flat_map(|(to, destination)| {
            let tags = destination.tags.iter().filter(|planned| planned.now.is_none());
            tags.map(move |planned| (to, &planned.tag))
        });
        let gap =
            |(to, tag): (usize, &Tag)| Gap { tag: tag.clone(), digest: self.first.now.clone(), from: self.holder, to };
        new.filter(|(to, tag)| !is_taken(*to, tag)).map(gap).collect()
    }
}

/// Looks once more, just before the push, at the tags that did not exist, where no tag may be moved by the user's rule. In a
/// repository with immutable tags the registry itself sees to it.
pub(super) async fn look(rule: IfTagExists, destinations: &[Destination], id: &str) -> Option<Others> {
    if rule == IfTagExists::Overwrite {
        return None;
    }
    let new = destinations.iter().enumerate().flat_map(|(place, destination)| {
        let tags = destination.tags.iter().filter(|planned| planned.now.is_none());
        tags.map(move |planned| async move { Some((place, taken(destination, planned, id).await?)) })
    });
    let all: Vec<(usize, Taken)> = join_all(new).await.into_iter().flatten().collect();
    let (holder, first) = all.first().cloned()?;
    Some(Others { holder, first, all })
}

/// The same for tags that are to get an image which is in ECR already: what was missing may be there by now, as that image only.
pub(super) async fn recheck_gaps(gaps: &[Gap], destinations: &[Destination]) -> Result<(), Failure> {
    let looks = gaps.iter().map(async |gap| {
        let Destination { repository, registry, .. } = &destinations[gap.to];
        let now = registry.manifest(&gap.tag).await.ok()??.digest;
        let taken = || Taken {
            tag: gap.tag.clone(),
            repository: repository.clone(),
            now: now.clone(),
            difference: None,
            skips: true,
        };
        (now != gap.digest).then(taken)
    });
    join_all(looks).await.into_iter().flatten().next().map_or(Ok(()), |taken| Err(taken.into()))
}

/// Whether a tag that was new has been taken by another image than that of an id. The same one was pushed by a run that was killed, whose push the
/// engine has finished meanwhile. A registry that does not tell is no reason to stop: the push says it better.
pub(super) async fn taken(destination: &Destination, planned: &PlannedTag, id: &str) -> Option<Taken> {
    let Destination { repository, registry, .. } = destination;
    if planned.now.is_some() {
        return None;
    }
    let manifest = registry.manifest(&planned.tag).await.ok()??;
    let taken = || Taken {
        tag: planned.tag.clone(),
        repository: repository.clone(),
        now: manifest.digest.clone(),
        difference: None,
        skips: false,
    };
    (!manifest.is_of(id)).then(taken)
}
