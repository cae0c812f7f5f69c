//! The features of `docs/iam.md`, a run of each, and what becomes of it without an action.

use serde_json::json;

use crate::lab::usual;
use crate::pipe::Pipe;

/// What a run does without an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// Ends before the build, and names the action.
    Refuses,
    /// The same, and names the other one that the same call needs.
    RefusesBoth(&'static str),
    /// The same with exit code 4 and these words, since AWS does not say it as any other denial.
    Refuses4(&'static str),
    /// Goes on with a warning that names it.
    Warns,
    /// Goes on, and names it in a line of the checks.
    Says,
    /// Pushes, and ends at the scan gate; the log names it.
    GateCloses,
}
use Without::{GateCloses, Refuses, Refuses4, RefusesBoth, Says, Warns};

/// A feature: a heading of `docs/iam.md`, whose policy is the first block below it.
pub(super) struct Feature {
    pub(super) heading: &'static str,
    /// The other headings whose policies a run of it has.
    pub(super) beside: &'static [&'static str],
    /// A run that needs it.
    pub(super) step: fn() -> Pipe,
    /// Its actions, and what a run does without each.
    pub(super) actions: &'static [(&'static str, Without)],
}

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        heading: "Push",
        beside: &["Tag policy", "Cache"],
        step: plain,
        actions: &[
            ("ecr:GetAuthorizationToken", Refuses),
            ("ecr:BatchCheckLayerAvailability", Refuses),
            ("ecr:BatchGetImage", Refuses),
            ("ecr:CompleteLayerUpload", Refuses),
            ("ecr:InitiateLayerUpload", Refuses),
            ("ecr:PutImage", Refuses),
            ("ecr:UploadLayerPart", Refuses),
        ],
    },
    Feature {
        heading: "Tag policy",
        beside: &["Push", "Cache"],
        step: plain,
        actions: &[("ecr:DescribeRepositories", Warns)],
    },
    Feature {
        heading: "Cache",
        beside: &["Push", "Tag policy"],
        step: with_an_earlier_image,
        actions: &[("ecr:GetDownloadUrlForLayer", Warns)],
    },
    Feature {
        heading: "Creation",
        beside: &["Push", "Tag policy", "Cache"],
        step: || wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true"),
        actions: &[
            ("ecr:CreateRepository", RefusesBoth("ecr:TagResource")),
            ("ecr:TagResource", RefusesBoth("ecr:CreateRepository")),
            ("ecr:PutLifecyclePolicy", Refuses),
            ("ecr:SetRepositoryPolicy", Refuses),
        ],
    },
    Feature {
        heading: "Creation with a KMS key",
        beside: &["Push", "Tag policy", "Cache", "Creation"],
        step: || own_layer(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("KMS_KEY", KEY),
        actions: &[
            ("kms:CreateGrant", Refuses4("AWS does not accept `KMS_KEY`")),
            ("kms:DescribeKey", Refuses4("AWS does not accept `KMS_KEY`")),
        ],
    },
    Feature {
        heading: "Creation templates",
        beside: &["Push", "Tag policy", "Cache"],
        step: covered_by_a_template,
        actions: &[("ecr:DescribeRepositoryCreationTemplates", Refuses4("whether a creation template"))],
    },
    Feature {
        heading: "Reconciliation",
        beside: &["Push", "Tag policy", "Cache"],
        step: || wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true"),
        actions: &[
            ("ecr:GetLifecyclePolicy", Warns),
            ("ecr:GetRepositoryPolicy", Warns),
            ("ecr:ListTagsForResource", Warns),
            ("ecr:PutImageScanningConfiguration", Refuses),
            ("ecr:PutImageTagMutability", Refuses),
            ("ecr:PutLifecyclePolicy", Refuses),
            ("ecr:SetRepositoryPolicy", Refuses),
            ("ecr:TagResource", Refuses),
        ],
    },
    Feature {
        heading: "Skipping unchanged builds",
        beside: &["Push", "Tag policy", "Cache"],
        step: || pushed_by_another_key(plain().var("SKIP_UNCHANGED", "7d")),
        actions: &[("ecr:DescribeImages", Says)],
    },
    Feature {
        heading: "Scan gate",
        beside: &["Push", "Tag policy", "Cache"],
        step: || gated(plain()),
        actions: &[("ecr:DescribeImageScanFindings", Refuses), ("ecr:StartImageScan", GateCloses)],
    },
    Feature {
        heading: "Enhanced scanning",
        beside: &["Push", "Tag policy", "Cache", "Scan gate"],
        step: with_enhanced_findings,
        actions: &[("inspector2:ListCoverage", GateCloses), ("inspector2:ListFindings", GateCloses)],
    },
];

