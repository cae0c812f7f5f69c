//! Whether the key may push: asked before the build by calls that change nothing.

use crate::aws::Ecr;
use crate::config::Config;
use crate::image::Repository;

use super::denials::Denials;

/// What the key lacks for a push. That something else goes wrong here is no finding: the other checks, or the push, say it
/// better.
pub(super) async fn check(config: &Config, ecr: &Ecr, repository: &Repository, denials: &Denials) {
    if !config.push {
        return;
    }
    // On the heap, since five calls of the SDK at once are a large future.
    match Box::pin(ecr.may_push(&repository.host, &repository.name)).await {
        Err(error) if error.is_denied() => denials.refuse(error),
        Ok(()) => {}
        Err(error) => tracing::debug!("whether the key may push to {repository} is not known: {error}"),
    }
}
