//! The policies of `docs/iam.md`, given to a key in the lab: each is enough, and each of its actions is needed.

mod features;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::pipe::{Pipe, Run, project};
use crate::roles::oidc_token;
use features::Without::{self, GateCloses, Refuses, Refuses4, RefusesBoth, Says, Warns};
use features::{FEATURES, Feature, in_two_regions, plain, pushed_by_another_key};

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
        let text = text.replace("role/push", &format!("role/{}", pipe.key));
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
    // What is Inspector's, ECR asks, and no request of ours.
    for (action, _) in feature.actions.iter().filter(|(action, _)| !action.starts_with("inspector2:")) {
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
            run.exits(4).says(words).says(action).built_nothing().reports_nothing();
        }
        GateCloses => {
            run.exits(8).says(action);
        }
        Says => {
            let run = run.exits(0).does_not_say("warning: ").says("\nBuild\n");
            let line = run.log.lines().find(|line| line.contains("  unchanged   builds, because ")).expect("a line");
            named(line, &[action]);
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
    let run = run.exits(3).built_nothing().reports_nothing();
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
            ["ecr", "inspector2", "kms", "sts"].contains(&service)
                && name.starts_with(|first: char| first.is_ascii_uppercase())
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
fn skipping_by_age_needs_its_action() {
    is_enough("Skipping unchanged builds");
    each_is_needed("Skipping unchanged builds");
}

#[test]
fn the_scan_gate_needs_its_actions() {
    is_enough("Scan gate");
    each_is_needed("Scan gate");
}

#[test]
fn the_gate_of_enhanced_scanning_needs_its_actions() {
    is_enough("Enhanced scanning");
    each_is_needed("Enhanced scanning");
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

const PUSH: [&str; 3] = ["Push", "Tag policy", "Cache"];

/// A key that may assume a role, and the role that may push.
fn second_role() -> Pipe {
    let pipe = plain();
    let role = format!("arn:aws:iam::{}:role/{}", pipe.lab.facts.account, pipe.key);
    give(pipe.lab, &pipe.key, &statements(&["A second role"], &pipe));
    give(pipe.lab, &role, &statements(&PUSH, &pipe));
    pipe.var("AWS_ROLE_ARN", &role)
}

#[test]
fn a_key_with_a_second_role_needs_to_assume_it_and_nothing_else() {
    let pipe = second_role();
    pipe.run().exits(0).does_not_say("warning: ").does_not_say("denied");
    let pipe = second_role();
    give(pipe.lab, &pipe.key, &statements(&PUSH, &pipe));
    let run = pipe.run().exits(3).says("sts:AssumeRole").built_nothing();
    run.reports_nothing();
}

#[test]
fn a_role_by_oidc_needs_the_policies_of_the_push() {
    let pipe = plain().without("AWS_KEY").without("AWS_SECRET");
    let role = format!("arn:aws:iam::{}:role/{}", pipe.lab.facts.account, pipe.key);
    give(pipe.lab, &role, &statements(&PUSH, &pipe));
    let pipe = pipe.var("AWS_OIDC_ROLE_ARN", &role).var("BITBUCKET_STEP_OIDC_TOKEN", &oidc_token());
    pipe.run().exits(0).does_not_say("warning: ").does_not_say("denied");
    give(pipe.lab, &role, &statements(&PUSH, &pipe)[..1]);
    pipe.run()
        .exits(3)
        .says(&format!("\n✖ role `{role}` may not read `{}`: HTTP 403 DENIED", pipe.uri()))
        .says("\n  hint: allow it in the role's policy: ");
    give(pipe.lab, &role, &statements(&["Tag policy"], &pipe));
    pipe.run().exits(3).says("`ecr:GetAuthorizationToken`").built_nothing();
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

/// The tag exists in the first region only.
#[test]
fn an_image_that_is_copied_must_be_readable_where_it_is() {
    let pipe = pushed_by_another_key(plain()).var("IF_TAG_EXISTS", "skip");
    let pipe = in_two_regions(pipe);
    let mut given = statements(&["Several repositories"], &pipe);
    let kept = actions(&given[1]).into_iter().filter(|action| *action != "ecr:GetDownloadUrlForLayer");
    let kept: Vec<Value> = kept.map(Value::from).collect();
    let whole = std::mem::replace(&mut given[1]["Action"], kept.into());
    give(pipe.lab, &pipe.key, &given);
    refused(pipe.run(), &["ecr:GetDownloadUrlForLayer"]);
    given[1]["Action"] = whole;
    give(pipe.lab, &pipe.key, &given);
    pipe.run().exits(0).does_not_say("warning: ").does_not_say("denied").built_nothing();
}

/// One statement opens both regions.
#[test]
fn what_is_lacking_in_two_regions_is_told_once() {
    let (pipe, mut given) = two_regions();
    let kept =
        actions(&given[1]).into_iter().filter(|action| !action.contains("Describe") && *action != "ecr:PutImage");
    given[1]["Action"] = kept.map(Value::from).collect::<Vec<_>>().into();
    give(pipe.lab, &pipe.key, &given);
    let arn = |region: &str| format!("arn:aws:ecr:{region}:000000000000:repository/{}", pipe.repository);
    let (one, two) = (arn("eu-central-1"), arn("us-east-1"));
    let run = pipe.run();
    assert_eq!(run.log.matches("warning: ").count(), 1, "{}", run.log);
    let run =
        run.says(&format!("  warning: the key may not do `ecr:DescribeRepositories` on `{one}`, `{two}`: whether "));
    refused(
        run.says(&format!("\n✖ the key may not do `ecr:PutImage` on `{one}`, `{two}`\n"))
            .says(&format!("\"Action\": \"ecr:PutImage\", \"Resource\": [\"{one}\", \"{two}\"]}}\n")),
        &["ecr:PutImage"],
    );
}

#[test]
fn a_key_that_may_not_push_to_one_repository_of_two_pushes_to_none() {
    let (pipe, mut given) = two_regions();
    let resources = given[1]["Resource"].as_array_mut().unwrap();
    let lacking = resources.pop().unwrap();
    give(pipe.lab, &pipe.key, &given);
    let run = pipe.run().exits(3).built_nothing().reports_nothing();
    let lacking = lacking.as_str().unwrap();
    run.says("`ecr:InitiateLayerUpload`").says(&format!("\"Resource\": \"{lacking}\""));
}
