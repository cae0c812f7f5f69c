//! Policies, compared by what they mean and not by their text. JSON's white space and the order of its keys mean nothing;
//! what else means the same is in the tables of `lifecycle` and `statement`.

mod difference;
mod lifecycle;
mod statement;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{ExitCode, Explain};
use crate::progress;

/// Which of the two policies of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `LIFECYCLE_POLICY`
    Lifecycle,
    /// `REPOSITORY_POLICY`
    Repository,
}

/// A policy that ECR may accept.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    kind: Kind,
    text: String,
    value: Value,
}

/// The text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}`: {} {reason}", .kind.variable(), .file.as_ref().map_or("the value".to_owned(), |file| format!("`{file}`")))]
pub struct Unusable {
    kind: Kind,
    /// The file; `None` when it is the value itself.
    file: Option<String>,
    reason: String,
}

impl Kind {
    /// The variable that gives it.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Lifecycle => "LIFECYCLE_POLICY",
            Self::Repository => "REPOSITORY_POLICY",
        }
    }

    /// What it is called in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle policy",
            Self::Repository => "repository policy",
        }
    }

    /// Least and most characters (ECR API reference, `PutLifecyclePolicy`, `SetRepositoryPolicy`).
    fn lengths(self) -> (usize, usize) {
        match self {
            Self::Lifecycle => (100, 30_720),
            Self::Repository => (0, 10_240),
        }
    }

    fn parts(self) -> &'static str {
        match self {
            Self::Lifecycle => "rules",
            Self::Repository => "Statement",
        }
    }
}

impl Explain for Unusable {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Variables
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self.kind {
                Kind::Lifecycle => "write it as the page \"Examples of lifecycle policies\" of the ECR user guide does",
                Kind::Repository => {
                    "write it as the page \"Private repository policy examples\" of the ECR user guide does"
                }
            }
            .to_owned(),
        )
    }
}

impl Policy {
    /// Reads a policy; `file` is where it stands, for messages.
    ///
    /// # Errors
    /// What makes it none, as far as that is known without AWS: JSON, its size, rules or statements.
    pub fn parse(kind: Kind, text: &str, file: Option<&str>) -> Result<Self, Unusable> {
        let refuse = |reason: String| Err(Unusable { kind, file: file.map(str::to_owned), reason });
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                let words = error.to_string();
                let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
                let (line, column) = (error.line(), error.column());
                return refuse(format!("is no JSON at line {line}, column {column}: {words}"));
            }
        };
        let parts = kind.parts();
        let count = match (value.get(parts), kind) {
            (Some(Value::Array(values)), _) if !values.is_empty() => values.len(),
            (Some(Value::Object(_)), Kind::Repository) => 1,
            _ => return refuse(format!("has no `{parts}`, expected an object with a list of them")),
        };
        if kind == Kind::Lifecycle && count > lifecycle::RULES {
            return refuse(format!("has {count} rules, ECR takes {} at the most", lifecycle::RULES));
        }
        let (least, most) = kind.lengths();
        // Indentation is for people, and counts all the same.
        let text = if text.chars().count() > most { value.to_string() } else { text.to_owned() };
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            return refuse(format!(
                "has {} characters, ECR takes {} to {}",
                counted(length),
                counted(least),
                counted(most)
            ));
        }
        Ok(Self { kind, text, value })
    }

    /// What ECR is given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `2 rules`, `1 statement`
    #[must_use]
    pub fn size(&self) -> String {
        let count = self.value.get(self.kind.parts()).and_then(Value::as_array).map_or(1, Vec::len);
        let (one, many) = match self.kind {
            Kind::Lifecycle => ("rule", "rules"),
            Kind::Repository => ("statement", "statements"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }

    /// Where another text means something else, in lines for people; empty when both mean the same. `partition` is what an
    /// ARN of the repository has after `arn:`.
    #[must_use]
    pub fn differences(&self, found: &str, partition: &str) -> Vec<String> {
        let Ok(found) = serde_json::from_str::<Value>(found) else {
            return vec!["~ what is there is no JSON, and is replaced as a whole".to_owned()];
        };
        let read = |policy: &Value| match self.kind {
            Kind::Lifecycle => lifecycle::canonical(policy),
            Kind::Repository => statement::canonical(policy, partition),
        };
        let ((mut before, rest_before), (mut after, rest_after)) = (read(&found), read(&self.value));
        let mut lines = Vec::new();
        let mut places = Vec::new();
        difference::within("", &rest_before, &rest_after, &mut places);
        lines.extend(places.into_iter().map(|place| format!("~ {place}")));
        if before != after {
            if self.kind == Kind::Repository {
                let mut spellings = BTreeMap::new();
                statement::spellings(&found, &mut spellings);
                statement::spellings(&self.value, &mut spellings);
                before.iter_mut().chain(&mut after).for_each(|each| statement::respell(each, &spellings));
            }
            let named = |parts: Vec<Value>| {
                let name = |part: &Value| match self.kind {
                    Kind::Lifecycle => lifecycle::name(part),
                    Kind::Repository => statement::name(part),
                };
                parts.into_iter().map(|part| (name(&part), part)).collect()
            };
            lines.extend(difference::parts(named(before), named(after)));
        }
        lines
    }
}

fn counted(number: usize) -> String {
    progress::counted(number as u64)
}

/// Sorts and leaves out what is there twice: for lists whose order means nothing.
fn set(values: &mut Vec<Value>) {
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
}

#[cfg(test)]
mod tests;
