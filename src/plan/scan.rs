//! Whether the scan of an image lets it pass. No result is never taken for no findings.

use std::time::Duration;

use crate::aws::{self, Findings, Scan, ScanReport, ScanStatus};
use crate::config::duration::written;
use crate::config::{OnMissing, ScanGate, Severity, Warning};
use crate::error::{ExitCode, Explain};

use super::table::summary;

/// What a look at a scan comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There may be a result later; with what is known so far.
    Wait(String),
    /// There is a result, with nothing at the gate's severity or above.
    Pass,
    /// There is a result, with too much in it.
    Fail,
    /// There will be no result.
    Missing(NoResult),
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// The scan ended without one.
    #[error("its scan ended as {status}{}", quoted(.description))]
    Ended {
        /// The state.
        status: ScanStatus,
        /// AWS's own words for it.
        description: String,
    },
    /// Images of this kind are not scanned.
    #[error("ECR does not scan images of this kind (UnsupportedImageTypeException)")]
    Unsupported,
    /// The image is archived.
    #[error("it is archived (ImageArchivedException)")]
    Archived,
    /// An index without an image in it.
    #[error("it is an index without an image in it")]
    Nothing,
    /// The API refused to tell.
    #[error("{0}")]
    Refused(aws::Error),
    /// There was none in time.
    #[error("no result after {}: {last}", written(*.after))]
    TimedOut {
        /// `SCAN_TIMEOUT`.
        after: Duration,
        /// What was known last.
        last: String,
        /// What it was waiting for.
        late: Late,
    },
}

/// What a wait that was too short was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// A scan that runs, or an API that has faults.
    End,
    /// A scan that nobody may start before tomorrow.
    Tomorrow,
    /// A scan that the registry starts by itself.
    Registry,
    /// A scan that the key may not start.
    Permission,
}

fn quoted(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(" (`{description}`)") }
}

/// Judges what ECR says of a scan.
#[must_use]
pub fn judge(scan: &Scan, fail_on: Severity) -> Verdict {
    match scan {
        Scan::NoImage => Verdict::Wait("ECR does not know the image yet".to_owned()),
        Scan::Absent => Verdict::Wait("there is no scan yet".to_owned()),
        Scan::Known(report) => judge_report(report, fail_on),
    }
}

fn judge_report(report: &ScanReport, fail_on: Severity) -> Verdict {
    let ScanReport { status, description, completed_at, findings } = report;
    match status {
        ScanStatus::Complete | ScanStatus::Active => {
            if findings.count_from(fail_on) > 0 {
                Verdict::Fail
            } else if completed_at.is_some() {
                Verdict::Pass
            } else {
                Verdict::Wait(format!("{status}, but its findings are not there yet"))
            }
        }
        ScanStatus::InProgress | ScanStatus::Pending => Verdict::Wait(format!("{status}{}", quoted(description))),
        ScanStatus::Unknown(_) => {
            Verdict::Wait(format!("{status}{}, which this version does not know", quoted(description)))
        }
        ScanStatus::Failed
        | ScanStatus::UnsupportedImage
        | ScanStatus::EligibilityExpired
        | ScanStatus::FindingsUnavailable
        | ScanStatus::LimitExceeded
        | ScanStatus::ImageArchived
        | ScanStatus::ImageSizeExceeded => {
            Verdict::Missing(NoResult::Ended { status: status.clone(), description: description.clone() })
        }
    }
}

/// An image whose scan was waited for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// How it is called in the log: its platform, or its digest.
    pub name: String,
    /// The findings, if there is a result.
    pub result: Result<Findings, NoResult>,
}

/// Why the gate stops the run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pushed}` is pushed and stays, but does not pass the scan gate (`SCAN_FAIL_ON` {}): {}", .gate.fail_on, .reasons.join("; "))]
pub struct Stopped {
    pushed: String,
    gate: ScanGate,
    reasons: Vec<String>,
    hint: String,
}

