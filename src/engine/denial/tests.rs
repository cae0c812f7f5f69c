//! What real engines said.

use super::*;

fn step(instruction: &str) -> Step {
    Step { number: 2, total: 3, instruction: instruction.to_owned() }
}

fn build(message: &str, instruction: &str) -> String {
    let error = of_build(message, None, Some(&step(instruction)));
    format!("{error:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn before(message: &str) -> String {
    format!("{:?}", of_build(message, None, None)).split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn push(message: &str) -> String {
    let error = of_push(message, "1.dkr.ecr.eu-west-1.amazonaws.com/app", "v1");
    format!("{error:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn the_plugin_of_bitbucket_is_named_with_its_words() {
    let message = "authorization denied by plugin pipelines: Command not supported.";
    let Some(Error::Plugin { plugin, reason, .. }) = of_plugin("POST /build", message) else { panic!() };
    assert_eq!((plugin.as_str(), reason.as_str()), ("pipelines", "Command not supported."));
    assert_eq!(of_plugin("POST /build", "denied"), None);
}

#[test]
fn a_command_that_ended_badly_is_told_by_its_code_not_its_words() {
    let message = "The command '/bin/sh -c echo \"x: no space left on device\"; exit 1' returned a non-zero code: 1";
    let error = of_build(message, Some(1), Some(&step("RUN echo")));
    assert!(matches!(error, BuildError::Step { exit_code: 1, .. }));
}

#[test]
fn a_missing_base_image_is_told_from_a_denied_and_an_unreachable_one() {
    // 20.10, 26.1, 28.5
    assert_eq!(
        build("manifest for mirror.lab.test:5000/nope:1 not found: manifest unknown: manifest unknown", "FROM x"),
        "BaseMissing"
    );
    // Docker Hub, through 26.1
    let hub = "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access to the resource is denied";
    assert_eq!(build(hub, "FROM nope"), "BaseDenied");
    // 26.1, 28.5
    assert_eq!(
        build("Head \"https://registry.lab.test/v2/private/base/manifests/1\": no basic auth credentials", "FROM x"),
        "BaseDenied"
    );
    // 28c
    let denied = "failed to resolve reference \"r/b:1\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";
    assert_eq!(build(denied, "FROM r/b:1"), "BaseDenied");
    // 26.1
    assert_eq!(
        build(
            "image with reference busybox:1.36 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
            "FROM --platform=linux/arm64 busybox:1.36"
        ),
        "BasePlatform"
    );
    // 28c
    assert_eq!(
        build(
            "image with reference busybox:1.36 was found but does not provide the specified platform (linux/arm64)",
            "FROM --platform=linux/arm64 busybox:1.36"
        ),
        "BasePlatform"
    );
    // 20.10, 26.1, 28.5, 28c
    assert_eq!(build("invalid reference format", "FROM busybox:${VERSION}"), "BaseName");
    // 20.10, 26.1, 28.5
    let lookup = "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 127.0.0.1:53: read udp 127.0.0.1:39792->127.0.0.1:53: read: connection refused";
    assert_eq!(build(lookup, "FROM busybox"), "BaseUnreachable");
    assert_eq!(build(&format!("invalid from flag value nope: {lookup}"), "COPY --from=nope /a /b"), "BaseUnreachable");
}

#[test]
fn a_pull_limit_is_no_denial() {
    let hub = "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit";
    let error = of_build(hub, None, Some(&step("FROM --platform=linux/amd64 docker.io/library/node:20 AS build")));
    let BuildError::BaseRateLimited { image, .. } = error else { panic!("{error:?}") };
    assert_eq!(image, "docker.io/library/node:20");
}

#[test]
fn what_only_buildkit_can_do_is_told() {
    // 20.10, 26.1, 28.5, 28c
    let mount = "the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled";
    let error = of_build(mount, None, Some(&step("RUN --mount=type=cache,target=/x true")));
    assert_eq!(
        error.to_string(),
        "the Dockerfile needs BuildKit: the --mount option (step 2 of 3: `RUN --mount=type=cache,target=/x true`)"
    );
    // 20.10, then 26.1
    let platform =
        "failed to parse platform : \"\" is an invalid component of \"\": platform specifier component must match";
    assert_eq!(build(platform, "FROM --platform=$BUILDPLATFORM busybox"), "NeedsBuildKit");
    assert_eq!(build(&platform.replace("component of", "OS component of"), "FROM --platform=$X a"), "NeedsBuildKit");
    assert_eq!(before("dockerfile parse error line 2: Unknown flag: link"), "NeedsBuildKit");
    assert_eq!(before("dockerfile parse error on line 2: unknown flag: exclude"), "NeedsBuildKit");
    assert_eq!(before("dockerfile parse error on line 2: unknown flag: exclud"), "Dockerfile");
}

#[test]
fn a_dockerfile_that_is_not_valid_is_no_failed_build() {
    for message in [
        "dockerfile parse error line 3: unknown instruction: ECHO",
        "dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)",
        "dockerfile parse error line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        "no build stage in current context",
        "the Dockerfile (Dockerfile) cannot be empty",
        "Cannot locate specified Dockerfile: nope",
    ] {
        assert_eq!(before(message), "Dockerfile", "{message}");
    }
}

#[test]
fn a_missing_stage_is_named() {
    for message in ["failed to reach build target nope in Dockerfile", "target stage \"nope\" could not be found"] {
        let error = of_build(message, None, None);
        assert_eq!(error.to_string(), "`TARGET`: the Dockerfile has no stage `nope`");
    }
}

#[test]
fn a_missing_network_is_named() {
    for message in ["network nope not found", "failed to set up container networking: network nope not found"] {
        assert_eq!(
            of_build(message, None, Some(&step("RUN true"))).to_string(),
            "`NETWORK`: the engine has no network `nope`"
        );
    }
}

#[test]
fn a_missing_source_is_told_from_other_failures_of_copy() {
    assert_eq!(
        build(
            "COPY failed: file not found in build context or excluded by .dockerignore: stat b.txt: file does not exist",
            "COPY b.txt /"
        ),
        "SourceMissing"
    );
    assert_eq!(build("COPY failed: no source files were specified", "COPY b*.txt /"), "SourceMissing");
    assert_eq!(
        build("COPY failed: forbidden path outside the build context: ../b.txt ()", "COPY ../b.txt /"),
        "SourceMissing"
    );
    assert_eq!(
        build("COPY failed: stat nope: file does not exist", "COPY --from=busybox:1.36 /nope /x"),
        "SourceMissing"
    );
    assert_eq!(
        build(
            "ADD failed: failed to GET http://mirror.lab.test:5000/b.git with status 404 Not Found: 404 page not found",
            "ADD http://x /"
        ),
        "StepBroken"
    );
    assert_eq!(build("unable to find user nope: no matching entries in passwd file", "RUN true"), "StepBroken");
    assert_eq!(build("write /var/lib/docker/tmp/x: no space left on device", "COPY . /"), "NoSpace");
}

#[test]
fn pushes_fail_in_ways_that_differ_in_what_to_do() {
    // 20.10, 26.1, 28.5
    assert_eq!(
        push("name unknown: The repository with name 'nope' does not exist in the registry with id '000000000000'"),
        "RepositoryMissing"
    );
    // 28c
    assert_eq!(
        push(
            "error from registry: The repository with name 'nope' does not exist in the registry with id '000000000000'"
        ),
        "RepositoryMissing"
    );
    // ECR's two wordings
    let immutable = "tag invalid: The image tag 'v1' already exists in the 'imm' repository and cannot be overwritten because the tag is immutable.";
    assert_eq!(push(immutable), "TagImmutable");
    assert_eq!(push(&immutable.replace("the tag is", "the repository is")), "TagImmutable");
    assert_eq!(push("tag 'v1' is immutable"), "TagImmutable");
    assert_eq!(push("no basic auth credentials"), "Unauthorized");
    assert_eq!(
        push(
            "push access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"
        ),
        "Unauthorized"
    );
    assert_eq!(push("denied: Your authorization token has expired. Reauthenticate and try again."), "Unauthorized");
    assert_eq!(push("denied: Not Authorized"), "Unauthorized");
    assert_eq!(
        push("unknown: unexpected status from HEAD request to https://1/v2/app/blobs/sha256:05: 401 Lab"),
        "Unauthorized"
    );
    assert_eq!(
        push(
            "denied: User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:InitiateLayerUpload on resource: arn"
        ),
        "Denied"
    );
    assert_eq!(push("error parsing HTTP 403 response body: unexpected end of JSON input: \"\""), "Denied");
    assert_eq!(push("toomanyrequests: Rate exceeded"), "Throttled");
    assert_eq!(push("received unexpected HTTP status: 500 Internal Server Error"), "Unavailable");
    assert_eq!(push("Put \"https://1.dkr/v2/app/manifests/v1\": EOF"), "Unavailable");
    assert_eq!(push("An image does not exist locally with the tag: x"), "ImageMissing");
    assert_eq!(push("tag does not exist: x:y"), "Other");
}
