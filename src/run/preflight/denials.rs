//! Permissions that are lacking: of several repositories one finding, with one statement to paste.

use std::sync::{Mutex, PoisonError};

use super::super::warn;
use crate::aws::Error;
use crate::config::Warning;
use crate::error::{Explain as _, Failure};
use crate::progress::Log;

/// What the checks of all repositories were denied.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Vec<Denial>>);

#[derive(Debug)]
struct Denial {
    error: Error,
    /// What follows of it; `None` when the run cannot go on.
    effect: Option<String>,
}

impl Denials {
    /// What the run does without, and what follows of that.
    pub(super) fn tolerate(&self, error: Error, effect: String) {
        self.add(Denial { error, effect: Some(effect) });
    }

    /// What the run cannot do without.
    pub(super) fn refuse(&self, error: Error) {
        self.add(Denial { error, effect: None });
    }

    fn add(&self, denial: Denial) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_joined = all.iter_mut().any(|one| one.effect == denial.effect && one.error.join(&denial.error));
        if !is_joined {
            all.push(denial);
        }
    }

    /// Warns of what the run does without; what comes back is what it cannot do without.
    pub(super) async fn tell(self, log: &Log) -> Vec<Failure> {
        let (mut warnings, mut failures) = (Vec::new(), Vec::new());
        for Denial { error, effect } in self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match effect {
                Some(effect) => warnings.push(Warning { message: format!("{error}: {effect}"), hint: error.hint() }),
                None => failures.push(error.into()),
            }
        }
        warn(log, warnings).await;
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Action, Principal, Request};
    use crate::progress::Event;

    fn denied(action: Action, resource: &str) -> Error {
        let (actions, resources) = (vec![action], vec![resource.to_owned()]);
        Error::Denied { principal: Principal::Key, actions, resources, request: Request::default() }
    }

    #[tokio::test]
    async fn what_is_denied_in_several_regions_is_one_finding_with_one_statement() {
        let (log, mut recording) = Log::recorded();
        let denials = Denials::default();
        denials.refuse(denied(Action::PutImage, "arn:b"));
        denials.tolerate(denied(Action::DescribeRepositories, "arn:b"), "so what".to_owned());
        denials.refuse(denied(Action::PutImage, "arn:a"));
        denials.tolerate(denied(Action::DescribeRepositories, "arn:a"), "so what".to_owned());
        denials.tolerate(denied(Action::DescribeRepositories, "arn:c"), "worse".to_owned());
        let failures = denials.tell(&log).await;
        assert_eq!(failures.len(), 1);
        insta::assert_snapshot!(format!("{}\n{}", failures[0].message, failures[0].hint.as_deref().unwrap_or_default()), @r#"
        the key may not do `ecr:PutImage` on `arn:a`, `arn:b`
        allow it in the key's policy: {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": ["arn:a", "arn:b"]}
        "#);
        let warnings: Vec<String> = recording
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Warning { message, .. } => Some(message),
                _ => None,
            })
            .collect();
        assert_eq!(
            warnings,
            [
                "the key may not do `ecr:DescribeRepositories` on `arn:a`, `arn:b`: so what",
                "the key may not do `ecr:DescribeRepositories` on `arn:c`: worse"
            ]
        );
    }
}
