//! A repository in a registry, and what `IMAGE` may hold.

use std::fmt;

use super::{Digest, EcrHost, HostError, Tag};

/// The name of a repository within its registry, by the pattern of the ECR service model, 2–256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository in a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// The registry.
    pub host: EcrHost,
    /// The name in it.
    pub name: RepositoryName,
}

impl Repository {
    /// `<repository>:<tag>`
    #[must_use]
    pub fn tagged(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// How the AWS CLI creates it, as the beginning of a hint.
    #[must_use]
    pub fn creation(&self) -> String {
        let (name, region) = (&self.name, self.host.region());
        format!("create it with `aws ecr create-repository --repository-name {name} --region {region}`")
    }

    /// `<repository>@<digest>`
    #[must_use]
    pub fn at(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

/// What `IMAGE` names: a full URI, or a bare name in the credentials' own account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`
    Full(Repository),
    /// `<name>`
    Bare(RepositoryName),
}

/// The text names no repository of a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The part before the first `/` is a host, but not one of ECR.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The name itself is not legal.
    #[error("`{found}` is no repository name: {reason}")]
    Repository {
        /// The text found.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl NameError {
    fn repository(found: &str, reason: impl Into<String>) -> Self {
        Self::Repository { found: found.to_owned(), reason: reason.into() }
    }
}

/// The shortest and longest name, by the ECR service model.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=256;

impl std::str::FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(NameError::repository(text, reason)),
        }
    }
}

/// What breaks `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, the ECR service model's pattern.
fn fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(format!("it has upper case letters; accepted is lower case, `{}`", text.to_ascii_lowercase()));
    }
    let legal = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
    if let Some(wrong) = text.chars().find(|character| !legal(*character)) {
        let wrong = wrong.escape_debug();
        return Some(format!("it holds `{wrong}`; accepted are lower case letters, digits, `.`, `_`, `-` and `/`"));
    }
    if !LENGTHS.contains(&text.len()) {
        let (least, most) = (LENGTHS.start(), LENGTHS.end());
        return Some(format!("its length is {}; accepted are {least} to {most} characters", text.len()));
    }
    text.split('/').find_map(part_fault)
}

fn part_fault(part: &str) -> Option<String> {
    let alphanumeric = |byte: &u8| byte.is_ascii_alphanumeric();
    let (Some(first), Some(last)) = (part.as_bytes().first(), part.as_bytes().last()) else {
        return Some("a part between `/` is empty".to_owned());
    };
    if !alphanumeric(first) || !alphanumeric(last) {
        return Some(format!("`{part}` begins or ends with a separator; accepted there is a letter or digit"));
    }
    let separators = part.split(|character: char| character.is_ascii_alphanumeric()).filter(|text| !text.is_empty());
    for separator in separators {
        let dashes = separator.bytes().all(|byte| byte == b'-');
        if !dashes && !matches!(separator, "." | "_" | "__") {
            return Some(format!("it holds `{separator}`; accepted is one `.`, one or two `_`, or any number of `-`"));
        }
    }
    None
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |reason: String| Err(NameError::repository(text, reason));
        if let Some((scheme, rest)) = text.split_once("://") {
            return refuse(format!("it is written without `{scheme}://`: `{rest}`"));
        }
        if let Some((name, _)) = text.split_once('@') {
            return refuse(format!("a digest is what a push results in, name the repository alone: `{name}`"));
        }
        let last = text.rfind('/').map_or(0, |slash| slash + 1);
        if let Some((_, tag)) = text[last..].split_once(':') {
            let name = &text[..text.len() - tag.len() - 1];
            return refuse(format!("the tag belongs in `TAG`: `IMAGE` is `{name}`, `TAG` is `{tag}`"));
        }
        match text.split_once('/') {
            Some((host, name)) if is_host(host) => {
                let host = host.parse()?;
                if name.is_empty() {
                    return refuse("the name of the repository after the host is missing".to_owned());
                }
                Ok(Self::Full(Repository { host, name: name.parse()? }))
            }
            None if text.parse::<EcrHost>().is_ok() => {
                refuse("the name of the repository after the host is missing".to_owned())
            }
            _ => text.parse().map(Self::Bare),
        }
    }
}

