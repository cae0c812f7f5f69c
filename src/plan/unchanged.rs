//! What becomes of the tags when an image in ECR has the same inputs as the build.

use std::time::{Duration, SystemTime};

use super::{Gap, PlannedTag};
use crate::config::IfTagExists;
use crate::image::Digest;

/// What becomes of the tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retagging {
    /// These are put, by tag and then by repository; the others name the image already.
    Put(Vec<Gap>),
    /// A rule about tags that exist is not for this to decide: the run goes on as without any such image.
    ByRule,
}

/// Decides for the tags of each repository, all of which have the image.
#[must_use]
pub fn retagging(rule: IfTagExists, digest: &Digest, repositories: &[&[PlannedTag]]) -> Retagging {
    let mut gaps = Vec::new();
    let tags = repositories.first().copied().unwrap_or_default();
    for (at, PlannedTag { tag, .. }) in tags.iter().enumerate() {
        for (place, planned) in repositories.iter().enumerate() {
            let now = planned.get(at).and_then(|planned| planned.now.as_ref());
            match (rule, now) {
                (IfTagExists::Fail, Some(_)) => return Retagging::ByRule,
                (_, Some(now)) if now == digest => {}
                (IfTagExists::Skip, Some(_)) => return Retagging::ByRule,
                (_, None) | (IfTagExists::Overwrite, Some(_)) => {
                    gaps.push(Gap { tag: tag.clone(), digest: digest.clone(), from: place, to: place });
                }
            }
        }
    }
    Retagging::Put(gaps)
}

/// How long ago something was, as people say it: `2 days ago`.
#[must_use]
pub fn ago(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or(Duration::ZERO).as_secs();
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn decide(rule: IfTagExists, nows: [[Option<&str>; 2]; 2]) -> Option<String> {
        let tags = |nows: [Option<&str>; 2]| {
            let named = ["1", "2"].into_iter().zip(nows);
            let planned = named.map(|(tag, now)| PlannedTag {
                tag: tag.parse().unwrap(),
                now: now.map(|now| Digest::of(now.as_bytes())),
            });
            planned.collect::<Vec<_>>()
        };
        let [one, two] = nows.map(tags);
        match retagging(rule, &Digest::of(b"same"), &[&one, &two]) {
            Retagging::ByRule => None,
            Retagging::Put(gaps) => {
                Some(gaps.iter().map(|gap| format!("{}@{} ", gap.tag, gap.to)).collect::<String>().trim().to_owned())
            }
        }
    }

    #[test]
    fn what_is_missing_is_put_tag_by_tag_in_all_repositories() {
        for rule in [IfTagExists::Overwrite, IfTagExists::Skip, IfTagExists::Fail] {
            assert_eq!(decide(rule, [[None; 2]; 2]).as_deref(), Some("1@0 1@1 2@0 2@1"));
        }
        let half = [[Some("same"), None], [None, Some("same")]];
        assert_eq!(decide(IfTagExists::Overwrite, half).as_deref(), Some("1@1 2@0"));
        assert_eq!(decide(IfTagExists::Skip, half).as_deref(), Some("1@1 2@0"));
        assert_eq!(decide(IfTagExists::Overwrite, [[Some("same"); 2]; 2]).as_deref(), Some(""));
    }

    #[test]
    fn a_tag_that_names_another_image_moves_by_the_rule_alone() {
        let other = [[Some("other"), None], [Some("same"), None]];
        assert_eq!(decide(IfTagExists::Overwrite, other).as_deref(), Some("1@0 2@0 2@1"));
        assert_eq!(decide(IfTagExists::Skip, other), None);
        assert_eq!(decide(IfTagExists::Fail, [[Some("same"); 2]; 2]), None, "that it exists is the failure");
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000);
        let told = |seconds| ago(now - Duration::from_secs(seconds), now);
        assert_eq!(
            [0, 59, 60, 3_599, 7_200, 86_399, 86_400, 200_000].map(told),
            [
                "just now",
                "just now",
                "1 minute ago",
                "59 minutes ago",
                "2 hours ago",
                "23 hours ago",
                "1 day ago",
                "2 days ago"
            ]
        );
        assert_eq!(ago(now + Duration::from_hours(1), now), "just now", "the clocks differ");
    }
}
