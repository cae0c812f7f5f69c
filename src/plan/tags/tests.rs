#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::image::Name;

const TAGS: [&str; 4] = ["1.0", "1.1", "2.0", "latest"];

fn repository(place: usize) -> Repository {
    let region = ["eu-central-1", "us-east-1", "ap-southeast-2"][place];
    let Ok(Name::Full(repository)) = format!("123456789012.dkr.ecr.{region}.amazonaws.com/shop/web").parse() else {
        panic!("a repository")
    };
    repository
}

fn digest(image: u8) -> Digest {
    Digest::of(&[image])
}

/// The course for repositories that have these images behind the first tags of [`TAGS`]; 0 is none.
fn decide(rule: IfTagExists, immutable: bool, images: &[&[u8]]) -> Result<Course, Vec<Forbidden>> {
    let mutability = Mutability::new(immutable, vec!["latest".to_owned()]);
    let repositories: Vec<Repository> = (0..images.len()).map(repository).collect();
    let planned = |images: &&[u8]| -> Vec<PlannedTag> {
        let named = |(tag, image): (&&str, &u8)| PlannedTag {
            tag: tag.parse().unwrap(),
            now: (*image > 0).then(|| digest(*image)),
        };
        TAGS.iter().zip(*images).map(named).collect()
    };
    let tags: Vec<Vec<PlannedTag>> = images.iter().map(planned).collect();
    let standings: Vec<Standing<'_>> = repositories
        .iter()
        .zip(&tags)
        .map(|(repository, tags)| Standing { repository, mutability: Some(&mutability), before: None, tags })
        .collect();
    course(rule, &standings)
}

