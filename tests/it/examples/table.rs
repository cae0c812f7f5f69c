//! What each example needs and leaves, by the name of its document and the heading above it.

use serde_json::{Value, json};

use super::found::Example;
use super::step::Step;

/// What is there before an example, and what after.
pub(super) struct Fixture {
    /// `document: heading`
    pub(super) at: &'static str,
    /// Files of the clone; there is a Dockerfile in any case.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// Region, name, and the options of a repository that is there; none of one that is not.
    pub(super) repositories: &'static [(&'static str, &'static str, Option<&'static [&'static str]>)],
    /// What else is to be done in the lab.
    pub(super) before: fn(&Step<'_>),
    /// The pipeline of a whole file.
    pub(super) pipeline: &'static str,
    /// Whether it needs runtime v3.
    pub(super) v3: bool,
    /// The git tag that is built; the branch `main` otherwise.
    pub(super) tag: Option<&'static str>,
    /// The exit code of the pipeline.
    pub(super) code: i32,
    /// What the log or standard output has.
    pub(super) says: &'static [&'static str],
    /// Region, repository and its tags in order, after it; standard output has the digest of each.
    pub(super) pushed: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const FRANKFURT: &str = "eu-central-1";
const IRELAND: &str = "eu-west-1";
/// `BITBUCKET_COMMIT` of the lab's steps.
const COMMIT: &str = "9f2c1ab0c4d5e6f708192a3b4c5d6e7f80910abc";
const LIFECYCLE: (&str, &str) = (
    "ecr/lifecycle.json",
    r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]}"#,
);

/// The least: the repository `shop/web`, which gets the tag `main`.
pub(super) const LEAST: Fixture = Fixture {
    at: "",
    files: &[],
    repositories: &[(FRANKFURT, "shop/web", Some(&[]))],
    before: |_| {},
    pipeline: "default",
    v3: false,
    tag: None,
    code: 0,
    says: &["✔ pushed "],
    pushed: &[(FRANKFURT, "shop/web", &["main"])],
};

/// A scan that is complete, with one finding that is not severe.
fn scanned(step: &Step<'_>) {
    let answers = |target: &str, skip: u32, body: Value| {
        step.lab.fault(&json!({"target": target, "access_key": step.key, "times": 0, "skip": skip,
            "answer": {"status": 200, "headers": {"Content-Type": "application/x-amz-json-1.1"}, "body": body}}));
    };
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let finding = json!({"name": "CVE-1", "severity": "LOW", "attributes": [{"key": "package_name", "value": "zlib"}]});
    let body = json!({"imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
        "imageScanFindings": {"imageScanCompletedAt": time, "findings": [finding]}});
    answers("DescribeImageScanFindings", 1, body);
}

/// What is made elsewhere, a file for each architecture.
const COPIED: &[(&str, &str)] = &[
    ("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY dist/${TARGETARCH}/ /\n"),
    ("dist/amd64/app", "amd64\n"),
    ("dist/arm64/app", "arm64\n"),
];

/// Several steps that end in an index.
const STEPS: Fixture = Fixture {
    at: "docs/platforms.md: Several steps: `INDEX_FROM`",
    files: COPIED,
    pipeline: "branches/main",
    v3: true,
    pushed: &[(FRANKFURT, "shop/web", &["7", "7-amd64", "7-arm64", "latest"])],
    ..LEAST
};

/// Those steps, before a step that joins their images.
fn both_platforms(_: &Step<'_>) {
    let steps = Example::all().into_iter().find(|example| example.at() == STEPS.at).expect("the example");
    let ran = Step::new(&steps, &STEPS).pipeline(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.log);
}

/// The examples that are not run, and why.
pub(super) const NOT_RUN: &[(&str, &str)] = &[];

