//! The tar of a layer, as a stream: headers are looked at, contents pass through.

use bytes::{Buf as _, Bytes};

use super::super::header::BLOCK;
use super::block::Block;
use super::records;
use crate::image::{Digest, Hasher};

/// The longest extended header (Go, `archive/tar`, whose tars these are, reads none that is longer).
const LONGEST: u64 = 1 << 20;

/// A layer on its way. Of its bytes no more is held than a header.
#[derive(Debug)]
pub struct Layer {
    epoch: u64,
    state: State,
    /// What an extended header has said of the next one.
    in_header: bool,
    size: Option<u64>,
    /// What came and is not yet taken, and where that begins.
    input: Bytes,
    at: u64,
    given: Hasher,
}

/// What comes next.
#[derive(Debug)]
enum State {
    /// A header, so far.
    Header(Vec<u8>),
    /// So much of a content, with what fills its last block.
    Content(u64),
    /// A block of the map of a sparse file, so far, before so much of a content.
    Map(Vec<u8>, u64),
    /// The records of an extended header, so far, of so much with what fills the last block.
    Records { header: Box<Block>, text: Vec<u8>, padded: usize },
    /// Zeros, and what nobody reads.
    End,
}

/// The layer is no tar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at byte {at} of the layer")]
pub struct NotTar {
    reason: &'static str,
    at: u64,
}

impl Layer {
    /// One of which nothing has come yet.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        let state = State::Header(Vec::new());
        Self { epoch, state, in_header: false, size: None, input: Bytes::new(), at: 0, given: Hasher::default() }
    }

    /// Takes a piece; what is left of the one before must have been asked for by [`Self::piece`].
    pub fn take(&mut self, piece: Bytes) {
        self.given.update(&piece);
        self.input = piece;
    }

    /// A piece of what it becomes; `None` when more has to be taken first.
    ///
    /// # Errors
    /// It is no tar.
    pub fn piece(&mut self) -> Result<Option<Bytes>, NotTar> {
        while self.input.has_remaining() {
            if let Some(piece) = self.step().map_err(|reason| NotTar { reason, at: self.at })? {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// The digest of what was taken.
    ///
    /// # Errors
    /// It broke off.
    pub fn end(self) -> Result<Digest, NotTar> {
        match &self.state {
            State::End => {}
            State::Header(block) if block.is_empty() => {}
            State::Content(0) => {}
            State::Header(_) | State::Content(_) | State::Map(..) | State::Records { .. } => {
                return Err(NotTar { reason: "it breaks off", at: self.at });
            }
        }
        Ok(self.given.finish())
    }

    fn step(&mut self) -> Result<Option<Bytes>, &'static str> {
        match &mut self.state {
            State::End => Ok(Some(self.all())),
            State::Content(0) => {
                self.state = State::Header(Vec::new());
                Ok(None)
            }
            State::Content(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.len());
                *left -= length as u64;
                self.at += length as u64;
                Ok(Some(self.input.split_to(length)))
            }
            State::Header(_) => {
                let Some(block) = self.whole_block() else { return Ok(None) };
                self.header(&block)
            }
            State::Map(_, size) => {
                let size = *size;
                let Some(block) = self.whole_block() else { return Ok(None) };
                let is_followed = block[504] != 0;
                self.state = if is_followed { State::Map(Vec::new(), size) } else { State::Content(size) };
                Ok(Some(Bytes::copy_from_slice(&block)))
            }
            State::Records { text, padded, .. } => {
                let length = (*padded - text.len()).min(self.input.len());
                text.extend_from_slice(&self.input.split_to(length));
                self.at += length as u64;
                if text.len() == *padded { self.records() } else { Ok(None) }
            }
        }
    }

    fn all(&mut self) -> Bytes {
        self.at += self.input.len() as u64;
        std::mem::take(&mut self.input)
    }

    /// The block that is being read, when it is whole.
    fn whole_block(&mut self) -> Option<[u8; BLOCK]> {
        let (State::Header(block) | State::Map(block, _)) = &mut self.state else { return None };
        let length = (BLOCK - block.len()).min(self.input.len());
        block.extend_from_slice(&self.input.split_to(length));
        self.at += length as u64;
        block.as_slice().try_into().ok()
    }

    fn header(&mut self, bytes: &[u8; BLOCK]) -> Result<Option<Bytes>, &'static str> {
        if bytes.iter().all(|byte| *byte == 0) {
            self.state = State::End;
            return Ok(Some(Bytes::copy_from_slice(bytes)));
        }
        let mut block = Block::read(bytes)?;
        match block.kind() {
            b'x' | b'g' => {
                let size = block.size()?;
                if size > LONGEST {
                    return Err("an extended header is too long");
                }
                let padded = usize::try_from(padded(size)).unwrap_or(usize::MAX);
                self.state = State::Records { header: Box::new(block), text: Vec::new(), padded };
                // One without records has nothing to wait for.
                return if size == 0 { self.records() } else { Ok(None) };
            }
            // The names of GNU, which are about the next header as well.
            b'L' | b'K' => {
                self.state = State::Content(padded(block.size()?));
                block.clamp(self.epoch, false);
            }
            _ => {
                let of_records = self.size.take().filter(|_| !block.has_no_content());
                let size = padded(of_records.map_or_else(|| block.size(), Ok)?);
                self.state = if block.is_followed() { State::Map(Vec::new(), size) } else { State::Content(size) };
                block.clamp(self.epoch, std::mem::take(&mut self.in_header));
            }
        }
        Ok(Some(Bytes::copy_from_slice(&block.0)))
    }

    /// An extended header, all of which has come.
    fn records(&mut self) -> Result<Option<Bytes>, &'static str> {
        let State::Records { header, text, .. } = std::mem::replace(&mut self.state, State::Header(Vec::new())) else {
            return Ok(None);
        };
        let mut block = *header;
        let size = usize::try_from(block.size()?).unwrap_or(usize::MAX);
        let clamped = records::clamp(text.get(..size).unwrap_or(&text), self.epoch, block.kind() == b'g')?;
        self.in_header |= clamped.in_header;
        self.size = clamped.size.or(self.size);
        let text = match clamped.text {
            Some(none) if none.is_empty() => return Ok(None),
            Some(mut changed) => {
                block.resize(changed.len() as u64);
                changed.resize(changed.len().next_multiple_of(BLOCK), 0);
                changed
            }
            None => text,
        };
        block.clamp(self.epoch, false);
        Ok(Some([&block.0, text.as_slice()].concat().into()))
    }
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
