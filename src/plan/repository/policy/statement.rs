//! A repository policy in one form for all that mean the same. It is a resource-based policy in IAM's language.
//!
//! | the same | why |
//! | --- | --- |
//! | one statement, and a list of it | grammar of the IAM JSON policy language |
//! | one text, and a list of it, for actions, resources, principals and values of conditions | same page |
//! | statements and those lists in any order | each is one of several that may apply (IAM user guide, "Policy evaluation logic") |
//! | actions in any case | IAM user guide, "IAM JSON policy elements: Action" |
//! | an account's id, and `arn:…:iam::<id>:root` | IAM user guide, "AWS JSON policy elements: Principal" |
//! | `"Principal": "*"`, and `{"AWS": "*"}` | same page |
//! | names of condition keys in any case | IAM user guide, "IAM JSON policy elements: Condition" |
//! | numbers and booleans in conditions, and their text | grammar: quotation marks are optional there |
//! | no `Version`, and `2008-10-17` | IAM user guide, "IAM JSON policy elements: Version" |
//!
//! `Sid`, `Id`, `Version` and `Effect` are kept as they are, and so is everything that is not named here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set;

/// The statements and the rest of the policy. `partition` is what an ARN of the repository has after `arn:`.
pub(super) fn canonical(policy: &Value, partition: &str) -> (Vec<Value>, Value) {
    let mut rest = policy.clone();
    let mut statements = Vec::new();
    if let Some(rest) = rest.as_object_mut() {
        statements = match rest.remove("Statement") {
            Some(statement) => list(statement),
            None => Vec::new(),
        };
        rest.entry("Version").or_insert_with(|| Value::from("2008-10-17"));
    }
    for statement in &mut statements {
        canonical_statement(statement, partition);
    }
    statements.sort_by_cached_key(Value::to_string);
    (statements, rest)
}

/// How a statement is called.
pub(super) fn name(statement: &Value) -> String {
    match statement.get("Sid") {
        Some(sid) => format!("statement {sid}"),
        None => "a statement without a Sid".to_owned(),
    }
}

fn canonical_statement(statement: &mut Value, partition: &str) {
    let Some(statement) = statement.as_object_mut() else { return };
    for (element, value) in statement.iter_mut() {
        match element.as_str() {
            "Action" | "NotAction" => replace(value, |value| {
                let mut actions = list(value);
                actions.iter_mut().for_each(lower_case);
                sorted(actions)
            }),
            "Resource" | "NotResource" => replace(value, |value| sorted(list(value))),
            "Principal" | "NotPrincipal" => principal(element == "Principal", value, partition),
            "Condition" => condition(value),
            _ => {}
        }
    }
}

fn principal(may_be_star: bool, value: &mut Value, partition: &str) {
    if may_be_star && value.as_str() == Some("*") {
        *value = Value::Object(Map::from_iter([("AWS".to_owned(), Value::from("*"))]));
    }
    let Some(kinds) = value.as_object_mut() else { return };
    for (kind, value) in kinds.iter_mut() {
        replace(value, |value| {
            let mut principals = list(value);
            if kind == "AWS" {
                for principal in &mut principals {
                    account(principal, partition);
                }
            }
            sorted(principals)
        });
    }
}

fn account(principal: &mut Value, partition: &str) {
    let is_id = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(id) = principal.as_str().filter(|text| is_id(text)) {
        *principal = Value::from(format!("arn:{partition}:iam::{id}:root"));
    }
}

fn condition(value: &mut Value) {
    let Some(operators) = value.as_object_mut() else { return };
    for keys in operators.values_mut().filter_map(Value::as_object_mut) {
        for values in keys.values_mut() {
            replace(values, |values| {
                let mut values = list(values);
                for value in &mut values {
                    if value.is_boolean() || value.is_number() {
                        *value = Value::from(value.to_string());
                    }
                }
                sorted(values)
            });
        }
        let folded: Map<String, Value> =
            keys.iter().map(|(key, values)| (key.to_ascii_lowercase(), values.clone())).collect();
        // Two names that differ in case only are left alone: what AWS makes of them is not documented.
        if folded.len() == keys.len() {
            *keys = folded;
        }
    }
}

/// How each action is written in a policy, by its lower case, for people.
pub(super) fn spellings(policy: &Value, into: &mut BTreeMap<String, String>) {
    let statements = policy.get("Statement").cloned().map(list).unwrap_or_default();
    for statement in &statements {
        for element in ["Action", "NotAction"] {
            for action in statement.get(element).cloned().map(list).unwrap_or_default() {
                if let Some(action) = action.as_str() {
                    into.insert(action.to_ascii_lowercase(), action.to_owned());
                }
            }
        }
    }
}

/// Writes the actions of a statement in their usual case again.
pub(super) fn respell(statement: &mut Value, spellings: &BTreeMap<String, String>) {
    for element in ["Action", "NotAction"] {
        let Some(actions) = statement.get_mut(element).and_then(Value::as_array_mut) else { continue };
        for action in actions {
            if let Some(spelling) = action.as_str().and_then(|action| spellings.get(action)) {
                *action = Value::from(spelling.as_str());
            }
        }
    }
}

fn lower_case(value: &mut Value) {
    if let Some(text) = value.as_str() {
        *value = Value::from(text.to_ascii_lowercase());
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn sorted(mut values: Vec<Value>) -> Value {
    set(&mut values);
    Value::Array(values)
}

fn replace(value: &mut Value, by: impl FnOnce(Value) -> Value) {
    *value = by(value.take());
}