pub(super) const FIXTURES: &[Fixture] = &[
    Fixture { at: "README.md: YAML definition", ..LEAST },
    Fixture { at: "README.md: Without a key", ..LEAST },
    Fixture { at: "README.md: Several tags", pushed: &[(FRANKFURT, "shop/web", &["7", "latest"])], ..LEAST },
    Fixture {
        at: "README.md: Releases that never change",
        repositories: &[(FRANKFURT, "shop/web", Some(&["--immutable"]))],
        tag: Some("v1.4.2"),
        pushed: &[(FRANKFURT, "shop/web", &["v1.4.2"])],
        ..LEAST
    },
    Fixture {
        at: "README.md: Two regions",
        repositories: &[(FRANKFURT, "shop/web", Some(&[])), (IRELAND, "shop/web", Some(&[]))],
        pushed: &[(FRANKFURT, "shop/web", &["main"]), (IRELAND, "shop/web", &["main"])],
        ..LEAST
    },
    Fixture {
        at: "README.md: The digest for a later step",
        says: &["deploy 123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:"],
        ..LEAST
    },
    Fixture {
        at: "README.md: A repository as you want it",
        files: &[LIFECYCLE],
        repositories: &[(FRANKFURT, "shop/web", None)],
        says: &["immutable tags but for latest*"],
        ..LEAST
    },
    Fixture {
        at: "README.md: What a run would do",
        says: &["nothing was built, pushed or changed"],
        pushed: &[(FRANKFURT, "shop/web", &[])],
        ..LEAST
    },
    Fixture {
        at: "README.md: Several images in one repository",
        pipeline: "branches/main",
        files: &[
            ("services/api/Dockerfile", "FROM busybox:1.36\nRUN echo api > /name\n"),
            (
                "services/web/release.Dockerfile",
                "FROM busybox:1.36 AS release\nARG VERSION\nRUN test \"$VERSION\" = 1.4.2\nFROM busybox:1.36\nRUN false\n",
            ),
        ],
        repositories: &[(FRANKFURT, "shop/api", Some(&[])), (FRANKFURT, "shop/web", Some(&[]))],
        pushed: &[(FRANKFURT, "shop/api", &["main"]), (FRANKFURT, "shop/web", &["main"])],
        ..LEAST
    },
    Fixture {
        at: "README.md: A build secret",
        files: &[(
            "Dockerfile",
            "FROM busybox:1.36\nRUN --mount=type=secret,id=npm NPM_TOKEN=$(cat /run/secrets/npm) && test \"$NPM_TOKEN\" = npm-canary\n",
        )],
        ..LEAST
    },
    Fixture {
        at: "README.md: A folder beside the context",
        files: &[
            (
                "services/web/Dockerfile",
                "FROM busybox:1.36\nCOPY --from=shared name /shared\nRUN grep -q shared /shared\n",
            ),
            ("libraries/shared/name", "shared\n"),
        ],
        ..LEAST
    },
    Fixture {
        at: "README.md: A private base image",
        files: &[("Dockerfile", "FROM hub-user/base:1\nRUN echo private > /name\n")],
        ..LEAST
    },
    Fixture { at: "README.md: The cache", ..LEAST },
    Fixture {
        at: "README.md: A commit that changes nothing of the image",
        pushed: &[(FRANKFURT, "shop/web", &[COMMIT, "latest"])],
        ..LEAST
    },
    Fixture { at: "README.md: Two platforms in one step", files: COPIED, v3: true, ..LEAST },
    Fixture { at: "README.md: Two platforms, a step for each", before: both_platforms, pipeline: "default", ..STEPS },
    Fixture { at: "README.md: No severe vulnerability goes on", before: scanned, says: &[": 1 LOW\n"], ..LEAST },
    Fixture {
        at: "README.md: An image that the step has built itself",
        says: &["image       shop/web:latest, "],
        pushed: &[(FRANKFURT, "shop/web", &[COMMIT, "latest"])],
        ..LEAST
    },
    // The clone of the lab has no history, and so the variable no value.
    Fixture { at: "README.md: The same digest whenever the same commit is built", ..LEAST },
    Fixture { at: "README.md: A self-hosted runner, and more memory", ..LEAST },
    Fixture {
        at: "docs/cache.md: What is in it",
        files: &[(
            "Dockerfile",
            "FROM busybox:1.36 AS build\nRUN echo build > /x\nFROM busybox:1.36\nCOPY --from=build /x /x\n",
        )],
        says: &["shop/web:build-cache: hit"],
        pushed: &[(FRANKFURT, "shop/web", &["build-cache", "main"])],
        ..LEAST
    },
    Fixture { at: "docs/credentials.md: OIDC: no key to keep", ..LEAST },
    Fixture { at: "docs/platforms.md: One step: `PLATFORM`", files: COPIED, v3: true, ..LEAST },
    STEPS,
    Fixture {
        at: "docs/migrating.md: A script with `awscli` and `docker`",
        repositories: &[(FRANKFURT, "shop", Some(&[]))],
        pushed: &[(FRANKFURT, "shop", &["main_9f2c1ab0c4d5e6f708192a3b4c5d6e7f80910abc_7"])],
        ..LEAST
    },
    Fixture {
        at: "docs/migrating.md: `atlassian/aws-ecr-push-image`",
        repositories: &[(FRANKFURT, "my-docker-image", Some(&[]))],
        pushed: &[(FRANKFURT, "my-docker-image", &[COMMIT, "latest"])],
        ..LEAST
    },
    Fixture {
        at: "docs/migrating.md: `atlassian/aws-ecr-push-image` (2)",
        repositories: &[(FRANKFURT, "my-docker-image", Some(&[]))],
        says: &["image       my-docker-image:latest, "],
        pushed: &[(FRANKFURT, "my-docker-image", &[COMMIT, "latest"])],
        ..LEAST
    },
    Fixture {
        at: "docs/migrating.md: GitHub Actions",
        repositories: &[(FRANKFURT, "shop", Some(&[]))],
        pushed: &[(FRANKFURT, "shop", &[COMMIT])],
        ..LEAST
    },
    Fixture {
        at: "docs/reproducible.md: The same files, the same digest",
        repositories: &[(FRANKFURT, "shop", Some(&[]))],
        pushed: &[(FRANKFURT, "shop", &["main"])],
        ..LEAST
    },
    Fixture {
        at: "docs/repository.md: What can be wanted",
        files: &[LIFECYCLE],
        repositories: &[(FRANKFURT, "shop/web", None)],
        pushed: &[(FRANKFURT, "shop/web", &["7", "latest"])],
        ..LEAST
    },
    Fixture { at: "docs/scan.md: The scan gate", before: scanned, ..LEAST },
    Fixture {
        at: "docs/several-repositories.md: One image in several regions or accounts",
        repositories: &[(FRANKFURT, "shop/web", Some(&[])), (IRELAND, "shop/web", Some(&[]))],
        pushed: &[(FRANKFURT, "shop/web", &["7"]), (IRELAND, "shop/web", &["7"])],
        ..LEAST
    },
    Fixture {
        at: "docs/tags.md: Recipe: releases that never change",
        repositories: &[(FRANKFURT, "shop/web", None)],
        pushed: &[(FRANKFURT, "shop/web", &[COMMIT, "latest"])],
        ..LEAST
    },
    Fixture {
        at: "docs/unchanged.md: Nothing changed: nothing is built",
        pushed: &[(FRANKFURT, "shop/web", &[COMMIT, "latest"])],
        ..LEAST
    },
];
