//! The tags, once all content is everywhere: each in all repositories before the next, in the order of `TAG`.

use super::super::preflight::Destination;
use super::direct;
use super::read_back::read_back;
use super::taken::taken;
use crate::engine::{Engine, ImageId, Trace};
use crate::error::Failure;
use crate::image::{Repository, Tag};
use crate::plan::PlannedTag;
use crate::progress::{Event, Log};
use crate::registry::{self, Manifest, Put, Registry};

/// An image in the engine, which gets the tags too, for whatever follows in the step.
#[derive(Clone, Copy)]
pub(super) struct Local<'a> {
    pub(super) engine: &'a Engine,
    pub(super) trace: &'a Trace,
    pub(super) image: &'a ImageId,
}

/// Moves the tags in every repository, but for the first ones, which are in place. All that the manifest names is there. Before a tag moves
/// in one of several repositories, each of them has taken the manifest.
pub(super) async fn tags(
    local: Option<Local<'_>>,
    manifest: &Manifest,
    destinations: &[Destination],
    in_place: usize,
    log: &Log,
) -> Result<(), Failure> {
    if let several @ [_, _, ..] = destinations {
        let registries: Vec<&Registry> = several.iter().map(|destination| &destination.registry).collect();
        direct::untagged(&registries, manifest).await?;
        let text = format!("{} is in {} repositories, no tag has moved yet", manifest.digest, several.len());
        log.send(Event::Note(text)).await;
    }
    let id = local.map_or(manifest.digest.as_str(), |local| local.image.as_str());
    let names: Vec<&Tag> = destinations.first().into_iter().flat_map(|one| &one.tags).map(|one| &one.tag).collect();
    for (at, tag) in names.iter().enumerate().skip(in_place) {
        for (place, destination) in destinations.iter().enumerate() {
            let Destination { repository, registry, tags, .. } = destination;
            let moved = async {
                if let Some(Local { engine, trace, image }) = local {
                    engine.tag(image, &repository.to_string(), tag, trace).await?;
                }
                let planned = tags.get(at);
                let put = match put(registry, tag, planned, manifest).await {
                    Ok(put) => put,
                    Err(error) => return Err(refusal(destination, planned, id, error).await),
                };
                if put == Put::Done {
                    read_back(registry, repository, tag, manifest.digest.clone()).await?;
                }
                Ok(put)
            };
            let repositories = || destinations.iter().map(|one| &one.repository).collect::<Vec<_>>();
            let put = moved.await.map_err(|why| {
                let is_fixed = is_fixed(destinations, &names, (at, place));
                halfway(why, &names, &repositories(), (at, place), is_fixed)
            })?;
            let words = match put {
                Put::Done => "",
                Put::WasThere => ", as before",
            };
            let name = if destinations.len() == 1 { tag.to_string() } else { repository.tagged(tag) };
            log.send(Event::Note(format!("{name}: {}{words}", manifest.digest))).await;
        }
    }
    Ok(())
}

/// A tag that named something else before the build need not be looked at once more.
async fn put(
    registry: &Registry,
    tag: &Tag,
    planned: Option<&PlannedTag>,
    manifest: &Manifest,
) -> Result<Put, registry::Error> {
    let before = planned.and_then(|planned| planned.now.as_ref());
    if before == Some(&manifest.digest) {
        return registry.put_manifest(tag, manifest).await;
    }
    registry.put_anew(tag, manifest).await.map(|_| Put::Done)
}

/// Why a tag could not be put: one that may not move may have been free when the checks looked.
async fn refusal(destination: &Destination, planned: Option<&PlannedTag>, id: &str, error: registry::Error) -> Failure {
    if let (registry::Error::TagImmutable { .. }, Some(planned)) = (&error, planned)
        && let Some(taken) = taken(destination, planned, id).await
    {
        return taken.into();
    }
    error.into()
}

