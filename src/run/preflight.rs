//! Before the build: everything that can be known, asked for at once, and every problem in one list.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};

use super::{backoff, warn};
use crate::aws::{Ecr, Endpoint, Mutability, TokenSource};
use crate::config::{Config, Warning};
use crate::context::{Context, Request, Survey};
use crate::dockerfile::Dockerfile;
use crate::engine::{BuildError, Engine, Trace};
use crate::error::{Explain as _, Failure};
use crate::image::{Name, Repository, Tag};
use crate::net::Net;
use crate::plan::{Plan, PlannedTag};
use crate::progress::{Event, Log, bytes, counted};
use crate::registry::Registry;
use crate::report::Folder;

/// Where the pipes of a step keep their files, below the clone folder (Bitbucket documentation, "Advanced techniques for
/// writing pipes"). Other pipes leave secrets there.
const PIPES_STORAGE: &str = ".bitbucket/pipelines/generated";

/// What the checks opened and found.
pub(super) struct Ready {
    pub(super) engine: Engine,
    pub(super) trace: Trace,
    pub(super) context: Arc<Context>,
    /// Build arguments that a Dockerfile may count on without being given them.
    pub(super) automatic: Vec<(String, String)>,
    /// What the log has said already of the context.
    pub(super) told: Vec<crate::context::Warning>,
    pub(super) output: Folder,
    /// `None` without credentials, which only a run that pushes nothing may lack.
    pub(super) ecr: Option<EcrSide>,
}

/// ECR as the run needs it.
pub(super) struct EcrSide {
    pub(super) repository: Repository,
    pub(super) tokens: Arc<TokenSource>,
    /// `None` when nothing is pushed.
    pub(super) push: Option<PushSide>,
}

/// Where the image goes.
pub(super) struct PushSide {
    pub(super) plan: Plan,
    pub(super) registry: Registry,
    /// `None` when the key may not ask.
    pub(super) mutability: Option<Mutability>,
}

/// Checks everything in parallel and tells what was found.
pub(super) async fn check(config: &Config, log: &Log) -> Result<Ready, Vec<Failure>> {
    let output = config.output_dir.clone();
    let (ecr, engine, context, output) = tokio::join!(
        ecr_side(config, log),
        engine_side(config),
        blocking({
            let (request, target) = (request(config), config.build.target.clone());
            move || context_side(&request, target.as_deref())
        }),
        blocking(move || Folder::prepare(&output).map_err(|error| vec![error.into()])),
    );
    tell_ecr(&ecr, log).await;
    if let Ok((engine, _)) = &engine {
        log.send(Event::Fact("engine", engine.facts().to_string())).await;
    }
    if let Ok((context, survey, _)) = &context {
        tell_context(config, context, survey, log).await;
    }
    match (ecr, engine, context, output) {
        (Ok(ecr), Ok((engine, trace)), Ok((context, survey, dockerfile)), Ok(output)) => {
            let facts = engine.facts();
            let automatic = dockerfile.automatic_args(config.build.target.as_deref(), &facts.os, &facts.architecture);
            Ok(Ready { engine, trace, context: Arc::new(context), automatic, told: survey.warnings, output, ecr })
        }
        (ecr, engine, context, output) => {
            let failures = [ecr.err(), engine.err(), context.err(), output.err()];
            Err(failures.into_iter().flatten().flatten().collect())
        }
    }
}

/// Runs what reads files on a thread where it may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Vec<Failure>> + Send + 'static,
) -> Result<T, Vec<Failure>> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

fn request(config: &Config) -> Request {
    let bitbucket = &config.bitbucket;
    let mut own_folders: Vec<PathBuf> = bitbucket.storage_dirs.clone();
    // An output folder that holds the context itself keeps only its own files from it.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if real(&config.build.context).starts_with(real(&config.output_dir)) {
        own_folders.extend(Folder::files(&config.output_dir));
    } else {
        own_folders.push(config.output_dir.clone());
    }
    own_folders.push(bitbucket.clone_dir.clone().unwrap_or_default().join(PIPES_STORAGE));
    Request {
        root: config.build.context.clone(),
        dockerfile: config.build.dockerfile.clone(),
        own_folders,
        source_date_epoch: config.build.source_date_epoch,
    }
}

