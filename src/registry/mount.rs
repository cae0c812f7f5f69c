//! Blobs of one repository in another of the same registry, without sending them.

use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, StatusCode};

use super::client::{Asked, Registry};
use super::error::Error;
use crate::aws::{Action, Token};
use crate::image::{Digest, Repository};

impl Registry {
    /// Asks for a blob that another repository of this registry has (distribution specification, "Mounting a blob from another
    /// repository"); whether it is in this one now. ECR does so where the account has switched it on (user guide, "Blob mounting"),
    /// else it begins an ordinary upload, which is left to itself.
    ///
    /// # Errors
    /// What the registry refused.
    pub async fn mount(&self, digest: &Digest, from: &Repository) -> Result<bool, Error> {
        let path = self.path("blobs/uploads/");
        let asked = Asked { action: Action::InitiateLayerUpload, method: &Method::POST, path: &path };
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("mount", digest.as_str()).append_pair("from", from.name.as_str()).finish();
        let whole = format!("{path}?{query}");
        self.patiently(async |token: &Token| {
            let request = self.request(asked.method, &whole).header(CONTENT_LENGTH, 0);
            Ok(self.send(request, asked, token).await?.status() == StatusCode::CREATED)
        })
        .await
    }
}
