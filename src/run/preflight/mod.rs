//! Before the build: everything that can be known, asked for at once, and every problem in one list.

mod account;
mod denials;
mod destination;
mod existing;
mod inputs;
mod join;
mod labels;
mod look;
mod members;
mod permission;
mod repository;
mod scan;
mod targets;
mod unchanged;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::warn;
use crate::config::{Config, ContextSource, NamedContext};
use crate::context::{Context, Request, Survey, Tree};
use crate::dockerfile::Dockerfile;
use crate::engine::{Engine, Trace};
use crate::error::Failure;
use crate::plan::{
    Choice, Chosen, Course, Labels, Wishes, choose, context_beyond_a_layer, epoch_in_force, times_that_stay,
};
use crate::progress::{Event, Log, bytes, counted};
use crate::report::Folder;
use crate::session::secrets::Secrets;

use inputs::{Inputs, Tell};

pub(super) use destination::{Destination, Destinations};
pub(super) use existing::Existing;
pub(super) use join::{Joining, check_join};
pub(super) use look::CacheImage;
pub(super) use members::{Joined, Part};
pub(super) use targets::{Served, Target, variables};
pub(super) use unchanged::Mark;

/// Where the pipes of a step keep their files, below the clone folder (Bitbucket documentation, "Advanced techniques for
/// writing pipes"). Other pipes leave secrets there.
const PIPES_STORAGE: &str = ".bitbucket/pipelines/generated";

/// What the checks opened and found.
pub(super) struct Ready {
    pub(super) engine: Engine,
    pub(super) trace: Trace,
    /// `None` where nothing is built.
    pub(super) context: Option<Arc<Context>>,
    /// Which builder builds; `None` where nothing is.
    pub(super) choice: Option<Choice>,
    pub(super) secrets: Secrets,
    pub(super) dockerfile: Dockerfile,
    /// What is built for, one after the other; never empty.
    pub(super) targets: Vec<Target>,
    /// What the log has said already of the context.
    pub(super) told: Vec<crate::context::Warning>,
    /// `None` in a dry run.
    pub(super) output: Option<Folder>,
    pub(super) destinations: Destinations,
    /// `SOURCE_DATE_EPOCH`, where it is the pipe that pushes and so can set the times in the image.
    pub(super) epoch: Option<u64>,
    /// The labels that an image which is built gets besides those that are given.
    pub(super) labels: Labels,
    /// The image that is pushed where none is built.
    pub(super) existing: Option<Existing>,
}

/// Checks everything in parallel and tells what was found.
pub(super) async fn check(config: &Config, log: &Log) -> Result<Ready, Vec<Failure>> {
    if !config.builds {
        return Box::pin(existing::check(config, log)).await;
    }
    let (output, dry_run) = (config.output_dir.clone(), config.dry_run);
    let (tell, inputs) = Inputs::channel();
    let (destinations, (engine, context, secrets), output) = tokio::join!(
        destination::check(config, inputs, log),
        local(config, tell),
        blocking(move || {
            if dry_run { Ok(None) } else { Folder::prepare(&output).map(Some).map_err(|error| vec![error.into()]) }
        }),
    );
    if let Ok(secrets) = &secrets {
        for text in secrets.texts() {
            log.mask(text).await;
        }
    }
    if let Ok(destinations) = &destinations {
        destinations.tell(log).await;
    }
    if let Ok((engine, _)) = &engine {
        log.send(Event::Fact("engine", engine.facts().to_string())).await;
        warn(log, times_that_stay(config, engine.facts())).await;
    }
    let choice = match (&engine, &context) {
        (Ok((engine, _)), Ok(found)) => Some(choice(config, engine, found)),
        (_, _) => None,
    };
    if let Some(Ok(choice)) = &choice {
        log.send(Event::Fact("builder", choice.words.clone())).await;
    }
    let context = match (context, &choice) {
        (Ok(found), choice) => {
            let is_buildkit = matches!(choice, Some(Ok(Choice { builder: Chosen::Buildkit, .. })));
            found.tell(config, is_buildkit, log).await
        }
        (Err(failures), _) => Err(failures),
    };
    let is_buildkit = matches!(&choice, Some(Ok(Choice { builder: Chosen::Buildkit, .. })));
    if let (Ok(destinations), true) = (&destinations, is_buildkit)
        && destinations.unchanged.is_none()
    {
        look::tell_cache(config, destinations, log).await;
    }
    let targets = match (&context, &engine, &choice) {
        (Ok(found), Ok((engine, _)), Some(Ok(_))) => targets::targets(config, engine, found, is_buildkit, log).await,
        (_, _, _) => Ok(Vec::new()),
    };
    match (destinations, engine, choice, context, targets, secrets, output) {
        (
            Ok(mut destinations),
            Ok((engine, trace)),
            Some(Ok(choice)),
            Ok(found),
            Ok(targets),
            Ok(secrets),
            Ok(output),
        ) => {
            if !dry_run {
                destinations.apply(log).await?;
            }
            // Who builds nothing does not wait for what a label would say.
            let builds = destinations.course.as_ref().is_none_or(Course::builds);
            let labels =
                if builds { labels::of_build(config, &engine, &found, &mut destinations).await } else { Labels::new() };
            let (context, dockerfile, told) = (Arc::new(found.context), found.dockerfile, found.survey.warnings);
            let epoch = epoch_in_force(config, engine.facts());
            Ok(Ready {
                engine,
                trace,
                context: Some(context),
                choice: Some(choice),
                secrets,
                dockerfile,
                targets,
                told,
                output,
                destinations,
                epoch,
                labels,
                existing: None,
            })
        }
        (destinations, engine, choice, context, targets, secrets, output) => {
            let choice = choice.and_then(Result::err);
            let failures =
                [destinations.err(), engine.err(), choice, context.err(), targets.err(), secrets.err(), output.err()];
            Err(failures.into_iter().flatten().flatten().collect())
        }
    }
}

