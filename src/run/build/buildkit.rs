//! By BuildKit: the engine asks the session for what it needs.

use std::collections::HashMap;
use std::time::Duration;

use super::super::preflight::{CacheImage, Destination, Ready, Served, Target};
use super::super::warn;
use super::Stop;
use crate::aws::{Action, allow};
use crate::config::{Build, Config, Warning};
use crate::context::Context;
use crate::dockerfile::VIRTUAL_CONTEXT;
use crate::engine::{ApiVersion, BuildError, BuildkitRequest, Built, CacheState, Error, ImageId, Login};
use crate::error::Failure;
use crate::image::Repository;
use crate::plan::other_base;
use crate::progress::vertices::{Summary, Vertices};
use crate::progress::{Event, Log, duration};
use crate::registry::PlatformImage;
use crate::session::filesync::{FileSync, Source};
use crate::session::{Card, Id, Services, Session};

/// The build argument by which the engine writes the cache's description into the image (buildkit `cache/remotecache/inline`).
const INLINE_CACHE: &str = "BUILDKIT_INLINE_CACHE";

/// What a `RUN` may ask for, as with docker (buildx `build/opt.go`).
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// How long to wait before each build without the cache image that was broken. The containerd store takes up again what it has
/// read of a layer, wrong bytes too, until its collector has been there, which is mostly at once (containerd, "Garbage Collection").
const FORGETTING: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

pub(super) async fn build(
    target: &Target,
    config: &Config,
    ready: &Ready,
    logins: &[Login],
    log: &Log,
) -> Result<ImageId, Stop> {
    let Some(served) = &target.served else { return Err(bug("BuildKit without a Dockerfile").into()) };
    let Some(context) = &ready.context else { return Err(bug("a build without a context").into()) };
    let files = FileSync::new(sources(context, served));
    let services = Services { files: files.clone(), logins: logins.to_vec(), secrets: ready.secrets.clone() };
    let (card, id) = ids(config, &files).map_err(|error| bug(&format!("no randomness: {error}")))?;
    let connection = ready.engine.attach(&card).await.map_err(no_session)?;
    let mut session = Session::serve(connection, services);

    let mut options = config.build.clone();
    options.labels.extend_from_slice(&ready.labels);
    if let Some(name) = options.target.as_deref().and_then(|target| ready.dockerfile.target_by_number(target)) {
        options.target = Some(name.to_owned());
    }
    let writes_cache = config.cache.auto && config.push;
    if writes_cache && !options.args.iter().any(|(name, _)| name == INLINE_CACHE) {
        options.args.push((INLINE_CACHE.to_owned(), "1".into()));
    }
    let epoch = config.build.source_date_epoch;
    if let Some(epoch) = epoch.filter(|_| !options.args.iter().any(|(name, _)| name == EPOCH)) {
        options.args.push((EPOCH.to_owned(), epoch.to_string().into()));
    }
    let own_cache = own_cache(target, config, ready);
    let caches: Vec<String> = own_cache.iter().chain(&further_caches(config)).cloned().collect();
    let mut attempt = Attempt { ready, target, served, options, card: &card, id: &id, session: &mut session };
    let mut built = attempt.build(&caches, Some(log)).await;
    for pause in FORGETTING {
        let (Err(error @ BuildError::LayerBroken { .. }), false) = (&built, caches.is_empty()) else { break };
        let message = format!("{error}: built once more without a cache");
        warn(log, [Warning { message, hint: None }]).await;
        tokio::time::sleep(pause).await;
        // The engine has kept what it read of the cache image, and would take steps from it again, hence no cache at all.
        attempt.options.no_cache = true;
        built = attempt.build(&[], Some(log)).await;
    }
    if let Ok(first) = &built
        && writes_cache
        && is_thin(&first.summary, &caches, ready)
    {
        match attempt.build(&[], None).await {
            Ok(whole) if whole.image != first.image => {
                ready.engine.discard(&ready.trace, &first.image).await;
                built = Ok(Built { image: whole.image, summary: first.summary.clone() });
            }
            Ok(_) => {}
            Err(error) => tracing::debug!("the image's cache records stay incomplete: {error}"),
        }
    }
    drop(session);
    if let Ok(built) = &built {
        if let Some(mark) = &ready.destinations.mark {
            mark.was_built_from(&built.summary.bases);
        }
        warn(log, other_base(&ready.labels, &built.summary.bases)).await;
        tell_cache(&built.summary, own_cache.as_deref(), ready, log).await;
    }
    Ok(super::finished(files.sent(), built.map(|built| built.image), ready, log).await?)
}

/// What each attempt at the build has in common.
struct Attempt<'a> {
    ready: &'a Ready,
    target: &'a Target,
    served: &'a Served,
    options: Build,
    card: &'a Card,
    /// Names the build of each attempt, since the one before has ended.
    id: &'a Id,
    session: &'a mut Session,
}

impl Attempt<'_> {
    async fn build(&mut self, cache_from: &[String], log: Option<&Log>) -> Result<Built, BuildError> {
        let request = BuildkitRequest {
            dockerfile: &self.served.name,
            options: &self.options,
            session: &self.card.id,
            build: self.id,
            platform: self.target.is_foreign.then_some(&self.target.platform),
            cache_from,
            wording: &self.served.rewritten.wording,
        };
        let (ready, vertices) = (self.ready, vertices(self.served));
        ready.engine.build_with_buildkit(&request, self.session, vertices, &ready.trace, log).await
    }
}

/// Engine 28.0. Before it, an image of which some steps came from a cache image may tell of the others only, so that every
/// second build finds half a cache (measured with 20.10, and with 26.1 also where all steps came from it; not with 28.5).
const WHOLE_RECORDS: ApiVersion = ApiVersion { major: 1, minor: 48 };

