//! Whether the key may push: asked before the build by calls that change nothing.

use crate::aws::Ecr;
use crate::config::Config;
use crate::error::Failure;
use crate::image::Repository;

/// What the key lacks for a push, as one failure with one statement to paste. That something else goes wrong here is no
/// finding: the other checks, or the push, say it better.
pub(super) async fn lacking(config: &Config, ecr: &Ecr, repository: &Repository) -> Option<Failure> {
    if !config.push {
        return None;
    }
    // On the heap, since five calls of the SDK at once are a large future.
    match Box::pin(ecr.may_push(&repository.host, &repository.name)).await {
        Err(error) if error.is_denied() => Some(error.into()),
        Ok(()) => None,
        Err(error) => {
            tracing::debug!("whether the key may push to {repository} is not known: {error}");
            None
        }
    }
}