/// Says what is where when a tag fails in a repository.
fn halfway(
    why: Failure,
    tags: &[&Tag],
    repositories: &[&Repository],
    (at, place): (usize, usize),
    is_fixed: bool,
) -> Failure {
    let quoted = |tags: &[&Tag]| tags.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ");
    let named = |repositories: &[&Repository]| {
        repositories.iter().map(|repository| format!("`{repository}`")).collect::<Vec<_>>().join(", ")
    };
    let mut parts = vec![why.message];
    if let ([_], 1..) = (repositories, at) {
        parts.push(format!("moved: {}; not moved: {}", quoted(&tags[..at]), quoted(&tags[at..])));
        let hint = onwards(why.hint, (at, place), is_fixed);
        return Failure { code: why.code, message: parts.join("; "), hint };
    }
    if at > 0 {
        parts.push(format!("moved in all repositories: {}", quoted(&tags[..at])));
    }
    if place > 0 {
        parts.push(format!("{} moved in {}", quoted(&tags[at..=at]), named(&repositories[..place])));
    }
    parts.push(match (at, place) {
        (0, 0) => "no tag has moved".to_owned(),
        _ => format!("{} not moved in {}", quoted(&tags[at..=at]), named(&repositories[place..])),
    });
    if at + 1 < tags.len() && (at, place) != (0, 0) {
        parts.push(format!("not moved anywhere: {}", quoted(&tags[at + 1..])));
    }
    Failure { code: why.code, message: parts.join("; "), hint: onwards(why.hint, (at, place), is_fixed) }
}

/// What to do about the rest. Where a tag that has moved may not move again, a plain run ends before its build.
fn onwards(hint: Option<String>, stopped: (usize, usize), is_fixed: bool) -> Option<String> {
    if stopped == (0, 0) {
        return hint;
    }
    let with = if is_fixed { " with `IF_TAG_EXISTS=skip`" } else { "" };
    let rest = format!("a further run{with} moves the rest");
    Some(hint.map_or_else(|| rest.clone(), |hint| format!("{hint}; {rest}")))
}

/// Whether a tag that has moved by then may not move again.
fn is_fixed(destinations: &[Destination], tags: &[&Tag], (at, place): (usize, usize)) -> bool {
    destinations.iter().enumerate().any(|(number, destination)| {
        let moved = if number < place { at + 1 } else { at };
        let forbids = |tag: &&Tag| destination.mutability().is_some_and(|policy| policy.forbids_moving(tag));
        tags.iter().take(moved).any(forbids)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::error::ExitCode;
    use crate::image::Name;

    fn message(at: usize, place: usize) -> String {
        let repository = |region: &str| match format!("123456789012.dkr.ecr.{region}.amazonaws.com/web").parse() {
            Ok(Name::Full(repository)) => repository,
            other => panic!("{other:?}"),
        };
        let (one, two) = (repository("eu-west-1"), repository("us-east-1"));
        let tags: Vec<Tag> = ["1", "2", "3"].map(|tag| tag.parse().unwrap()).to_vec();
        let why = Failure { code: ExitCode::Push, message: "boom".to_owned(), hint: None };
        let failure = halfway(why, &tags.iter().collect::<Vec<_>>(), &[&one, &two], (at, place), false);
        failure.message.replace("123456789012.dkr.ecr.", "").replace(".amazonaws.com", "")
    }

    #[test]
    fn with_one_repository_only_the_tags_are_named() {
        let Ok(Name::Full(one)) = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web".parse() else { panic!("a name") };
        let tags: Vec<Tag> = ["1", "2", "3"].map(|tag| tag.parse().unwrap()).to_vec();
        let why = Failure { code: ExitCode::Push, message: "boom".to_owned(), hint: None };
        let message = halfway(why, &tags.iter().collect::<Vec<_>>(), &[&one], (1, 0), false).message;
        assert_eq!(message, "boom; moved: `1`; not moved: `2`, `3`");
    }

    #[test]
    fn a_failure_says_which_tags_have_moved_where() {
        assert_eq!(message(0, 0), "boom; no tag has moved");
        assert_eq!(
            message(0, 1),
            "boom; `1` moved in `eu-west-1/web`; `1` not moved in `us-east-1/web`; not moved anywhere: `2`, `3`"
        );
        assert_eq!(
            message(1, 0),
            "boom; moved in all repositories: `1`; `2` not moved in `eu-west-1/web`, `us-east-1/web`; not moved anywhere: `3`"
        );
        assert_eq!(
            message(2, 1),
            "boom; moved in all repositories: `1`, `2`; `3` moved in `eu-west-1/web`; `3` not moved in `us-east-1/web`"
        );
    }

    #[test]
    fn the_hint_names_what_finishes_the_rest() {
        let hint = |hint: Option<&str>, stopped, is_fixed| onwards(hint.map(str::to_owned), stopped, is_fixed);
        assert_eq!(hint(Some("look"), (0, 0), false).unwrap(), "look");
        assert_eq!(hint(None, (0, 1), false).unwrap(), "a further run moves the rest");
        assert_eq!(
            hint(Some("look"), (1, 0), true).unwrap(),
            "look; a further run with `IF_TAG_EXISTS=skip` moves the rest"
        );
    }
}