/// Whether the image lacks records for the steps that came from a cache image. A second build, which takes all steps from the
/// engine's own cache and so is done at once, gives an image that has them.
fn is_thin(summary: &Summary, caches: &[String], ready: &Ready) -> bool {
    summary.cached > 0 && !caches.is_empty() && ready.engine.facts().api < WHOLE_RECORDS
}

/// What the engine may ask for, by the names that the builder gives to it (buildkit `frontend/dockerui`).
fn sources(from: &Context, served: &Served) -> HashMap<String, Source> {
    let tree = from.tree().clone();
    let context = if served.folders.is_empty() {
        Source::tree(tree)
    } else {
        let folders = served.folders.iter().map(|(path, tree)| (path.clone(), tree.clone()));
        Source::trees(folders.chain([(VIRTUAL_CONTEXT.to_owned(), tree)]))
    };
    let mut files = vec![(served.name.clone(), served.rewritten.text.clone())];
    // Where there are folders, each tree judges by its own ignore file, and the engine, which knows but one, by none.
    let ignore = if served.folders.is_empty() { from.ignore_text().unwrap_or_default() } else { b"" };
    files.push((format!("{}.dockerignore", served.name), ignore.to_vec()));
    [("context", context), ("dockerfile", Source::files(files))]
        .into_iter()
        .map(|(name, source)| (name.to_owned(), source))
        .collect()
}

fn ids(config: &Config, files: &FileSync) -> std::io::Result<(Card, Id)> {
    let repository = config.bitbucket.repository.as_deref().unwrap_or_default();
    Ok((Card::new(repository, &std::path::absolute(&config.build.context)?, files)?, Id::random()?))
}

/// Which failures of the session leave the classic builder as a way.
fn no_session(error: Error) -> Stop {
    match error {
        Error::NotUpgraded { .. } | Error::SessionTimeout { .. } | Error::Plugin { .. } | Error::Dropped { .. } => {
            Stop::NoSession(error)
        }
        error => Stop::Failed(error.into()),
    }
}

fn vertices(served: &Served) -> Vertices {
    let (rewritten, variables) = (served.rewritten.clone(), served.variables.clone());
    let wording = served.rewritten.wording.clone();
    Vertices::new(&served.path, move |step| rewritten.line_of(step, &variables))
        .served_as(move |line| wording.line(line))
}

/// The image of the repository that may hold a cache: of an index that for the platform.
fn own_cache(target: &Target, config: &Config, ready: &Ready) -> Option<String> {
    let CacheImage { reference, manifest, .. } =
        ready.destinations.cache.as_ref().filter(|_| !config.build.no_cache)?;
    if manifest.config.is_some() {
        return Some(reference.clone());
    }
    let images = manifest.images();
    let is_its = |image: &&PlatformImage| image.platform.as_ref().is_some_and(|its| its.is_same(&target.platform));
    let repository = reference.split_once('@').map_or(reference.as_str(), |(repository, _)| repository);
    Some(format!("{repository}@{}", images.iter().find(is_its)?.digest))
}

/// Those of `CACHE_FROM`.
fn further_caches(config: &Config) -> Vec<String> {
    if config.build.no_cache { Vec::new() } else { config.cache.from.clone() }
}

/// Tells of each cache what it was good for.
async fn tell_cache(summary: &Summary, own: Option<&str>, ready: &Ready, log: &Log) {
    for import in &summary.imports {
        let own = ready.destinations.cache.as_ref().filter(|_| own == Some(import.reference.as_str()));
        let name = own.map_or_else(|| import.reference.clone(), |cache| cache.tag.to_string());
        let words = match import.error.as_deref().map(CacheState::of) {
            // Which of several sources a step came from the engine does not tell, nor whether it had it itself.
            None if summary.cached > 0 => "hit".to_owned(),
            None => "no step of it fits".to_owned(),
            Some(CacheState::Absent) => "absent".to_owned(),
            Some(CacheState::Denied) if let Some(own) = own => {
                warn(log, may_not_fetch(own, ready)).await;
                "denied".to_owned()
            }
            Some(CacheState::Denied) => "denied, for want of a login in `REGISTRY_LOGINS` or a permission".to_owned(),
            Some(CacheState::Unusable(reason)) => format!("not usable: {reason}"),
        };
        log.send(Event::Note(format!("cache {name}: {words}, look-up {}", duration(import.took)))).await;
    }
    if summary.cached > 0 {
        let steps = if summary.steps == 1 { "step" } else { "steps" };
        log.send(Event::Note(format!("{} of {} {steps} cached", summary.cached, summary.steps))).await;
    }
}

/// The image could be looked at, by `ecr:BatchGetImage`, but the engine may not fetch what is in it.
fn may_not_fetch(cache: &CacheImage, ready: &Ready) -> Option<Warning> {
    let is_its = |repository: &Repository| cache.reference.starts_with(&format!("{repository}@"));
    let Destination { repository, tokens, .. } = ready.destinations.all.iter().find(|one| is_its(&one.repository))?;
    let (who, action) = (tokens.ecr().principal(), Action::GetDownloadUrlForLayer);
    let resource = repository.host.arn(&repository.name);
    let message = format!("{who} may not do `{action}` on `{resource}`: `{}` cannot serve as a cache", cache.tag);
    let hint = format!("{}, or set `CACHE` to `none`", allow(who, &[action], &[resource]));
    Some(Warning { message, hint: Some(hint) })
}

fn bug(message: &str) -> Failure {
    super::super::bug(message)
}
