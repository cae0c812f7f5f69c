//! `SOURCE_DATE_EPOCH`, and what cannot be had together with it.

use super::problem::Findings;
use super::raw::Raw;
use super::{Build, Cache, PushMode};

/// Seconds since 1970.
pub(super) fn source_date_epoch(raw: &Raw, findings: &mut Findings) -> Option<u64> {
    let text = raw.shared.source_date_epoch.as_deref()?;
    // What is too large for a time, or has a sign, is none; Rust reads `+1`.
    let seconds = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    if seconds.is_none() {
        findings.value(
            "SOURCE_DATE_EPOCH",
            format!("`{}` is no time, expected a number of seconds since 1970", text.escape_debug()),
            None,
        );
    }
    seconds
}

/// Where a cache comes from when the same files are to give the same image: from no image, since what is taken from one has the times
/// of another build, and the records of a cache have them too.
pub(super) fn cache(raw: &Raw, cache: Cache, build: &Build, push_mode: PushMode, findings: &mut Findings) -> Cache {
    if build.source_date_epoch.is_none() {
        return cache;
    }
    let set = "`SOURCE_DATE_EPOCH` is set";
    if push_mode == PushMode::Engine {
        findings.warn(
            format!("{set}, and `PUSH_MODE` is `engine`, which keeps the times of the build: the digest is another with each build"),
            Some("leave out `PUSH_MODE`, so that the pipe sets the times while it pushes".to_owned()),
        );
        return cache;
    }
    if raw.scalars.cache.is_some() && cache.auto {
        findings.warn(
            format!("{set}, so that `CACHE` is `none`: what comes from a cache has the times of another build"),
            Some("leave out `CACHE`, or `SOURCE_DATE_EPOCH` where speed counts more than the same digest".to_owned()),
        );
    }
    if !cache.from.is_empty() {
        findings.warn(
            format!("{set}, and `CACHE_FROM` names images: the digest depends on what is taken from them"),
            Some("leave out `CACHE_FROM`".to_owned()),
        );
    }
    if build.args.iter().any(|(name, _)| name == "BUILDKIT_INLINE_CACHE") {
        findings.warn(
            format!("{set}, and `BUILD_ARGS` has `BUILDKIT_INLINE_CACHE`, which writes times of the build into the image: the digest is another with each build"),
            Some("leave out `BUILDKIT_INLINE_CACHE`".to_owned()),
        );
    }
    Cache { auto: false, ..cache }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems};

    const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "1700000000");

    fn warnings(given: &[(&str, &str)]) -> String {
        let warnings = config(given).warnings;
        warnings.iter().map(|warning| format!("{}\n", warning.message)).collect()
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for text in ["+1", "-1", "1.5", "2026-01-01", "18446744073709551616", "1 2"] {
            let expected = format!("`SOURCE_DATE_EPOCH`: `{text}` is no time, expected a number of seconds since 1970");
            assert!(problems(&[("SOURCE_DATE_EPOCH", text)]).contains(&expected), "{text}");
        }
        assert_eq!(config(&[("SOURCE_DATE_EPOCH", "0")]).build.source_date_epoch, Some(0));
        assert_eq!(config(&[("SOURCE_DATE_EPOCH", "")]).build.source_date_epoch, None);
    }

    #[test]
    fn no_image_serves_as_a_cache() {
        assert!(config(&[]).cache.auto);
        assert!(!config(&[EPOCH]).cache.auto);
        assert!(config(&[EPOCH, ("PUSH_MODE", "engine")]).cache.auto, "no time is set then");
        assert_eq!(warnings(&[EPOCH, ("CACHE", "none")]), "");
    }

    #[test]
    fn what_spoils_the_digest_is_told() {
        let all = [EPOCH, ("CACHE", "auto"), ("CACHE_FROM", "a/b:1"), ("BUILD_ARGS", "BUILDKIT_INLINE_CACHE=1")];
        insta::assert_snapshot!(warnings(&all), @"
        `SOURCE_DATE_EPOCH` is set, so that `CACHE` is `none`: what comes from a cache has the times of another build
        `SOURCE_DATE_EPOCH` is set, and `CACHE_FROM` names images: the digest depends on what is taken from them
        `SOURCE_DATE_EPOCH` is set, and `BUILD_ARGS` has `BUILDKIT_INLINE_CACHE`, which writes times of the build into the image: the digest is another with each build
        ");
        insta::assert_snapshot!(warnings(&[EPOCH, ("PUSH_MODE", "engine")]), @"`SOURCE_DATE_EPOCH` is set, and `PUSH_MODE` is `engine`, which keeps the times of the build: the digest is another with each build");
    }
}
