//! The repositories that the image goes to, as they are before the build.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::aws::{Ecr, Endpoint, Mutability, Token, TokenSource};
use crate::config::Config;
use crate::error::Failure;
use crate::image::{Digest, EcrHost, ImageReference, Name, Repository};
use crate::net::Net;
use crate::plan::repository::Wanted;
use crate::plan::{Course, PlannedTag, Standing, course, index_course};
use crate::progress::{Event, Log};
use crate::registry::{Manifest, Pacer, Registry};

use super::super::backoff;
use super::blocking;
use super::denials::Denials;
use super::inputs::Inputs;
use super::labels::{self, Asked};
use super::look::{CacheImage, Look};
use super::members::{self, Joined};
use super::repository::{self, Found, Place};
use super::unchanged::{self, Mark, Same, Seen};
use super::{account, permission, scan};

/// All of ECR as the run needs it. Without credentials, which only a run that pushes nothing may lack, there is nothing in it.
#[derive(Default)]
pub(in super::super) struct Destinations {
    /// In the order of `IMAGE`.
    pub(in super::super) all: Vec<Destination>,
    /// What becomes of the tags; `None` when nothing is pushed.
    pub(in super::super) course: Option<Course>,
    /// `None` when there is none, or none is wanted.
    pub(in super::super) cache: Option<CacheImage>,
    /// How each repository is wanted.
    wanted: Wanted,
    /// The image that has the same inputs as this build.
    pub(in super::super) unchanged: Option<Manifest>,
    /// What marks the inputs of what will be pushed; `None` when they are not known or not of interest.
    pub(in super::super) mark: Option<Mark>,
    /// The index that is to be; `None` without `INDEX_FROM`.
    pub(in super::super) joined: Option<Joined>,
    /// What the registry of the base image says of it; `None` when it is not asked.
    base_digest: Option<Asked>,
}

/// One repository, and how it is reached.
pub(in super::super) struct Destination {
    pub(in super::super) repository: Repository,
    pub(in super::super) registry: Registry,
    /// Shared by all repositories of a region.
    pub(in super::super) tokens: Arc<TokenSource>,
    /// What each tag names now; empty when nothing is pushed.
    pub(in super::super) tags: Vec<PlannedTag>,
    /// What is there of the repository, and what is to be changed; `None` when nothing is pushed.
    found: Option<Found>,
    /// The account of the credentials.
    own_account: String,
    /// What the scan gate will do; `None` without one.
    pub(in super::super) scan: Option<String>,
}

/// Asks for everything at once.
pub(super) async fn check(config: &Config, inputs: Inputs, log: &Log) -> Result<Destinations, Vec<Failure>> {
    let settings = config.repository.clone();
    let (reached, wanted) = tokio::join!(reach(config, log), blocking(move || repository::load(&settings)));
    let (reached, wanted) = match (reached, wanted) {
        (Ok(reached), Ok(wanted)) => (reached, wanted),
        (reached, wanted) => return Err(reached.err().into_iter().chain(wanted.err()).flatten().collect()),
    };
    let Some(reached) = reached else { return Ok(Destinations::default()) };
    let base_digest = labels::ask(config, &reached, inputs.base);
    let mark = match unchanged::look(config, &reached, inputs.unchanged, log).await {
        Seen::Same(same) => return unbuilt(reached, wanted, same, log).await,
        Seen::Builds(mark) => mark,
    };
    // A cache comes from the first repository, if it can.
    let denials = Denials::default();
    let looks = reached
        .into_iter()
        .enumerate()
        .map(|(place, reach)| look_at(config, reach, &wanted, place == 0, (&denials, log)));
    let mut all = Vec::new();
    let mut cache = None;
    let mut failures = Vec::new();
    for found in join_all(looks).await {
        match found {
            Ok((destination, image)) => {
                all.push(destination);
                cache = cache.or(image);
            }
            Err(more) => failures.extend(more),
        }
    }
    failures.extend(denials.tell(log).await);
    let joined = if failures.is_empty() && !config.index_from.is_empty() {
        Box::pin(members::look(&config.index_from, &all)).await.map(Some)
    } else if failures.is_empty() {
        Ok(None)
    } else {
        Err(failures)
    };
    let course = joined.and_then(|joined| {
        let course = config.push.then(|| decide(config, &all, joined.as_ref())).transpose()?;
        Ok((course, joined))
    });
    match course {
        Ok((course, joined)) => {
            Ok(Destinations { all, course, cache, wanted, unchanged: None, mark, joined, base_digest })
        }
        Err(failures) => {
            // What there is helps to understand what is wrong.
            if config.push {
                tell(&all, &wanted, log).await;
            }
            Err(failures)
        }
    }
}

