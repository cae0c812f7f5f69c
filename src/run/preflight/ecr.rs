//! What of ECR is known before the build: the token, the tags and their policy, the image that may serve as a cache.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::aws::{Ecr, Endpoint, Mutability, TokenSource};
use crate::config::{Builder, Config, Warning};
use crate::error::{Explain as _, Failure};
use crate::image::{Name, Repository, Tag};
use crate::net::Net;
use crate::plan::{Plan, PlannedTag, cache_tags};
use crate::progress::{Event, Log, bytes};
use crate::registry::{self, Manifest, Registry};

use super::super::{backoff, warn};

/// ECR as the run needs it.
pub(in super::super) struct EcrSide {
    pub(in super::super) repository: Repository,
    pub(in super::super) tokens: Arc<TokenSource>,
    pub(in super::super) registry: Registry,
    /// `None` when there is none, or none is wanted.
    pub(in super::super) cache: Option<CacheImage>,
    /// `None` when nothing is pushed.
    pub(in super::super) push: Option<PushSide>,
}

/// An image of the repository that may serve as a cache.
pub(in super::super) struct CacheImage {
    pub(in super::super) tag: Tag,
    pub(in super::super) manifest: Manifest,
}

/// Where the image goes.
pub(in super::super) struct PushSide {
    pub(in super::super) plan: Plan,
    /// `None` when the key may not ask.
    pub(in super::super) mutability: Option<Mutability>,
}

/// Asks for everything at once. `None` without credentials.
pub(super) async fn check(config: &Config, log: &Log) -> Result<Option<EcrSide>, Vec<Failure>> {
    let (Some(keys), Some(endpoint)) = (&config.keys, endpoint(config)) else { return Ok(None) };
    let net = Net::new(&config.network).map_err(|error| vec![error.into()])?;
    let tokens = Arc::new(TokenSource::new(Ecr::new(keys, endpoint, net.aws), log.clone()));
    let token = tokens.token().await.map_err(|error| vec![error.into()])?;
    let repository = match &config.image {
        Name::Full(repository) => repository.clone(),
        Name::Bare(name) => Repository { host: token.own_registry.clone(), name: name.clone() },
    };
    let registry = Registry::new(net.registry, repository.clone(), Arc::clone(&tokens), backoff());
    let (mutability, found) =
        tokio::join!(mutability(config, &tokens, &repository, log), Found::look(config, &registry));
    // The registry, asked at the same time, would say the same once more.
    let mutability = mutability?;
    let push = if config.push {
        let tags = found.planned(&config.tags)?;
        let plan = Plan::new(&repository, tags, mutability.as_ref())
            .map_err(|forbidden| forbidden.into_iter().map(Failure::from).collect::<Vec<_>>())?;
        Some(PushSide { plan, mutability })
    } else {
        None
    };
    let cache = found.cache(config);
    Ok(Some(EcrSide { repository, tokens, registry, cache, push }))
}

async fn mutability(
    config: &Config,
    tokens: &TokenSource,
    repository: &Repository,
    log: &Log,
) -> Result<Option<Mutability>, Vec<Failure>> {
    if !config.push {
        return Ok(None);
    }
    match tokens.ecr().mutability(&repository.host, &repository.name).await {
        Ok(mutability) => Ok(Some(mutability)),
        Err(error) if error.is_denied() => {
            let message = format!("{error}: whether a tag may be moved is seen at the push only");
            warn(log, [Warning { message, hint: error.hint() }]).await;
            Ok(None)
        }
        Err(error) => Err(vec![error.into()]),
    }
}

/// The API's end point; `None` where neither the image nor a variable names a region.
fn endpoint(config: &Config) -> Option<Endpoint> {
    let url = config.ecr_endpoint.clone();
    match (&config.image, &config.region) {
        (Name::Full(repository), _) => Some(Endpoint::of(&repository.host, url)),
        (Name::Bare(_), Some(region)) => Some(Endpoint { region: region.clone(), fips: false, dual_stack: false, url }),
        (Name::Bare(_), None) => None,
    }
}

