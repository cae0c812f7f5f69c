//! The plan of a run in words, for a run that only tells it.

use crate::image::Repository;

use super::{Course, PlannedTag};

/// A repository with what its tags name now, in the order of `TAG`.
type Target<'a> = (&'a Repository, &'a [PlannedTag]);

/// What a run would do, in its order: `build` is how it would build, and no course stands for a run that pushes nothing.
#[must_use]
pub fn preview(build: String, course: Option<&Course>, targets: &[Target<'_>]) -> Vec<String> {
    match course {
        None => vec![build, "push nothing, since `PUSH` is false".to_owned()],
        Some(Course::Build) => std::iter::once(build).chain(pushes(targets)).collect(),
        Some(Course::Compare { digest, gaps, .. }) => {
            let compare = format!("compare it with {digest}, which other tags name, and fail unless it is the same");
            let mut lines = vec![build, compare];
            lines.extend(gaps.iter().filter_map(|gap| {
                let (to, _) = targets.get(gap.to)?;
                Some(format!("give {} that digest", to.tagged(&gap.tag)))
            }));
            lines
        }
        Some(Course::Keep { gaps }) if gaps.is_empty() => {
            vec!["build nothing and push nothing: all tags exist, and `IF_TAG_EXISTS` is `skip`".to_owned()]
        }
        Some(Course::Keep { gaps }) => {
            let mut lines = vec!["build nothing: each tag exists somewhere, and `IF_TAG_EXISTS` is `skip`".to_owned()];
            lines.extend(gaps.iter().filter_map(|gap| {
                let ((from, _), (to, _)) = (targets.get(gap.from)?, targets.get(gap.to)?);
                Some(format!("copy {} as {}", from.at(&gap.digest), to.tagged(&gap.tag)))
            }));
            lines
        }
        Some(Course::Retag { digest, gaps }) => {
            let mut lines = vec![format!("build nothing: {digest} has the same inputs, and `SKIP_UNCHANGED` is set")];
            lines.extend(gaps.iter().filter_map(|gap| {
                let (to, tags) = targets.get(gap.to)?;
                let now = tags.iter().find(|planned| planned.tag == gap.tag).and_then(|planned| planned.now.as_ref());
                let now = now.map_or("new".to_owned(), |now| format!("instead of {now}"));
                Some(format!("tag it as {}, {now}", to.tagged(&gap.tag)))
            }));
            if gaps.is_empty() {
                lines.push("push nothing: all tags name it already".to_owned());
            }
            lines
        }
    }
}

/// In the order in which the tags move: one tag everywhere, then the next.
fn pushes(targets: &[Target<'_>]) -> impl Iterator<Item = String> {
    let count = targets.first().map_or(0, |(_, tags)| tags.len());
    (0..count).flat_map(move |at| {
        targets.iter().filter_map(move |(repository, tags)| {
            let PlannedTag { tag, now } = tags.get(at)?;
            let now = now.as_ref().map_or("new".to_owned(), |digest| format!("instead of {digest}"));
            Some(format!("push {}, {now}", repository.tagged(tag)))
        })
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::Gap;
    use super::*;
    use crate::image::{Digest, EcrHost};

    /// For two regions, of which the second has tag `1` already.
    fn told(course: Option<&Course>) -> String {
        let repository =
            |region| Repository { host: EcrHost::of("123456789012", region), name: "web".parse().unwrap() };
        let (first, second) = (repository("eu-west-1"), repository("us-east-1"));
        let tags = |now: Option<Digest>| {
            [("1", now), ("2", None)].map(|(tag, now)| PlannedTag { tag: tag.parse().unwrap(), now })
        };
        let (none, one) = (tags(None), tags(Some(Digest::of(b"1"))));
        let lines = preview("build it".to_owned(), course, &[(&first, &none), (&second, &one)]);
        let text = lines.join("\n").replace(Digest::of(b"1").as_str(), "<1>");
        text.replace("123456789012.dkr.ecr.", "").replace(".amazonaws.com", "")
    }

    fn gap(tag: &str, to: usize) -> Gap {
        Gap { tag: tag.parse().unwrap(), digest: Digest::of(b"1"), from: 1, to }
    }

    #[test]
    fn a_push_is_told_tag_by_tag_in_all_repositories() {
        insta::assert_snapshot!(told(Some(&Course::Build)), @r"
        build it
        push eu-west-1/web:1, new
        push us-east-1/web:1, instead of <1>
        push eu-west-1/web:2, new
        push us-east-1/web:2, new
        ");
        assert_eq!(told(None), "build it\npush nothing, since `PUSH` is false");
    }

    #[test]
    fn a_comparison_names_what_comes_of_it() {
        let course = Course::Compare { digest: Digest::of(b"1"), holder: 1, gaps: vec![gap("1", 0), gap("2", 1)] };
        insta::assert_snapshot!(told(Some(&course)), @r"
        build it
        compare it with <1>, which other tags name, and fail unless it is the same
        give eu-west-1/web:1 that digest
        give us-east-1/web:2 that digest
        ");
    }

    #[test]
    fn what_is_retagged_is_told_with_what_the_tags_name() {
        let course = Course::Retag { digest: Digest::of(b"1"), gaps: vec![gap("1", 1), gap("2", 0)] };
        insta::assert_snapshot!(told(Some(&course)), @r"
        build nothing: <1> has the same inputs, and `SKIP_UNCHANGED` is set
        tag it as us-east-1/web:1, instead of <1>
        tag it as eu-west-1/web:2, new
        ");
        insta::assert_snapshot!(told(Some(&Course::Retag { digest: Digest::of(b"1"), gaps: Vec::new() })), @r"
        build nothing: <1> has the same inputs, and `SKIP_UNCHANGED` is set
        push nothing: all tags name it already
        ");
    }

    #[test]
    fn what_is_kept_is_told_with_what_is_copied() {
        insta::assert_snapshot!(told(Some(&Course::Keep { gaps: vec![gap("1", 0)] })), @r"
        build nothing: each tag exists somewhere, and `IF_TAG_EXISTS` is `skip`
        copy us-east-1/web@<1> as eu-west-1/web:1
        ");
        let nothing = told(Some(&Course::Keep { gaps: Vec::new() }));
        assert_eq!(nothing, "build nothing and push nothing: all tags exist, and `IF_TAG_EXISTS` is `skip`");
    }
}