/// The repositories where nothing is built: what a build or a push would need is not asked for.
async fn unbuilt(
    reached: Vec<Reach>,
    wanted: Wanted,
    Same { manifest, tags, course }: Same,
    log: &Log,
) -> Result<Destinations, Vec<Failure>> {
    let denials = Denials::default();
    let is_alone = reached.len() == 1;
    let mut all = Vec::new();
    let mut failures = Vec::new();
    for (Reach { repository, registry, tokens, own_account }, tags) in reached.into_iter().zip(tags) {
        let place = Place { ecr: tokens.ecr(), repository: &repository, own_account: &own_account, is_alone };
        // The one thing that is wanted of a repository besides the image.
        let found = if wanted.reconcile {
            Box::pin(repository::look(place, &wanted, &denials)).await.map(Some)
        } else {
            Ok(None)
        };
        match found {
            Ok(found) => all.push(Destination { repository, registry, tokens, tags, found, own_account, scan: None }),
            Err(more) => failures.extend(more),
        }
    }
    failures.extend(denials.tell(log).await);
    if !failures.is_empty() {
        return Err(failures);
    }
    Ok(Destinations {
        all,
        course: Some(course),
        cache: None,
        wanted,
        unchanged: Some(manifest),
        mark: None,
        joined: None,
        base_digest: None,
    })
}

/// What the repositories of a region share.
struct Region {
    endpoint: Endpoint,
    tokens: Arc<TokenSource>,
    pacer: Arc<Pacer>,
}

/// A repository before anything is known of it.
pub(super) struct Reach {
    pub(super) repository: Repository,
    pub(super) registry: Registry,
    pub(super) tokens: Arc<TokenSource>,
    own_account: String,
}

