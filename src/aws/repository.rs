//! A repository's state and settings, read and changed. Each call is one of the ECR API reference.

use std::fmt;

use aws_sdk_ecr::error::BuildError;
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesError;
use aws_sdk_ecr::operation::get_lifecycle_policy::GetLifecyclePolicyError;
use aws_sdk_ecr::operation::get_repository_policy::GetRepositoryPolicyError;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, RctAppliedFor, Tag,
};

use super::{Action, Ecr, Error, Mutability};
use crate::config::Encryption;
use crate::image::Repository;

/// What describes a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryState {
    /// The tag policy.
    pub mutability: Mutability,
    /// Whether an image is scanned when it is pushed, as far as the repository says so and not the registry.
    pub scan_on_push: bool,
    /// How its images are encrypted.
    pub encryption: EncryptionState,
}

/// How the images of a repository are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// With keys that S3 manages.
    Aes256,
    /// With a key of KMS.
    Kms {
        /// Its ARN; none stands for AWS's own key for ECR.
        key: Option<String>,
        /// Whether in two layers.
        double: bool,
    },
    /// In a way of a later API.
    Other(String),
}

impl EncryptionState {
    fn of(configuration: Option<&EncryptionConfiguration>) -> Self {
        let Some(configuration) = configuration else { return Self::Aes256 };
        let key = configuration.kms_key().map(str::to_owned);
        match configuration.encryption_type() {
            EncryptionType::Aes256 => Self::Aes256,
            EncryptionType::Kms => Self::Kms { key, double: false },
            EncryptionType::KmsDsse => Self::Kms { key, double: true },
            other => Self::Other(other.as_str().to_owned()),
        }
    }
}

impl fmt::Display for EncryptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes256 => f.write_str("AES256"),
            Self::Kms { key: None, .. } => f.write_str("AWS's own KMS key for ECR"),
            Self::Kms { key: Some(key), .. } => write!(f, "KMS key `{key}`"),
            Self::Other(kind) => write!(f, "`{kind}`"),
        }
    }
}

/// What is there of something that need not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reading<T> {
    /// Nobody asked, or the key may not ask: then it is left alone.
    #[default]
    Unknown,
    /// Nothing.
    Absent,
    /// This.
    Present(T),
}

/// What one call creates a repository with. What is `None` or empty is left to AWS.
#[derive(Clone, Copy, Debug)]
pub struct NewRepository<'a> {
    /// The tag policy.
    pub mutability: Option<&'a Mutability>,
    /// Whether images are scanned when they are pushed.
    pub scan_on_push: Option<bool>,
    /// How its images are encrypted.
    pub encryption: Option<&'a Encryption>,
    /// Resource tags.
    pub tags: &'a [(String, String)],
}

/// A repository creation template that is applied when an image is pushed (`CREATE_ON_PUSH`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The namespace it is for, or `ROOT`.
    pub prefix: String,
    /// The tag policy of what it creates.
    pub mutability: Mutability,
}

/// What came of creating a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was created by this call.
    Created,
    /// It was there already: another run was faster, or an earlier try of this call, whose answer was lost.
    Existed,
}

