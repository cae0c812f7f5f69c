//! Names on images, and the push by the engine.

use std::sync::Arc;
use std::time::Instant;

use bollard::query_parameters::TagImageOptions;
use hyper::Method;

use super::connect::empty;
use super::lines::{Line, LineStream};
use super::{Engine, Error, ImageId, Login, PushError, Trace, denial};
use crate::image::{Digest, Repository, Tag};
use crate::progress::layers::{Layers, State};
use crate::progress::{Event, Log};

/// What errors name.
const CALL: &str = "POST /images/…/push";

/// What the engine says it has pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The length of the manifest in bytes.
    pub size: Option<u64>,
}

/// What is to be pushed.
#[derive(Clone, Copy)]
pub struct PushRequest<'a> {
    /// Where to.
    pub repository: &'a Repository,
    /// Under which tag, which the image has in the engine.
    pub tag: &'a Tag,
    /// Is told the short diff id of each layer that the engine begins to send.
    pub sends: &'a (dyn Fn(&str) + Sync),
}

impl Engine {
    /// Puts a name on an image, which may take it from another; the trace remembers.
    ///
    /// # Errors
    ///
    /// The engine refuses.
    pub async fn tag(&self, image: &ImageId, repository: &str, tag: &Tag, trace: &Trace) -> Result<(), Error> {
        trace.named(&format!("{repository}:{tag}"));
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_string()) };
        let answer = self.docker.tag_image(image.as_str(), Some(options)).await;
        answer.map_err(|error| self.refine("POST /images/…/tag", error))
    }

    /// Pushes once. The engine itself tries a layer up to five times.
    ///
    /// # Errors
    ///
    /// Of the engine or of the registry.
    pub async fn push(&self, request: PushRequest<'_>, login: &Login, log: &Log) -> Result<Pushed, PushError> {
        let PushRequest { repository, tag, sends } = request;
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("tag", tag.as_str()).finish();
        let mut request = empty(Method::POST, &format!("/images/{repository}/push?{query}"));
        request.headers_mut().insert("X-Registry-Auth", login.auth());
        let name = repository.to_string();
        let answer = match self.ask(CALL, request).await? {
            Ok(answer) => answer,
            Err((404, _)) => return Err(PushError::ImageMissing { image: repository.tagged(tag) }),
            Err((_, message)) => return Err(denial::of_push(&message, &name, tag.as_str())),
        };
        let mut lines = LineStream::new(Arc::clone(&self.transport), answer, CALL);
        let mut layers = Layers::default();
        let mut pushed = None;
        while let Some(line) = lines.next().await? {
            if let Some((message, _)) = line.failure() {
                return Err(denial::of_push(message, &name, tag.as_str()));
            }
            if let (Some(id), Some("Pushing")) = (&line.id, line.status.as_deref()) {
                sends(id);
            }
            if let Some(told) = told(&mut layers, &line) {
                log.send(Event::Note(format!("{tag}: {told}"))).await;
            }
            pushed = digest(&line, tag).or(pushed);
        }
        pushed.ok_or_else(|| PushError::NoDigest { image: repository.tagged(tag) })
    }
}

fn told(layers: &mut Layers, line: &Line) -> Option<String> {
    let progress = line.progress.as_ref();
    let state = State {
        id: line.id.as_deref()?,
        status: line.status.as_deref()?,
        current: progress.and_then(|progress| progress.current),
        total: progress.and_then(|progress| progress.total),
    };
    layers.update(&state, Instant::now())
}

/// From `aux` (graphdriver), else from `v1: digest: sha256:… size: 444` (moby `daemon/containerd/image_push.go`, where
/// there is no `aux`).
fn digest(line: &Line, tag: &Tag) -> Option<Pushed> {
    if let Some(aux) = &line.aux {
        let digest = aux.get("Digest")?.as_str()?.parse().ok()?;
        return Some(Pushed { digest, size: aux.get("Size").and_then(serde_json::Value::as_u64) });
    }
    let rest = line.status.as_deref()?.strip_prefix(tag.as_str())?.strip_prefix(": digest: ")?;
    let (digest, size) = rest.split_once(" size: ").unwrap_or((rest, ""));
    Some(Pushed { digest: digest.parse().ok()?, size: size.parse().ok() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_digest_is_read_in_both_forms() {
        let tag: Tag = "v1".parse().unwrap();
        let text = "sha256:ef8549851f0177f2d453b25d02f0f66261e9605a8d323e748c35268ebef5f691";
        let expected = Some(Pushed { digest: text.parse().unwrap(), size: Some(527) });
        let aux = format!(r#"{{"progressDetail":{{}},"aux":{{"Tag":"v1","Digest":"{text}","Size":527}}}}"#);
        assert_eq!(digest(&serde_json::from_str(&aux).unwrap(), &tag), expected);
        let status = format!(r#"{{"status":"v1: digest: {text} size: 527"}}"#);
        assert_eq!(digest(&serde_json::from_str(&status).unwrap(), &tag), expected);
        assert_eq!(digest(&serde_json::from_str(r#"{"status":"v1: digest: x"}"#).unwrap(), &tag), None);
    }
}
