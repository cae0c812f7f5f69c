//! The ARN of a role.

use std::fmt;

use crate::image::check_account;

/// The length of an ARN by the service model of STS (`arnType`).
const MOST: usize = 2048;

const EXPECTED: &str = "expected `arn:aws:iam::<account>:role/<name>`";

/// `arn:<partition>:iam::<account>:role/<path and name>` (IAM user guide, "IAM identifiers").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn(String);

impl RoleArn {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The account that the role belongs to, and with it whoever assumes it: 12 digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    fn part(&self, number: usize) -> &str {
        self.0.split(':').nth(number).unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for RoleArn {
    type Err = String;

    /// The error is what is wrong and what is accepted, with the text quoted.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |reason: String| Err(format!("`{text}` is no ARN of a role: {reason}"));
        if text.len() > MOST {
            return Err(format!("it has {} characters, an ARN has at most {MOST}", text.chars().count()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return refuse(EXPECTED.to_owned());
        };
        if !is_partition(partition) {
            return refuse(format!("`{partition}` is no partition of AWS, {EXPECTED}"));
        }
        if let Err(reason) = check_account(account) {
            return refuse(reason);
        }
        match (*service, resource.split_once('/')) {
            ("iam", Some(("role", name))) if region.is_empty() && is_name(name) => Ok(Self(text.to_owned())),
            ("sts", Some(("assumed-role", rest))) => {
                let name = rest.split('/').next().unwrap_or(rest);
                refuse(format!("it names a session; the role is `arn:{partition}:iam::{account}:role/{name}`"))
            }
            ("iam", Some((kind, _))) if kind != "role" => refuse(format!("it names a {kind}, {EXPECTED}")),
            _ => refuse(EXPECTED.to_owned()),
        }
    }
}

/// `aws`, or `aws-` and more: also one that this version does not know yet.
fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws").map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
}

/// A path, which may be empty, and a name (service model of IAM, `pathType` and `roleNameType`).
fn is_name(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let is_legal = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    path.bytes().all(|byte| byte.is_ascii_graphic()) && (1..=64).contains(&name.len()) && name.chars().all(is_legal)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<RoleArn>().unwrap_err()
    }

    #[test]
    fn roles_of_all_partitions_are_read() {
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"] {
            for name in ["ci", "service-role/team/ci+x=1,2.3@4_5"] {
                let text = format!("arn:{partition}:iam::012345678901:role/{name}");
                let role: RoleArn = text.parse().unwrap();
                assert_eq!((role.partition(), role.account()), (partition, "012345678901"));
                assert_eq!(role.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_no_role_is_told_what_it_is() {
        for (text, reason) in [
            ("ci", "`ci` is no ARN of a role: expected `arn:aws:iam::<account>:role/<name>`"),
            ("arn:aws:iam::123456789012:role/", "expected `arn:aws:iam::<account>:role/<name>`"),
            ("arn:aws:iam::123456789012:role/a b", "expected `arn:aws:iam::<account>:role/<name>`"),
            ("arn:aws:iam::123456789012:user/ci", "it names a user, expected"),
            ("arn:aws:iam:eu-central-1:123456789012:role/ci", "expected `arn:aws:iam::<account>:role/<name>`"),
            ("arn:azure:iam::123456789012:role/ci", "`azure` is no partition of AWS"),
            ("arn:aws:iam::12345678901:role/ci", "has 11 of 12 digits; YAML drops leading zeros"),
            (
                "arn:aws:sts::123456789012:assumed-role/ci/session",
                "it names a session; the role is `arn:aws:iam::123456789012:role/ci`",
            ),
        ] {
            let found = refused(text);
            assert!(found.contains(reason), "{found}");
        }
        assert_eq!(refused(&"é".repeat(2000)), "it has 2000 characters, an ARN has at most 2048");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(arn)?(:[ -~é]{0,12}){0,7}") {
            if let Ok(role) = text.parse::<RoleArn>() {
                prop_assert_eq!(role.to_string(), text);
            }
        }
    }
}
