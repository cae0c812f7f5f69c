//! What the image will say of where it comes from.

use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::destination::{Destinations, Reach};
use super::unchanged::not_another;
use super::{Found, targets, variables};
use crate::config::Config;
use crate::dockerfile::Dockerfile;
use crate::engine::Engine;
use crate::image::{Digest, ImageReference};
use crate::plan::{Labels, Origin, labels};
use crate::registry::{Bases, Registry};

/// How long the registry of a base image may take: no build waits longer for a label.
const PATIENCE: Duration = Duration::from_secs(3);

/// The digest of the base image, while it is asked for.
pub(super) type Asked = JoinHandle<Option<Digest>>;

/// The image that a build is based on, and the engine that may have it.
pub(super) struct Base {
    image: ImageReference,
    engine: Engine,
}

/// The base image, if it can be told before the build; of several platforms the first speaks for all.
pub(super) fn base(config: &Config, engine: &Engine, found: &Found) -> Option<Base> {
    let platform = targets::platforms(config, engine).into_iter().next()?;
    let (variables, rewritten) = found.rewritten(config, engine, &platform);
    let dockerfile = Dockerfile::parse(&rewritten.ok()?.text);
    let image = ImageReference::parse(&dockerfile.base_image(config.build.target.as_deref(), &variables)?)?;
    Some(Base { image, engine: engine.clone() })
}

/// Asks for the digest that the name of the base image stands for, as soon as that name is told, while the other checks are made.
/// Nobody is asked with `SOURCE_DATE_EPOCH`, since an answer that fails to come would make another image, nor in a dry run, nor where
/// `SKIP_UNCHANGED` asks anyway.
pub(super) fn ask(config: &Config, reached: &[Reach], told: oneshot::Receiver<Option<Base>>) -> Option<Asked> {
    let build = &config.build;
    let is_of_use = config.bitbucket.commit.is_some() && !config.dry_run && build.source_date_epoch.is_none();
    if !is_of_use || config.skip_unchanged.is_on() {
        return None;
    }
    let registries: Vec<&Registry> = reached.iter().map(|reach| &reach.registry).collect();
    let bases = Bases::new(&registries, &config.registry_logins)?;
    let pull = build.pull;
    Some(tokio::spawn(async move {
        let Base { image, engine } = told.await.ok()??;
        let look = async {
            let digest = bases.digest(&image).await.map_err(|untold| untold.to_string())?;
            if !pull {
                not_another(&engine, &image, &digest).await?;
            }
            Ok::<_, String>(digest)
        };
        let digest = timeout(PATIENCE, look).await;
        let digest = digest.unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())));
        digest.inspect_err(|reason| tracing::debug!("no label for the digest of the base image: {reason}")).ok()
    }))
}

/// The labels of a build that neither the user nor the Dockerfile gives. What a base image has is no answer: it speaks of the base
/// image.
pub(super) async fn of_build(
    config: &Config,
    engine: &Engine,
    found: &Found,
    destinations: &mut Destinations,
) -> Labels {
    let base = base(config, engine, found).map(|base| base.image);
    let digest = match &base {
        Some(image) => destinations.base_digest(image).await,
        None => None,
    };
    let epoch = config.build.source_date_epoch;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs());
    let origin =
        Origin { bitbucket: &config.bitbucket, base: base.as_ref(), base_digest: digest.as_ref(), epoch, at: now };
    let platform = targets::platforms(config, engine).into_iter().next().unwrap_or_else(|| engine.facts().platform());
    let own = found.dockerfile.label_names(config.build.target.as_deref(), &variables(config, engine, &platform));
    labels(origin, |name| own.iter().any(|own| own == name) || is_given(config, name))
}

/// Those of an image that was built before the run.
pub(super) fn of_existing(config: &Config) -> Labels {
    let epoch = config.build.source_date_epoch;
    let origin = Origin { bitbucket: &config.bitbucket, base: None, base_digest: None, epoch, at: None };
    labels(origin, |name| is_given(config, name))
}

fn is_given(config: &Config, name: &str) -> bool {
    config.build.labels.iter().any(|(given, _)| given == name)
}
