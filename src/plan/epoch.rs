//! Whether no time in an image can be later than `SOURCE_DATE_EPOCH`.

use crate::config::{Config, PushMode, Warning};
use crate::engine::Facts;

/// `SOURCE_DATE_EPOCH`, where it is the pipe that pushes and so can set the times in the image.
#[must_use]
pub fn epoch_in_force(config: &Config, facts: &Facts) -> Option<u64> {
    let sets_times = config.push_mode != PushMode::Engine && !facts.keeps_compressed();
    config.build.source_date_epoch.filter(|_| sets_times)
}

/// That an engine has packed the layers with their times before anybody could set them.
#[must_use]
pub fn times_that_stay(config: &Config, facts: &Facts) -> Option<Warning> {
    let is_asked_for = config.build.source_date_epoch.is_some() && config.push && config.push_mode != PushMode::Engine;
    (is_asked_for && facts.keeps_compressed()).then(|| Warning {
        message: "`SOURCE_DATE_EPOCH` is set, and this engine's containerd store packs the layers with the times of the build: the digest is another with each build".to_owned(),
        hint: Some("use an engine with the `overlay2` store, as Bitbucket's is".to_owned()),
    })
}
