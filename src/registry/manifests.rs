//! Manifests: read, and put behind a tag or by their digest.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT as ACCEPT_HEADER, CONTENT_TYPE};

use super::client::{Asked, Refusal, Registry, header};
use super::error::Error;
use super::manifest::{ACCEPT, MAX_BYTES, Manifest};
use super::reference::Reference;
use crate::aws::{Action, Token};
use crate::image::{Digest, Likeness};

/// What a `PUT` of a manifest came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The registry took it.
    Done,
    /// It was there, under this name.
    WasThere,
}

impl Registry {
    /// The manifest that a tag or a digest names now; `None` when there is none.
    ///
    /// Temporary faults are tried again, a refused token is renewed once.
    ///
    /// # Errors
    /// No such repository, no permission, a registry that cannot be reached, bytes that are not what they should be.
    pub async fn manifest(&self, reference: impl Into<Reference>) -> Result<Option<Manifest>, Error> {
        let reference = reference.into();
        let path = self.path(&format!("manifests/{}", reference.as_str()));
        self.patiently(async |token| self.try_manifest(&path, &reference, token).await).await
    }

    async fn try_manifest(
        &self,
        path: &str,
        reference: &Reference,
        token: &Token,
    ) -> Result<Option<Manifest>, Refusal> {
        let asked = Asked { action: Action::BatchGetImage, method: &Method::GET, path };
        let request = self.request(asked.method, path).header(ACCEPT_HEADER, ACCEPT);
        let response = match self.send(request, asked, token).await {
            Err(Refusal { error: Error::Refused { answer }, .. }) if answer.says_that_there_is_none() => {
                return Ok(None);
            }
            answer => answer?,
        };
        let said = match reference {
            Reference::Tag(_) => header(&response, "docker-content-digest"),
            Reference::Digest(digest) => Some(digest.to_string()),
        };
        let media_type = header(&response, CONTENT_TYPE.as_str()).unwrap_or_default();
        let bytes = self.body(response, MAX_BYTES + 1).await?;
        if bytes.len() > MAX_BYTES {
            let what = format!("the manifest of {reference}");
            return Err(Error::TooLarge { what, limit: MAX_BYTES }.into());
        }
        let manifest = Manifest::new(bytes.into(), media_type);
        match said {
            Some(said) if said.parse::<Digest>().ok().as_ref() != Some(&manifest.digest) => {
                Err(Error::WrongDigest { what: reference.to_string(), said, found: manifest.digest }.into())
            }
            Some(_) | None => Ok(Some(manifest)),
        }
    }

    /// Puts a manifest under a name. What it names must be there.
    ///
    /// One that is there already is not put again, since a repository with immutable tags refuses that too. When an answer is
    /// lost, the registry is asked what it has before that counts as a failure.
    ///
    /// # Errors
    /// What the registry refused: [`Error::TagImmutable`] when the tag names another image for good.
    pub async fn put_manifest(&self, reference: impl Into<Reference>, manifest: &Manifest) -> Result<Put, Error> {
        let reference = reference.into();
        if self.names(&reference, manifest).await? {
            return Ok(Put::WasThere);
        }
        self.put_anew(reference, manifest).await.map(|_| Put::Done)
    }

    /// The same for a name of which it is known that it names something else, or nothing. Whether the registry named the digest
    /// of what it has now; where it did not, it can be read back.
    ///
    /// # Errors
    /// As [`Self::put_manifest`].
    pub async fn put_anew(&self, reference: impl Into<Reference>, manifest: &Manifest) -> Result<bool, Error> {
        let reference = reference.into();
        let path = self.path(&format!("manifests/{}", reference.as_str()));
        self.patiently(async |token| {
            self.pacer.turn().await;
            let refusal = match self.try_put(&path, &reference, manifest, token).await {
                Ok(is_told) => return Ok(is_told),
                Err(refusal) => refusal,
            };
            // What seems refused or lost may have been done, by this try or by one before it.
            let may_be_done = refusal.error.is_temporary() || matches!(refusal.error, Error::TagImmutable { .. });
            if may_be_done && self.impatient().names(&reference, manifest).await.unwrap_or(false) {
                return Ok(true);
            }
            Err(refusal)
        })
        .await
    }

    /// What counts of the image that a manifest is about; `None` for an index, which is about several.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub async fn likeness(&self, manifest: &Manifest) -> Result<Option<Likeness>, Error> {
        let Some(config) = &manifest.config else { return Ok(None) };
        let read = Likeness::read(&self.document(config).await?);
        read.map(Some).map_err(|reason| Error::NotUnderstood { what: format!("blob {config}"), reason })
    }

    async fn names(&self, reference: &Reference, manifest: &Manifest) -> Result<bool, Error> {
        let found = self.manifest(reference.clone()).await?;
        Ok(found.is_some_and(|found| found.digest == manifest.digest))
    }

    async fn try_put(
        &self,
        path: &str,
        reference: &Reference,
        manifest: &Manifest,
        token: &Token,
    ) -> Result<bool, Refusal> {
        let asked = Asked { action: Action::PutImage, method: &Method::PUT, path };
        let request = self.request(asked.method, path).header(CONTENT_TYPE, &manifest.media_type);
        let response = self.send(request.body(Bytes::clone(&manifest.bytes)), asked, token).await;
        let response = response.map_err(|refusal| match (refusal.error, reference) {
            (Error::Refused { answer }, Reference::Tag(tag)) if answer.says_that_the_tag_is_immutable() => {
                let (repository, answer) = (Box::new(self.repository().clone()), Box::new(answer));
                Error::TagImmutable { tag: tag.clone(), repository, answer }.into()
            }
            (error, _) => Refusal { error, ..refusal },
        })?;
        Ok(received(&response, &manifest.digest)?)
    }
}

/// Whether the registry says what it got, which must be what was sent.
pub(super) fn received(response: &reqwest::Response, sent: &Digest) -> Result<bool, Error> {
    match header(response, "docker-content-digest") {
        Some(said) if said != sent.as_str() => Err(Error::WrongReceipt { sent: sent.clone(), said }),
        said => Ok(said.is_some()),
    }
}

#[cfg(test)]
mod tests;
