//! The tag by which a later run knows that an image has the same inputs as its build: put last, and never a failure.

use super::super::preflight::{Destination, Mark, Ready};
use super::super::warn;
use crate::config::Warning;
use crate::error::{Explain as _, Failure};
use crate::progress::{Event, Log};
use crate::registry::{self, Manifest};

/// Pushes, and then marks what was pushed, if it is known what that was built from.
pub(in super::super) async fn marked(
    pushing: impl Future<Output = Result<Manifest, Failure>>,
    ready: &Ready,
    log: &Log,
) -> Result<Manifest, Failure> {
    let manifest = pushing.await?;
    if let Some(mark) = &ready.destinations.mark {
        warn(log, put(mark, &manifest, ready, log).await).await;
    }
    Ok(manifest)
}

/// Why the next run may build once more.
async fn put(mark: &Mark, manifest: &Manifest, ready: &Ready, log: &Log) -> Option<Warning> {
    let again = "the next run with the same inputs builds again";
    if let Err(doubt) = mark.holds().await {
        let message = format!("{doubt}, so that the image is not marked: {again}");
        let hint =
            "let nothing write into the context during the step, and no other run move its base images".to_owned();
        return Some(Warning { message, hint: Some(hint) });
    }
    for Destination { repository, registry, .. } in &ready.destinations.all {
        match registry.put_manifest(&mark.tag, manifest).await {
            Ok(_) => {
                let name =
                    if ready.destinations.all.len() == 1 { mark.tag.to_string() } else { repository.tagged(&mark.tag) };
                log.send(Event::Note(format!("{name}: the inputs of this build"))).await;
            }
            Err(registry::Error::TagImmutable { .. }) => {
                let message = format!(
                    "`{}` stays with an older image, since tags are immutable there: {again}",
                    repository.tagged(&mark.tag)
                );
                let hint = "let `unchanged-*` be an exception (`TAG_MUTABILITY_EXCEPT`), or delete that tag".to_owned();
                return Some(Warning { message, hint: Some(hint) });
            }
            Err(error) => {
                let message = format!("`{}` could not be put: {error}: {again}", repository.tagged(&mark.tag));
                return Some(Warning { message, hint: error.hint() });
            }
        }
    }
    None
}
