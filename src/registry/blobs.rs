//! Blobs: whether they are there, put whole, and read.

use bytes::Bytes;
use reqwest::{Method, Response};

use super::client::{Asked, Refusal, Registry};
use super::error::Error;
use super::manifests::Put;
use crate::aws::{Action, Token};
use crate::image::{Digest, Hasher};

/// The most that is read of a blob that is held whole. An image's configuration is seldom longer than 100 kB.
const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// A blob that is being read. Its digest is checked at its end.
#[derive(Debug)]
pub struct Blob<'a> {
    registry: &'a Registry,
    digest: &'a Digest,
    response: Response,
    hasher: Option<Hasher>,
}

impl Registry {
    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// A permission that is lacking, a registry that cannot be reached. A missing repository has no blob.
    pub async fn blob_exists(&self, digest: &Digest) -> Result<bool, Error> {
        let path = self.path(&format!("blobs/{digest}"));
        let asked = Asked { action: Action::BatchCheckLayerAvailability, method: &Method::HEAD, path: &path };
        let looked = self.patiently(async |token| self.try_head(asked, token).await).await;
        match looked {
            // An answer to `HEAD` has no body that could say why: a fresh token was refused as well, so it is not that.
            Err(Error::Unauthorized { answer }) if answer.is_forbidden() => Err(self.denied(asked.action, answer)),
            looked => looked,
        }
    }

    async fn try_head(&self, asked: Asked<'_>, token: &Token) -> Result<bool, Refusal> {
        match self.send(self.request(asked.method, asked.path), asked, token).await {
            Ok(_) => Ok(true),
            Err(Refusal { error: Error::NoRepository { .. }, .. }) => Ok(false),
            Err(Refusal { error: Error::Refused { answer }, .. }) if answer.is_not_found() => Ok(false),
            Err(Refusal { error: Error::Denied { answer, .. }, .. }) => {
                Err(Error::Unauthorized { answer: *answer }.into())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Puts a blob that is held whole, unless it is there.
    ///
    /// # Errors
    /// What the registry refused.
    pub async fn put_blob(&self, digest: &Digest, bytes: &Bytes) -> Result<Put, Error> {
        if self.blob_exists(digest).await? {
            return Ok(Put::WasThere);
        }
        self.patiently(async |token| {
            let place = self.try_begin(token).await?;
            self.try_finish(place, digest, bytes.clone(), token).await
        })
        .await?;
        Ok(Put::Done)
    }

    /// Begins to read a blob. ECR sends its reader to S3, which gets no token.
    ///
    /// # Errors
    /// What the registry refused.
    pub async fn blob<'a>(&'a self, digest: &'a Digest) -> Result<Blob<'a>, Error> {
        let path = self.path(&format!("blobs/{digest}"));
        let asked = Asked { action: Action::GetDownloadUrlForLayer, method: &Method::GET, path: &path };
        let get = async |token: &Token| self.send(self.request(asked.method, asked.path), asked, token).await;
        let response = match self.patiently(get).await {
            Err(Error::Refused { answer }) if answer.is_not_found() => {
                let (repository, what) = (Box::new(self.repository().clone()), format!("blob {digest}"));
                return Err(Error::Missing { repository, what });
            }
            answer => answer?,
        };
        Ok(Blob { registry: self, digest, response, hasher: Some(Hasher::default()) })
    }

    /// A small blob, whole: the configuration of an image.
    ///
    /// # Errors
    /// What the registry refused; more than 4 MiB; bytes that are not those of the digest.
    pub async fn document(&self, digest: &Digest) -> Result<Bytes, Error> {
        let mut waits = self.waits();
        loop {
            let read = async { self.blob(digest).await?.whole().await };
            match (read.await, waits.next()) {
                (Err(error), Some(wait)) if error.is_temporary() => tokio::time::sleep(wait).await,
                (read, _) => return read,
            }
        }
    }
}

impl Blob<'_> {
    /// The next piece; `None` at the end, if it was the blob that was asked for.
    ///
    /// # Errors
    /// The connection broke off; the bytes are not those of the digest.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(hasher) = &mut self.hasher else { return Ok(None) };
        if let Some(piece) = self.registry.piece(&mut self.response).await? {
            hasher.update(&piece);
            return Ok(Some(piece));
        }
        let found = self.hasher.take().unwrap_or_default().finish();
        if found == *self.digest {
            return Ok(None);
        }
        Err(Error::WrongDigest { what: "a blob".to_owned(), said: self.digest.to_string(), found })
    }

    async fn whole(mut self) -> Result<Bytes, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            if bytes.len() + piece.len() > MAX_DOCUMENT {
                return Err(Error::TooLarge { what: format!("blob {}", self.digest), limit: MAX_DOCUMENT });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.into())
    }
}
