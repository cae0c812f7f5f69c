#![expect(clippy::unwrap_used, reason = "tests")]

use crate::config::tests::{LEAST, config, exactly, problems};

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

fn tags(pairs: &[(&str, &str)]) -> Vec<String> {
    config(pairs).tags.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_tag_the_branch_is_taken_and_without_a_branch_the_tag_of_the_build() {
    let none = ("TAG", "");
    assert_eq!(tags(&[none, ("BITBUCKET_BRANCH", "feature/x"), ("BITBUCKET_TAG", "v2")]), ["feature-x"]);
    assert_eq!(tags(&[none, ("BITBUCKET_TAG", "release/v2")]), ["release-v2"]);
    insta::assert_snapshot!(problems(&[none]), @r"
    `TAG` is missing, and neither `BITBUCKET_BRANCH` nor `BITBUCKET_TAG` is set to take it from
      hint: set `TAG`
    ");
    insta::assert_snapshot!(problems(&[none, ("BITBUCKET_BRANCH", "///")]), @r"
    `TAG`: it is missing, and no legal tag can be made of `BITBUCKET_BRANCH`, which is `///`
      hint: set `TAG`
    ");
}

#[test]
fn tags_keep_their_order_and_collapse() {
    assert_eq!(tags(&[("TAG", "b a b c a")]), ["b", "a", "c"]);
}

#[test]
fn an_illegal_tag_is_offered_the_nearest_legal_one() {
    insta::assert_snapshot!(problems(&[("TAGS", "ok feature/x"), ("TAG", "")]), @r"
    `TAGS`: `feature/x` is no legal tag: it holds `/`; accepted are letters, digits, `.`, `_` and `-`
      hint: the nearest legal tag is `feature-x`
    ");
}

#[test]
fn one_repository_named_twice_is_one() {
    let image = format!("{HOST}/shop, {HOST}/shop");
    assert!(exactly(&[LEAST[0], LEAST[1], LEAST[3], ("IMAGE", &image)]).is_ok());
}

#[test]
fn several_repositories_keep_their_order_and_need_a_region_only_for_bare_names() {
    let [one, two] =
        ["eu-central-1", "us-east-1"].map(|region| format!("123456789012.dkr.ecr.{region}.amazonaws.com/shop"));
    let both = config(&[("IMAGE", &format!("{two} {one} {two}"))]);
    assert_eq!(both.images, [two.parse().unwrap(), one.parse().unwrap()]);
    assert_eq!(both.region.as_deref(), Some("us-east-1"), "that of the first");
    assert_eq!(
        config(&[("IMAGE", &format!("{one} {two}")), ("AWS_REGION", "us-east-1")]).region.as_deref(),
        Some("us-east-1")
    );
    let mixed = config(&[("IMAGE", &format!("{one} shop")), ("AWS_REGION", "eu-west-1")]);
    assert_eq!(mixed.region.as_deref(), Some("eu-west-1"));
    insta::assert_snapshot!(problems(&[("IMAGE", &format!("{one} shop")), ("TAG", "a")]), @"
    `AWS_REGION`: it is missing, and `shop` in `IMAGE` is a bare name without a region
      hint: set `AWS_REGION`, or write the repository's URI as the ECR console shows it
    ");
    insta::assert_snapshot!(problems(&[("IMAGE", &format!("{one} {two}")), ("AWS_REGION", "eu-west-1")]), @"
    `AWS_REGION`: it is `eu-west-1`, but the region in `IMAGE` is `eu-central-1`
      hint: remove `AWS_REGION` or correct one of the two
    ");
}

#[test]
fn every_entry_that_is_no_repository_is_told() {
    insta::assert_snapshot!(problems(&[("IMAGE", "shop Shop api:v1"), ("AWS_REGION", "eu-west-1")]), @"
    `IMAGE`: `Shop` is no repository name: it has upper case letters; accepted is lower case, `shop`
      hint: write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`
    `IMAGE`: `api:v1` is no repository name: the tag belongs in `TAG`: `IMAGE` is `api`, `TAG` is `v1`
      hint: write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`
    ");
}

#[test]
fn what_becomes_of_tags_that_exist_is_one_of_three_words() {
    use crate::config::IfTagExists;
    assert_eq!(config(&[]).if_tag_exists, IfTagExists::Overwrite);
    assert_eq!(config(&[("IF_TAG_EXISTS", "SKIP")]).if_tag_exists, IfTagExists::Skip);
    assert_eq!(config(&[("IF_TAG_EXISTS", "fail")]).if_tag_exists, IfTagExists::Fail);
    insta::assert_snapshot!(problems(&[("IF_TAG_EXISTS", "maybe")]), @"`IF_TAG_EXISTS`: `maybe` is not accepted, expected `overwrite`, `skip` or `fail`");
}

#[test]
fn an_image_has_at_most_a_thousand_tags() {
    let tags: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    insta::assert_snapshot!(problems(&[("TAG", &tags.join(" "))]), @"
    `TAG`: it has 1001 tags; ECR accepts at most 1000 for an image
      hint: write it like `v1.2.3`
    ");
}

#[test]
fn an_image_that_is_no_repository_of_ecr_is_refused() {
    insta::assert_snapshot!(problems(&[("IMAGE", "ghcr.io/team/shop")]), @r"
    `IMAGE`: `ghcr.io` is no ECR registry host: expected `<account>.dkr.ecr.<region>.amazonaws.com`
      hint: write the repository's URI as the ECR console shows it, or its bare name together with `AWS_REGION`
    ");
    insta::assert_snapshot!(problems(&[("IMAGE", &format!("{HOST}/shop:v1"))]), @r"
    `IMAGE`: `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:v1` is no repository name: the tag belongs in `TAG`: `IMAGE` is `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`, `TAG` is `v1`
      hint: write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`
    ");
    insta::assert_snapshot!(problems(&[("IMAGE", "12345678901.dkr.ecr.eu-central-1.amazonaws.com/shop")]), @r"
    `IMAGE`: `12345678901.dkr.ecr.eu-central-1.amazonaws.com` is no ECR registry host: the account id `12345678901` has 11 of 12 digits; YAML drops leading zeros of a number, put it in quotes
      hint: write the repository's URI as the ECR console shows it, or its bare name together with `AWS_REGION`
    ");
}

#[test]
fn the_region_of_the_variable_must_be_that_of_the_image() {
    assert_eq!(config(&[("AWS_REGION", "eu-central-1")]).region.as_deref(), Some("eu-central-1"));
    insta::assert_snapshot!(problems(&[("AWS_DEFAULT_REGION", "eu-west-1")]), @r"
    `AWS_DEFAULT_REGION`: it is `eu-west-1`, but the region in `IMAGE` is `eu-central-1`
      hint: remove `AWS_DEFAULT_REGION` or correct one of the two
    ");
}

#[test]
fn a_bare_name_needs_a_region() {
    insta::assert_snapshot!(problems(&[("IMAGE", "shop")]), @"
    `AWS_REGION`: it is missing, and `shop` in `IMAGE` is a bare name without a region
      hint: set `AWS_REGION`, or write the repository's URI as the ECR console shows it
    ");
    insta::assert_snapshot!(problems(&[("IMAGE", "shop"), ("AWS_REGION", "Frankfurt")]), @r"
    `AWS_REGION`: `Frankfurt` is no AWS region, expected a name like `eu-central-1`
      hint: write it like `eu-central-1`
    ");
}

#[test]
fn what_only_a_push_does_is_warned_of_without_one() {
    let found = config(&[("PUSH", "false"), ("IF_TAG_EXISTS", "skip")]);
    assert_eq!(found.warnings[0].message, "`IF_TAG_EXISTS` does nothing while `PUSH` is `false`");
    assert_eq!(found.warnings.len(), 1);
}
