//! `PLATFORM`

use super::PushMode;
use super::problem::Findings;
use super::raw::Raw;
use crate::image::Platform;

/// The platforms, each once, in their order; none when the engine's own is meant.
pub(super) fn platforms(raw: &Raw, findings: &mut Findings) -> Vec<Platform> {
    let parse = |entry: &str| entry.parse::<Platform>().map_err(|error| error.to_string());
    let mut platforms: Vec<Platform> = Vec::new();
    for platform in raw.entries("PLATFORM", parse, findings) {
        if platforms.iter().all(|other| !other.is_same(&platform)) {
            platforms.push(platform);
        }
    }
    platforms
}

/// Refuses what cannot push several images under one tag.
pub(super) fn check(platforms: &[Platform], push_mode: PushMode, findings: &mut Findings) {
    if platforms.len() > 1 && push_mode == PushMode::Engine {
        let reason = format!(
            "it is `engine`, and `PLATFORM` names {} platforms: an engine cannot push an image without a tag of its own",
            platforms.len()
        );
        findings.value("PUSH_MODE", reason, Some("leave it unset, or set it to `direct`".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems};

    #[test]
    fn platforms_are_read_each_once_in_their_order() {
        let platforms = config(&[("PLATFORM", "linux/arm64, linux/amd64 linux/aarch64\nlinux/arm")]).build.platforms;
        let shown: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["linux/arm64", "linux/amd64", "linux/arm/v7"]);
        assert_eq!(config(&[]).build.platforms, []);
    }

    #[test]
    fn what_is_no_platform_is_told() {
        insta::assert_snapshot!(problems(&[("PLATFORM", "arm64, windows/amd64, linux/x64")]), @"
        `PLATFORM`: `arm64` is no platform, expected `<os>/<architecture>`, as `linux/arm64`, or with a variant, as `linux/arm/v6`
          hint: write it like `linux/arm64`
        `PLATFORM`: `windows/amd64` is no platform, expected one of Linux, as `linux/arm64`
          hint: write it like `linux/arm64`
        `PLATFORM`: `linux/x64` is no platform, expected an architecture in Go's words, as `amd64`, `arm64` or `arm/v7`
          hint: write it like `linux/arm64`
        ");
    }

    #[test]
    fn an_engine_cannot_push_several() {
        insta::assert_snapshot!(problems(&[("PLATFORM", "linux/arm64, linux/amd64"), ("PUSH_MODE", "engine")]), @"
        `PUSH_MODE`: it is `engine`, and `PLATFORM` names 2 platforms: an engine cannot push an image without a tag of its own
          hint: leave it unset, or set it to `direct`
        ");
        assert_eq!(config(&[("PLATFORM", "linux/arm64"), ("PUSH_MODE", "engine")]).build.platforms.len(), 1);
    }
}
