//! Whether a key may push, found out by calls that change nothing.

use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::primitives::Blob;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Action, Ecr, Error};
use crate::image::{EcrHost, RepositoryName};

/// No layer has it: the digest of nothing.
const NO_LAYER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// No upload has it: ECR gives random ones (service model, `UploadId`).
const NO_UPLOAD: &str = "00000000-0000-0000-0000-000000000000";
/// No manifest of any kind.
const NO_MANIFEST: &str = "{}";

impl Ecr {
    /// Asks for each action of a push (user guide, "IAM permissions for pushing an image"), all at once. IAM decides before ECR
    /// looks at what is asked for, so that what cannot succeed tells all the same: a part and an end of an upload that is none,
    /// and a manifest that is none. Only an upload is begun in earnest, which ECR forgets when nothing comes.
    ///
    /// # Errors
    /// The actions that are denied, together; else the first other failure that is not about what was asked for.
    pub async fn may_push(&self, host: &EcrHost, name: &RepositoryName) -> Result<(), Error> {
        let (account, name_text) = (host.account(), name.as_str());
        let client = self.client();
        let check = client
            .batch_check_layer_availability()
            .registry_id(account)
            .repository_name(name_text)
            .layer_digests(NO_LAYER)
            .send();
        let begin = client.initiate_layer_upload().registry_id(account).repository_name(name_text).send();
        let part = client
            .upload_layer_part()
            .registry_id(account)
            .repository_name(name_text)
            .upload_id(NO_UPLOAD)
            .part_first_byte(0)
            .part_last_byte(0)
            .layer_part_blob(Blob::new([0]))
            .send();
        let end = client
            .complete_layer_upload()
            .registry_id(account)
            .repository_name(name_text)
            .upload_id(NO_UPLOAD)
            .layer_digests(NO_LAYER)
            .send();
        let put = client
            .put_image()
            .registry_id(account)
            .repository_name(name_text)
            .image_manifest(NO_MANIFEST)
            // An API that does not look into manifests still sees that this is not what it has.
            .image_digest(NO_LAYER)
            .send();
        let (check, begin, part, end, put) = tokio::join!(check, begin, part, end, put);
        let resource = host.arn(name);
        let answers = [
            self.refusal(Action::BatchCheckLayerAvailability, &resource, check),
            self.refusal(Action::InitiateLayerUpload, &resource, begin),
            self.refusal(Action::UploadLayerPart, &resource, part),
            self.refusal(Action::CompleteLayerUpload, &resource, end),
            self.refusal(Action::PutImage, &resource, put),
        ];
        let mut denied = Vec::new();
        let mut other = None;
        for error in answers.into_iter().flatten() {
            match error {
                Error::Denied { actions, request, .. } => denied.push((actions, request)),
                // It is about the upload or the manifest, so that the action is allowed.
                Error::Refused { .. } => {}
                error => other = other.or(Some(error)),
            }
        }
        let request = denied.first().map(|(_, request)| request.clone());
        match (request, other) {
            (Some(request), _) => {
                let actions = denied.into_iter().flat_map(|(actions, _)| actions).collect();
                Err(Error::Denied { principal: self.principal().clone(), actions, resources: vec![resource], request })
            }
            (None, Some(error)) => Err(error),
            (None, None) => Ok(()),
        }
    }

    fn refusal<T, E>(
        &self,
        action: Action,
        resource: &str,
        answer: Result<T, SdkError<E, HttpResponse>>,
    ) -> Option<Error>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        answer.err().map(|error| Error::of(self.call(action, resource.to_owned()), &error))
    }
}