/// The key of the page.
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A layer that no other test has.
fn own_layer(pipe: Pipe) -> Pipe {
    let layer = format!("FROM busybox:1.36\nRUN echo {} > /layer\n", pipe.repository);
    pipe.dockerfile(&layer)
}

pub(super) fn plain() -> Pipe {
    own_layer(Pipe::new(usual()))
}

/// Wants every setting that can be changed.
fn wanting(pipe: Pipe) -> Pipe {
    own_layer(pipe)
        .var("TAG_MUTABILITY", "immutable")
        .var("SCAN_ON_PUSH", "true")
        .var(
            "LIFECYCLE_POLICY",
            r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
            "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]}"#,
        )
        .var(
            "REPOSITORY_POLICY",
            r#"{"Version": "2012-10-17", "Statement": [{"Sid": "pull", "Effect": "Allow",
            "Principal": {"AWS": "123456789012"}, "Action": "ecr:BatchGetImage"}]}"#,
        )
        .var("REPOSITORY_TAGS", "team=shop")
}

/// A gate whose scans moto makes: each has one finding, of HIGH.
fn gated(pipe: Pipe) -> Pipe {
    let calls = ["StartImageScan", "DescribeImageScanFindings"];
    pipe.lab.fault(&json!({"target": calls, "access_key": pipe.key, "times": 0, "to": "moto"}));
    pipe.var("SCAN_FAIL_ON", "CRITICAL").var("SCAN_TIMEOUT", "3s")
}

/// Every image that is pushed is scanned, by Inspector.
fn with_enhanced_findings() -> Pipe {
    let pipe = gated(Pipe::without_repository(usual()));
    let body = json!({"repositoryName": pipe.repository, "imageScanningConfiguration": {"scanOnPush": true}});
    pipe.lab.ecr("us-east-1", "CreateRepository", &body);
    let finding = json!({"severity": "LOW", "title": "CVE-1 - zlib", "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-1"}});
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let result = json!({"registryId": pipe.lab.facts.account, "repositoryName": pipe.repository, "imageId": {},
        "imageScanStatus": {"status": "ACTIVE", "description": "Continuous scan is selected for image."},
        "imageScanFindings": {"imageScanCompletedAt": now, "enhancedFindings": [finding], "findingSeverityCounts": {"LOW": 1}}});
    let results = [result.clone(), result];
    assert!(pipe.lab.ask(&json!({"op": "findings", "region": "us-east-1", "results": results})).is_empty());
    own_layer(pipe)
}

/// A missing repository that the push creates.
fn covered_by_a_template() -> Pipe {
    let mut pipe = Pipe::without_repository(usual());
    pipe.repository = pipe.repository.replace("team/", "by-template/");
    let uri = pipe.uri();
    let template = json!({"prefix": "by-template", "appliedFor": ["CREATE_ON_PUSH"]});
    pipe.lab.ecr("us-east-1", "CreateRepositoryCreationTemplate", &template);
    own_layer(pipe).var("IMAGE", &uri)
}

/// The same name in a second region.
pub(super) fn in_two_regions(pipe: Pipe) -> Pipe {
    pipe.lab.create_repository(&pipe.repository, &["--region", "eu-central-1"]);
    let both = format!("{} {}/{}", pipe.uri(), pipe.lab.host("eu-central-1"), pipe.repository);
    pipe.var("IMAGE", &both)
}

/// An image of another key that the engine does not have, as in a new step.
fn with_an_earlier_image() -> Pipe {
    let pipe = pushed_by_another_key(plain());
    pipe.lab.docker(&["image", "rm", "--force", &format!("{}:main", pipe.uri())]);
    pipe
}

/// The image is there already, and not by the key that is tested.
pub(super) fn pushed_by_another_key(pipe: Pipe) -> Pipe {
    let key = pipe.key.clone();
    let pipe = pipe.var("AWS_KEY", "AKIAEARLIERIMAGE0000");
    pipe.run().exits(0);
    pipe.var("AWS_KEY", &key)
}
