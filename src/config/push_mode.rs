//! `PUSH_MODE`

use super::problem::Findings;
use super::raw::Raw;
use crate::compress::Codec;
use crate::image::Name;

/// Who pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushMode {
    /// Whoever is quicker, by [`crate::plan::quicker_pusher`].
    #[default]
    Auto,
    /// The engine.
    Engine,
    /// The pipe itself.
    Direct,
}

/// The mode; the default when it is unset or not accepted.
pub(super) fn push_mode(raw: &Raw, images: &[Name], compression: Codec, findings: &mut Findings) -> PushMode {
    let words = [("auto", PushMode::Auto), ("engine", PushMode::Engine), ("direct", PushMode::Direct)];
    let mode = findings.choice("PUSH_MODE", raw.scalars.push_mode.as_deref(), &words);
    if mode == PushMode::Engine && images.len() > 1 {
        let reason = format!(
            "it is `engine`, and `IMAGE` names {} repositories: an engine cannot push content before it moves a tag",
            images.len()
        );
        findings.value("PUSH_MODE", reason, Some("leave it unset, or set it to `direct`".to_owned()));
    }
    if mode == PushMode::Engine && compression == Codec::Zstd {
        let reason = "it is `engine`, and `COMPRESSION` is `zstd`: an engine compresses with gzip only";
        findings.value("PUSH_MODE", reason, Some("leave one of them out".to_owned()));
    }
    mode
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::ffi::OsString;

    use super::super::Config;
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<PushMode, String> {
        let least = [
            ("AWS_KEY", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"),
            ("AWS_REGION", "eu-central-1"),
            ("IMAGE", "web"),
            ("TAG", "1"),
        ];
        let least = least.iter().filter(|(name, _)| given.iter().all(|(other, _)| other != name));
        let pairs = least.chain(given).map(|(name, value)| (OsString::from(name), value.into()));
        let read = Config::read(pairs);
        read.map(|config| config.push_mode).map_err(|problems| problems.iter().next().unwrap().to_string())
    }

    #[test]
    fn one_of_three_words_and_auto_unless_told() {
        assert_eq!(read(&[]), Ok(PushMode::Auto));
        assert_eq!(read(&[("PUSH_MODE", "Engine")]), Ok(PushMode::Engine));
        assert_eq!(
            read(&[("PUSH_MODE", "direct"), ("IMAGE", "web shop"), ("COMPRESSION", "zstd")]),
            Ok(PushMode::Direct)
        );
        let told = read(&[("PUSH_MODE", "fast")]).unwrap_err();
        assert_eq!(told, "`PUSH_MODE`: `fast` is not accepted, expected `auto`, `engine` or `direct`");
    }

    #[test]
    fn what_an_engine_cannot_push_is_told() {
        let told = |more| read(&[("PUSH_MODE", "engine"), more]).unwrap_err();
        let several = "`PUSH_MODE`: it is `engine`, and `IMAGE` names 2 repositories: an engine cannot push content before it moves a tag";
        assert_eq!(told(("IMAGE", "web shop")), several);
        let zstd = "`PUSH_MODE`: it is `engine`, and `COMPRESSION` is `zstd`: an engine compresses with gzip only";
        assert_eq!(told(("COMPRESSION", "zstd")), zstd);
    }
}
