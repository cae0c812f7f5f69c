//! The policies of `docs/iam.md`, given to a key in the lab: each is enough, and each of its actions is needed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::lab::{Lab, usual};
use crate::pipe::{Pipe, Run, project};

/// What a run does without an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// Ends before the build, and names the action.
    Refuses,
    /// The same, and names the other one that the same call needs.
    RefusesBoth(&'static str),
    /// The same with exit code 4 and these words, since AWS does not say it as any other denial.
    Refuses4(&'static str),
    /// Goes on with a warning that names it.
    Warns,
}
use Without::{Refuses, Refuses4, RefusesBoth, Warns};

/// A feature: a heading of `docs/iam.md`, whose policy is the first block below it.
struct Feature {
    heading: &'static str,
    /// The other headings whose policies a run of it has.
    beside: &'static [&'static str],
    /// A run that needs it.
    step: fn() -> Pipe,
    /// Its actions, and what a run does without each.
    actions: &'static [(&'static str, Without)],
}

const FEATURES: &[Feature] = &[
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
];

/// The key of the page.
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A layer that no other test has.
fn own_layer(pipe: Pipe) -> Pipe {
    let layer = format!("FROM busybox:1.36\nRUN echo {} > /layer\n", pipe.repository);
    pipe.dockerfile(&layer)
}

fn plain() -> Pipe {
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
fn in_two_regions(pipe: Pipe) -> Pipe {
    pipe.lab.create_repository(&pipe.repository, &["--region", "eu-central-1"]);
    let both = format!("{} {}/{}", pipe.uri(), pipe.lab.host("eu-central-1"), pipe.repository);
    pipe.var("IMAGE", &both)
}

/// An image of another key that the engine does not have, as in a new step.
fn with_an_earlier_image() -> Pipe {
    let pipe = plain();
    let earlier = pipe.key.clone();
    let pipe = pipe.var("AWS_KEY", "AKIAEARLIERIMAGE0000");
    pipe.run().exits(0);
    pipe.lab.docker(&["image", "rm", "--force", &format!("{}:main", pipe.uri())]);
    pipe.var("AWS_KEY", &earlier)
}

/// The first JSON block below a heading.
fn policy(heading: &str) -> Value {
    let page = std::fs::read_to_string(project("docs/iam.md")).unwrap();
    let heading = format!("# {heading}\n");
    let (_, below) = page.split_once(&heading).unwrap_or_else(|| panic!("docs/iam.md has no `{heading}`"));
    let (_, block) = below.split_once("```json\n").unwrap();
    serde_json::from_str(block.split_once("```").unwrap().0).unwrap()
}

/// The statements of some headings, for this run's repository.
fn statements(headings: &[&str], pipe: &Pipe) -> Vec<Value> {
    let text = headings.iter().flat_map(|heading| policy(heading)["Statement"].as_array().unwrap().clone());
    let own = |statement: Value| {
        let text = statement.to_string();
        let text = text.replace("eu-central-1", "us-east-1").replace("eu-west-1", "eu-central-1");
        let text = text.replace("123456789012", &pipe.lab.facts.account);
        serde_json::from_str(&text.replace("shop/web", &pipe.repository)).unwrap()
    };
    text.map(own).collect()
}

/// A statement's actions.
fn actions(statement: &Value) -> Vec<&str> {
    match &statement["Action"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|each| each.as_str().unwrap()).collect(),
        other => panic!("no actions: {other}"),
    }
}

/// Gives a key a policy.
fn give(lab: &Lab, key: &str, statements: &[Value]) {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let answer = lab.ask(&json!({"op": "iam", "key": key, "policy": document}));
    assert!(answer.is_empty(), "{document}: {answer:?}");
}

/// A run of a feature with its policy, less an action.
fn run_without(feature: &Feature, action: Option<&str>) -> (Pipe, Run) {
    let pipe = (feature.step)();
    let headings = [&[feature.heading], feature.beside].concat();
    let mut given = statements(&headings, &pipe);
    for statement in &mut given {
        let kept: Vec<Value> =
            actions(statement).into_iter().filter(|each| Some(*each) != action).map(Value::from).collect();
        statement["Action"] = kept.into();
    }
    give(pipe.lab, &pipe.key, &given);
    let run = pipe.run();
    (pipe, run)
}

fn of(heading: &str) -> &'static Feature {
    FEATURES.iter().find(|feature| feature.heading == heading).unwrap()
}

/// With the whole policy the run is good and warns of nothing; the actions that it asked for are those of the page.
fn is_enough(heading: &str) {
    let feature = of(heading);
    let (pipe, run) = run_without(feature, None);
    run.exits(0).does_not_say("warning: ").does_not_say("not authorized").does_not_say("denied");
    let asked: BTreeSet<String> = pipe
        .lab
        .requests(&format!("\"access_key\": \"{}\"", pipe.key))
        .iter()
        .flat_map(|request| request["actions"].as_array().unwrap().clone())
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    for (action, _) in feature.actions {
        assert!(asked.contains(*action), "nothing asked for {action}, but for {asked:?}");
    }
}

