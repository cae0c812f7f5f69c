//! What an image runs on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// As an index and an image's configuration have it (image specification, "Image Index Property Descriptions" and "OCI Image
/// Configuration"), which share these names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// In Go's words: `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// `linux`
    #[serde(default)]
    pub os: String,
    /// Of Windows only.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Of Windows only.
    #[serde(default, rename = "os.features", skip_serializing_if = "Option::is_none")]
    pub os_features: Option<Vec<String>>,
    /// Of the processor: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// The text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no platform, expected {expected}")]
pub struct PlatformError {
    /// The text found.
    pub found: String,
    /// What is accepted.
    pub expected: &'static str,
}

/// Processors by Go's words for those that Linux runs on (Go documentation, "Installing Go from source").
const ARCHITECTURES: [&str; 13] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x",
];

/// Other words for some of them, and variants that go without saying (containerd `platforms/database.go`).
const ALIASES: [(&str, &str); 5] =
    [("x86_64", "amd64"), ("x86-64", "amd64"), ("aarch64", "arm64"), ("i386", "386"), ("armhf", "arm")];
const IMPLIED: [(&str, &str); 3] = [("amd64", "v1"), ("arm64", "v8"), ("arm", "v7")];

impl Platform {
    /// Of an engine, in its own words.
    #[must_use]
    pub fn of(os: &str, architecture: &str) -> Self {
        Self { os: os.to_owned(), architecture: architecture.to_owned(), ..Self::default() }
    }

    /// Whether nothing runs on it: what BuildKit says of an attestation (BuildKit documentation, "Attestation storage").
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// Whether an engine would take an image for one of them where it looks for the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.parts() == other.parts() && self.os_version == other.os_version
    }

    /// Operating system, architecture and variant, where that does not go without saying.
    fn parts(&self) -> (&str, &str, Option<&str>) {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == self.architecture);
        let architecture = alias.map_or(self.architecture.as_str(), |(_, name)| name);
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty());
        (&self.os, architecture, variant.filter(|variant| !IMPLIED.contains(&(architecture, variant))))
    }

    /// The architecture in Go's words.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.parts().1
    }

    /// The variant where there is one, as BuildKit has it in `TARGETVARIANT`.
    #[must_use]
    pub fn variant(&self) -> &str {
        match self.parts() {
            (_, "arm", None) => "v7",
            (_, _, variant) => variant.unwrap_or_default(),
        }
    }
}

/// `linux/arm64`, `linux/arm/v6`, in Go's words and the shortest way.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (os, architecture, variant) = self.parts();
        write!(f, "{os}/{architecture}")?;
        match (architecture, variant) {
            ("arm", None) => f.write_str("/v7"),
            (_, Some(variant)) => write!(f, "/{variant}"),
            (_, None) => Ok(()),
        }
    }
}

/// As a user writes it, `linux/arm64`. Only what runs on Linux can be built on Linux.
impl std::str::FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let lower = text.to_ascii_lowercase();
        let refuse = |expected| Err(PlatformError { found: text.to_owned(), expected });
        let mut parts = lower.split('/');
        let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (variant, rest) = (parts.next(), parts.next());
        if rest.is_some() || architecture.is_empty() || variant == Some("") {
            return refuse("`<os>/<architecture>`, as `linux/arm64`, or with a variant, as `linux/arm/v6`");
        }
        if os != "linux" {
            return refuse("one of Linux, as `linux/arm64`");
        }
        let platform = Self { variant: variant.map(str::to_owned), ..Self::of(os, architecture) };
        let is_variant = |variant: &str| {
            variant
                .strip_prefix('v')
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let (os, architecture, variant) = platform.parts();
        if !ARCHITECTURES.contains(&architecture) {
            return refuse("an architecture in Go's words, as `amd64`, `arm64` or `arm/v7`");
        }
        if !variant.is_none_or(is_variant) {
            return refuse("a variant such as `v6` or `v7`");
        }
        Ok(Self {
            variant: Some(platform.variant()).filter(|variant| !variant.is_empty()).map(str::to_owned),
            ..Self::of(os, architecture)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn a_platform_is_written_in_the_shortest_way() {
        for (text, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/s390x", "linux/s390x"),
        ] {
            assert_eq!(platform(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_platform_is_told_with_what_is() {
        for (text, expected) in [
            ("arm64", "`<os>/<architecture>`, as `linux/arm64`, or with a variant, as `linux/arm/v6`"),
            ("linux/", "`<os>/<architecture>`, as `linux/arm64`, or with a variant, as `linux/arm/v6`"),
            ("linux/arm/v6/x", "`<os>/<architecture>`, as `linux/arm64`, or with a variant, as `linux/arm/v6`"),
            ("windows/amd64", "one of Linux, as `linux/arm64`"),
            ("linux/arm64v8", "an architecture in Go's words, as `amd64`, `arm64` or `arm/v7`"),
            ("linux/arm/6", "a variant such as `v6` or `v7`"),
        ] {
            let error = text.parse::<Platform>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is no platform, expected {expected}"));
        }
    }

    #[test]
    fn a_variant_that_goes_without_saying_makes_no_difference() {
        let of = |json: &str| serde_json::from_str::<Platform>(json).unwrap();
        let arm = of(r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#);
        assert!(arm.is_same(&of(r#"{"os":"linux","architecture":"arm64"}"#)) && arm.is_same(&platform("linux/arm64")));
        assert!(of(r#"{"os":"linux","architecture":"arm","variant":""}"#).is_same(&platform("linux/arm/v7")));
        assert!(!platform("linux/arm/v6").is_same(&platform("linux/arm/v7")));
        assert!(!platform("linux/amd64").is_same(&platform("linux/arm64")));
        let windows = |version: &str| {
            of(&format!(r#"{{"os":"windows","architecture":"amd64","os.version":"{version}","os.features":null}}"#))
        };
        assert!(windows("10.0.1").is_same(&windows("10.0.1")) && !windows("10.0.1").is_same(&windows("10.0.2")));
        assert!(of(r#"{"os":"unknown","architecture":"unknown"}"#).is_unknown() && !arm.is_unknown());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_as_itself(architecture in proptest::sample::select(&ARCHITECTURES[..]), variant in "(/v[0-9]{1,2})?") {
            let platform = platform(&format!("linux/{architecture}{variant}"));
            prop_assert_eq!(platform.to_string().parse::<Platform>(), Ok(platform.clone()));
            prop_assert!(platform.is_same(&platform.to_string().parse().unwrap()));
        }

        #[test]
        fn no_text_panics(text in "([a-z0-9/]|\\PC){0,30}") {
            let _ = text.parse::<Platform>();
        }
    }
}
