//! The header of one tar member, written as the docker CLI writes it for the classic builder: owner 0 and no owner's
//! name, all permission bits, whole seconds, and PAX records for what an ustar header cannot hold.

use tar::{EntryType, Header};

/// What a header says.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) kind: EntryType,
    /// Without a slash at the end.
    pub(super) path: &'a [u8],
    /// Where a symlink leads, or the path of the first member with the same content.
    pub(super) link: &'a [u8],
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Of a file; else 0.
    pub(super) size: u64,
    /// File capabilities as the kernel stores them.
    pub(super) capability: Option<&'a [u8]>,
}

/// What the name and link fields of a header hold.
const FIELD: usize = 100;

/// Appends the header.
pub(super) fn encode(member: &Member<'_>, output: &mut Vec<u8>) {
    let with_slash;
    let path = if member.kind == EntryType::Directory {
        with_slash = [member.path, b"/"].concat();
        &with_slash
    } else {
        member.path
    };
    let mut records = Vec::new();
    if path.len() > FIELD {
        record(&mut records, "path", path);
    }
    if member.link.len() > FIELD {
        record(&mut records, "linkpath", member.link);
    }
    let mtime = u64::try_from(member.mtime).unwrap_or_else(|_| {
        record(&mut records, "mtime", member.mtime.to_string().as_bytes());
        0
    });
    if let Some(capability) = member.capability {
        record(&mut records, "SCHILY.xattr.security.capability", capability);
    }
    if !records.is_empty() {
        block(EntryType::XHeader, b"PaxHeader", b"", 0, 0, records.len() as u64, output);
        output.extend_from_slice(&records);
        output.resize(output.len() + padding(records.len() as u64), 0);
    }
    block(member.kind, path, member.link, member.mode, mtime, member.size, output);
}

/// How many zeros follow content of this size.
pub(super) fn padding(size: u64) -> usize {
    let over = (size % 512) as usize;
    (512 - over) % 512
}

fn block(kind: EntryType, path: &[u8], link: &[u8], mode: u32, mtime: u64, size: u64, output: &mut Vec<u8>) {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    // Above 8 GiB the field takes the binary form, which Go's reader knows.
    header.set_size(size);
    let fields = header.as_old_mut();
    fill(&mut fields.name, path);
    fill(&mut fields.linkname, link);
    header.set_cksum();
    output.extend_from_slice(header.as_bytes());
}

/// Fills a field with as much as fits; what does not is in a record.
fn fill(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

/// Appends a PAX record: its own length, a name and a value that may hold any byte.
fn record(records: &mut Vec<u8>, name: &str, value: &[u8]) {
    let rest = name.len() + value.len() + 3;
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {name}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(path: &[u8]) -> Member<'_> {
        let (kind, link) = (EntryType::Regular, b"".as_slice());
        Member { kind, path, link, mode: 0o644, mtime: 1, size: 0, capability: None }
    }

    fn encoded(member: &Member<'_>) -> Vec<u8> {
        let mut output = Vec::new();
        encode(member, &mut output);
        output
    }

    #[test]
    fn a_pax_record_counts_its_own_length() {
        for length in 0..1100 {
            let mut records = Vec::new();
            record(&mut records, "path", &vec![b'x'; length]);
            let text = String::from_utf8_lossy(&records);
            let (number, _) = text.split_once(' ').unwrap_or_default();
            assert_eq!(number.parse(), Ok(records.len()));
        }
    }

    #[test]
    fn a_size_above_8_gib_survives() {
        let size = 9 * 1024 * 1024 * 1024 + 7;
        let bytes = encoded(&Member { size, ..member(b"big") });
        let header = Header::from_byte_slice(&bytes);
        assert_eq!(header.size().ok(), Some(size));
        assert_eq!(bytes.len(), 512);
    }

    #[test]
    fn a_time_before_1970_is_a_pax_record() {
        let bytes = encoded(&Member { mtime: -5, ..member(b"old") });
        assert!(bytes[512..].starts_with(b"12 mtime=-5\n"));
        assert_eq!(bytes.len(), 3 * 512);
    }

    #[test]
    fn a_name_of_100_bytes_needs_no_pax_record_and_one_of_101_does() {
        assert_eq!(encoded(&member(&[b'x'; 100])).len(), 512);
        assert_eq!(encoded(&member(&[b'x'; 101])).len(), 3 * 512);
        let folder = Member { kind: EntryType::Directory, ..member(&[b'x'; 100]) };
        assert_eq!(encoded(&folder).len(), 3 * 512);
    }
}
