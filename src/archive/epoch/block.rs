//! A header: 512 bytes of fields at fixed places.

use std::ops::Range;

use super::super::header::{BLOCK, has_right_checksum};

const SIZE: Range<usize> = 124..136;
const TIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: Range<usize> = 257..265;
/// Times of access and of change, and whether a further block of the map of a sparse file follows: in GNU's headers only, where
/// ustar has the beginning of the path.
const GNU_TIMES: [Range<usize>; 2] = [345..357, 357..369];
const GNU_FOLLOWED: usize = 482;

/// A header that is not all zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block(pub(super) [u8; BLOCK]);

impl Block {
    pub(super) fn read(bytes: &[u8; BLOCK]) -> Result<Self, &'static str> {
        if has_right_checksum(bytes) { Ok(Self(*bytes)) } else { Err("a header has a wrong checksum") }
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[KIND]
    }

    fn is_gnu(&self) -> bool {
        self.0[MAGIC] == *b"ustar  \0"
    }

    /// Whether further blocks of the map of a sparse file follow before its content.
    pub(super) fn is_followed(&self) -> bool {
        self.kind() == b'S' && self.is_gnu() && self.0[GNU_FOLLOWED] != 0
    }

    /// How long the content is. What only has a name has none, whatever it says (Go, `archive/tar`).
    pub(super) fn size(&self) -> Result<u64, &'static str> {
        if self.has_no_content() {
            return Ok(0);
        }
        number(&self.0[SIZE]).ok_or("a header has no legal size")
    }

    /// Links, devices, folders and pipes.
    pub(super) fn has_no_content(&self) -> bool {
        matches!(self.kind(), b'1'..=b'6')
    }

    /// Makes times that are later than the epoch the epoch; with `anyhow` that of the last change becomes it in any case.
    pub(super) fn clamp(&mut self, epoch: u64, anyhow: bool) {
        let is_later = |field: &[u8]| number(field).is_some_and(|time| time > epoch);
        let mut fields: Vec<Range<usize>> = Vec::new();
        if anyhow || is_later(&self.0[TIME]) {
            fields.push(TIME);
        }
        if self.is_gnu() {
            fields.extend(GNU_TIMES.into_iter().filter(|field| is_later(&self.0[field.clone()])));
        }
        for field in &fields {
            write(&mut self.0[field.clone()], epoch);
        }
        if !fields.is_empty() {
            self.seal();
        }
    }

    /// Another length of content.
    pub(super) fn resize(&mut self, size: u64) {
        write(&mut self.0[SIZE], size);
        self.seal();
    }

    /// With as many digits as there were, since programs differ in that, and a header that happens to be at the epoch stays as it is.
    fn seal(&mut self) {
        let digits = self.0[CHECKSUM].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = self.0[CHECKSUM][digits..].to_vec();
        self.0[CHECKSUM].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        let text = format!("{sum:0digits$o}").into_bytes();
        let text = if text.len() == digits { [text, end].concat() } else { format!("{sum:06o}\0 ").into_bytes() };
        self.0[CHECKSUM].copy_from_slice(&text);
    }
}

/// Octal digits, or GNU's binary form for what needs more. `None` for nothing, for what is no number, and for one below zero.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return None;
        }
        let shift = |sum: u64, byte: &u8| if sum >> 56 == 0 { sum << 8 | u64::from(*byte) } else { u64::MAX };
        return Some(rest.iter().fold(u64::from(first & 0x3f), shift));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok().filter(|_| !text.starts_with('+'))
}

/// Into a field of twelve bytes.
fn write(field: &mut [u8], number: u64) {
    let octal = format!("{number:011o}");
    if octal.len() < field.len() {
        // A zero or a space ends it.
        let end = if field[11] == b' ' { b' ' } else { 0 };
        field[..11].copy_from_slice(octal.as_bytes());
        field[11] = end;
    } else {
        field.fill(0);
        field[0] = 0x80;
        field[4..].copy_from_slice(&number.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_forms() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"   17 \0"), Some(15));
        for text in [&b""[..], b"\0\0\0", b"x7", b"+7", b"-7", b"8", &[0xff; 12]] {
            assert_eq!(number(text), None, "{text:?}");
        }
        assert_eq!(number(&[0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2]), Some((1 << 56) + 2));
        assert_eq!(number(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Some(u64::MAX));
        for value in [0, 7, 1_700_000_000, (1 << 33) - 1, 1 << 33, u64::MAX] {
            let mut field = [b'x'; 12];
            write(&mut field, value);
            assert_eq!(number(&field), Some(value));
        }
    }

    #[test]
    fn a_changed_header_has_a_checksum_in_the_form_that_it_had() {
        let mut header = tar::Header::new_ustar();
        header.set_mtime(2_000);
        header.set_cksum();
        let seven = header.as_bytes()[148..156].to_vec();
        assert!(seven[..7].iter().all(u8::is_ascii_digit) && seven[7] == 0, "{seven:?}");
        let mut block = Block::read(header.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        block.clamp(1_000, false);
        assert!(has_right_checksum(&block.0) && block.0[155] == 0);
        // As Go writes it.
        let six = [&seven[1..7], b"\0 "].concat();
        header.as_mut_bytes()[148..156].copy_from_slice(&six);
        let mut block = Block::read(header.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        let before = block.clone();
        block.clamp(2_000, false);
        assert_eq!(block, before, "nothing is later");
        block.clamp(1_000, false);
        assert_eq!(tar::Header::from_byte_slice(&block.0).mtime().ok(), Some(1_000));
        assert_eq!(&block.0[154..156], b"\0 ");
        assert!(has_right_checksum(&block.0));
    }
}
