//! `GET /images/{id}/json`: what counts of an image in the engine.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connect::empty;
use super::{Engine, Error, ImageId};
use crate::image::{Digest, ImageReference, Likeness};

const CALL: &str = "GET /images/…/json";
/// The most that is read of the answer. The longest configuration that an engine takes is shorter.
const LONGEST: usize = 16 << 20;

/// The digests under which the engine knows an image of its own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Known {
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

impl Engine {
    /// The digests under which registries had the image of this name that the engine has itself; `None` when it has none. A build
    /// may take that one instead of the registry's.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached, or says something else.
    pub async fn repository_digests(&self, name: &ImageReference) -> Result<Option<Vec<Digest>>, Error> {
        let Some(answer) = self.inspect(&name.to_string()).await? else { return Ok(None) };
        let known: Known = serde_json::from_slice(&answer).map_err(|error| not_understood(error.to_string()))?;
        let digests = known.repo_digests.into_iter().flatten();
        Ok(Some(digests.filter_map(|name| name.split_once('@')?.1.parse().ok()).collect()))
    }

    /// What counts of an image.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or has no such image.
    pub async fn likeness(&self, image: &ImageId) -> Result<Likeness, Error> {
        Likeness::read(&self.existing(image).await?).map_err(not_understood)
    }

    /// What is told of an image, as far as it is of interest.
    pub(super) async fn inspected<T: DeserializeOwned>(&self, image: &ImageId) -> Result<T, Error> {
        let answer = self.existing(image).await?;
        serde_json::from_slice(&answer).map_err(|error| not_understood(error.to_string()))
    }

    async fn existing(&self, image: &ImageId) -> Result<Bytes, Error> {
        let message = || format!("no such image: {image}");
        let answer = self.inspect(image.as_str()).await?;
        answer.ok_or_else(|| Error::Answer { call: CALL.to_owned(), status: 404, message: message() })
    }

    /// The answer; `None` when there is no such image.
    async fn inspect(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let request = empty(Method::GET, &format!("/images/{name}/json"));
        let mut answer = match self.ask(CALL, request).await? {
            Ok(answer) => answer,
            Err((404, _)) => return Ok(None),
            Err((status, message)) => return Err(Error::Answer { call: CALL.to_owned(), status, message }),
        };
        let body = Limited::new(answer.response.body_mut(), LONGEST).collect().await;
        Ok(Some(body.map_err(|error| not_understood(error.to_string()))?.to_bytes()))
    }
}

pub(super) fn not_understood(reason: String) -> Error {
    Error::NotUnderstood { call: CALL.to_owned(), reason }
}
