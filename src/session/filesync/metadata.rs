//! What a call asks for, from its metadata: `decodeOpts` and the keys in buildkit's `session/filesync`.
//!
//! Older engines send paths as they are; newer ones escape all values of a key that has one beyond ASCII, and say so by
//! a key of its own. `override-excludes`, which 20.10 sends, is about patterns that a client may have of its own for
//! a source, and means nothing here: the selection of a [`Tree`](crate::context::Tree) always holds.

use hyper::HeaderMap;

/// What of which source is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The name of the source.
    pub(super) name: Vec<u8>,
    pub(super) include: Vec<Vec<u8>>,
    pub(super) exclude: Vec<Vec<u8>>,
    /// Paths wanted, with wildcards; symlinks on the way are resolved.
    pub(super) follow: Vec<Vec<u8>>,
}

/// A value that says it is escaped and is not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata `{0}` has a value that is not URL-encoded")]
pub(super) struct BadEscape(&'static str);

impl Query {
    /// Reads the metadata.
    pub(super) fn read(metadata: &HeaderMap) -> Result<Self, BadEscape> {
        Ok(Self {
            name: values(metadata, "dir-name", "dir-name-encoded")?.into_iter().next().unwrap_or_default(),
            include: values(metadata, "include-patterns", "include-patterns-encoded")?,
            exclude: values(metadata, "exclude-patterns", "exclude-patterns-encoded")?,
            follow: values(metadata, "followpaths", "followpaths-encoded")?,
        })
    }
}

/// All values of a key, in order.
fn values(metadata: &HeaderMap, key: &'static str, flag: &str) -> Result<Vec<Vec<u8>>, BadEscape> {
    // What Go's `strconv.ParseBool` takes for true.
    let escaped = metadata
        .get(flag)
        .is_some_and(|flag| matches!(flag.as_bytes(), b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True"));
    let raw = metadata.get_all(key).iter().map(hyper::header::HeaderValue::as_bytes);
    raw.map(|value| if escaped { unescape(value).ok_or(BadEscape(key)) } else { Ok(value.to_vec()) }).collect()
}

/// Go's `url.QueryUnescape`.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            byte => *byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn metadata(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(key, value)| (HeaderName::from_static(key), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn values_keep_their_order_and_their_bytes() {
        let query = Query::read(&metadata(&[
            ("dir-name", b"context"),
            ("exclude-patterns", b"*"),
            ("exclude-patterns", b"!a+b%41"),
            ("exclude-patterns", "!ä".as_bytes()),
            ("followpaths", b"\xff"),
            ("override-excludes", b"true"),
        ]));
        let expected = Query {
            name: b"context".to_vec(),
            include: Vec::new(),
            exclude: vec![b"*".to_vec(), b"!a+b%41".to_vec(), "!ä".into()],
            follow: vec![b"\xff".to_vec()],
        };
        assert_eq!(query, Ok(expected));
    }

    #[test]
    fn values_are_unescaped_only_where_the_key_says_so() {
        let query = Query::read(&metadata(&[
            ("dir-name", b"a%20b"),
            ("followpaths", b"a+b%2B%c3%A4"),
            ("followpaths-encoded", b"1"),
            ("include-patterns", b"%41"),
            ("include-patterns-encoded", b"0"),
        ]))
        .unwrap();
        assert_eq!(query.name, b"a%20b");
        assert_eq!(query.follow, ["a b+ä".as_bytes().to_vec()]);
        assert_eq!(query.include, [b"%41".to_vec()]);
    }

    #[test]
    fn a_value_that_is_not_escaped_right_is_refused() {
        for bad in [&b"%"[..], b"a%4", b"%zz", b"%4g"] {
            let metadata = metadata(&[("followpaths", bad), ("followpaths-encoded", b"true")]);
            assert_eq!(Query::read(&metadata), Err(BadEscape("followpaths")));
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text: Vec<u8>) {
            let escaped: String = form_urlencoded::byte_serialize(&text).collect();
            prop_assert_eq!(unescape(escaped.as_bytes()), Some(text));
        }

        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = unescape(&text);
        }
    }
}
