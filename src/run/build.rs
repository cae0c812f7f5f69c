//! The build: the context goes in, an image's id comes out.

use std::sync::Arc;

use futures_util::StreamExt as _;

use super::preflight::Ready;
use super::warn;
use crate::config::Config;
use crate::engine::{BuildError, BuildRequest, ImageId, Login};
use crate::error::Failure;
use crate::progress::Log;

/// Builds, and names the image where it is not pushed.
pub(super) async fn build(config: &Config, ready: &Ready, log: &Log) -> Result<ImageId, Failure> {
    let mut logins: Vec<Login> = config.registry_logins.iter().map(Login::from).collect();
    if let Some(ecr) = &ready.ecr {
        // For base images from the same registry.
        let token = ecr.tokens.token().await?;
        logins.push(super::push::login(&ecr.repository, &token));
    }
    let (stream, sent) = Arc::clone(&ready.context).tar();
    let mut options = config.build.clone();
    for (name, value) in &ready.automatic {
        if !options.args.iter().any(|(given, _)| given == name) {
            options.args.push((name.clone(), value.as_str().into()));
        }
    }
    let request = BuildRequest { dockerfile: ready.context.dockerfile_name(), options: &options, logins: &logins };
    let built = ready.engine.build(&request, stream.boxed(), &ready.trace, log).await;
    let mut broke_off = None;
    if let Some(sent) = sent.take() {
        tracing::debug!("the context was a tar of {} bytes", sent.bytes);
        warn(log, sent.warnings.into_iter().filter(|warning| !ready.told.contains(warning))).await;
        broke_off = sent.error;
    }
    built.map_err(|error| match broke_off {
        // What the engine says of a context that broke off is not the reason.
        Some(reason) => reason.into(),
        None => BuildError::into(error),
    })
}
