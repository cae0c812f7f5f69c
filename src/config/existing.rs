//! `BUILD`: whether an image is built, or one is pushed that the engine has already.

use super::problem::Findings;
use super::raw::Raw;

/// What only a build looks at.
pub(super) const OF_A_BUILD: [&str; 19] = [
    "CONTEXT",
    "DOCKERFILE",
    "TARGET",
    "PLATFORM",
    "BUILD_ARGS",
    "LABELS",
    "NO_CACHE",
    "PULL",
    "NETWORK",
    "ADD_HOSTS",
    "SHM_SIZE",
    "ULIMITS",
    "BUILD_SECRETS",
    "BUILD_CONTEXTS",
    "REGISTRY_LOGINS",
    "BUILDER",
    "CACHE",
    "CACHE_FROM",
    "SKIP_UNCHANGED",
];

/// Whether something is built; what would do nothing otherwise is told.
pub(super) fn builds(raw: &Raw, push: bool, findings: &mut Findings) -> bool {
    let builds = raw.boolean("BUILD", raw.scalars.build.as_deref(), true, findings);
    // Beside `INDEX_FROM` it says nothing.
    if builds || raw.is_given("INDEX_FROM") {
        return builds;
    }
    if !push {
        let hint = "set one of them to `true`, or leave it out";
        findings.value("BUILD", "it is `false`, and `PUSH` is too: nothing is left to do", Some(hint.to_owned()));
    }
    for name in OF_A_BUILD.into_iter().filter(|name| raw.is_given(name)) {
        let name = raw.name(name);
        let hint = format!("remove `{name}`, or say it where the image is built");
        findings.warn(format!("`{name}` does nothing while `BUILD` is `false`"), Some(hint));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems, warnings};

    #[test]
    fn an_image_is_built_unless_told() {
        assert!(config(&[]).builds && config(&[("BUILD", "yes")]).builds);
        let existing = config(&[("BUILD", "off"), ("CACHE", "auto"), ("SKIP_UNCHANGED", "true")]);
        assert!(!existing.builds && !existing.cache.auto && !existing.skip_unchanged.is_on());
        assert!(problems(&[("BUILD", "maybe")]).starts_with("`BUILD`: `maybe` is no boolean"));
    }

    #[test]
    fn what_only_a_build_looks_at_is_told() {
        insta::assert_snapshot!(warnings(&[("BUILD", "false"), ("LABELS", "a=b"), ("TARGET", "x")]), @r"
        `TARGET` does nothing while `BUILD` is `false`
          hint: remove `TARGET`, or say it where the image is built
        `LABELS` does nothing while `BUILD` is `false`
          hint: remove `LABELS`, or say it where the image is built
        ");
        assert_eq!(warnings(&[("BUILD", "false"), ("COMPRESSION", "zstd"), ("IF_TAG_EXISTS", "skip")]), "");
    }

    #[test]
    fn a_run_that_neither_builds_nor_pushes_is_refused() {
        insta::assert_snapshot!(problems(&[("BUILD", "false"), ("PUSH", "false")]), @r"
        `BUILD`: it is `false`, and `PUSH` is too: nothing is left to do
          hint: set one of them to `true`, or leave it out
        ");
    }
}