/// Puts the images of a push together: warnings, or why they do not pass. Findings weigh more than a result that is missing.
///
/// # Errors
/// Findings at the gate's severity or above; no result, unless that counts as passed.
pub fn conclude(pushed: &str, gate: &ScanGate, watched: &[Watched]) -> Result<Vec<Warning>, Stopped> {
    // A push of one image needs no second name for it.
    let of = |image: &Watched| if watched.len() == 1 { String::new() } else { format!("{}: ", image.name) };
    let is_bad = |findings: &Findings| findings.count_from(gate.fail_on) > 0;
    let bad = watched.iter().filter_map(|image| match &image.result {
        Ok(findings) if is_bad(findings) => Some(format!("{}{}", of(image), summary(findings, gate.fail_on))),
        Ok(_) | Err(_) => None,
    });
    let bad: Vec<String> = bad.collect();
    let missing: Vec<(String, &NoResult)> = watched
        .iter()
        .filter_map(|image| image.result.as_ref().err().map(|reason| (format!("{}{reason}", of(image)), reason)))
        .collect();
    let stopped = |reasons, hint| Err(Stopped { pushed: pushed.to_owned(), gate: *gate, reasons, hint });
    if !bad.is_empty() {
        let hint = "update the packages in the table, or the base image that brings them, or raise `SCAN_FAIL_ON`";
        let reasons = bad.into_iter().chain(missing.into_iter().map(|(words, _)| words)).collect();
        return stopped(reasons, hint.to_owned());
    }
    match (missing.first(), gate.on_missing) {
        (Some((_, first)), OnMissing::Fail) => {
            let pass = if first.is_of_the_image() { "; `SCAN_ON_MISSING: pass` lets such images go on" } else { "" };
            let hint = first.hint() + pass;
            stopped(missing.into_iter().map(|(words, _)| words).collect(), hint)
        }
        (_, OnMissing::Pass) => Ok(missing
            .into_iter()
            .map(|(words, reason)| Warning {
                message: format!(
                    "`{pushed}` passes without a result of its scan, since `SCAN_ON_MISSING` is pass: {words}"
                ),
                hint: Some(reason.hint()),
            })
            .collect()),
        (None, OnMissing::Fail) => Ok(Vec::new()),
    }
}

impl Explain for Stopped {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Scan
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

impl NoResult {
    /// The next step.
    fn hint(&self) -> String {
        match self {
            Self::Ended { status: ScanStatus::UnsupportedImage, .. } | Self::Unsupported | Self::Nothing => {
                "ECR scans images of the distributions that it knows, and none `FROM scratch`".to_owned()
            }
            Self::Ended { status: ScanStatus::LimitExceeded, .. } => {
                "run the step again tomorrow: basic scanning scans an image once in 24 hours".to_owned()
            }
            Self::Ended { status: ScanStatus::ImageArchived, .. } | Self::Archived => {
                "restore the image in the ECR console: an archived one is not scanned".to_owned()
            }
            Self::Ended { status: ScanStatus::EligibilityExpired, .. } => {
                "lengthen the re-scan duration of ECR images in Amazon Inspector's settings, or push an image that is new"
                    .to_owned()
            }
            Self::Ended { status: ScanStatus::FindingsUnavailable, .. } => {
                "check that Amazon Inspector is active for ECR in this account and region".to_owned()
            }
            Self::Ended { status: ScanStatus::ImageSizeExceeded, .. } => "make the image smaller".to_owned(),
            Self::Ended { .. } => "run the step again; if it stays, see the image's scan in the ECR console".to_owned(),
            Self::Refused(error) => error.hint().unwrap_or_else(|| "run the step again".to_owned()),
            Self::TimedOut { late, .. } => match late {
                Late::End => "raise `SCAN_TIMEOUT`, or run the step again",
                Late::Tomorrow => "run the step again tomorrow, or see in the ECR console why the last scan has no result",
                Late::Registry => {
                    "add the repository to a filter of the registry's scanning configuration, or raise `SCAN_TIMEOUT`"
                }
                Late::Permission => {
                    "allow `ecr:StartImageScan`, or turn on scan on push in the registry's scanning configuration"
                }
            }
            .to_owned(),
        }
    }

    /// Whether it is the image that never gets a result, however often it is tried.
    fn is_of_the_image(&self) -> bool {
        matches!(
            self,
            Self::Ended { status: ScanStatus::UnsupportedImage | ScanStatus::ImageSizeExceeded, .. }
                | Self::Unsupported
                | Self::Nothing
        )
    }
}

#[cfg(test)]
mod tests;
