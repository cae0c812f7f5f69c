//! What an image says of where it comes from.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::Pipe;

const COMMIT: &str = "7f3c9b1e5d2a4c6b8e0f1a2b3c4d5e6f7a8b9c0d";

/// A step of the pipeline with what Bitbucket sets.
fn step(lab: &'static Lab) -> Pipe {
    Pipe::new(lab)
        .dockerfile(
            "FROM busybox:1.36 AS base\nLABEL org.opencontainers.image.version=mine\nFROM base\nRUN echo x > /x\n",
        )
        .var("BITBUCKET_COMMIT", COMMIT)
        .var("BITBUCKET_REPO_FULL_NAME", "team/shop")
        .var("BITBUCKET_GIT_HTTP_ORIGIN", "http://x-token:canary@bitbucket.org/team/shop")
        .var("BITBUCKET_BUILD_NUMBER", "17")
}

/// What Docker Hub has as the base image.
fn base(lab: &'static Lab) -> String {
    let mut curl = lab.command("curl", Path::new("/"));
    curl.args(["-sSI", "--fail", "--cacert", &lab.facts.ca, "-H", "Authorization: Bearer lab-", "-H"]);
    curl.args([
        "Accept: application/vnd.docker.distribution.manifest.v2+json",
        "https://registry-1.docker.io/v2/library/busybox/manifests/1.36",
    ]);
    let head = output(&mut curl).to_lowercase();
    head.lines().find_map(|line| line.strip_prefix("docker-content-digest: ")).expect("a digest").trim().to_owned()
}

/// Takes the time of the build out, which is one of this minute.
fn without_the_time(mut labels: Value) -> Value {
    let created = labels.as_object_mut().unwrap().remove("org.opencontainers.image.created").expect("a time");
    let created = OffsetDateTime::parse(created.as_str().unwrap(), &Rfc3339).unwrap();
    let age = OffsetDateTime::from(SystemTime::now()) - created;
    assert!(age.whole_seconds() >= 0 && age.whole_seconds() < 60, "{created}");
    labels
}

/// The labels of the image that the engine has under the first tag.
fn labels(pipe: &Pipe) -> Value {
    let reference = format!("{}:main", pipe.uri());
    let text = pipe.lab.docker(&["inspect", "--format", "{{json .Config.Labels}}", &reference]);
    serde_json::from_str(&text).unwrap()
}

/// The manifest behind a tag.
fn manifest(pipe: &Pipe, tag: &str) -> Value {
    let body = json!({"repositoryName": pipe.repository, "imageIds": [{"imageTag": tag}]});
    let found = pipe.lab.ecr("us-east-1", "BatchGetImage", &body);
    serde_json::from_str(found["images"][0]["imageManifest"].as_str().expect("a manifest")).expect("JSON")
}

#[test]
fn an_image_is_labelled_by_both_builders_on_each_engine() {
    for (engine, builder) in [
        (Engine::V20, "buildkit"),
        (Engine::V20, "classic"),
        (Engine::V26, "buildkit"),
        (Engine::V28, "buildkit"),
        (Engine::V28Containerd, "buildkit"),
    ] {
        let pipe = step(lab(engine, false)).var("BUILDER", builder).var("LABELS", "team=shop");
        pipe.run().exits(0).does_not_say("canary@");
        let expected = json!({
            "org.opencontainers.image.base.digest": base(pipe.lab),
            "org.opencontainers.image.base.name": "docker.io/library/busybox:1.36",
            "org.opencontainers.image.revision": COMMIT,
            "org.opencontainers.image.source": "https://bitbucket.org/team/shop",
            "org.opencontainers.image.url": "https://bitbucket.org/team/shop/pipelines/results/17",
            "org.opencontainers.image.version": "mine",
            "team": "shop",
        });
        assert_eq!(without_the_time(labels(&pipe)), expected, "{engine:?}, {builder}");
        assert_eq!(manifest(&pipe, "main").get("annotations"), None, "Docker's form has none");
    }
}

#[test]
fn what_the_user_gives_stays_and_nothing_is_labelled_without_a_commit() {
    let key = "org.opencontainers.image.";
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nRUN echo y > /y\n")
        .var("LABELS", &format!("{key}revision=\n{key}source=https://example.test/x"))
        .var("BITBUCKET_TAG", "v1.2")
        .var("SOURCE_DATE_EPOCH", "1700000000");
    pipe.run().exits(0);
    let expected = json!({
        "org.opencontainers.image.base.digest": "",
        "org.opencontainers.image.base.name": "docker.io/library/busybox:1.36",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
        "org.opencontainers.image.revision": "",
        "org.opencontainers.image.source": "https://example.test/x",
        "org.opencontainers.image.url": "",
        "org.opencontainers.image.version": "v1.2",
    });
    assert_eq!(labels(&pipe), expected);
    let pipe = pipe.without("BITBUCKET_COMMIT").without("LABELS");
    pipe.run().exits(0);
    assert_eq!(labels(&pipe), Value::Null);
}