fn context_side(request: &Request, target: Option<&str>) -> Result<(Context, Survey, Dockerfile), Vec<Failure>> {
    let failures = |errors: Vec<crate::context::Error>| errors.into_iter().map(Failure::from).collect::<Vec<_>>();
    let context = Context::open(request).map_err(failures)?;
    let dockerfile = Dockerfile::parse(context.dockerfile().text.as_bytes());
    match (dockerfile.needs_buildkit(target), context.survey().map_err(failures)) {
        (None, Ok(survey)) => Ok((context, survey, dockerfile)),
        (needs, survey) => {
            let error = needs.map(|needs| BuildError::NeedsBuildKit { what: needs.to_string() });
            Err(error.map(Failure::from).into_iter().chain(survey.err().into_iter().flatten()).collect())
        }
    }
}

async fn engine_side(config: &Config) -> Result<(Engine, Trace), Vec<Failure>> {
    let failure = |error: crate::engine::Error| vec![Failure::from(error)];
    let engine = Engine::connect(&config.engine).await.map_err(failure)?;
    let trace = engine.trace().await.map_err(failure)?;
    Ok((engine, trace))
}

async fn ecr_side(config: &Config, log: &Log) -> Result<Option<EcrSide>, Vec<Failure>> {
    let (Some(keys), Some(endpoint)) = (&config.keys, endpoint(config)) else { return Ok(None) };
    let net = Net::new(&config.network).map_err(|error| vec![error.into()])?;
    let tokens = Arc::new(TokenSource::new(Ecr::new(keys, endpoint, net.aws), log.clone()));
    let token = tokens.token().await.map_err(|error| vec![error.into()])?;
    let repository = match &config.image {
        Name::Full(repository) => repository.clone(),
        Name::Bare(name) => Repository { host: token.own_registry.clone(), name: name.clone() },
    };
    if !config.push {
        return Ok(Some(EcrSide { repository, tokens, push: None }));
    }
    let registry = Registry::new(net.registry, repository.clone(), Arc::clone(&tokens), backoff());
    let (mutability, tags) =
        tokio::join!(tokens.ecr().mutability(&repository.host, &repository.name), planned(&registry, &config.tags));
    let mutability = match mutability {
        Ok(mutability) => Some(mutability),
        Err(error) if error.is_denied() => {
            let message = format!("{error}: whether a tag may be moved is seen at the push only");
            warn(log, [Warning { message, hint: error.hint() }]).await;
            None
        }
        // The registry, asked at the same time, would say the same once more.
        Err(error) => return Err(vec![error.into()]),
    };
    let plan = Plan::new(&repository, tags?, mutability.as_ref())
        .map_err(|forbidden| forbidden.into_iter().map(Failure::from).collect::<Vec<_>>())?;
    Ok(Some(EcrSide { repository, tokens, push: Some(PushSide { plan, registry, mutability }) }))
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

/// What each tag names now.
async fn planned(registry: &Registry, tags: &[Tag]) -> Result<Vec<PlannedTag>, Vec<Failure>> {
    let look = async |tag: &Tag| {
        let manifest = registry.manifest(tag).await?;
        Ok::<_, crate::registry::Error>(PlannedTag { tag: tag.clone(), now: manifest.map(|manifest| manifest.digest) })
    };
    try_join_all(tags.iter().map(look)).await.map_err(|error| vec![error.into()])
}

async fn tell_ecr(ecr: &Result<Option<EcrSide>, Vec<Failure>>, log: &Log) {
    let Ok(Some(EcrSide { repository, push: Some(push), .. })) = ecr else { return };
    let policy = push.mutability.as_ref().map(|mutability| format!(", {mutability}")).unwrap_or_default();
    log.send(Event::Fact("repository", format!("{repository}{policy}"))).await;
    let lines = push.plan.tags.iter().map(|planned| {
        let now = planned.now.as_ref().map_or("new".to_owned(), |digest| format!("now {digest}"));
        log.send(Event::Fact("tag", format!("{}, {now}", planned.tag)))
    });
    join_all(lines).await;
}

async fn tell_context(config: &Config, context: &Context, survey: &Survey, log: &Log) {
    log.send(Event::Fact("dockerfile", context.dockerfile().path.display().to_string())).await;
    let ignore = context.ignore_file().map(|file| format!(", without what `{}` excludes", file.display()));
    let text = format!(
        "{}, {}, {}{}",
        config.build.context.display(),
        counted(survey.files) + if survey.files == 1 { " file" } else { " files" },
        bytes(survey.bytes),
        ignore.unwrap_or_default()
    );
    log.send(Event::Fact("context", text)).await;
    warn(log, survey.warnings.iter().cloned()).await;
}
