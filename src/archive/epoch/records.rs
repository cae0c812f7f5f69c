//! The records of an extended header, which say of the next one what its fields cannot hold.

use super::super::header::records;

/// What the records become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clamped {
    /// The new text; `None` where nothing is later.
    pub(super) text: Option<Vec<u8>>,
    /// Whether the time of the next header is to be the epoch, since its record is gone.
    pub(super) in_header: bool,
    /// The length of the next content, where a record says it.
    pub(super) size: Option<u64>,
}

/// Times besides that of the last change. libarchive's own counts too: it is what writes times of creation.
const OTHER_TIMES: [&[u8]; 3] = [b"atime", b"ctime", b"LIBARCHIVE.creationtime"];

/// Makes times that are later than the epoch the epoch. The field of a header can say that, and so a record of the last change goes away:
/// whether there was one depends on the fractions of a second in a time that is not of interest any more. `global` is a header for
/// all that follow, which has no fields of its own.
pub(super) fn clamp(text: &[u8], epoch: u64, global: bool) -> Result<Clamped, &'static str> {
    let mut clamped = Clamped::default();
    let (mut written, mut changed) = (Vec::with_capacity(text.len()), false);
    for (key, value) in records(text)? {
        let is_time = key == b"mtime" || OTHER_TIMES.contains(&key);
        if key == b"size" && !global {
            let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            clamped.size = Some(size.ok_or("a header has no legal size")?);
        }
        if !(is_time && is_later(value, epoch)) {
            append(&mut written, key, value);
            continue;
        }
        changed = true;
        if key == b"mtime" && !global {
            clamped.in_header = true;
        } else {
            append(&mut written, key, epoch.to_string().as_bytes());
        }
    }
    clamped.text = changed.then_some(written);
    Ok(clamped)
}

/// Seconds with a fraction, which may be below zero. What is no time is left to whoever reads it.
fn is_later(value: &[u8], epoch: u64) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !is_number(seconds) || !is_number(fraction) {
        return false;
    }
    // Of digits only, so what cannot be read is too large.
    let seconds: u64 = seconds.parse().unwrap_or(u64::MAX);
    seconds > epoch || (seconds == epoch && fraction.bytes().any(|digit| digit != b'0'))
}

/// The length that a record begins with is that of all of it.
fn append(text: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() > length {
        length += 1;
    }
    text.extend_from_slice(length.to_string().as_bytes());
    text.push(b' ');
    text.extend_from_slice(key);
    text.push(b'=');
    text.extend_from_slice(value);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn text(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut text = Vec::new();
        for (key, value) in pairs {
            append(&mut text, key.as_bytes(), value.as_bytes());
        }
        text
    }

    #[test]
    fn records_have_the_length_of_all_of_themselves() {
        assert_eq!(text(&[("a", "b")]), b"6 a=b\n");
        assert_eq!(text(&[("path", "xxxx")]), b"13 path=xxxx\n");
        for length in 1..2_000 {
            let written = text(&[("k", &"v".repeat(length))]);
            assert!(written.starts_with(format!("{} k=v", written.len()).as_bytes()), "{length}");
            assert_eq!(records(&written).unwrap(), [(&b"k"[..], "v".repeat(length).as_bytes())]);
        }
    }

    #[test]
    fn times_that_are_later_go_or_become_the_epoch() {
        let given = text(&[("mtime", "1000.5"), ("path", "é"), ("atime", "2000"), ("ctime", "999.9"), ("size", "7")]);
        let clamped = clamp(&given, 1_000, false).unwrap();
        let expected = text(&[("path", "é"), ("atime", "1000"), ("ctime", "999.9"), ("size", "7")]);
        assert_eq!(clamped, Clamped { text: Some(expected), in_header: true, size: Some(7) });
        let global = clamp(&given, 1_000, true).unwrap();
        assert!(global.text.unwrap().starts_with(b"14 mtime=1000\n"));
        assert!(!global.in_header);
    }

    #[test]
    fn what_is_not_later_stays_as_it_is() {
        for time in ["1000", "1000.000", "999.999", "-5", "0", "", "x", "1e9", ".5", "1.x"] {
            let given = text(&[("mtime", time), ("SCHILY.xattr.user.x", "y=z\n")]);
            assert_eq!(clamp(&given, 1_000, false).unwrap(), Clamped::default(), "{time}");
        }
        assert!(clamp(&text(&[("mtime", "99999999999999999999999")]), u64::MAX, false).unwrap().text.is_none());
    }
}