impl Ecr {
    /// What describes a repository (`DescribeRepositories`); `None` when there is no such repository.
    ///
    /// # Errors
    /// A permission that is lacking ([`Error::is_denied`]), an API that cannot be reached.
    pub async fn repository(&self, repository: &Repository) -> Result<Option<RepositoryState>, Error> {
        let action = Action::DescribeRepositories;
        let call = self.client().describe_repositories().registry_id(repository.host.account());
        let answer = match call.repository_names(repository.name.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match error.as_service_error() {
                    Some(DescribeRepositoriesError::RepositoryNotFoundException(_)) => Ok(None),
                    _ => Err(Error::of(self.on(action, repository), &error)),
                };
            }
        };
        let found = answer.repositories().first().map(|found| RepositoryState {
            mutability: Mutability::of(found),
            scan_on_push: found.image_scanning_configuration().is_some_and(ImageScanningConfiguration::scan_on_push),
            encryption: EncryptionState::of(found.encryption_configuration()),
        });
        found.map(Some).ok_or_else(|| Error::Unreadable { action, reason: "no repository in it".to_owned() })
    }

    /// Whether no image is in a repository (`DescribeImages`).
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub async fn is_empty(&self, repository: &Repository) -> Result<bool, Error> {
        let call = self.client().describe_images().registry_id(repository.host.account());
        let answer = call.repository_name(repository.name.as_str()).max_results(1).send().await;
        let answer = answer.map_err(|error| Error::of(self.on(Action::DescribeImages, repository), &error))?;
        Ok(answer.image_details().is_empty() && answer.next_token().is_none())
    }

    /// Creates a repository with everything that one call can set (`CreateRepository`): all but the policies.
    ///
    /// # Errors
    /// A permission that is lacking, a key or a tag that AWS does not accept, a quota.
    pub async fn create(&self, repository: &Repository, wanted: &NewRepository<'_>) -> Result<Creation, Error> {
        let action = Action::CreateRepository;
        let tags = resource_tags(action, wanted.tags)?;
        let filters = wanted.mutability.map(|mutability| filters(action, mutability)).transpose()?.flatten();
        let encryption = wanted.encryption.map(|wanted| {
            let configuration = EncryptionConfiguration::builder();
            match wanted {
                Encryption::Aes256 => configuration.encryption_type(EncryptionType::Aes256),
                Encryption::Kms(key) => configuration.encryption_type(EncryptionType::Kms).kms_key(key),
            }
            .build()
        });
        let encryption = encryption.transpose().map_err(|error| unbuilt(action, &error))?;
        let call = self.client().create_repository().repository_name(repository.name.as_str());
        let call = call.set_tags((!tags.is_empty()).then_some(tags));
        let call = call.set_image_tag_mutability(wanted.mutability.map(rule));
        let call = call.set_image_tag_mutability_exclusion_filters(filters);
        let call = call.set_image_scanning_configuration(wanted.scan_on_push.map(scanning));
        match call.set_encryption_configuration(encryption).send().await {
            Ok(_) => Ok(Creation::Created),
            Err(error) => {
                let refused = error.as_service_error();
                if refused.is_some_and(CreateRepositoryError::is_repository_already_exists_exception) {
                    return Ok(Creation::Existed);
                }
                let error = Error::of_setting(self.on(action, repository), &error);
                // A tagged creation needs both, and the answer does not say in a code which is lacking.
                Err(if wanted.tags.is_empty() { error } else { error.with_action(Action::TagResource) })
            }
        }
    }

    /// Sets the tag policy (`PutImageTagMutability`).
    ///
    /// # Errors
    /// A permission that is lacking, filters that AWS does not accept.
    pub async fn put_mutability(&self, repository: &Repository, wanted: &Mutability) -> Result<(), Error> {
        let call = self.client().put_image_tag_mutability().registry_id(repository.host.account());
        let call = call.repository_name(repository.name.as_str()).image_tag_mutability(rule(wanted));
        let call = call.set_image_tag_mutability_exclusion_filters(filters(Action::PutImageTagMutability, wanted)?);
        let sent = call.send().await;
        sent.map(drop).map_err(|error| Error::of_setting(self.on(Action::PutImageTagMutability, repository), &error))
    }

    /// Sets whether images are scanned when they are pushed (`PutImageScanningConfiguration`).
    ///
    /// # Errors
    /// A permission that is lacking.
    pub async fn put_scan_on_push(&self, repository: &Repository, wanted: bool) -> Result<(), Error> {
        let call = self.client().put_image_scanning_configuration().registry_id(repository.host.account());
        let call = call.repository_name(repository.name.as_str()).image_scanning_configuration(scanning(wanted));
        let action = Action::PutImageScanningConfiguration;
        call.send().await.map(drop).map_err(|error| Error::of_setting(self.on(action, repository), &error))
    }

    /// The lifecycle policy (`GetLifecyclePolicy`).
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub async fn lifecycle_policy(&self, repository: &Repository) -> Result<Reading<String>, Error> {
        let call = self.client().get_lifecycle_policy().registry_id(repository.host.account());
        match call.repository_name(repository.name.as_str()).send().await {
            Ok(answer) => Ok(answer.lifecycle_policy_text.map_or(Reading::Absent, Reading::Present)),
            Err(error) => match error.as_service_error() {
                Some(GetLifecyclePolicyError::LifecyclePolicyNotFoundException(_)) => Ok(Reading::Absent),
                _ => Err(Error::of(self.on(Action::GetLifecyclePolicy, repository), &error)),
            },
        }
    }

    /// Sets the lifecycle policy (`PutLifecyclePolicy`).
    ///
    /// # Errors
    /// A permission that is lacking, a policy that AWS does not accept.
    pub async fn put_lifecycle_policy(&self, repository: &Repository, text: &str) -> Result<(), Error> {
        let call = self.client().put_lifecycle_policy().registry_id(repository.host.account());
        let sent = call.repository_name(repository.name.as_str()).lifecycle_policy_text(text).send().await;
        sent.map(drop).map_err(|error| Error::of_setting(self.on(Action::PutLifecyclePolicy, repository), &error))
    }

    /// The repository policy (`GetRepositoryPolicy`).
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub async fn repository_policy(&self, repository: &Repository) -> Result<Reading<String>, Error> {
        let call = self.client().get_repository_policy().registry_id(repository.host.account());
        match call.repository_name(repository.name.as_str()).send().await {
            Ok(answer) => Ok(answer.policy_text.map_or(Reading::Absent, Reading::Present)),
            Err(error) => match error.as_service_error() {
                Some(GetRepositoryPolicyError::RepositoryPolicyNotFoundException(_)) => Ok(Reading::Absent),
                _ => Err(Error::of(self.on(Action::GetRepositoryPolicy, repository), &error)),
            },
        }
    }

    /// Sets the repository policy (`SetRepositoryPolicy`). A policy that would lock the owner out is not forced.
    ///
    /// # Errors
    /// A permission that is lacking, a policy that AWS does not accept.
    pub async fn set_repository_policy(&self, repository: &Repository, text: &str) -> Result<(), Error> {
        let call = self.client().set_repository_policy().registry_id(repository.host.account());
        let sent = call.repository_name(repository.name.as_str()).policy_text(text).send().await;
        sent.map(drop).map_err(|error| Error::of_setting(self.on(Action::SetRepositoryPolicy, repository), &error))
    }

    /// The resource tags (`ListTagsForResource`).
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub async fn resource_tags(&self, repository: &Repository) -> Result<Vec<(String, String)>, Error> {
        let arn = repository.host.arn(&repository.name);
        let answer = self.client().list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|error| Error::of(self.on(Action::ListTagsForResource, repository), &error))?;
        Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    /// Adds resource tags, or gives those that are there other values (`TagResource`).
    ///
    /// # Errors
    /// A permission that is lacking, tags that AWS does not accept.
    pub async fn tag_resource(&self, repository: &Repository, wanted: &[(String, String)]) -> Result<(), Error> {
        let tags = resource_tags(Action::TagResource, wanted)?;
        let call = self.client().tag_resource().resource_arn(repository.host.arn(&repository.name));
        let sent = call.set_tags(Some(tags)).send().await;
        sent.map(drop).map_err(|error| Error::of_setting(self.on(Action::TagResource, repository), &error))
    }

    /// The creation templates of the own registry that are applied at a push (`DescribeRepositoryCreationTemplates`).
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub async fn push_templates(&self) -> Result<Vec<Template>, Error> {
        let action = Action::DescribeRepositoryCreationTemplates;
        let pages = self.client().describe_repository_creation_templates().into_paginator().items().send();
        let found: Result<Vec<_>, _> = pages.collect().await;
        let found = found.map_err(|error| Error::of(self.call(action, "*".to_owned()), &error))?;
        let applies =
            found.into_iter().filter(|template| template.applied_for().contains(&RctAppliedFor::CreateOnPush));
        Ok(applies
            .filter_map(|template| {
                let filters = template.image_tag_mutability_exclusion_filters();
                let mutability = Mutability::from_parts(template.image_tag_mutability(), filters);
                Some(Template { mutability, prefix: template.prefix? })
            })
            .collect())
    }

    pub(super) fn on(&self, action: Action, repository: &Repository) -> super::error::Call {
        self.call(action, repository.host.arn(&repository.name))
    }
}

