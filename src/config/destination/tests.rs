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
fn several_repositories_are_not_supported_yet() {
    insta::assert_snapshot!(problems(&[("IMAGE", "shop api"), ("AWS_REGION", "eu-central-1")]), @r"
    `IMAGE` names 2 repositories; several repositories are not supported in this version
      hint: name one repository in `IMAGE` and use the pipe once for each
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
    insta::assert_snapshot!(problems(&[("IMAGE", "shop")]), @r"
    `AWS_REGION`: it is missing, and `IMAGE` is a bare name without a region
      hint: set `AWS_REGION`, or write the repository's URI as the ECR console shows it
    ");
    insta::assert_snapshot!(problems(&[("IMAGE", "shop"), ("AWS_REGION", "Frankfurt")]), @r"
    `AWS_REGION`: `Frankfurt` is no AWS region, expected a name like `eu-central-1`
      hint: write it like `eu-central-1`
    ");
}