/// What can be known without AWS. The base image, and the inputs where they are of interest, are told as soon as they are known.
async fn local(
    config: &Config,
    tell: Tell,
) -> (Result<(Engine, Trace), Vec<Failure>>, Result<Found, Vec<Failure>>, Result<Secrets, Vec<Failure>>) {
    let (engine, context, secrets) = tokio::join!(
        engine_side(config),
        blocking({
            let (request, contexts) = (request(config), config.build.contexts.clone());
            move || context_side(&request, &contexts)
        }),
        blocking({
            let secrets = config.build.secrets.clone();
            move || Secrets::load(&secrets).map_err(|errors| errors.into_iter().map(Failure::from).collect())
        }),
    );
    // Nobody listens any more where AWS has refused meanwhile.
    if let (Ok((engine, _)), Ok(found)) = (&engine, &context) {
        let _ = tell.base.send(labels::base(config, engine, found));
    }
    if let (true, Ok((engine, _)), Ok(found), Ok(secrets)) =
        (config.skip_unchanged.is_on() && config.push, &engine, &context, &secrets)
    {
        let _ = tell.unchanged.send(unchanged::local(config, engine, found, secrets).await);
    }
    (engine, context, secrets)
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

/// What was found of the context.
struct Found {
    context: Context,
    dockerfile: Dockerfile,
    survey: Survey,
    /// The folders of `BUILD_CONTEXTS` by their names.
    folders: Vec<(String, Tree)>,
}

fn context_side(request: &Request, contexts: &[NamedContext]) -> Result<Found, Vec<Failure>> {
    let failures = |errors: Vec<crate::context::Error>| errors.into_iter().map(Failure::from).collect::<Vec<_>>();
    let context = Context::open(request).map_err(failures);
    let mut folders = Vec::new();
    let mut errors = Vec::new();
    for NamedContext { name, source } in contexts {
        let ContextSource::Folder(path) = source else { continue };
        match Tree::open(name, path, &request.own_folders, request.source_date_epoch) {
            Ok(tree) => folders.push((name.clone(), tree)),
            Err(more) => errors.extend(more.into_iter().map(Failure::from)),
        }
    }
    match context {
        Ok(context) if errors.is_empty() => {
            let dockerfile = Dockerfile::parse(context.dockerfile().content());
            let survey = context.survey();
            Ok(Found { context, dockerfile, survey, folders })
        }
        context => Err(context.err().into_iter().flatten().chain(errors).collect()),
    }
}

fn choice(config: &Config, engine: &Engine, found: &Found) -> Result<Choice, Vec<Failure>> {
    let needs = found.dockerfile.needs_buildkit(config.build.target.as_deref());
    let wishes = Wishes {
        builder: config.builder,
        build: &config.build,
        cache_from: &config.cache.from,
        engine: engine.facts(),
        foreign: &targets::foreign(config, engine),
        only_buildkit: needs.as_ref(),
        not_utf8: found.survey.not_utf8.as_deref(),
    };
    choose(&wishes).map_err(|failures| failures.into_iter().map(Failure::from).collect())
}

async fn engine_side(config: &Config) -> Result<(Engine, Trace), Vec<Failure>> {
    let failure = |error: crate::engine::Error| vec![Failure::from(error)];
    let engine = Engine::connect(&config.engine).await.map_err(failure)?;
    let trace = engine.trace().await.map_err(failure)?;
    Ok((engine, trace))
}

impl Found {
    /// Tells of the context. What of it cannot be sent is a failure for the classic builder, which is sent everything, and a
    /// warning for BuildKit, which may never ask for it.
    async fn tell(mut self, config: &Config, is_buildkit: bool, log: &Log) -> Result<Self, Vec<Failure>> {
        let (context, survey) = (&self.context, &self.survey);
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
        warn(log, context_beyond_a_layer(survey.bytes)).await;
        let problems = std::mem::take(&mut self.survey.problems).into_iter().map(Failure::from);
        if !is_buildkit && problems.len() > 0 {
            return Err(problems.collect());
        }
        for problem in problems {
            let message = format!("{}: the build fails if it copies that", problem.message);
            log.send(Event::Warning { message, hint: problem.hint }).await;
        }
        Ok(self)
    }
}