fn rule(wanted: &Mutability) -> ImageTagMutability {
    match (wanted.is_immutable(), wanted.exclusions().is_empty()) {
        (false, true) => ImageTagMutability::Mutable,
        (true, true) => ImageTagMutability::Immutable,
        (false, false) => ImageTagMutability::MutableWithExclusion,
        (true, false) => ImageTagMutability::ImmutableWithExclusion,
    }
}

fn scanning(wanted: bool) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(wanted).build()
}

fn filters(action: Action, wanted: &Mutability) -> Result<Option<Vec<ImageTagMutabilityExclusionFilter>>, Error> {
    let filter = |filter: &String| {
        let built = ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
            .filter(filter)
            .build();
        built.map_err(|error| unbuilt(action, &error))
    };
    let filters: Vec<_> = wanted.exclusions().iter().map(filter).collect::<Result<_, _>>()?;
    Ok((!filters.is_empty()).then_some(filters))
}

fn resource_tags(action: Action, wanted: &[(String, String)]) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): &(String, String)| {
        Tag::builder().key(key).value(value).build().map_err(|error| unbuilt(action, &error))
    };
    wanted.iter().map(tag).collect()
}

/// The SDK misses a field that is always given here.
fn unbuilt(action: Action, error: &BuildError) -> Error {
    Error::Unreadable { action, reason: error.to_string() }
}
