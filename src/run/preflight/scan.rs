//! What of the scan gate is known before the build: whether the key may look at a scan, and whether there will be one.

use crate::aws::{Ecr, Error, Scanning};
use crate::config::duration::written;
use crate::config::{OnMissing, ScanGate, Warning};
use crate::image::{Digest, Repository};
use crate::progress::Log;

use super::super::warn;
use super::denials::Denials;

/// Asks for the scan of an image that cannot exist: the answer says whether the key may ask. A gate that could never be
/// passed is a failure, all else that is odd a warning. What comes back is what will be done, `None` without a gate.
pub(super) async fn check(
    gate: Option<&ScanGate>,
    ecr: &Ecr,
    repository: &Repository,
    denials: &Denials,
    log: &Log,
) -> Option<String> {
    let gate = gate?;
    // These bytes are no manifest, so no image has this digest.
    let nothing = Digest::of(b"ecr-pipe asks whether it may ask");
    let (looked, scanning) = tokio::join!(ecr.scan(repository, &nothing, gate.fail_on), ecr.scanning(repository));
    let scanning = scanning.unwrap_or_else(|error| {
        // It is only advice, and few keys may read it.
        tracing::debug!("how `{repository}` is scanned is not known: {error}");
        None
    });
    let denied = match looked {
        Err(error) if error.is_denied() => Some(error),
        // What else fails, other checks say or the gate tries again.
        Ok(_) | Err(_) => None,
    };
    match (denied, gate.on_missing) {
        (Some(error), OnMissing::Fail) => denials.refuse(error),
        (Some(error), OnMissing::Pass) => {
            denials.tolerate(error, "the image will pass unscanned, since `SCAN_ON_MISSING` is pass".to_owned());
        }
        (None, _) => warn(log, doubts(gate, ecr, repository, &nothing, scanning, denials).await).await,
    }
    Some(words(gate, scanning))
}

fn words(gate: &ScanGate, scanning: Option<Scanning>) -> String {
    let kind = match scanning {
        Some(Scanning { is_enhanced: true, .. }) => "enhanced scanning, ",
        Some(Scanning { is_enhanced: false, on_push: true }) => "basic scanning on push, ",
        Some(Scanning { is_enhanced: false, on_push: false }) => "basic scanning, ",
        None => "",
    };
    let missing = match gate.on_missing {
        OnMissing::Fail => "and",
        OnMissing::Pass => "passes",
    };
    format!("{kind}fails at {} or above, {missing} without a result after {}", gate.fail_on, written(gate.timeout))
}

/// Why there may be no result.
async fn doubts(
    gate: &ScanGate,
    ecr: &Ecr,
    repository: &Repository,
    nothing: &Digest,
    scanning: Option<Scanning>,
    denials: &Denials,
) -> Option<Warning> {
    match scanning {
        Some(Scanning { on_push: true, .. }) => None,
        Some(Scanning { is_enhanced: true, on_push: false }) => {
            let effect = match gate.on_missing {
                OnMissing::Fail => "the gate will not be passed",
                OnMissing::Pass => "the image will pass unscanned",
            };
            let message = format!(
                "enhanced scanning does not cover `{repository}`, and cannot be started by hand: no result will come, and {effect}"
            );
            let hint = "add the repository to a filter of the registry's scanning configuration".to_owned();
            Some(Warning { message, hint: Some(hint) })
        }
        Some(Scanning { is_enhanced: false, on_push: false }) | None => {
            let denied = ecr.start_scan(repository, nothing).await.err().filter(Error::is_denied)?;
            denials.tolerate(denied, "without it there is a result only if the registry scans on push".to_owned());
            None
        }
    }
}
