//! Images of a repository by their tags, as ECR's API tells of them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageError;
use aws_sdk_ecr::operation::describe_images::DescribeImagesError;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use bytes::Bytes;

use super::{Action, Ecr, Error};
use crate::image::{Digest, Repository, Tag};

/// The manifests that are asked for. With all kinds named, ECR converts none (user guide, "Container image manifest format
/// support").
const ACCEPTED: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
];

/// How many images one call may ask for (service model, `ImageIdentifierList`).
const MOST: usize = 100;

/// A manifest as the API has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedImage {
    /// The digest.
    pub digest: Digest,
    /// The media type.
    pub media_type: String,
    /// The manifest itself.
    pub manifest: Bytes,
}

impl Ecr {
    /// What each of these tags names (`BatchGetImage`), in one call for up to 100; `None` for a tag that does not exist. One of which
    /// the answer does not tell is left out, and so is one whose image cannot be pulled, as from the archive (user guide,
    /// "Archiving an image").
    ///
    /// # Errors
    /// A permission that is lacking, an API that cannot be reached, an answer that is none.
    pub async fn images(
        &self,
        repository: &Repository,
        tags: &[Tag],
    ) -> Result<BTreeMap<Tag, Option<TaggedImage>>, Error> {
        let action = Action::BatchGetImage;
        let mut found: BTreeMap<Tag, Option<TaggedImage>> = BTreeMap::new();
        for some in tags.chunks(MOST) {
            let ids = some.iter().map(|tag| ImageIdentifier::builder().image_tag(tag.as_str()).build()).collect();
            let call = self.client().batch_get_image().registry_id(repository.host.account());
            let call = call.repository_name(repository.name.as_str()).set_image_ids(Some(ids));
            let call = call.set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec()));
            let answer = match call.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let refused = error.as_service_error();
                    if refused.is_some_and(BatchGetImageError::is_repository_not_found_exception) {
                        return Ok(tags.iter().map(|tag| (tag.clone(), None)).collect());
                    }
                    return Err(Error::of(self.on(action, repository), &error));
                }
            };
            for image in answer.images() {
                let id = image.image_id();
                let tag = id.and_then(|id| id.image_tag()?.parse().ok());
                let digest = id.and_then(|id| id.image_digest()?.parse().ok());
                let (Some(tag), Some(digest), Some(manifest)) = (tag, digest, image.image_manifest()) else {
                    return Err(Error::Unreadable {
                        action,
                        reason: "an image without a tag or a manifest".to_owned(),
                    });
                };
                let media_type = image.image_manifest_media_type().unwrap_or_default().to_owned();
                found.insert(tag, Some(TaggedImage { digest, media_type, manifest: Bytes::from(manifest.to_owned()) }));
            }
            let missing = answer
                .failures()
                .iter()
                .filter(|failure| failure.failure_code().is_some_and(|code| *code == ImageFailureCode::ImageNotFound));
            let missing = missing.filter_map(|failure| failure.image_id()?.image_tag()?.parse::<Tag>().ok());
            found.extend(missing.map(|tag| (tag, None)));
        }
        Ok(found)
    }

    /// When the image that a tag names was pushed (`DescribeImages`); `None` when there is none, or nobody knows. A further tag
    /// does not make it younger: that time is the manifest's (aws/containers-roadmap#2746).
    ///
    /// # Errors
    /// A permission that is lacking, an API that cannot be reached.
    pub async fn pushed_at(&self, repository: &Repository, tag: &Tag) -> Result<Option<SystemTime>, Error> {
        let id = ImageIdentifier::builder().image_tag(tag.as_str()).build();
        let call = self.client().describe_images().registry_id(repository.host.account());
        match call.repository_name(repository.name.as_str()).image_ids(id).send().await {
            Ok(answer) => {
                let at = answer.image_details().first().and_then(|image| image.image_pushed_at());
                Ok(at.and_then(|at| SystemTime::try_from(*at).ok()))
            }
            Err(error) => match error.as_service_error() {
                Some(
                    DescribeImagesError::ImageNotFoundException(_)
                    | DescribeImagesError::RepositoryNotFoundException(_),
                ) => Ok(None),
                _ => Err(Error::of(self.on(Action::DescribeImages, repository), &error)),
            },
        }
    }
}
