//! The scan of an image: its state and findings, its start, and how a repository is scanned.
//!
//! A call is tried once: whoever waits for a scan asks again anyway, and the SDK would take `LimitExceededException`, which
//! stands for a day, for throttling (aws-runtime, `retries/classifiers.rs`).

use std::time::SystemTime;

use aws_config::retry::RetryConfig;
use aws_sdk_ecr::config::Builder;
use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use aws_sdk_ecr::operation::describe_image_scan_findings::{
    DescribeImageScanFindingsError, DescribeImageScanFindingsOutput,
};
use aws_sdk_ecr::operation::start_image_scan::StartImageScanError;
use aws_sdk_ecr::types::{ImageIdentifier, ScanFrequency, ScanType};

use super::finding::Findings;
use super::{Action, Ecr, Error};
use crate::config::Severity;
use crate::image::{Digest, Repository};

/// Findings of one page. Those of Amazon Inspector are some kilobytes each.
const PAGE: i32 = 200;
/// More pages than any image fills: an end that never comes is no answer.
const MOST_PAGES: usize = 500;

/// What ECR says of the scan of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// There is no such image, or not yet.
    NoImage,
    /// There has been no scan of it, or none is known yet.
    Absent,
    /// There is one.
    Known(Box<ScanReport>),
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanReport {
    /// Its state.
    pub status: ScanStatus,
    /// AWS's own words for it, mostly empty.
    pub description: String,
    /// When the findings were complete. A state alone says nothing of them: it comes seconds before they do
    /// (aws/aws-sdk#289, aws/aws-cli#6759).
    pub completed_at: Option<SystemTime>,
    /// What it found, as far as it is known.
    pub findings: Findings,
}

/// The states of a scan (ECR API reference, `ImageScanStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanStatus {
    /// `IN_PROGRESS`
    InProgress,
    /// `COMPLETE`
    Complete,
    /// `FAILED`
    Failed,
    /// `UNSUPPORTED_IMAGE`
    UnsupportedImage,
    /// `ACTIVE`: Amazon Inspector watches the image.
    Active,
    /// `PENDING`
    Pending,
    /// `SCAN_ELIGIBILITY_EXPIRED`: Amazon Inspector has stopped to watch the image.
    EligibilityExpired,
    /// `FINDINGS_UNAVAILABLE`
    FindingsUnavailable,
    /// `LIMIT_EXCEEDED`
    LimitExceeded,
    /// `IMAGE_ARCHIVED`
    ImageArchived,
    /// `IMAGE_SIZE_EXCEEDED`
    ImageSizeExceeded,
    /// A word of a later API, or none at all.
    Unknown(String),
}

/// What became of the wish to start a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Started,
    /// Not now: there was one in the last 24 hours, or the account has had too many (`LimitExceededException`).
    Limit,
    /// An image of this kind is not scanned, such as an index (`UnsupportedImageTypeException`).
    Unsupported,
    /// The image is archived (`ImageArchivedException`).
    Archived,
    /// There is no such image.
    NoImage,
    /// The registry has no scans on demand, as with enhanced scanning (`ValidationException`).
    NotOnDemand,
}

/// How a repository is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanning {
    /// By Amazon Inspector, which nobody can ask to start.
    pub is_enhanced: bool,
    /// Whether a push starts a scan.
    pub on_push: bool,
}

impl ScanStatus {
    /// The state of a word of the API.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "IN_PROGRESS" => Self::InProgress,
            "COMPLETE" => Self::Complete,
            "FAILED" => Self::Failed,
            "UNSUPPORTED_IMAGE" => Self::UnsupportedImage,
            "ACTIVE" => Self::Active,
            "PENDING" => Self::Pending,
            "SCAN_ELIGIBILITY_EXPIRED" => Self::EligibilityExpired,
            "FINDINGS_UNAVAILABLE" => Self::FindingsUnavailable,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "IMAGE_ARCHIVED" => Self::ImageArchived,
            "IMAGE_SIZE_EXCEEDED" => Self::ImageSizeExceeded,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl std::fmt::Display for ScanStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
            Self::UnsupportedImage => "UNSUPPORTED_IMAGE",
            Self::Active => "ACTIVE",
            Self::Pending => "PENDING",
            Self::EligibilityExpired => "SCAN_ELIGIBILITY_EXPIRED",
            Self::FindingsUnavailable => "FINDINGS_UNAVAILABLE",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::ImageArchived => "IMAGE_ARCHIVED",
            Self::ImageSizeExceeded => "IMAGE_SIZE_EXCEEDED",
            Self::Unknown(word) if word.is_empty() => "no state",
            Self::Unknown(word) => word,
        })
    }
}

fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

fn by_digest(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest.as_str()).build()
}