/// Docker's rule for the part before the first `/` (distribution/reference, `splitDockerDomain`). A repository whose
/// first part has a dot can be named by its full URI.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

    fn message(text: &str) -> String {
        text.parse::<Name>().unwrap_err().to_string()
    }

    #[test]
    fn a_full_uri_is_host_and_name() {
        let Name::Full(repository) = format!("{HOST}/team/shop.api").parse().unwrap() else { panic!("bare") };
        assert_eq!((repository.host.as_str(), repository.name.as_str()), (HOST, "team/shop.api"));
        assert_eq!(repository.to_string(), format!("{HOST}/team/shop.api"));
    }

    #[test]
    fn a_name_without_host_is_bare() {
        for text in ["shop", "team/shop", "a__b-c---d/e.f_g", "12"] {
            assert_eq!(text.parse::<Name>().unwrap(), Name::Bare(text.parse().unwrap()));
        }
    }

    #[test]
    fn a_tag_or_digest_in_image_is_sent_to_tag() {
        assert_eq!(
            message("shop:v1"),
            "`shop:v1` is no repository name: the tag belongs in `TAG`: `IMAGE` is `shop`, `TAG` is `v1`"
        );
        assert!(message(&format!("{HOST}/shop:v1")).contains("`TAG` is `v1`"));
        assert!(message(&format!("{HOST}/shop@sha256:00")).contains("name the repository alone"));
    }

    #[test]
    fn a_scheme_is_refused() {
        assert!(
            message(&format!("https://{HOST}/shop")).ends_with(&format!("written without `https://`: `{HOST}/shop`"))
        );
    }

    #[test]
    fn a_host_alone_or_with_a_slash_lacks_the_repository() {
        for text in [HOST.to_owned(), format!("{HOST}/")] {
            assert!(message(&text).ends_with("the name of the repository after the host is missing"), "{text}");
        }
    }

    #[test]
    fn a_foreign_host_is_refused_as_host() {
        for text in
            ["docker.io/library/alpine", "ghcr.io/a/b", "localhost/a", "localhost:5000/ab", "public.ecr.aws/a/b"]
        {
            assert!(matches!(text.parse::<Name>(), Err(NameError::Host(_))), "{text}");
        }
    }

    #[test]
    fn each_fault_of_a_name_is_named() {
        for (text, reason) in [
            ("", "it is empty"),
            ("Shop", "it has upper case letters; accepted is lower case, `shop`"),
            ("a", "its length is 1; accepted are 2 to 256 characters"),
            ("a b", "it holds ` `; accepted are lower case letters, digits, `.`, `_`, `-` and `/`"),
            ("team//shop", "a part between `/` is empty"),
            ("shop/", "a part between `/` is empty"),
            ("-shop", "`-shop` begins or ends with a separator; accepted there is a letter or digit"),
            ("shop_", "`shop_` begins or ends with a separator; accepted there is a letter or digit"),
            ("a..b", "it holds `..`; accepted is one `.`, one or two `_`, or any number of `-`"),
            ("a___b", "it holds `___`; accepted is one `.`, one or two `_`, or any number of `-`"),
        ] {
            assert_eq!(message(text), format!("`{text}` is no repository name: {reason}"));
        }
        assert!("a".repeat(256).parse::<RepositoryName>().is_ok());
        assert!("a".repeat(257).parse::<RepositoryName>().is_err());
    }

    proptest! {
        #[test]
        fn names_by_the_model_pattern_read_back_as_themselves(
            text in r"[a-z0-9]{2,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}(/[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}){0,3}",
        ) {
            let name: RepositoryName = text.parse().unwrap();
            prop_assert_eq!(name.to_string(), text.clone());
            let full: Name = format!("{HOST}/{text}").parse().unwrap();
            prop_assert_eq!(full, Name::Full(Repository { host: HOST.parse().unwrap(), name }));
        }

        #[test]
        fn no_text_panics(text in "([a-z./:@-]|\\PC){0,60}") {
            let _ = text.parse::<Name>();
        }
    }
}