/// Whether an image of the repository is of use as a cache.
fn wants_cache(config: &Config) -> bool {
    config.cache.auto && !config.build.no_cache && config.builder != Builder::Classic
}

/// What the registry has behind each tag of interest.
struct Found(Vec<(Tag, Result<Option<Manifest>, registry::Error>)>);

impl Found {
    async fn look(config: &Config, registry: &Registry) -> Self {
        let pushed = if config.push { config.tags.as_slice() } else { &[] };
        let mut tags: Vec<(Tag, &Registry)> = pushed.iter().map(|tag| (tag.clone(), registry)).collect();
        // A cache is only help, for which a registry that fails is not asked again and again.
        let impatient = registry.impatient();
        if wants_cache(config) {
            for tag in cache_tags(&config.tags, &config.bitbucket) {
                if !tags.iter().any(|(other, _)| *other == tag) {
                    tags.push((tag, &impatient));
                }
            }
        }
        let look = async |(tag, registry): (Tag, &Registry)| {
            let manifest = registry.manifest(&tag).await;
            (tag, manifest)
        };
        Self(join_all(tags.into_iter().map(look)).await)
    }

    /// What each tag that is to be pushed names now.
    fn planned(&self, tags: &[Tag]) -> Result<Vec<PlannedTag>, Vec<Failure>> {
        let planned = |tag: &Tag| match self.0.iter().find(|(found, _)| found == tag) {
            Some((_, Err(error))) => Err(vec![error.clone().into()]),
            Some((_, Ok(manifest))) => {
                let now = manifest.as_ref().map(|manifest| manifest.digest.clone());
                Ok(PlannedTag { tag: tag.clone(), now })
            }
            None => Ok(PlannedTag { tag: tag.clone(), now: None }),
        };
        tags.iter().map(planned).collect()
    }

    /// The best image for a cache. That a tag cannot be looked at is no failure here: a cache is only help.
    fn cache(self, config: &Config) -> Option<CacheImage> {
        if !wants_cache(config) {
            return None;
        }
        let wanted = cache_tags(&config.tags, &config.bitbucket);
        let mut found = self.0;
        let at = wanted.iter().find_map(|tag| {
            found.iter().position(|(other, manifest)| other == tag && matches!(manifest, Ok(Some(_))))
        })?;
        match found.swap_remove(at) {
            (tag, Ok(Some(manifest))) => Some(CacheImage { tag, manifest }),
            (_, Ok(None) | Err(_)) => None,
        }
    }
}

/// Tells of the repository and the tags.
pub(super) async fn tell(side: &EcrSide, log: &Log) {
    let EcrSide { repository, push: Some(push), .. } = side else { return };
    let policy = push.mutability.as_ref().map(|mutability| format!(", {mutability}")).unwrap_or_default();
    log.send(Event::Fact("repository", format!("{repository}{policy}"))).await;
    for PlannedTag { tag, now } in &push.plan.tags {
        let now = now.as_ref().map_or("new".to_owned(), |digest| format!("now {digest}"));
        log.send(Event::Fact("tag", format!("{tag}, {now}"))).await;
    }
}

/// Tells which image may serve as a cache.
pub(super) async fn tell_cache(config: &Config, side: Option<&EcrSide>, log: &Log) {
    let own = side.and_then(|side| side.cache.as_ref()).map(|CacheImage { tag, manifest }| {
        let weight = manifest.image_bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
        format!("{tag}, {}{weight}", manifest.digest)
    });
    let none = || {
        (wants_cache(config) && side.is_some())
            .then(|| "none yet: the repository has no image of this branch".to_owned())
    };
    for text in own.or_else(none).into_iter().chain(config.cache.from.iter().cloned()) {
        log.send(Event::Fact("cache", text)).await;
    }
}
