//! The names of vertices, as BuildKit's `frontend/dockerfile/dockerfile2llb` and `solver/llbsolver` word them.

use crate::dockerfile::Step;

/// What a vertex is to the reader of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An instruction that does something.
    Instruction,
    /// `FROM`: a base image, pulled if it is not there.
    From,
    /// The transfer of a build context.
    Context,
    /// A cache that is looked up, and its reference.
    Import(String),
    /// What the engine does besides, of interest only if it takes long or fails.
    Internal,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        if let Some(step) = Step::of_vertex(name) {
            return if step.keyword == "FROM" { Self::From } else { Self::Instruction };
        }
        if let Some(reference) = name.strip_prefix("importing cache manifest from ") {
            return Self::Import(reference.to_owned());
        }
        let named = || name.starts_with("[context ") && name.ends_with("load from client");
        if name == "[internal] load build context" || named() { Self::Context } else { Self::Internal }
    }
}

/// The label and the instruction of a name: what stands in its brackets, with single spaces, and what follows.
pub(super) fn parts(name: &str) -> (String, &str) {
    let inside = name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match inside {
        Some((label, rest)) => (label.split_whitespace().collect::<Vec<_>>().join(" "), rest.trim()),
        None => (String::new(), name),
    }
}

/// The exit code in a vertex's error, which has no field for it: `… exit code: 17`.
pub(super) fn exit_code(error: &str) -> Option<i64> {
    let (_, code) = error.rsplit_once("exit code: ")?;
    code.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Whether the vertex was stopped rather than failed: what Go's `context.Canceled` says.
pub(super) fn is_canceled(error: &str) -> bool {
    error.ends_with("context canceled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_what_else_the_engine_does() {
        for name in
            ["[internal] load .dockerignore", "[auth] a:pull token for b", "exporting to image", "[1/x] a", "[", ""]
        {
            assert_eq!(Kind::of(name), Kind::Internal, "{name}");
        }
        assert_eq!(Kind::of("[1/2] FROM docker.io/library/busybox"), Kind::From);
        assert_eq!(Kind::of("[base 1/2] RUN make"), Kind::Instruction);
        assert_eq!(Kind::of("[internal] load build context"), Kind::Context);
        assert_eq!(Kind::of("importing cache manifest from a/b:c"), Kind::Import("a/b:c".to_owned()));
        assert_eq!(parts("[build  2/14] RUN make"), ("build 2/14".to_owned(), "RUN make"));
    }

    #[test]
    fn exit_codes_are_found_in_the_words_of_old_and_new_engines() {
        assert_eq!(exit_code("executor failed running [/bin/sh -c exit 17]: exit code: 17"), Some(17));
        assert_eq!(exit_code("process \"x\" did not complete successfully: exit code: 137: a"), Some(137));
        assert_eq!(exit_code("\"/x\": not found"), None);
        assert!(is_canceled("exit code: 137: context canceled: context canceled"));
        assert!(!is_canceled("exit code: 137"));
    }
}
