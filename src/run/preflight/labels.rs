//! What the image will say of where it comes from.

use super::{Target, variables};
use crate::config::Config;
use crate::dockerfile::Dockerfile;
use crate::engine::Engine;
use crate::image::ImageReference;
use crate::plan::{Labels, Origin, labels};

/// The labels that neither the user nor the Dockerfile gives. What a base image has is no answer: it speaks of the base image.
pub(super) fn automatic(config: &Config, engine: &Engine, dockerfile: &Dockerfile, targets: &[Target]) -> Labels {
    // Of several platforms the first speaks for all.
    let platform = targets.first().map_or_else(|| engine.facts().platform(), |target| target.platform.clone());
    let (build, variables) = (&config.build, variables(config, engine, &platform));
    let target = build.target.as_deref();
    let base = dockerfile.base_image(target, &variables).and_then(|base| ImageReference::parse(&base));
    let own = dockerfile.label_names(target, &variables);
    let origin = Origin { bitbucket: &config.bitbucket, base: base.as_ref(), epoch: build.source_date_epoch };
    labels(origin, |name| own.iter().any(|own| own == name) || build.labels.iter().any(|(given, _)| given == name))
}