/// Without one action of the policy the run does what the table says.
fn needs(heading: &str, action: &str, without: Without) {
    let (_, run) = run_without(of(heading), Some(action));
    match without {
        Refuses => refused(run, &[action]),
        RefusesBoth(other) => refused(run, &[action, other]),
        Refuses4(words) => {
            run.exits(4).says(words).says(action).does_not_say("\nBuild\n").reports_nothing();
        }
        Warns => {
            let run = run.exits(0);
            let (_, warning) = run.log.split_once("warning: ").expect("a warning");
            named(warning, &[action]);
        }
    }
}

/// One failure before the build that names what is lacking, with the statement to paste.
fn refused(run: Run, actions: &[&str]) {
    let run = run.exits(3).does_not_say("\nBuild\n").reports_nothing();
    let (_, failures) = run.log.split_once("\n✖ ").expect("a failure");
    assert!(!failures.contains("\n✖ "), "one failure: {failures}");
    named(failures, actions);
    assert!(failures.contains("\"Action\": ") && failures.contains("  hint: "), "a statement to paste: {failures}");
}

/// The text names these actions and no other. An ARN has a region where an action has its name.
fn named(text: &str, actions: &[&str]) {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != ':');
    let all: BTreeSet<&str> = words
        .filter(|word| {
            let Some((service, name)) = word.split_once(':') else { return false };
            ["ecr", "kms", "sts"].contains(&service) && name.starts_with(|first: char| first.is_ascii_uppercase())
        })
        .collect();
    assert_eq!(all, actions.iter().copied().collect(), "{text}");
}

fn each_is_needed(heading: &str) {
    std::thread::scope(|scope| {
        let tries = of(heading).actions.iter();
        let tries = tries.map(|(action, without)| (action, scope.spawn(|| needs(heading, action, *without))));
        let failed: Vec<&str> = tries
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|(action, done)| done.join().is_err().then_some(*action))
            .collect();
        assert!(failed.is_empty(), "{heading}: {failed:?}, see above");
    });
}

#[test]
fn the_page_lists_the_actions_that_are_tested() {
    for feature in FEATURES {
        let listed = policy(feature.heading);
        let listed: BTreeSet<&str> = listed["Statement"].as_array().unwrap().iter().flat_map(actions).collect();
        let tested: BTreeSet<&str> = feature.actions.iter().map(|(action, _)| *action).collect();
        assert_eq!(listed, tested, "{}", feature.heading);
    }
}

#[test]
fn the_policies_of_a_push_are_enough() {
    is_enough("Push");
}

#[test]
fn each_action_of_a_push_is_needed() {
    each_is_needed("Push");
}

#[test]
fn the_creation_needs_its_actions() {
    is_enough("Creation");
    each_is_needed("Creation");
}

#[test]
fn the_creation_with_a_kms_key_needs_its_actions() {
    is_enough("Creation with a KMS key");
    each_is_needed("Creation with a KMS key");
}

#[test]
fn a_creation_template_needs_its_action() {
    is_enough("Creation templates");
    each_is_needed("Creation templates");
}

#[test]
fn the_reconciliation_needs_its_actions() {
    is_enough("Reconciliation");
    each_is_needed("Reconciliation");
}

#[test]
fn the_tag_policy_needs_its_action() {
    is_enough("Tag policy");
    each_is_needed("Tag policy");
}

#[test]
fn the_cache_needs_its_action() {
    is_enough("Cache");
    each_is_needed("Cache");
}

/// A step for two regions with the page's policy for that.
fn two_regions() -> (Pipe, Vec<Value>) {
    let pipe = in_two_regions(plain());
    let given = statements(&["Several repositories"], &pipe);
    (pipe, given)
}

#[test]
fn the_policy_of_several_repositories_is_enough() {
    let (pipe, given) = two_regions();
    give(pipe.lab, &pipe.key, &given);
    let run = pipe.run().exits(0).does_not_say("warning: ").does_not_say("denied");
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
}

#[test]
fn a_key_that_may_not_push_to_one_repository_of_two_pushes_to_none() {
    let (pipe, mut given) = two_regions();
    let resources = given[1]["Resource"].as_array_mut().unwrap();
    let lacking = resources.pop().unwrap();
    give(pipe.lab, &pipe.key, &given);
    let run = pipe.run().exits(3).does_not_say("\nBuild\n").reports_nothing();
    let lacking = lacking.as_str().unwrap();
    run.says("`ecr:InitiateLayerUpload`").says(&format!("\"Resource\": \"{lacking}\""));
}
