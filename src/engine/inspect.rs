//! `GET /images/{id}/json`: what counts of an image in the engine.

use http_body_util::{BodyExt as _, Limited};
use hyper::Method;

use super::connect::empty;
use super::{Engine, Error, ImageId};
use crate::image::Likeness;

const CALL: &str = "GET /images/…/json";
/// The most that is read of the answer. The longest configuration that an engine takes is shorter.
const LONGEST: usize = 16 << 20;

impl Engine {
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