fn messages(course: Result<Course, Vec<Forbidden>>) -> String {
    let forbidden = course.unwrap_err();
    let lines = forbidden.iter().map(|error| {
        let text = error.to_string();
        (1..5).fold(text, |text, image| text.replace(digest(image).as_str(), &format!("<{image}>")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn gaps(gaps: &[Gap]) -> Vec<(&str, Digest, usize, usize)> {
    gaps.iter().map(|gap| (gap.tag.as_str(), gap.digest.clone(), gap.from, gap.to)).collect()
}

#[test]
fn a_taken_tag_forbids_only_where_it_may_not_move() {
    use IfTagExists::Overwrite;
    insta::assert_snapshot!(messages(decide(Overwrite, true, &[&[1, 0, 2, 3]])), @"
    tag `1.0` exists in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` as <1>, and the repository's tags are immutable
    tag `2.0` exists in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` as <2>, and the repository's tags are immutable
    ");
    assert_eq!(decide(Overwrite, false, &[&[1, 0, 2, 0]]), Ok(Course::Build));
    assert_eq!(decide(Overwrite, true, &[&[0, 0, 0, 3]]), Ok(Course::Build), "`latest` is excluded");
    assert!(messages(decide(Overwrite, true, &[&[0], &[1]])).contains("us-east-1"), "in whatever repository it is");
}

#[test]
fn a_policy_that_the_run_is_to_set_is_told_as_one_to_come() {
    let (before, wanted) = (Mutability::new(true, vec!["2.*".to_owned()]), Mutability::new(true, Vec::new()));
    let tags = ["1.0", "2.0"].map(|tag| PlannedTag { tag: tag.parse().unwrap(), now: Some(digest(1)) });
    let repository = repository(0);
    let standing = Standing { repository: &repository, mutability: Some(&wanted), before: Some(&before), tags: &tags };
    let forbidden = course(IfTagExists::Overwrite, &[standing]);
    insta::assert_snapshot!(messages(forbidden.clone()), @"
    tag `1.0` exists in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` as <1>, and the repository's tags are immutable
    tag `2.0` exists in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` as <1>, and the repository's tags are to be immutable
    ");
    assert!(forbidden.unwrap_err()[1].hint().unwrap().ends_with("in `TAG_MUTABILITY_EXCEPT`"));
}

#[test]
fn what_the_key_may_not_ask_forbids_nothing_before_the_push() {
    let tags = [PlannedTag { tag: "1.0".parse().unwrap(), now: Some(digest(1)) }];
    let standing = Standing { repository: &repository(0), mutability: None, before: None, tags: &tags };
    assert_eq!(course(IfTagExists::Overwrite, &[standing]), Ok(Course::Build));
}

#[test]
fn each_tag_that_exists_is_a_failure_where_none_may() {
    insta::assert_snapshot!(messages(decide(IfTagExists::Fail, false, &[&[1, 0], &[0, 2]])), @"
    tag `1.0` exists in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` as <1>, and `IF_TAG_EXISTS` is `fail`
    tag `1.1` exists in `123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web` as <2>, and `IF_TAG_EXISTS` is `fail`
    ");
    assert_eq!(decide(IfTagExists::Fail, true, &[&[0, 0]]), Ok(Course::Build));
}

#[test]
fn nothing_is_built_when_all_tags_exist() {
    use IfTagExists::Skip;
    let nothing = Ok(Course::Keep { gaps: Vec::new() });
    assert_eq!(decide(Skip, true, &[&[1, 1]]), nothing);
    assert_eq!(decide(Skip, true, &[&[1, 1], &[1, 1]]), nothing);
    assert_eq!(decide(Skip, true, &[&[1, 1, 1, 2]]), nothing, "`latest` may have gone on");
    assert_eq!(decide(Skip, true, &[&[0, 0], &[0, 0]]), Ok(Course::Build));
}

#[test]
fn a_repository_that_lacks_tags_gets_them_from_one_that_has_them() {
    let Ok(Course::Keep { gaps: found }) = decide(IfTagExists::Skip, true, &[&[1, 0], &[1, 1], &[0, 0]]) else {
        panic!("nothing is built")
    };
    let one = || digest(1);
    assert_eq!(gaps(&found), [("1.0", one(), 0, 2), ("1.1", one(), 1, 0), ("1.1", one(), 1, 2)], "tag by tag");
}

#[test]
fn a_tag_that_exists_nowhere_needs_a_build_that_gives_the_same_image() {
    let Ok(Course::Compare { digest: image, holder, gaps: found }) =
        decide(IfTagExists::Skip, true, &[&[0, 0], &[0, 1]])
    else {
        panic!("it is built")
    };
    assert_eq!((image, holder), (digest(1), 1));
    assert_eq!(gaps(&found), [("1.0", digest(1), 1, 0), ("1.0", digest(1), 1, 1), ("1.1", digest(1), 1, 0)]);
}

#[test]
fn images_that_disagree_are_named_before_the_build() {
    use IfTagExists::Skip;
    insta::assert_snapshot!(messages(decide(Skip, true, &[&[1, 0, 0, 2]])), @"tags `1.0` and `latest` exist and name different images, <1> and <2>: the missing tags cannot name both");
    insta::assert_snapshot!(messages(decide(Skip, true, &[&[1], &[2]])), @"tag `1.0` names <1> in `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web`, but <2> in `123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web`");
}

fn images() -> impl Strategy<Value = Vec<Vec<u8>>> {
    (1..=3usize, 1..=4usize)
        .prop_flat_map(|(places, tags)| prop::collection::vec(prop::collection::vec(0..3u8, tags), places))
}

proptest! {
    #[test]
    fn what_is_kept_stays_and_what_is_missing_is_given_one_image(images in images()) {
        let rows: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let Ok(course) = decide(IfTagExists::Skip, true, &rows) else { return Ok(()) };
        let missing = images.iter().flatten().filter(|image| **image == 0).count();
        let found = match course {
            Course::Build => {
                prop_assert_eq!(missing, images.iter().flatten().count());
                return Ok(());
            }
            Course::Compare { gaps, .. } | Course::Keep { gaps } => gaps,
            Course::Retag { .. } => unreachable!("nobody knows of an image with the same inputs"),
        };
        prop_assert_eq!(found.len(), missing, "each gap once");
        for gap in &found {
            let at = TAGS.iter().position(|tag| *tag == gap.tag.as_str()).unwrap();
            prop_assert_eq!(images[gap.to][at], 0, "only what is missing is written");
            prop_assert!(images[gap.from].iter().any(|image| *image > 0 && digest(*image) == gap.digest), "its source has it");
        }
        for at in 0..images[0].len() {
            let after: Vec<Digest> = images.iter().enumerate().map(|(place, row)| match row[at] {
                0 => found.iter().find(|gap| gap.to == place && gap.tag.as_str() == TAGS[at]).unwrap().digest.clone(),
                image => digest(image),
            }).collect();
            prop_assert!(after.windows(2).all(|pair| pair[0] == pair[1]), "one digest everywhere: {after:?}");
        }
    }

    #[test]
    fn nothing_that_may_not_move_is_ever_built_over(images in images(), immutable: bool) {
        let rows: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let taken = |row: &&[u8]| TAGS.iter().zip(*row).any(|(tag, image)| *image > 0 && (immutable != (*tag == "latest")));
        prop_assert_eq!(decide(IfTagExists::Overwrite, immutable, &rows).is_ok(), !rows.iter().any(taken));
        prop_assert_eq!(decide(IfTagExists::Fail, immutable, &rows).is_ok(), images.iter().flatten().all(|image| *image == 0));
    }
}
