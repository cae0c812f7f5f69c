//! The platforms that are built for, and what BuildKit is served for each of them.

use secrecy::ExposeSecret as _;

use super::Found;
use crate::config::{Config, ContextSource, NamedContext};
use crate::context::Tree;
use crate::dockerfile::{Named, Rewritten, Source, Variables};
use crate::engine::Engine;
use crate::error::Failure;
use crate::image::Platform;
use crate::progress::{Event, Log};

/// A platform that is built for.
pub(in super::super) struct Target {
    pub(in super::super) platform: Platform,
    /// Whether that is not the engine's own, so that it has to be asked for.
    pub(in super::super) is_foreign: bool,
    /// `None` for the classic builder.
    pub(in super::super) served: Option<Served>,
}

/// The Dockerfile as BuildKit is served it, and what it needs.
pub(in super::super) struct Served {
    /// Its name, without folders.
    pub(in super::super) name: String,
    /// Where it lies, for the log.
    pub(in super::super) path: String,
    pub(in super::super) rewritten: Rewritten,
    /// The values of variables, as far as they are known before the build.
    pub(in super::super) variables: Variables,
    /// The folders of `BUILD_CONTEXTS` that are used, by the paths at which they are served.
    pub(in super::super) folders: Vec<(String, Tree)>,
}

/// Those of `PLATFORM`, else the engine's own; never empty.
pub(super) fn platforms(config: &Config, engine: &Engine) -> Vec<Platform> {
    let asked = &config.build.platforms;
    if asked.is_empty() { vec![engine.facts().platform()] } else { asked.clone() }
}

/// Those that are not the engine's own.
pub(super) fn foreign(config: &Config, engine: &Engine) -> Vec<Platform> {
    let own = engine.facts().platform();
    config.build.platforms.iter().filter(|platform| !platform.is_same(&own)).cloned().collect()
}

/// What variables of the Dockerfile are known before the build for a platform.
pub(in super::super) fn variables(config: &Config, engine: &Engine, platform: &Platform) -> Variables {
    let given = config.build.args.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    Variables::of_platforms(&engine.facts().platform(), platform).with(given)
}

/// Makes all of them ready, and tells of those that were asked for.
pub(super) async fn targets(
    config: &Config,
    engine: &Engine,
    found: &Found,
    is_buildkit: bool,
    log: &Log,
) -> Result<Vec<Target>, Vec<Failure>> {
    let own = engine.facts().platform();
    let (mut targets, mut failures): (Vec<Target>, Vec<Failure>) = (Vec::new(), Vec::new());
    for platform in platforms(config, engine) {
        let is_foreign = !platform.is_same(&own);
        if !config.build.platforms.is_empty() {
            let variables = variables(config, engine, &platform);
            let checked = found.dockerfile.check_platform(config.build.target.as_deref(), &variables, &platform);
            failures.extend(checked.err().map(Failure::from));
        }
        let served = is_buildkit.then(|| found.serve(config, engine, &platform)).transpose();
        match served {
            Ok(served) => targets.push(Target { platform, is_foreign, served }),
            Err(more) => failures.extend(more),
        }
    }
    // What one platform's build cannot do, none can.
    failures.dedup();
    if !failures.is_empty() {
        return Err(failures);
    }
    if !config.build.platforms.is_empty() {
        for target in &targets {
            log.send(Event::Fact("platform", words(target, config, engine, found))).await;
        }
    }
    warn_of_unused(&targets, log).await;
    Ok(targets)
}

/// Whether an engine can run what is built for another platform, its API does not tell.
fn words(Target { platform, is_foreign, .. }: &Target, config: &Config, engine: &Engine, found: &Found) -> String {
    if !is_foreign {
        return platform.to_string();
    }
    let variables = variables(config, engine, platform);
    let own = engine.facts().platform();
    match found.dockerfile.first_foreign_run(config.build.target.as_deref(), &variables, &own) {
        Some(line) => format!("{platform}, on an engine of {own}: `RUN` on line {line} needs emulation there"),
        None => format!("{platform}, on an engine of {own}: no step needs emulation"),
    }
}

/// A folder or image that no platform's build takes.
async fn warn_of_unused(targets: &[Target], log: &Log) {
    let unused =
        |target: &Target| target.served.as_ref().map(|served| served.rewritten.unused.clone()).unwrap_or_default();
    let Some((first, others)) = targets.split_first() else { return };
    for name in unused(first).iter().filter(|name| others.iter().all(|other| unused(other).contains(name))) {
        let message = format!("`BUILD_CONTEXTS`: nothing in the Dockerfile uses `{name}`");
        let hint = Some("it is used by `FROM`, `COPY --from=` or `RUN --mount=from=`".to_owned());
        log.send(Event::Warning { message, hint }).await;
    }
}

impl Found {
    /// The variables that are known before the build, and the Dockerfile with the named contexts put in.
    pub(super) fn rewritten(
        &self,
        config: &Config,
        engine: &Engine,
        platform: &Platform,
    ) -> (Variables, Result<Rewritten, crate::dockerfile::Error>) {
        let variables = variables(config, engine, platform);
        let named = config.build.contexts.iter().map(|NamedContext { name, source }| Named {
            name: name.clone(),
            source: match source {
                ContextSource::Folder(_) => Source::Folder,
                ContextSource::Image(image) => Source::Image(image.clone()),
            },
        });
        let rewritten = self.dockerfile.with_contexts(&named.collect::<Vec<_>>(), &variables);
        (variables, rewritten)
    }

    /// Makes ready what BuildKit is served.
    fn serve(&self, config: &Config, engine: &Engine, platform: &Platform) -> Result<Served, Vec<Failure>> {
        let (facts, build) = (engine.facts(), &config.build);
        let (variables, rewritten) = self.rewritten(config, engine, platform);
        let frontend = self.dockerfile.check_frontend(&facts.version, build.target.as_deref(), &variables);
        let rewritten = match (rewritten, frontend) {
            (Ok(rewritten), Ok(())) => rewritten,
            (rewritten, frontend) => {
                return Err(rewritten.err().into_iter().chain(frontend.err()).map(Failure::from).collect());
            }
        };
        let tree = |name: &str| self.folders.iter().find(|(other, _)| other == name).map(|(_, tree)| tree.clone());
        let folders =
            rewritten.folders.iter().filter_map(|folder| Some((folder.path.clone(), tree(&folder.name)?))).collect();
        let path = &self.context.dockerfile().path;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("Dockerfile").to_owned();
        Ok(Served { name, path: path.display().to_string(), rewritten, variables, folders })
    }
}