impl Ecr {
    /// The scan of an image (`DescribeImageScanFindings`, all its pages). Findings from `floor` on are kept by name.
    ///
    /// # Errors
    /// A permission that is lacking, no such repository, throttling, an API that cannot be reached.
    pub async fn scan(&self, repository: &Repository, image: &Digest, floor: Severity) -> Result<Scan, Error> {
        let mut report: Option<Box<ScanReport>> = None;
        let mut next = None;
        for _ in 0..MOST_PAGES {
            let sent = self
                .client()
                .describe_image_scan_findings()
                .registry_id(repository.host.account())
                .repository_name(repository.name.as_str())
                .image_id(by_digest(image))
                .max_results(PAGE)
                .set_next_token(next.take())
                .customize()
                .config_override(once())
                .send()
                .await;
            let page = match sent {
                Ok(page) => page,
                Err(error) => match error.as_service_error() {
                    Some(DescribeImageScanFindingsError::ScanNotFoundException(_)) => return Ok(Scan::Absent),
                    Some(DescribeImageScanFindingsError::ImageNotFoundException(_)) => return Ok(Scan::NoImage),
                    refused => {
                        let words = refused.and_then(|refused| refused.message()).unwrap_or_default();
                        let (action, resource) = denied_action(words, repository);
                        return Err(Error::of(self.call(action, resource), &error));
                    }
                },
            };
            let report = report.get_or_insert_with(|| Box::new(ScanReport::begun(&page, floor)));
            if let Some(findings) = page.image_scan_findings() {
                report.findings.page(findings);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            // A list that is still growing is of no use.
            let is_done = matches!(report.status, ScanStatus::Complete | ScanStatus::Active);
            if next.is_none() || !is_done {
                report.findings.settle();
                return Ok(Scan::Known(report.clone()));
            }
        }
        let reason = format!("its findings have no end after {MOST_PAGES} pages");
        Err(Error::Unreadable { action: Action::DescribeImageScanFindings, reason })
    }

    /// Asks for a scan of an image (`StartImageScan`).
    ///
    /// # Errors
    /// A permission that is lacking, no such repository, throttling, an API that cannot be reached.
    pub async fn start_scan(&self, repository: &Repository, image: &Digest) -> Result<Started, Error> {
        let sent = self
            .client()
            .start_image_scan()
            .registry_id(repository.host.account())
            .repository_name(repository.name.as_str())
            .image_id(by_digest(image))
            .customize()
            .config_override(once())
            .send()
            .await;
        let Err(error) = sent else { return Ok(Started::Started) };
        match error.as_service_error() {
            Some(StartImageScanError::LimitExceededException(_)) => Ok(Started::Limit),
            Some(StartImageScanError::UnsupportedImageTypeException(_)) => Ok(Started::Unsupported),
            Some(StartImageScanError::ImageArchivedException(_)) => Ok(Started::Archived),
            Some(StartImageScanError::ImageNotFoundException(_)) => Ok(Started::NoImage),
            Some(StartImageScanError::ValidationException(_)) => Ok(Started::NotOnDemand),
            _ => {
                let resource = repository.host.arn(&repository.name);
                Err(Error::of(self.call(Action::StartImageScan, resource), &error))
            }
        }
    }

    /// How a repository is scanned (`GetRegistryScanningConfiguration`, `BatchGetRepositoryScanningConfiguration`). `None` for
    /// one of another account, of which the API does not tell, and for one that does not exist yet.
    ///
    /// # Errors
    /// A permission that is lacking, throttling, an API that cannot be reached.
    pub async fn scanning(&self, repository: &Repository) -> Result<Option<Scanning>, Error> {
        let arn = repository.host.arn(&repository.name);
        let of_registry =
            self.client().get_registry_scanning_configuration().customize().config_override(once()).send();
        let of_repository = self
            .client()
            .batch_get_repository_scanning_configuration()
            .repository_names(repository.name.as_str())
            .customize()
            .config_override(once())
            .send();
        let (registry, of_repository) = tokio::join!(of_registry, of_repository);
        let registry = registry
            .map_err(|error| Error::of(self.call(Action::GetRegistryScanningConfiguration, "*".to_owned()), &error))?;
        let of_repository = of_repository.map_err(|error| {
            Error::of(self.call(Action::BatchGetRepositoryScanningConfiguration, arn.clone()), &error)
        })?;
        let kind = registry.scanning_configuration().and_then(|configuration| configuration.scan_type());
        let is_enhanced = match kind {
            Some(ScanType::Enhanced) => true,
            Some(ScanType::Basic) => false,
            _ => return Ok(None),
        };
        let configurations = of_repository.scanning_configurations();
        let found = configurations.iter().find(|configuration| configuration.repository_arn() == Some(arn.as_str()));
        Ok(found.map(|configuration| Scanning {
            is_enhanced,
            on_push: match configuration.scan_frequency() {
                Some(ScanFrequency::Manual) | None => configuration.scan_on_push() && !is_enhanced,
                Some(_) => true,
            },
        }))
    }
}

impl ScanReport {
    fn begun(page: &DescribeImageScanFindingsOutput, floor: Severity) -> Self {
        let status = page.image_scan_status();
        let word = status.and_then(|status| status.status()).map_or("", |status| status.as_str());
        let completed = page.image_scan_findings().and_then(|findings| findings.image_scan_completed_at());
        Self {
            status: ScanStatus::of(word),
            description: status.and_then(|status| status.description()).unwrap_or_default().to_owned(),
            completed_at: completed.and_then(|at| SystemTime::try_from(*at).ok()),
            findings: Findings::new(floor),
        }
    }
}

/// With enhanced scanning ECR asks Amazon Inspector in the name of the key, which must be allowed that too (ECR user guide,
/// "Enhanced scanning", required IAM permissions). The code is the same then; the action stands in the message only.
fn denied_action(words: &str, repository: &Repository) -> (Action, String) {
    let of_inspector = [Action::ListCoverage, Action::ListFindings];
    match of_inspector.into_iter().find(|action| words.contains(&action.to_string())) {
        Some(action) => (action, "*".to_owned()),
        None => (Action::DescribeImageScanFindings, repository.host.arn(&repository.name)),
    }
}

#[cfg(test)]
mod tests;
