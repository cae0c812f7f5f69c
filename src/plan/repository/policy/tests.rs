#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn lifecycle(rules: &Value) -> String {
    json!({ "rules": rules }).to_string()
}

fn rule(priority: u32, patterns: &[&str], count: u32) -> Value {
    json!({
        "rulePriority": priority,
        "selection": {"tagStatus": "tagged", "tagPatternList": patterns, "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    })
}

fn statement(sid: &str, principal: &Value, actions: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions})
}

fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn between(kind: Kind, found: &str, wanted: &str) -> Vec<String> {
    Policy::parse(kind, wanted, None).unwrap().differences(found, "aws")
}

#[test]
fn what_is_no_policy_is_told_with_its_place() {
    let message = |kind, text: &str, file| Policy::parse(kind, text, file).unwrap_err().to_string();
    let many = lifecycle(&(1..=51).map(|priority| rule(priority, &["*"], 1)).collect());
    let long = document(&json!([statement("x", &json!("*"), &json!("y".repeat(10_240)))]));
    insta::assert_snapshot!([
        message(Kind::Lifecycle, "{\"rules\": [\n  {},\n]}", Some("ecr/lifecycle.json")),
        message(Kind::Repository, "{\"Statement\"", None),
        message(Kind::Lifecycle, "", Some("empty.json")),
        message(Kind::Lifecycle, "{\"rules\": []}", None),
        message(Kind::Lifecycle, "[1]", Some("x.json")),
        message(Kind::Repository, "{}", None),
        message(Kind::Lifecycle, "{\"rules\": [{}]}", None),
        message(Kind::Lifecycle, &many, None),
        message(Kind::Repository, &long, None),
    ].join("\n"), @r"
    `LIFECYCLE_POLICY`: `ecr/lifecycle.json` is no JSON at line 3, column 1: trailing comma
    `REPOSITORY_POLICY`: the value is no JSON at line 1, column 12: EOF while parsing an object
    `LIFECYCLE_POLICY`: `empty.json` is no JSON at line 1, column 0: EOF while parsing a value
    `LIFECYCLE_POLICY`: the value has no `rules`, expected an object with a list of them
    `LIFECYCLE_POLICY`: `x.json` has no `rules`, expected an object with a list of them
    `REPOSITORY_POLICY`: the value has no `Statement`, expected an object with a list of them
    `LIFECYCLE_POLICY`: the value has 15 characters, ECR takes 100 to 30,720
    `LIFECYCLE_POLICY`: the value has 51 rules, ECR takes 50 at the most
    `REPOSITORY_POLICY`: the value has 10,335 characters, ECR takes 0 to 10,240
    ");
}

#[test]
fn indentation_does_not_make_a_policy_too_long() {
    let wide = format!("{{\"Statement\": [{}{{\"Sid\": \"a\"}}]}}", " ".repeat(20_000));
    assert_eq!(Policy::parse(Kind::Repository, &wide, None).unwrap().text(), "{\"Statement\":[{\"Sid\":\"a\"}]}");
    let narrow = "{ \"Statement\": {\"Sid\": \"a\"} }";
    let policy = Policy::parse(Kind::Repository, narrow, None).unwrap();
    assert_eq!((policy.text(), policy.size()), (narrow, "1 statement".to_owned()));
}

#[test]
fn lifecycle_policies_that_mean_the_same_are_equal() {
    let wanted = lifecycle(&json!([rule(1, &["v*", "*-rc"], 3), rule(2, &["*"], 30)]));
    let mut described = rule(1, &["*-rc", "v*"], 3);
    described["description"] = json!("");
    described["selection"]["tagPrefixList"] = json!([]);
    let found = lifecycle(&json!([rule(2, &["*"], 30), described]));
    assert_eq!(between(Kind::Lifecycle, &found, &wanted), Vec::<String>::new());
    assert_eq!(between(Kind::Lifecycle, &found.replace(',', ",\n  "), &wanted), Vec::<String>::new());
}

#[test]
fn rules_that_differ_are_told_by_priority_and_place() {
    let found = lifecycle(&json!([rule(1, &["v*", "x"], 3), rule(2, &["*"], 30), rule(9, &["dev-*"], 5)]));
    let mut changed = rule(1, &["v*", "y"], 4);
    changed["description"] = json!("keep releases");
    let wanted = lifecycle(&json!([changed, rule(2, &["*"], 30), rule(3, &["dev-*"], 5)]));
    insta::assert_snapshot!(between(Kind::Lifecycle, &found, &wanted).join("\n"), @r#"
    ~ rule 1: description is to be "keep releases", selection.countNumber 3 → 4, selection.tagPatternList -"x" +"y"
    - rule 9: {"action":{"type":"expire"},"rulePriority":9,"selection":{"countNumber":5,"countType":"imageCountMoreThan","tagPatternList":["dev-*"],"tagStatus":"tagged"}}
    + rule 3: {"action":{"type":"expire"},"rulePriority":3,"selection":{"countNumber":5,"countType":"imageCountMoreThan","tagPatternList":["dev-*"],"tagStatus":"tagged"}}
    "#);
}

#[test]
fn repository_policies_that_mean_the_same_are_equal() {
    let wanted = json!({
        "Version": "2008-10-17",
        "Statement": [
            {
                "Sid": "pull",
                "Effect": "Allow",
                "Principal": {"AWS": ["123456789012", "arn:aws:iam::210987654321:role/deploy"], "Service": "lambda.amazonaws.com"},
                "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"aws:MultiFactorAuthAge": 3600}},
            },
            {"Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}},
        ],
    });
    let found = json!({
        "Statement": [
            {"Action": ["ECR:*"], "Principal": {"AWS": "*"}, "Effect": "Deny", "Condition": {"StringNotEquals": {"AWS:PrincipalOrgId": ["o-1"]}}},
            {
                "Effect": "Allow",
                "Action": ["ecr:getdownloadurlforlayer", "ecr:BatchGetImage", "ecr:batchgetimage"],
                "Principal": {
                    "Service": ["lambda.amazonaws.com"],
                    "AWS": ["arn:aws:iam::210987654321:role/deploy", "arn:aws:iam::123456789012:root"],
                },
                "Condition": {"NumericLessThan": {"aws:multifactorauthage": ["3600"]}, "Bool": {"aws:SecureTransport": "true"}},
                "Sid": "pull",
            },
        ],
    });
    assert_eq!(between(Kind::Repository, &found.to_string(), &wanted.to_string()), Vec::<String>::new());
    let one = json!({"Version": "2008-10-17", "Statement": wanted["Statement"][1]}).to_string();
    let list = json!({"Version": "2008-10-17", "Statement": [wanted["Statement"][1]]}).to_string();
    assert_eq!(between(Kind::Repository, &one, &list), Vec::<String>::new());
}

#[test]
fn an_account_is_its_root_in_the_repositorys_own_partition_only() {
    let of = |principal: &str| document(&json!([statement("a", &json!({ "AWS": principal }), &json!("ecr:*"))]));
    let wanted = Policy::parse(Kind::Repository, &of("123456789012"), None).unwrap();
    assert!(wanted.differences(&of("arn:aws-cn:iam::123456789012:root"), "aws-cn").is_empty());
    assert!(!wanted.differences(&of("arn:aws-cn:iam::123456789012:root"), "aws").is_empty());
}

#[test]
fn what_is_not_the_same_differs() {
    let base = statement("a", &json!({"AWS": "*"}), &json!("ecr:BatchGetImage"));
    let found = document(&json!([base]));
    for (element, value) in [
        ("Sid", json!("A")),
        ("Effect", json!("Deny")),
        ("Principal", json!({"AWS": "123456789012"})),
        ("Principal", json!({"Service": "*"})),
        ("Action", json!(["ecr:BatchGetImage", "ecr:PutImage"])),
        ("Resource", json!("*")),
        ("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
        ("Invented", json!([1, 2])),
    ] {
        let mut changed = base.clone();
        changed[element] = value;
        let lines = between(Kind::Repository, &found, &document(&json!([changed])));
        assert_eq!(lines.len(), if element == "Sid" { 2 } else { 1 }, "{element}: {lines:?}");
    }
    let older = found.replace("2012-10-17", "2008-10-17");
    assert_eq!(between(Kind::Repository, &older, &found), ["~ Version \"2008-10-17\" → \"2012-10-17\""]);
    // Everybody but nobody is not the same as everybody but all of AWS, as far as anything is documented.
    let but = |who: Value| document(&json!([{"Effect": "Deny", "NotPrincipal": who, "Action": "ecr:*"}]));
    assert_ne!(between(Kind::Repository, &but(json!("*")), &but(json!({"AWS": "*"}))), Vec::<String>::new());
}

#[test]
fn statements_that_differ_are_told_by_sid_and_place() {
    let found = document(&json!([
        statement(
            "pull",
            &json!({"AWS": ["111111111111", "222222222222"]}),
            &json!(["ecr:BatchGetImage", "ecr:PutImage"])
        ),
        statement("old", &json!("*"), &json!("ecr:ListImages")),
    ]));
    let wanted = document(&json!([
        statement("pull", &json!({"AWS": ["111111111111", "333333333333"]}), &json!(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])),
        {"Effect": "Deny", "Principal": "*", "Action": "ecr:DeleteRepository"},
    ]));
    insta::assert_snapshot!(between(Kind::Repository, &found, &wanted).join("\n"), @r#"
    ~ statement "pull": Action -"ecr:PutImage" +"ecr:GetDownloadUrlForLayer", Principal.AWS -"arn:aws:iam::222222222222:root" +"arn:aws:iam::333333333333:root"
    - statement "old": {"Action":["ecr:ListImages"],"Effect":"Allow","Principal":{"AWS":["*"]},"Sid":"old"}
    + a statement without a Sid: {"Action":["ecr:DeleteRepository"],"Effect":"Deny","Principal":{"AWS":["*"]}}
    "#);
    assert_eq!(between(Kind::Repository, "null and void", &wanted).len(), 1);
}

#[test]
fn a_long_list_of_differences_is_cut() {
    let rules = |count| lifecycle(&(1..=count).map(|priority| rule(priority, &["*"], 1)).collect());
    let lines = between(Kind::Lifecycle, &rules(1), &rules(50));
    assert_eq!((lines.len(), lines[20].as_str()), (21, "… and 29 more"));
}

/// Any value for a place where the form does not matter.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z]{1,4}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(text(), 1..4).prop_map(|texts| texts.into_iter().collect())
}

fn any_statement() -> impl Strategy<Value = Value> {
    let principal = prop_oneof![
        Just(json!({"AWS": ["*"]})),
        proptest::collection::btree_set("[0-9]{12}", 1..3)
            .prop_map(|ids| json!({"AWS": ids.iter().map(|id| format!("arn:aws:iam::{id}:root")).collect::<Vec<_>>()})),
        texts().prop_map(|services| json!({ "Service": services })),
    ];
    let conditions =
        proptest::option::of((text(), texts()).prop_map(|(key, values)| json!({"StringLike": {key: values}})));
    let actions = texts().prop_map(|actions| {
        let mut actions: Vec<String> = actions.iter().map(|action| format!("ecr:{action}")).collect();
        actions.sort_by_key(|action| action.to_ascii_lowercase());
        actions.dedup_by_key(|action| action.to_ascii_lowercase());
        actions
    });
    (proptest::option::of(text()), any::<bool>(), principal, actions, conditions, proptest::option::of(texts()))
        .prop_map(|(sid, allow, principal, actions, condition, resources)| {
            let mut statement =
                json!({"Effect": if allow { "Allow" } else { "Deny" }, "Principal": principal, "Action": actions});
            for (element, value) in
                [("Sid", json!(sid)), ("Condition", json!(condition)), ("Resource", json!(resources))]
            {
                if !value.is_null() {
                    statement[element] = value;
                }
            }
            statement
        })
}

fn any_policy() -> impl Strategy<Value = Value> {
    (proptest::collection::vec(any_statement(), 1..5), proptest::option::of(text())).prop_map(|(statements, id)| {
        let mut policy = json!({"Version": "2012-10-17", "Statement": statements});
        if let Some(id) = id {
            policy["Id"] = json!(id);
        }
        policy
    })
}

fn any_rules() -> impl Strategy<Value = Value> {
    let one = (texts(), 1_u32..1000, proptest::option::of(text()));
    proptest::collection::vec(one, 1..6).prop_map(|rules| {
        let rules = rules.into_iter().enumerate().map(|(at, (patterns, count, description))| {
            let mut rule =
                rule(u32::try_from(at).unwrap() + 1, &patterns.iter().map(String::as_str).collect::<Vec<_>>(), count);
            if let Some(description) = description {
                rule["description"] = json!(description);
            }
            rule
        });
        json!({ "rules": rules.collect::<Vec<_>>() })
    })
}

/// Turns what may be turned without another meaning, by a stream of random numbers.
fn rewrite(value: &Value, path: &[&str], dice: &mut dyn FnMut(usize) -> usize) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            for at in (1..keys.len()).rev() {
                keys.swap(at, dice(at + 1));
            }
            let star = json!({"AWS": ["*"]});
            if path.last() == Some(&"Principal") && *value == star && dice(2) == 0 {
                return json!("*");
            }
            keys.into_iter()
                .map(|key| (key.clone(), rewrite(&map[key], &[path, &[key.as_str()]].concat(), dice)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(|value| rewrite(value, path, dice)).collect();
            for at in (1..values.len()).rev() {
                values.swap(at, dice(at + 1));
            }
            let is_list_only = path.last().is_some_and(|last| matches!(*last, "rules" | "tagPatternList"));
            if values.len() == 1 && !is_list_only && dice(2) == 0 {
                return values.remove(0);
            }
            Value::Array(values)
        }
        Value::String(text) if path.last() == Some(&"Action") && dice(2) == 0 => json!(text.to_ascii_uppercase()),
        Value::String(text) if path.contains(&"Principal") && dice(2) == 0 => {
            let id = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
            json!(id.unwrap_or(text))
        }
        other => other.clone(),
    }
}

/// The paths of all leaves.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

proptest! {
    #[test]
    fn a_policy_that_is_written_in_another_way_is_the_same(policy in any_policy(), seed in any::<u64>()) {
        let mut state = seed;
        let mut dice = |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        let other = rewrite(&policy, &[], &mut dice);
        prop_assert_eq!(between(Kind::Repository, &other.to_string(), &policy.to_string()), Vec::<String>::new(), "{}", other);
        prop_assert_eq!(between(Kind::Repository, &policy.to_string(), &other.to_string()), Vec::<String>::new());
    }

    #[test]
    fn rules_that_are_written_in_another_way_are_the_same(policy in any_rules(), seed in any::<u64>()) {
        let mut state = seed;
        let mut dice = |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        let other = rewrite(&policy, &[], &mut dice);
        prop_assert_eq!(between(Kind::Lifecycle, &other.to_string(), &policy.to_string()), Vec::<String>::new(), "{}", other);
    }

    #[test]
    fn a_leaf_that_is_changed_is_always_found(
        repository in any_policy(),
        rules in any_rules(),
        which in any::<proptest::sample::Index>(),
    ) {
        for (kind, policy) in [(Kind::Repository, repository), (Kind::Lifecycle, rules)] {
            let mut paths = Vec::new();
            leaves(&policy, "", &mut paths);
            let mut other = policy.clone();
            *other.pointer_mut(&paths[which.index(paths.len())]).unwrap() = json!("something-else");
            let lines = between(kind, &other.to_string(), &policy.to_string());
            prop_assert!(lines.iter().any(|line| line.contains("something-else")), "{:?}", lines);
            prop_assert!(!between(kind, &policy.to_string(), &other.to_string()).is_empty());
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", kind in any::<bool>()) {
        let kind = if kind { Kind::Lifecycle } else { Kind::Repository };
        let policy = document(&json!([{"Sid": "a"}]));
        let _ = Policy::parse(kind, &text, None);
        let _ = Policy::parse(Kind::Repository, &policy, None).unwrap().differences(&text, "aws");
    }
}
