//! The members of an archive, one after the other.

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};

use super::Error;
use super::header::{BLOCK, Header, Kind, Overrides};
use crate::engine;

/// The longest document that is held (ECR's own limit of a manifest; an image's configuration is seldom longer than 100 kB).
pub(super) const LONGEST_DOCUMENT: u64 = 4 << 20;
/// The longest path or target.
const LONGEST_NAME: u64 = 64 << 10;

/// An archive that is being read.
#[derive(Debug)]
pub struct Archive<S> {
    stream: S,
    /// What came and is not yet taken.
    held: Bytes,
    /// What is left of the member's content, and of what fills it up.
    left: u64,
    filling: u64,
    /// A layer that looked like a document and is none.
    whole: Option<Bytes>,
    read: u64,
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// JSON.
    Document {
        /// Its path.
        path: String,
        /// Its content.
        bytes: Bytes,
    },
    /// A layer, or what may be one; its content follows by [`Archive::piece`], unless it is passed over.
    Layer {
        /// Its path.
        path: String,
        /// Its size.
        size: u64,
    },
    /// Another name for a member.
    Link {
        /// Its path.
        path: String,
        /// The path of the member.
        target: String,
    },
}

impl<S: Stream<Item = Result<Bytes, engine::Error>> + Unpin> Archive<S> {
    /// Reads nothing yet.
    pub fn new(stream: S) -> Self {
        Self { stream, held: Bytes::new(), left: 0, filling: 0, whole: None, read: 0 }
    }

    /// The next member; `None` at the end, when the stream has ended too. What is left of the one before is passed over.
    ///
    /// # Errors
    /// The stream broke off, or is no archive.
    pub async fn next(&mut self) -> Result<Option<Member>, Error> {
        loop {
            while self.piece().await?.is_some() {}
            let Some(header) = self.header().await? else {
                while self.more().await? {
                    self.held.clear();
                }
                return Ok(None);
            };
            if let Some(member) = self.member(header).await? {
                return Ok(Some(member));
            }
        }
    }

    /// The next piece of the content of the member that came last; `None` at its end.
    ///
    /// # Errors
    /// The stream broke off.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(whole) = self.whole.take() {
            return Ok(Some(whole));
        }
        if self.left > 0 {
            self.some().await?;
            let piece = self.take(self.left);
            self.left -= piece.len() as u64;
            return Ok(Some(piece));
        }
        while self.filling > 0 {
            self.some().await?;
            self.filling -= self.take(self.filling).len() as u64;
        }
        Ok(None)
    }

    /// What of the image a header stands for, if anything.
    async fn member(&mut self, Header { kind, path, target, size }: Header) -> Result<Option<Member>, Error> {
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        match kind {
            Kind::SymbolicLink => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                Ok(Some(Member::Link { target: joined(folder, &target), path }))
            }
            Kind::HardLink => Ok(Some(Member::Link { target: joined("", &target), path })),
            Kind::File if path.ends_with("/layer.tar") => Ok(Some(Member::Layer { path, size })),
            // Here lie documents and layers, and their names do not tell which is which.
            Kind::File if path.starts_with("blobs/") => {
                if size > LONGEST_DOCUMENT || !self.begins_like_a_document().await? {
                    return Ok(Some(Member::Layer { path, size }));
                }
                let bytes = self.all().await?;
                if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() {
                    return Ok(Some(Member::Document { path, bytes }));
                }
                self.whole = Some(bytes);
                Ok(Some(Member::Layer { path, size }))
            }
            Kind::File if !path.contains('/') && has_json_suffix(&path) => {
                if size > LONGEST_DOCUMENT {
                    return Err(Error::TooLarge { path, size, limit: LONGEST_DOCUMENT });
                }
                Ok(Some(Member::Document { path, bytes: self.all().await? }))
            }
            _ => Ok(None),
        }
    }

    /// The next header that is about a member of the image; `None` at the end of the archive.
    async fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut overrides = Overrides::default();
        loop {
            let at = self.read;
            let wrong = |reason| Error::NotTar { reason, at };
            let mut block = [0; BLOCK];
            let mut filled = 0;
            while filled < BLOCK {
                self.some().await?;
                let piece = self.take((BLOCK - filled) as u64);
                block[filled..filled + piece.len()].copy_from_slice(&piece);
                filled += piece.len();
            }
            let header = match Header::read(&block) {
                Ok(None) => return Ok(None),
                Ok(Some(header)) => header,
                Err(reason) => return Err(self.said(&block).unwrap_or(wrong(reason))),
            };
            let about_next = matches!(header.kind, Kind::Pax | Kind::LongPath | Kind::LongTarget);
            let header = if about_next { header } else { header.with(std::mem::take(&mut overrides)) };
            self.left = header.size;
            self.filling = (BLOCK as u64 - header.size % BLOCK as u64) % BLOCK as u64;
            if !about_next {
                return Ok(Some(header));
            }
            if header.size > LONGEST_NAME {
                return Err(wrong("a name is too long"));
            }
            let content = self.all().await?;
            overrides.take(header.kind, &content).map_err(wrong)?;
            while self.piece().await?.is_some() {}
        }
    }

    /// The rest of a content that is known to be short.
    async fn all(&mut self) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while self.left > 0 {
            if let Some(piece) = self.piece().await? {
                all.extend_from_slice(&piece);
            }
        }
        Ok(all.freeze())
    }

    async fn begins_like_a_document(&mut self) -> Result<bool, Error> {
        if self.left == 0 {
            return Ok(false);
        }
        self.some().await?;
        Ok(matches!(self.held.first(), Some(b'{' | b'[')))
    }

    fn take(&mut self, most: u64) -> Bytes {
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(self.held.len());
        self.read += length as u64;
        self.held.split_to(length)
    }

    /// Sees to it that something is held.
    async fn some(&mut self) -> Result<(), Error> {
        if self.held.has_remaining() || self.more().await? {
            return Ok(());
        }
        Err(Error::Truncated { read: self.read, words: None })
    }

    /// Takes more of the stream; whether there was some.
    async fn more(&mut self) -> Result<bool, Error> {
        while self.held.is_empty() {
            match self.stream.next().await {
                Some(piece) => self.held = piece?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// An engine that fails in the middle writes the reason into the stream, in place of what should come (moby
    /// `api/server/router/image/image_routes.go`).
    fn said(&self, block: &[u8]) -> Option<Error> {
        let text = block.iter().chain(&self.held).copied().take(4096).collect::<Vec<u8>>();
        let message: Said = serde_json::Deserializer::from_slice(&text).into_iter().next()?.ok()?;
        let words = crate::progress::sanitize::one_line(&message.error);
        Some(Error::Truncated { read: self.read, words: Some(words) })
    }
}

#[derive(serde::Deserialize)]
struct Said {
    error: String,
}

fn has_json_suffix(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "json")
}

/// A path relative to a folder, without `.` and `..`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