/// The repositories with the tokens of their regions; `None` without credentials.
async fn reach(config: &Config, log: &Log) -> Result<Option<Vec<Reach>>, Vec<Failure>> {
    let Some(credentials) = &config.credentials else { return Ok(None) };
    let Some(first) = config.images.first().and_then(|image| endpoint(config, image)) else { return Ok(None) };
    let net = Net::new(&config.network).map_err(|error| vec![error.into()])?;
    let session = account::open(config, credentials, &first, net.aws, log).await.map_err(|failure| vec![failure])?;
    let mut regions: Vec<Region> = Vec::new();
    let mut named: Vec<(&Name, usize)> = Vec::new();
    for image in &config.images {
        let Some(endpoint) = endpoint(config, image) else { return Ok(None) };
        let known = regions.iter().position(|region| region.endpoint == endpoint);
        named.push((image, known.unwrap_or(regions.len())));
        if known.is_none() {
            let tokens = Arc::new(TokenSource::new(Ecr::new(&session, endpoint.clone()), log.clone()));
            regions.push(Region { endpoint, tokens, pacer: Arc::default() });
        }
    }
    let asked = join_all(regions.iter().map(async |region| region.tokens.token().await)).await;
    let (tokens, mut failures): (Vec<Token>, Vec<Failure>) = {
        let (given, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
        (
            given.into_iter().flatten().collect(),
            refused.into_iter().filter_map(Result::err).map(Failure::from).collect(),
        )
    };
    // One key that is wrong is wrong everywhere.
    failures.dedup();
    if !failures.is_empty() {
        return Err(failures);
    }
    if let Some(token) = tokens.first() {
        let account = token.own_registry.account();
        log.send(Event::Fact("account", account.to_owned())).await;
        account::guard(config, account).map_err(|error| vec![error.into()])?;
    }
    let mut reached: Vec<Reach> = Vec::new();
    for (image, region) in named {
        let Region { tokens, pacer, .. } = &regions[region];
        let own: EcrHost = tokens.token().await.map_err(|error| vec![error.into()])?.own_registry;
        let own_account = own.account().to_owned();
        let repository = match image {
            Name::Full(repository) => repository.clone(),
            Name::Bare(name) => Repository { host: own, name: name.clone() },
        };
        // A bare name and a full one may be the same repository.
        if reached.iter().all(|other| other.repository != repository) {
            let (client, tokens, pacer) = (net.registry.clone(), Arc::clone(tokens), Arc::clone(pacer));
            let registry = Registry::new(client, repository.clone(), Arc::clone(&tokens), pacer, backoff());
            reached.push(Reach { repository, registry, tokens, own_account });
        }
    }
    Ok(Some(reached))
}

/// The API's end point; `None` where neither the image nor a variable names a region.
fn endpoint(config: &Config, image: &Name) -> Option<Endpoint> {
    let url = config.ecr_endpoint.clone();
    match (image, &config.region) {
        (Name::Full(repository), _) => Some(Endpoint::of(&repository.host, url)),
        (Name::Bare(_), Some(region)) => Some(Endpoint { region: region.clone(), fips: false, dual_stack: false, url }),
        (Name::Bare(_), None) => None,
    }
}

async fn look_at(
    config: &Config,
    reach: Reach,
    wanted: &Wanted,
    is_first: bool,
    (denials, log): (&Denials, &Log),
) -> Result<(Destination, Option<CacheImage>), Vec<Failure>> {
    let (found, scan, look) = ask(config, &reach, wanted, is_first, (denials, log)).await?;
    let tags = match &found {
        None => Vec::new(),
        // The registry does not know the repository either.
        Some(found) if found.is_missing() => {
            config.tags.iter().map(|tag| PlannedTag { tag: tag.clone(), now: None }).collect()
        }
        Some(_) => look.planned(&config.tags)?,
    };
    let Reach { repository, registry, tokens, own_account } = reach;
    let cache = look.cache(config, &repository);
    Ok((Destination { repository, registry, tokens, tags, found, own_account, scan }, cache))
}

/// Asks the API and the registry at once. A repository that cannot be used needs no word of its registry, which would say the
/// same, or nothing for long.
async fn ask(
    config: &Config,
    Reach { repository, registry, tokens, own_account }: &Reach,
    wanted: &Wanted,
    is_first: bool,
    (denials, log): (&Denials, &Log),
) -> Result<(Option<Found>, Option<String>, Look), Vec<Failure>> {
    let is_alone = config.images.len() == 1;
    let place = Place { ecr: tokens.ecr(), repository, own_account, is_alone };
    let by_api = async {
        let found = async {
            if config.push { Box::pin(repository::look(place, wanted, denials)).await.map(Some) } else { Ok(None) }
        };
        let (found, (), scan) = tokio::join!(
            found,
            permission::check(config, tokens.ecr(), repository, denials),
            scan::check(config.scan.as_ref(), tokens.ecr(), repository, denials, log)
        );
        found.map(|found| (found, scan))
    };
    let by_registry = Look::at(config, registry, is_first);
    tokio::pin!(by_api, by_registry);
    tokio::select! {
        answered = &mut by_api => {
            let (found, scan) = answered?;
            Ok((found, scan, by_registry.await))
        }
        look = &mut by_registry => {
            let (found, scan) = by_api.await?;
            Ok((found, scan, look))
        }
    }
}

/// What becomes of the tags.
fn decide(config: &Config, all: &[Destination], joined: Option<&Joined>) -> Result<Course, Vec<Failure>> {
    let standings: Vec<Standing<'_>> = all
        .iter()
        .map(|destination| Standing {
            repository: &destination.repository,
            mutability: destination.mutability(),
            before: destination.found.as_ref().and_then(|found| found.before.as_ref()),
            tags: &destination.tags,
        })
        .collect();
    if let Some(Joined { index, .. }) = joined {
        return index_course(config.if_tag_exists, &index.digest, &standings);
    }
    course(config.if_tag_exists, &standings).map_err(|forbidden| forbidden.into_iter().map(Failure::from).collect())
}

impl Destination {
    /// The tag policy as it will be at the push; `None` when the key may not ask.
    pub(in super::super) fn mutability(&self) -> Option<&Mutability> {
        self.found.as_ref().and_then(|found| found.mutability.as_ref())
    }

    /// Whether there is no such repository yet.
    pub(super) fn is_missing(&self) -> bool {
        self.found.as_ref().is_some_and(Found::is_missing)
    }

    /// What is to be done with the repository itself before the build, in a line; `None` when nothing is.
    pub(in super::super) fn intent(&self) -> Option<String> {
        self.found.as_ref()?.intent(&self.repository)
    }
}

impl Destinations {
    /// What the registry has as the base image, if it was asked and has answered.
    pub(super) async fn base_digest(&mut self, image: &ImageReference) -> Option<Digest> {
        match (&self.mark, self.base_digest.take()) {
            (Some(mark), _) => mark.digest(image),
            (None, Some(asked)) => asked.await.ok()?,
            (None, None) => None,
        }
    }

    /// Creates and changes what is to be, once nothing forbids the run.
    pub(super) async fn apply(&mut self, log: &Log) -> Result<(), Vec<Failure>> {
        let (wanted, is_alone) = (&self.wanted, self.all.len() == 1);
        let each = self.all.iter_mut().map(async |Destination { repository, tokens, found, own_account, .. }| {
            let Some(found) = found else { return Ok::<(), Vec<Failure>>(()) };
            let place = Place { ecr: tokens.ecr(), repository, own_account, is_alone };
            found.mutability = Box::pin(repository::apply(place, wanted, found, log)).await?;
            Ok(())
        });
        let failures: Vec<Failure> = join_all(each).await.into_iter().filter_map(Result::err).flatten().collect();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Tells of the repositories and their tags.
    pub(super) async fn tell(&self, log: &Log) {
        if self.course.is_some() {
            tell(&self.all, &self.wanted, log).await;
        }
    }
}

async fn tell(all: &[Destination], wanted: &Wanted, log: &Log) {
    for destination in all {
        let Destination { repository, found, tags, scan, .. } = destination;
        let policy = destination.mutability().map(|mutability| format!(", {mutability}")).unwrap_or_default();
        log.send(Event::Fact("repository", format!("{repository}{policy}"))).await;
        if let Some(found) = found {
            found.tell(wanted, log).await;
        }
        for PlannedTag { tag, now } in tags {
            let now = now.as_ref().map_or("new".to_owned(), |digest| format!("now {digest}"));
            log.send(Event::Fact("tag", format!("{tag}, {now}"))).await;
        }
        if let Some(scan) = scan {
            log.send(Event::Fact("scan", scan.clone())).await;
        }
    }
}
