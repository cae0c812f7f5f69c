//! Statements of IAM policies, as hints show them to be pasted.

use std::fmt;

use super::{Action, Principal};

/// The hint that tells a principal's owner what to allow: one statement, with what stands in front of it.
#[must_use]
pub fn allow(principal: &Principal, actions: &[Action], resources: &[impl fmt::Display]) -> String {
    let what = if actions.len() == 1 { "it" } else { "them" };
    format!("allow {what} in the {}'s policy: {}", principal.kind(), identity(actions, resources))
}

/// A statement of the policy of a user or a role.
pub(super) fn identity(actions: &[Action], resources: &[impl fmt::Display]) -> String {
    let (actions, resources) = (json(actions), json(resources));
    format!("{{\"Effect\": \"Allow\", \"Action\": {actions}, \"Resource\": {resources}}}")
}

/// One text, or a list of several.
fn json(names: &[impl fmt::Display]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// A statement of the trust policy of a role: who may assume it, by which action, and under which conditions, which are pairs of
/// an operator and of what it compares.
pub(super) fn trust(who: (&str, &str), action: Action, conditions: &[(&str, (&str, &str))]) -> String {
    let (kind, name) = who;
    let compared =
        |(operator, (key, value)): &(&str, (&str, &str))| format!("\"{operator}\": {{\"{key}\": \"{value}\"}}");
    let condition = match conditions {
        [] => String::new(),
        several => {
            let several: Vec<String> = several.iter().map(compared).collect();
            format!(", \"Condition\": {{{}}}", several.join(", "))
        }
    };
    format!("{{\"Effect\": \"Allow\", \"Principal\": {{\"{kind}\": \"{name}\"}}, \"Action\": \"{action}\"{condition}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_speaks_of_the_key_or_the_role_and_of_one_action_or_several() {
        let one = allow(&Principal::Key, &[Action::PutImage], &["*"]);
        assert_eq!(
            one,
            r#"allow it in the key's policy: {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": "*"}"#
        );
        let role = "arn:aws:iam::123456789012:role/ci".parse().map(Principal::Role);
        let several = role.map(|role| allow(&role, &[Action::ListCoverage, Action::ListFindings], &["a", "b"]));
        assert_eq!(
            several.as_deref(),
            Ok(
                r#"allow them in the role's policy: {"Effect": "Allow", "Action": ["inspector2:ListCoverage", "inspector2:ListFindings"], "Resource": ["a", "b"]}"#
            )
        );
    }

    #[test]
    fn a_trust_policy_has_a_condition_only_where_there_is_one() {
        let bare = trust(("AWS", "x"), Action::AssumeRole, &[]);
        assert_eq!(bare, r#"{"Effect": "Allow", "Principal": {"AWS": "x"}, "Action": "sts:AssumeRole"}"#);
        let tied = trust(("AWS", "x"), Action::AssumeRole, &[("StringEquals", ("a", "b")), ("StringLike", ("c", "d"))]);
        assert!(tied.ends_with(r#", "Condition": {"StringEquals": {"a": "b"}, "StringLike": {"c": "d"}}}"#), "{tied}");
    }
}
