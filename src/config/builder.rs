//! `BUILDER`, `CACHE` and `CACHE_FROM`.

use super::problem::{Findings, Problem};
use super::raw::Raw;
use super::{Builder, Cache};

impl Cache {
    /// Itself, or none.
    pub(super) fn unless(self, off: bool) -> Self {
        if off { Self::default() } else { self }
    }
}

/// The builder; `Auto` when it is unset or not accepted.
pub(super) fn builder(raw: &Raw, findings: &mut Findings) -> Builder {
    let words = raw.list("BUILDER");
    if words.iter().any(|word| word.contains("://")) {
        // Addresses of BuildKit come with the builds for several platforms.
        findings.problem(Problem::Unsupported { variable: "BUILDER", harmless: &["auto", "buildkit", "classic"] });
        return Builder::Auto;
    }
    match words {
        [] => Builder::Auto,
        [word] if word.eq_ignore_ascii_case("auto") => Builder::Auto,
        [word] if word.eq_ignore_ascii_case("buildkit") => Builder::Buildkit,
        [word] if word.eq_ignore_ascii_case("classic") => Builder::Classic,
        words => {
            let found = words.join(" ").escape_debug().to_string();
            findings.value(
                "BUILDER",
                format!("`{found}` is no builder, expected `auto`, `buildkit` or `classic`"),
                None,
            );
            Builder::Auto
        }
    }
}

/// Where a cache comes from.
pub(super) fn cache(raw: &Raw, findings: &mut Findings) -> Cache {
    let auto = match raw.scalars.cache.as_deref() {
        None => true,
        Some(word) if word.eq_ignore_ascii_case("auto") => true,
        Some(word) if word.eq_ignore_ascii_case("none") => false,
        Some(word) => {
            let found = word.escape_debug();
            findings.value("CACHE", format!("`{found}` is no kind of cache, expected `auto` or `none`"), None);
            true
        }
    };
    let is_reference = |entry: &str| match entry {
        entry if entry.contains("://") || entry.contains('=') => Err(format!(
            "`{}` is no reference of an image, expected `<registry>/<repository>:<tag>`",
            entry.escape_debug()
        )),
        entry => Ok(entry.to_owned()),
    };
    Cache { auto, from: raw.entries("CACHE_FROM", is_reference, findings) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems};
    use super::*;

    #[test]
    fn the_builder_and_the_cache_are_read_in_any_case() {
        let found = config(&[("BUILDER", "BuildKit"), ("CACHE", "None"), ("CACHE_FROM", "a:1, b/c")]);
        assert_eq!(found.builder, Builder::Buildkit);
        assert_eq!(found.cache, Cache { auto: false, from: vec!["a:1".to_owned(), "b/c".to_owned()] });
        assert_eq!(config(&[]).cache, Cache { auto: true, from: Vec::new() });
    }

    #[test]
    fn what_is_no_builder_or_cache_is_told() {
        insta::assert_snapshot!(problems(&[("BUILDER", "kaniko"), ("CACHE", "gha"), ("CACHE_FROM", "type=gha")]), @r#"
            `BUILDER`: `kaniko` is no builder, expected `auto`, `buildkit` or `classic`
              hint: write it like `buildkit`
            `CACHE`: `gha` is no kind of cache, expected `auto` or `none`
              hint: write it like `none`
            `CACHE_FROM`: `type=gha` is no reference of an image, expected `<registry>/<repository>:<tag>`
              hint: write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:build`
            "#);
        insta::assert_snapshot!(problems(&[("BUILDER", "tcp://buildkit:1234")]), @r#"
            `BUILDER` is not supported in this version
              hint: remove `BUILDER` or set it to `auto` or `buildkit` or `classic`
            "#);
    }
}
