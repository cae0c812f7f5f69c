//! A lifecycle policy in one form for all that mean the same.
//!
//! | the same | why |
//! | --- | --- |
//! | rules in any order | they are applied by `rulePriority`, which is unique (ECR user guide, "Lifecycle policy properties") |
//! | `tagPatternList`, `tagPrefixList` in any order | an image must match all of its entries (same page) |
//! | an empty list, an empty `description`, `null`, and nothing | all are optional, and say nothing (same page) |

use serde_json::{Map, Value};

use super::set;

/// How many rules there may be (ECR user guide, "Service quotas").
pub(super) const RULES: usize = 50;

/// The rules, by priority, and the rest of the policy.
pub(super) fn canonical(policy: &Value) -> (Vec<Value>, Value) {
    let mut rest = policy.clone();
    let rules = rest.as_object_mut().and_then(|rest| rest.remove("rules"));
    let mut rules = match rules {
        Some(Value::Array(rules)) => rules,
        Some(other) => vec![other],
        None => Vec::new(),
    };
    rules.iter_mut().for_each(rule);
    rules.sort_by_key(|rule| (priority(rule), rule.to_string()));
    (rules, rest)
}

/// How a rule is called.
pub(super) fn name(rule: &Value) -> String {
    match rule.get("rulePriority") {
        Some(priority) => format!("rule {priority}"),
        None => "a rule without a priority".to_owned(),
    }
}

fn priority(rule: &Value) -> i64 {
    rule.get("rulePriority").and_then(Value::as_i64).unwrap_or(i64::MAX)
}

fn rule(rule: &mut Value) {
    let Some(rule) = rule.as_object_mut() else { return };
    let says_nothing = |value: &Value| value.is_null() || value.as_str() == Some("");
    if rule.get("description").is_some_and(says_nothing) {
        rule.remove("description");
    }
    if let Some(selection) = rule.get_mut("selection").and_then(Value::as_object_mut) {
        lists(selection);
    }
}

fn lists(selection: &mut Map<String, Value>) {
    for list in ["tagPatternList", "tagPrefixList"] {
        let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        match selection.get_mut(list) {
            Some(value) if is_empty(value) => drop(selection.remove(list)),
            Some(Value::Array(values)) => set(values),
            Some(_) | None => {}
        }
    }
}
