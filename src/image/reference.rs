//! The name of an image as a Dockerfile has it, of any registry.

use std::fmt;

use super::Digest;

/// A reference in its whole form: `docker.io/library/busybox:1.36` (distribution `reference/normalize.go`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageReference {
    host: String,
    path: String,
    tag: String,
    digest: Option<Digest>,
}

/// The host of Docker Hub in names of images.
pub const DOCKER_HUB: &str = "docker.io";

/// Whether a host in the name of an image is Docker Hub: of the hosts below its own only the index is another name for it
/// (distribution `reference/normalize.go`).
#[must_use]
pub fn is_docker_hub(host: &str) -> bool {
    host.strip_suffix(DOCKER_HUB).is_some_and(|above| above.is_empty() || above == "index.")
}

impl ImageReference {
    /// Takes a reference apart; `None` for what is none, or has a digest of another kind than SHA-256.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        let (host, rest) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" || host != host.to_lowercase() => {
                (host, rest)
            }
            Some(_) | None => (DOCKER_HUB, name),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, tag),
            None => (rest, "latest"),
        };
        let host = if is_docker_hub(host) { DOCKER_HUB } else { host };
        let path = if host == DOCKER_HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let is_part = |part: &str| {
            let is_edge = |edge: Option<u8>| edge.is_some_and(|byte| byte.is_ascii_alphanumeric());
            let is_legal =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
            part.bytes().all(is_legal) && is_edge(part.bytes().next()) && is_edge(part.bytes().last())
        };
        let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        let is_legal = path.split('/').all(is_part)
            && tag.parse::<super::Tag>().is_ok()
            && !host.is_empty()
            && host.bytes().all(is_host_byte);
        is_legal.then(|| Self { host: host.to_owned(), path, tag: tag.to_owned(), digest })
    }

    /// The registry, `docker.io` for Docker Hub.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is an image of Docker Hub.
    #[must_use]
    pub fn is_of_docker_hub(&self) -> bool {
        self.host == DOCKER_HUB
    }

    /// The repository's path in its registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag; `latest` where there is none.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The digest that it is fixed to, upon which no tag counts.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            Some(digest) => write!(f, "{}/{}@{digest}", self.host, self.path),
            None => write!(f, "{}/{}:{}", self.host, self.path, self.tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Option<String> {
        ImageReference::parse(text).map(|reference| reference.to_string())
    }

    #[test]
    fn short_names_are_those_of_docker_hub() {
        for (text, expected) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("team/app:V1_2", "docker.io/team/app:V1_2"),
            ("docker.io/busybox", "docker.io/library/busybox:latest"),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
            ("ghcr.io/a__b/c-d", "ghcr.io/a__b/c-d:latest"),
        ] {
            assert_eq!(whole(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn docker_hub_has_one_other_name() {
        let named = |above: &str| whole(&format!("{above}{DOCKER_HUB}/a/b:1"));
        assert_eq!(named("index."), named(""));
        assert_eq!(named("other.").as_deref(), Some("other.docker.io/a/b:1"));
    }

    #[test]
    fn a_digest_makes_the_tag_meaningless() {
        let digest = Digest::of(b"");
        for text in [format!("a:1@{digest}"), format!("docker.io/library/a@{digest}")] {
            assert_eq!(whole(&text), Some(format!("docker.io/library/a@{digest}")));
        }
    }

    #[test]
    fn what_is_no_reference_is_none() {
        for text in ["", "A", "a b", "a:", ":1", "a@sha512:00", "a@", "a//b", "/a", "a/", "-a", "h.x/", "$A", "a:-1"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_whole_form_reads_back_as_itself(text in "([a-zA-Z0-9./:@_-]|\\PC){0,40}") {
            if let Some(reference) = ImageReference::parse(&text) {
                prop_assert_eq!(ImageReference::parse(&reference.to_string()).map(|again| again.to_string()), Some(reference.to_string()));
            }
        }
    }
}
