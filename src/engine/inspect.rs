//! `GET /images/{id}/json`: what counts of an image in the engine.

use http_body_util::{BodyExt as _, Limited};
use hyper::Method;

use serde::Deserialize;

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
        let request = empty(Method::GET, &format!("/images/{name}/json"));
        let mut answer = match self.ask(CALL, request).await? {
            Ok(answer) => answer,
            Err((404, _)) => return Ok(None),
            Err((status, message)) => return Err(Error::Answer { call: CALL.to_owned(), status, message }),
        };
        let not_understood = |reason: String| Error::NotUnderstood { call: CALL.to_owned(), reason };
        let body = Limited::new(answer.response.body_mut(), LONGEST).collect().await;
        let body = body.map_err(|error| not_understood(error.to_string()))?.to_bytes();
        let known: Known = serde_json::from_slice(&body).map_err(|error| not_understood(error.to_string()))?;
        let digests = known.repo_digests.into_iter().flatten();
        Ok(Some(digests.filter_map(|name| name.split_once('@')?.1.parse().ok()).collect()))
    }

    /// What counts of an image.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or has no such image.
    pub async fn likeness(&self, image: &ImageId) -> Result<Likeness, Error> {
        let request = empty(Method::GET, &format!("/images/{image}/json"));
        let mut answer = match self.ask(CALL, request).await? {
            Ok(answer) => answer,
            Err((status, message)) => return Err(Error::Answer { call: CALL.to_owned(), status, message }),
        };
        let not_understood = |reason: String| Error::NotUnderstood { call: CALL.to_owned(), reason };
        let body = Limited::new(answer.response.body_mut(), LONGEST).collect().await;
        let body = body.map_err(|error| not_understood(error.to_string()))?.to_bytes();
        Likeness::read(&body).map_err(not_understood)
    }
}
