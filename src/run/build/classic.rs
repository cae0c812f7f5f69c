//! By the classic builder: all of the context as a tar.

use std::sync::Arc;

use futures_util::StreamExt as _;

use super::super::preflight::Ready;
use crate::config::Config;
use crate::engine::{ClassicRequest, ImageId, Login};
use crate::error::Failure;
use crate::progress::Log;

pub(super) async fn build(config: &Config, ready: &Ready, logins: &[Login], log: &Log) -> Result<ImageId, Failure> {
    let Some(context) = &ready.context else { return Err(super::super::bug("a build without a context")) };
    let (stream, sent) = Arc::clone(context).tar();
    let mut options = config.build.clone();
    options.labels.extend_from_slice(&ready.labels);
    let facts = ready.engine.facts();
    let automatic = ready.dockerfile.automatic_args(options.target.as_deref(), &facts.os, &facts.architecture);
    for (name, value) in automatic {
        if !options.args.iter().any(|(given, _)| *given == name) {
            options.args.push((name, value.into()));
        }
    }
    let request = ClassicRequest { dockerfile: context.dockerfile_name(), options: &options, logins };
    let built = ready.engine.build_classic(&request, stream.boxed(), &ready.trace, log).await;
    super::finished(sent.take(), built, ready, log).await
}
