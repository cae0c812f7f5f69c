//! The headers of a tar, as Go's `archive/tar` writes them: ustar, PAX for what is long or large, GNU's long names.

/// The size of a header, and what contents are filled up to.
pub(super) const BLOCK: usize = 512;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) target: String,
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A symbolic link, whose target is relative to its own folder.
    SymbolicLink,
    /// Another name, relative to the archive.
    HardLink,
    /// PAX records for the next header.
    Pax,
    /// The path of the next header.
    LongPath,
    /// The target of the next header.
    LongTarget,
    Other,
}

/// What came before a header and changes it.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    path: Option<String>,
    target: Option<String>,
    size: Option<u64>,
}

impl Header {
    /// Reads a header; `Ok(None)` for a block of zeros.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Option<Self>, &'static str> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(block);
        if !has_right_checksum(block) {
            return Err("a header has a wrong checksum");
        }
        let kind = match header.entry_type().as_byte() {
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'x' => Kind::Pax,
            b'L' => Kind::LongPath,
            b'K' => Kind::LongTarget,
            _ => Kind::Other,
        };
        let size = match kind {
            // Go writes no size for links and folders, and others may.
            Kind::HardLink | Kind::SymbolicLink => 0,
            _ => header.entry_size().map_err(|_| "a header has no legal size")?,
        };
        let path = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let target = header.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
        Ok(Some(Self { kind, path, target: target.unwrap_or_default(), size }))
    }

    pub(super) fn with(mut self, overrides: Overrides) -> Self {
        self.path = overrides.path.unwrap_or(self.path);
        self.target = overrides.target.unwrap_or(self.target);
        if self.kind == Kind::File {
            self.size = overrides.size.unwrap_or(self.size);
        }
        self
    }
}

impl Overrides {
    /// Takes the content of a header that is about the next one.
    pub(super) fn take(&mut self, kind: Kind, content: &[u8]) -> Result<(), &'static str> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        match kind {
            Kind::LongPath => self.path = Some(text(content)),
            Kind::LongTarget => self.target = Some(text(content)),
            Kind::Pax => {
                for (key, value) in records(content)? {
                    match key {
                        b"path" => self.path = Some(text(value)),
                        b"linkpath" => self.target = Some(text(value)),
                        b"size" => {
                            self.size = Some(text(value).parse().map_err(|_| "a header has no legal size")?);
                        }
                        _ => {}
                    }
                }
            }
            Kind::File | Kind::SymbolicLink | Kind::HardLink | Kind::Other => {}
        }
        Ok(())
    }
}

/// The checksum counts its own field as spaces (POSIX `pax`, "ustar Interchange Format").
pub(super) fn has_right_checksum(block: &[u8; BLOCK]) -> bool {
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    tar::Header::from_byte_slice(block).cksum().ok() == Some(sum - own + 8 * u32::from(b' '))
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// `<length> <key>=<value>\n`, where the length is that of all of it (POSIX `pax`, "pax Extended Header").
pub(super) fn records(mut content: &[u8]) -> Result<Vec<Pair<'_>>, &'static str> {
    const WRONG: &str = "an extended header is not understood";
    let mut records = Vec::new();
    while !content.is_empty() {
        let space = content.iter().position(|byte| *byte == b' ').ok_or(WRONG)?;
        let length = std::str::from_utf8(&content[..space]).ok().and_then(|text| text.parse::<usize>().ok());
        let length = length.filter(|length| (space + 2..=content.len()).contains(length)).ok_or(WRONG)?;
        let (record, rest) = content.split_at(length);
        let pair = record[space + 1..].strip_suffix(b"\n").ok_or(WRONG)?;
        let equals = pair.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
        records.push((&pair[..equals], &pair[equals + 1..]));
        content = rest;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_headers_are_read_by_their_lengths() {
        let mut overrides = Overrides::default();
        let text = b"16 path=a b/c=d\n23 size=10000000000000\n19 linkpath=../x\xc3\xa9\n";
        assert_eq!(overrides.take(Kind::Pax, text), Ok(()));
        assert_eq!(overrides.path.as_deref(), Some("a b/c=d"));
        assert_eq!(overrides.size, Some(10_000_000_000_000));
        assert_eq!(overrides.target.as_deref(), Some("../x\u{e9}"));
    }

    #[test]
    fn an_extended_header_that_lies_about_its_lengths_is_refused() {
        for text in ["x", "1 a=b\n", "99 a=b\n", "6 a=b", "5 a=b\n", "7 a b\n\n", "0 \n", "18446744073709551616 a=b\n"]
        {
            assert!(Overrides::default().take(Kind::Pax, text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn zeros_are_no_header_and_noise_is_none_either() {
        assert_eq!(Header::read(&[0; BLOCK]), Ok(None));
        assert!(Header::read(&[b'x'; BLOCK]).is_err());
        assert!(Header::read(&[0xff; BLOCK]).is_err());
    }
}