#[test]
fn a_manifest_of_oci_has_them_as_annotations() {
    let pipe = step(usual()).var("COMPRESSION", "zstd").var("LABELS", "org.opencontainers.image.title=shop");
    pipe.run().exits(0);
    let expected = json!({
        "org.opencontainers.image.base.digest": base(pipe.lab),
        "org.opencontainers.image.base.name": "docker.io/library/busybox:1.36",
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.source": "https://bitbucket.org/team/shop",
        "org.opencontainers.image.title": "shop",
        "org.opencontainers.image.url": "https://bitbucket.org/team/shop/pipelines/results/17",
    });
    assert_eq!(without_the_time(manifest(&pipe, "main")["annotations"].clone()), expected);
}

#[test]
fn neither_unchanged_inputs_nor_tags_that_are_kept_depend_on_them() {
    let pipe = step(usual()).var("TAG", "1").var("SKIP_UNCHANGED", "true");
    let first = pipe.run().exits(0);
    let pipe =
        pipe.var("BITBUCKET_COMMIT", &COMMIT.replace('7', "8")).var("BITBUCKET_BUILD_NUMBER", "18").var("TAG", "2");
    assert_eq!(pipe.run().exits(0).built_nothing().stdout, first.stdout);
    let pipe = pipe.without("SKIP_UNCHANGED").var("IF_TAG_EXISTS", "skip").var("TAG", "1 3");
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert_eq!(run.stdout, first.stdout, "the image is the same but for what it says of its run");
}

#[test]
fn the_base_image_is_the_one_that_was_built_from_or_a_warning_says_so() {
    let (name, digest) = ("org.opencontainers.image.base.name", "org.opencontainers.image.base.digest");
    // By the engine, so that it knows under which digest the registry has what it built.
    let pipe = step(usual()).var("TAG", "base").var("PUSH_MODE", "engine");
    let below = pipe.run().exits(0).stdout.trim().to_owned();
    let base = format!("{}:base", pipe.uri());
    // From a registry that wants a login, by way of a named context.
    let pipe = pipe
        .var("TAG", "main")
        .var("BUILD_CONTEXTS", &format!("below=docker-image://{base}"))
        .dockerfile("FROM below\nRUN echo above > /above\n");
    pipe.run().exits(0).does_not_say("warning");
    assert_eq!(labels(&pipe)[name], base);
    assert_eq!(Some(labels(&pipe)[digest].as_str().unwrap()), below.split_once('@').map(|(_, digest)| digest));
    // It moves between the look and the build. The engine, which built the base image itself, has to ask as well.
    let pipe = pipe.var("PULL", "true");
    let other = format!("sha256:{}", "0".repeat(64));
    let rule = json!({"method": "HEAD", "path": format!("{}/manifests/base", pipe.repository), "times": 1,
        "replace_header": {"Docker-Content-Digest": other}});
    pipe.lab.fault(&rule);
    let warning = format!(
        "  warning: the label `{digest}` names {other}, which the registry has as `{base}`, and the engine built from {}: ",
        below.split_once('@').unwrap().1
    );
    pipe.run().exits(0).says(&warning);
    // Nobody tells it: that is no failure, and what the base image says of its own base is not taken over.
    pipe.lab.fault(&json!({"method": "HEAD", "path": format!("{}/manifests/base", pipe.repository), "times": 1, "answer": {"status": 404, "body": {}}}));
    pipe.run().exits(0).does_not_say("warning");
    assert_eq!((&labels(&pipe)[name], &labels(&pipe)[digest]), (&json!(base), &json!("")));
    // A tag that is kept with `skip` does not depend on it.
    let pipe = pipe.var("IF_TAG_EXISTS", "skip").var("TAG", "main later");
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert!(
        pipe.lab
            .ecr("us-east-1", "ListImages", &json!({"repositoryName": pipe.repository}))
            .to_string()
            .contains("later"),
        "{}",
        run.log
    );
}

#[test]
fn a_run_that_builds_nothing_does_not_wait_for_a_label() {
    let pipe = step(usual()).var("TAG", "base");
    pipe.run().exits(0);
    let base = format!("{}:base", pipe.uri());
    let pipe = pipe.dockerfile(&format!("FROM {base}\nRUN echo above > /above\n")).var("TAG", "main");
    pipe.run().exits(0);
    // Longer than a build waits.
    let path = format!("{}/manifests/base", pipe.repository);
    pipe.lab.fault(&json!({"method": "HEAD", "path": path, "times": 0, "delay": 5}));
    let waited = "no label for the digest of the base image";
    let pipe = pipe.var("DEBUG", "true").var("DRY_RUN", "true");
    pipe.run().exits(0).built_nothing().does_not_say(waited);
    let pipe = pipe.without("DRY_RUN").var("IF_TAG_EXISTS", "skip");
    pipe.run().exits(0).built_nothing().does_not_say(waited);
    pipe.without("IF_TAG_EXISTS").run().exits(0).says(waited);
}
