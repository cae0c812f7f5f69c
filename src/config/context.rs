//! Entries of `BUILD_CONTEXTS`.

use std::path::PathBuf;

use super::problem::Findings;
use super::raw::Raw;
use super::{ContextSource, NamedContext};

const VARIABLE: &str = "BUILD_CONTEXTS";
const EXPECTED: &str = "expected `name=path` or `name=docker-image://ref`";
const IMAGE: &str = "docker-image://";

/// Reads the named contexts; what is not accepted is reported and left out.
pub(super) fn read(raw: &Raw, findings: &mut Findings) -> Vec<NamedContext> {
    let mut contexts: Vec<NamedContext> = Vec::new();
    for context in raw.entries(VARIABLE, context, findings) {
        if contexts.iter().any(|earlier| earlier.name == context.name) {
            findings.value(VARIABLE, format!("`{}` is named twice", context.name), None);
        } else {
            contexts.push(context);
        }
    }
    contexts
}

fn context(entry: &str) -> Result<NamedContext, String> {
    let shown = entry.escape_debug();
    let (name, source) = entry.split_once('=').ok_or_else(|| format!("`{shown}` has no `=`, {EXPECTED}"))?;
    if name.is_empty() || source.is_empty() {
        return Err(format!("`{shown}` lacks what stands before or after the `=`, {EXPECTED}"));
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@');
    if !name.bytes().all(is_legal) {
        return Err(format!("`{shown}` has no legal name, expected the name of a stage or an image"));
    }
    let source = match source.split_once("://") {
        Some(_) => match source.strip_prefix(IMAGE) {
            Some(image) if !image.is_empty() => ContextSource::Image(image.to_owned()),
            Some(_) => return Err(format!("`{shown}` names no image, {EXPECTED}")),
            None => return Err(format!("`{shown}` has a source of a kind that is not supported, {EXPECTED}")),
        },
        None if source.starts_with("target:") || source.starts_with("git@") => {
            return Err(format!("`{shown}` has a source of a kind that is not supported, {EXPECTED}"));
        }
        None => ContextSource::Folder(PathBuf::from(source)),
    };
    // Names of stages have no case; docker folds that of contexts too (buildx `build/opt.go`, buildkit `dockerui/namedcontext.go`).
    Ok(NamedContext { name: name.to_ascii_lowercase(), source })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems};
    use super::*;

    #[test]
    fn a_context_is_a_folder_or_an_image() {
        let contexts = config(&[("BUILD_CONTEXTS", "shared=../shared Base=docker-image://alpine:3.20")]).build.contexts;
        let named = |name: &str, source| NamedContext { name: name.to_owned(), source };
        let expected = [
            named("shared", ContextSource::Folder(PathBuf::from("../shared"))),
            named("base", ContextSource::Image("alpine:3.20".to_owned())),
        ];
        assert_eq!(contexts, expected);
    }

    #[test]
    fn other_sources_are_refused() {
        let entries = "a b=https://x.test/y.git c=oci-layout://x d=docker-image:// =x e= f=a F=b g=target:x h*=a";
        insta::assert_snapshot!(problems(&[("BUILD_CONTEXTS", entries)]), @r#"
            `BUILD_CONTEXTS`: `a` has no `=`, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `b=https://x.test/y.git` has a source of a kind that is not supported, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `c=oci-layout://x` has a source of a kind that is not supported, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `d=docker-image://` names no image, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `=x` lacks what stands before or after the `=`, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `e=` lacks what stands before or after the `=`, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `g=target:x` has a source of a kind that is not supported, expected `name=path` or `name=docker-image://ref`
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `h*=a` has no legal name, expected the name of a stage or an image
              hint: write it like `shared=../shared`
            `BUILD_CONTEXTS`: `f` is named twice
              hint: write it like `shared=../shared`
            "#);
    }
}
