//! What real engines said: 20.10.24, 26.1.5 and 28.5.2.

use super::*;
use crate::error::Explain as _;

fn failed(label: &str, instruction: &str, error: &str) -> Summary {
    let exit_code = error.rsplit_once("exit code: ").and_then(|(_, code)| code.parse().ok());
    let stage = label.split_once(' ').map(|(stage, _)| stage.to_owned());
    let failed = Failed {
        stage,
        label: label.to_owned(),
        instruction: instruction.to_owned(),
        place: label.contains('/').then(|| "Dockerfile:2".to_owned()),
        exit_code,
        error: error.to_owned(),
        last: String::new(),
    };
    Summary { failed: Some(failed), ..Summary::default() }
}

/// What both generations of words come to, which must be the same.
#[track_caller]
fn both(label: &str, instruction: &str, old: &str, new: &str) -> String {
    let words = |message: &str| {
        let error = of_buildkit(message, &failed(label, instruction, message));
        format!("{error} [{}]", error.exit_code() as u8)
    };
    assert_eq!(words(old), words(new));
    words(new)
}

/// What one of them comes to.
fn one(label: &str, instruction: &str, message: &str) -> String {
    both(label, instruction, message, message)
}

const LLB: &str = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: ";

#[test]
fn a_step_is_named_with_its_code_stage_and_place() {
    insta::assert_snapshot!(both(
        "build 2/4",
        "RUN make",
        "executor failed running [/bin/sh -c make]: exit code: 17",
        "process \"/bin/sh -c make\" did not complete successfully: exit code: 17"
    ), @"step 2 of 4 of stage `build` (Dockerfile:2) failed with exit code 17: `RUN make` [6]");
    insta::assert_snapshot!(one(
        "2/2",
        "RUN true",
        "process \"/bin/sh -c true\" did not complete successfully: unable to find user nosuch: no matching entries in passwd file"
    ), @r#"step 2 of 2 (Dockerfile:2) failed: `RUN true`: process "/bin/sh -c true" did not complete successfully: unable to find user nosuch: no matching entries in passwd file [6]"#);
}

#[test]
fn what_is_not_in_the_context_is_named() {
    insta::assert_snapshot!(both(
        "2/2",
        "COPY nothere /x",
        "failed to compute cache key: \"/nothere\" not found: not found",
        "failed to compute cache key: failed to calculate checksum of ref b1e761c0-bdd2-4cc4-a888-f91550ccfbf0::cqmnpdijfm5n8bcn44kqp442p: \"/nothere\": not found"
    ), @"step 2 of 2 (Dockerfile:2): `COPY nothere /x`: `/nothere` is not in the context [6]");
}

#[test]
fn what_another_stage_lacks_is_named_without_the_path_of_its_mount() {
    let words =
        |path: &str| one("2/2", "COPY --from=build /a/b /", &format!("lstat {path}: no such file or directory"));
    insta::assert_snapshot!(words("/a/b"), @"step 2 of 2 (Dockerfile:2): `COPY --from=build /a/b /`: `/a/b` is not in `build` [6]");
    assert_eq!(words("/var/lib/docker/overlay2/b6aa54/merged/a/b"), words("/a/b"));
    assert_eq!(words("/var/lib/docker/tmp/buildkit-mount4035333729/a/b"), words("/a/b"));
}

#[test]
fn a_secret_that_was_not_given_is_named() {
    insta::assert_snapshot!(both(
        "2/2", "RUN --mount=type=secret,id=npm,required=true cat", "secret npm not found: not found", "secret npm: not found"
    ), @"step 2 of 2 (Dockerfile:2) wants the secret `npm`: `RUN --mount=type=secret,id=npm,required=true cat` [2]");
}

#[test]
fn base_images_are_told_apart_as_with_the_classic_builder() {
    let metadata = |image: &str| format!("load metadata for docker.io/library/{image}");
    insta::assert_snapshot!(one("internal", &metadata("busybox:nosuch"),
        "busybox:nosuch: failed to resolve source metadata for docker.io/library/busybox:nosuch: docker.io/library/busybox:nosuch: not found"), @"base image `busybox:nosuch` does not exist (docker.io/library/busybox:nosuch: not found) [6]");
    insta::assert_snapshot!(one("internal", "load metadata for registry.lab.test/private/base:1",
        &format!("{LLB}pulling from host registry.lab.test failed with status code [manifests 1]: 401 Unauthorized")), @"base image `registry.lab.test/private/base:1`: the registry denies access (pulling from host registry.lab.test failed with status code [manifests 1]: 401 Unauthorized) [6]");
    insta::assert_snapshot!(one("internal", "load metadata for registry.lab.test/private/base:1",
        "registry.lab.test/private/base:1: failed to resolve source metadata for registry.lab.test/private/base:1: unexpected status from HEAD request to https://registry.lab.test/v2/private/base/manifests/1: 401 Unauthorized"), @"base image `registry.lab.test/private/base:1`: the registry denies access (unexpected status from HEAD request to https://registry.lab.test/v2/private/base/manifests/1: 401 Unauthorized) [6]");
    insta::assert_snapshot!(one("internal", "load metadata for nosuchhost.lab.test/x:1",
        "nosuchhost.lab.test/x:1: failed to resolve source metadata for nosuchhost.lab.test/x:1: failed to do request: Head \"https://nosuchhost.lab.test/v2/x/manifests/1\": dial tcp: lookup nosuchhost.lab.test on 127.0.0.1:53: read: connection refused"), @r#"base image `nosuchhost.lab.test/x:1` cannot be pulled: failed to do request: Head "https://nosuchhost.lab.test/v2/x/manifests/1": dial tcp: lookup nosuchhost.lab.test on 127.0.0.1:53: read: connection refused [6]"#);
    insta::assert_snapshot!(one("", "FROM docker.io/library/nosuch:latest",
        "failed to load cache key: docker.io/library/nosuch:latest: not found"), @"base image `nosuch:latest` does not exist (docker.io/library/nosuch:latest: not found) [6]");
    insta::assert_snapshot!(one("internal", &metadata("node:20"),
        "node:20: failed to resolve source metadata for docker.io/library/node:20: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/20: 429 Too Many Requests"), @"base image `node:20`: the registry's pull limit is reached (unexpected status from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/20: 429 Too Many Requests) [6]");
}

#[test]
fn a_base_image_for_other_platforms_is_no_missing_one() {
    insta::assert_snapshot!(both(
        "internal",
        "load metadata for docker.io/library/busybox:s390x",
        "no match for platform in manifest sha256:a99576: not found",
        "no match for platform in manifest sha256:a99576: not found"
    ), @"base image `busybox:s390x` does not exist for the platform asked for (no match for platform in manifest sha256:a99576: not found) [6]");
}

#[test]
fn what_is_wrong_with_the_dockerfile_keeps_its_line() {
    let nothing = Summary::default();
    let words = |message: &str| of_buildkit(message, &nothing).to_string();
    insta::assert_snapshot!(words("dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)"), @"the Dockerfile is not valid: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)");
    insta::assert_snapshot!(words(&format!("{LLB}dockerfile parse error line 2: unknown instruction: RUNN")), @"the Dockerfile is not valid: dockerfile parse error line 2: unknown instruction: RUNN");
    insta::assert_snapshot!(words(&format!("{LLB}failed to parse stage name \"Bad_Name:1\": invalid reference format: repository name must be lowercase")), @r#"base image `Bad_Name:1` is not the name of an image (failed to parse stage name "Bad_Name:1": invalid reference format: repository name must be lowercase)"#);
    insta::assert_snapshot!(words("base name (${X}) should not be blank"), @"base image `${X}` is not the name of an image (base name (${X}) should not be blank)");
    insta::assert_snapshot!(words("invalid stage index 7"), @"the Dockerfile is not valid: invalid stage index 7");
    insta::assert_snapshot!(words("no build stage in current context"), @"the Dockerfile is not valid: no build stage in current context");
    assert_eq!(
        words(&format!("{LLB}target stage nosuch could not be found")),
        words("target stage \"nosuch\" could not be found")
    );
    insta::assert_snapshot!(words("target stage \"nosuch\" could not be found"), @"`TARGET`: the Dockerfile has no stage `nosuch`");
}

#[test]
fn a_frontend_that_cannot_be_had_is_told_apart_from_a_base_image() {
    insta::assert_snapshot!(both(
        "",
        "resolve image config for docker.io/docker/dockerfile:1",
        "failed to solve with frontend dockerfile.v0: failed to solve with frontend gateway.v0: docker.io/docker/dockerfile:1: not found",
        "failed to resolve source metadata for docker.io/docker/dockerfile:1: docker.io/docker/dockerfile:1: not found"
    ), @"the Dockerfile frontend `docker/dockerfile:1` of the `# syntax=` line cannot be had: docker.io/docker/dockerfile:1: not found [6]");
}
