//! `COPY`, `ADD` and mounts of what is not there. Of the engine's words only a quoted path is of use: others name folders of the
//! engine, in which no user has a file.

use super::{any, is_missing_source_path};
use crate::engine::{BuildError, StepName};

/// The failure, if that is what the engine says of a step.
pub(super) fn missing(step: &StepName, reason: &str) -> Option<BuildError> {
    let mut words = step.instruction.split_whitespace();
    let is_copy = matches!(words.next(), Some("COPY" | "ADD"));
    let (flags, paths): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("--"));
    // buildkit `solver/llbsolver/file`: from another stage a file is missing only when it is copied.
    let is_copied = is_copy && reason.starts_with("lstat ") && any(reason, &["no such file or directory"]);
    if !is_missing_source_path(reason) && !is_copied {
        return None;
    }
    let quoted = reason.split_once('"').and_then(|(_, rest)| rest.split_once('"')).map(|(path, _)| path);
    let path = quoted.or(match paths.as_slice() {
        [source, _] if is_copy => Some(*source),
        _ => None,
    });
    let from =
        if is_copy { flags.iter().find_map(|flag| flag.strip_prefix("--from=")) } else { from_of_mount(&flags, path?) };
    let what = path.map_or("something that it copies".to_owned(), |path| format!("`{path}`"));
    let place = from.map_or("the context".to_owned(), |from| format!("`{from}`"));
    let reason = format!("{what} is not in {place}");
    Some(BuildError::SourceMissing { step: step.clone(), reason, from: from.map(str::to_owned) })
}

/// What the mount of a path is from.
fn from_of_mount<'a>(flags: &[&'a str], path: &str) -> Option<&'a str> {
    let field = |mount: &'a str, key: &str| mount.split(',').find_map(|field| field.strip_prefix(key));
    let mounts = flags.iter().filter_map(|flag| flag.strip_prefix("--mount="));
    let source = |mount| field(mount, "source=").or_else(|| field(mount, "src="));
    let mount = mounts
        .into_iter()
        .find(|mount| source(mount).is_some_and(|source| source.trim_matches('/') == path.trim_matches('/')));
    field(mount?, "from=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(instruction: &str, reason: &str) -> String {
        let step = StepName { words: "step 2 of 2".to_owned(), instruction: instruction.to_owned(), place: None };
        match missing(&step, reason) {
            Some(BuildError::SourceMissing { reason, .. }) => reason,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_missing_and_where_is_told_without_folders_of_the_engine() {
        let quoted = "failed to compute cache key: \"/nothing\" not found: not found";
        let walked = "failed to compute cache key: failed to walk /var/lib/docker/tmp/buildkit-mount1/a: lstat \
                      /var/lib/docker/tmp/buildkit-mount1/a: no such file or directory";
        let copied = "lstat /var/lib/docker/tmp/buildkit-mount1/nothing: no such file or directory";
        for (instruction, reason, expected) in [
            ("COPY nothing /x/", quoted, "`/nothing` is not in the context"),
            ("COPY --chown=1:1 a/nothing /x/", walked, "`a/nothing` is not in the context"),
            ("ADD a/nothing b /x/", walked, "something that it copies is not in the context"),
            ("COPY --from=shared a/nothing /x/", walked, "`a/nothing` is not in `shared`"),
            ("COPY --from=build nothing /x/", copied, "`nothing` is not in `build`"),
            ("COPY --from=build [\"a b\", \"/x/\"]", copied, "something that it copies is not in `build`"),
            ("RUN --mount=target=/a --mount=from=b,src=nothing,target=/b x", quoted, "`/nothing` is not in `b`"),
            ("RUN --mount=source=/nothing,target=/b x", quoted, "`/nothing` is not in the context"),
            ("RUN x", copied, "None"),
            ("COPY a /x/", "failed to chown: operation not permitted", "None"),
        ] {
            assert_eq!(told(instruction, reason), expected, "{instruction}");
        }
    }
}
