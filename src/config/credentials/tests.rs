#![expect(clippy::unwrap_used, reason = "tests")]

use secrecy::ExposeSecret as _;

use crate::config::tests::{LEAST, config, exactly, explain, problems, warnings};
use crate::config::{CredentialSource, Credentials};

const OIDC: [(&str, &str); 2] = [
    ("AWS_OIDC_ROLE_ARN", "arn:aws:iam::123456789012:role/bitbucket"),
    ("BITBUCKET_STEP_OIDC_TOKEN", "canary.oidc.token"),
];

const NO_KEYS: [(&str, &str); 2] = [("AWS_KEY", ""), ("AWS_SECRET", "")];

const ROLE: (&str, &str) = ("AWS_ROLE_ARN", "arn:aws:iam::210987654321:role/push");

fn credentials(pairs: &[(&str, &str)]) -> Credentials {
    config(pairs).credentials.unwrap()
}

/// Problems of an environment without keys.
fn keyless(pairs: &[(&str, &str)]) -> String {
    problems(&[&NO_KEYS, pairs].concat())
}

#[test]
fn a_role_with_the_steps_token_needs_no_keys() {
    let credentials = credentials(&[&NO_KEYS[..], &OIDC].concat());
    let CredentialSource::Oidc { role, token, unused_keys: false } = &credentials.source else {
        panic!("{credentials:?}");
    };
    assert_eq!((role.to_string().as_str(), role.account()), (OIDC[0].1, "123456789012"));
    assert_eq!(token.expose_secret(), "canary.oidc.token");
    assert!(!format!("{credentials:?}").contains("canary"), "{credentials:?}");
}

#[test]
fn a_role_with_the_steps_token_wins_over_keys_even_over_half_of_one() {
    for secret in [LEAST[1], NO_KEYS[1]] {
        let credentials = credentials(&[&[secret], &OIDC[..]].concat());
        assert!(matches!(credentials.source, CredentialSource::Oidc { unused_keys: true, .. }), "{credentials:?}");
    }
}

#[test]
fn a_role_without_a_token_asks_for_oidc_in_the_step_and_does_not_fall_back_to_keys() {
    let message = problems(&[OIDC[0]]);
    insta::assert_snapshot!(message, @r"
    `AWS_OIDC_ROLE_ARN`: it is set, but the step has no OIDC token: `BITBUCKET_STEP_OIDC_TOKEN` is not set
      hint: add `oidc: true` to the step in `bitbucket-pipelines.yml`
    ");
    assert_eq!(problems(&[OIDC[0], (OIDC[1].0, "$BITBUCKET_STEP_OIDC_TOKEN")]), message);
}

#[test]
fn a_token_that_cannot_be_one_is_refused_without_quoting_it() {
    insta::assert_snapshot!(keyless(&[OIDC[0], (OIDC[1].0, "abc")]), @r"
    `BITBUCKET_STEP_OIDC_TOKEN`: it is no OIDC token: it has 3 characters, expected 4 to 20000 without white space
      hint: do not set `BITBUCKET_STEP_OIDC_TOKEN`: Bitbucket does so for a step with `oidc: true`
    ");
    insta::assert_snapshot!(keyless(&[OIDC[0], (OIDC[1].0, "canary token")]), @r"
    `BITBUCKET_STEP_OIDC_TOKEN`: it is no OIDC token: it has 12 characters, expected 4 to 20000 without white space
      hint: do not set `BITBUCKET_STEP_OIDC_TOKEN`: Bitbucket does so for a step with `oidc: true`
    ");
    insta::assert_snapshot!(keyless(&[OIDC[0], (OIDC[1].0, &"a".repeat(20_001))]), @r"
    `BITBUCKET_STEP_OIDC_TOKEN`: it is no OIDC token: it has 20001 characters, expected 4 to 20000 without white space
      hint: do not set `BITBUCKET_STEP_OIDC_TOKEN`: Bitbucket does so for a step with `oidc: true`
    ");
}

#[test]
fn what_is_no_role_is_refused_by_its_variable() {
    insta::assert_snapshot!(keyless(&[("AWS_OIDC_ROLE_ARN", "bitbucket"), OIDC[1]]), @r"
    `AWS_OIDC_ROLE_ARN`: `bitbucket` is no ARN of a role: expected `arn:aws:iam::<account>:role/<name>`
      hint: write it like `arn:aws:iam::123456789012:role/bitbucket`
    ");
    insta::assert_snapshot!(problems(&[("AWS_ROLE_ARN", "arn:aws:iam::123456789012:user/ci")]), @r"
    `AWS_ROLE_ARN`: `arn:aws:iam::123456789012:user/ci` is no ARN of a role: it names a user, expected `arn:aws:iam::<account>:role/<name>`
      hint: write it like `arn:aws:iam::123456789012:role/ecr-push`
    ");
    insta::assert_snapshot!(problems(&[("AWS_ROLE_ARN", "$ROLE")]), @r"
    `AWS_ROLE_ARN` holds the literal text `$ROLE`: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    ");
}

#[test]
fn a_role_of_another_partition_than_the_region_is_refused() {
    insta::assert_snapshot!(problems(&[("AWS_ROLE_ARN", "arn:aws-cn:iam::123456789012:role/ci")]), @r"
    `AWS_ROLE_ARN`: `arn:aws-cn:iam::123456789012:role/ci` is in partition `aws-cn`, but region `eu-central-1` is in partition `aws`
      hint: take a role of an account in that partition, or correct the region
    ");
}

#[test]
fn without_credentials_a_step_with_a_token_is_told_how_to_use_it() {
    insta::assert_snapshot!(keyless(&[OIDC[1]]), @r"
    no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor `AWS_OIDC_ROLE_ARN` is set
      hint: the step has an OIDC token: set `AWS_OIDC_ROLE_ARN` to the role that trusts it, or pass `AWS_KEY` and `AWS_SECRET`
    ");
    insta::assert_snapshot!(keyless(&[OIDC[1], ROLE]), @r"
    no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor `AWS_OIDC_ROLE_ARN` is set
      hint: the step has an OIDC token: rename `AWS_ROLE_ARN` to `AWS_OIDC_ROLE_ARN` if that role trusts Bitbucket's tokens, or pass the keys that may assume it
    ");
    let none = keyless(&[ROLE]);
    assert!(none.starts_with("no AWS credentials: neither") && none.lines().count() == 2, "{none}");
}

#[test]
fn a_second_role_stands_on_either_source() {
    let pairs = [ROLE, ("AWS_ROLE_EXTERNAL_ID", "team:42/x"), ("AWS_ROLE_SESSION_NAME", "me@ci")];
    for with in [&pairs[..], &[&pairs[..], &OIDC].concat()] {
        let credentials = credentials(with);
        let role = credentials.role.unwrap();
        assert_eq!((role.arn.to_string().as_str(), role.external_id.as_deref()), (ROLE.1, Some("team:42/x")));
        assert_eq!(credentials.session_name, "me@ci");
    }
    let credentials = credentials(&[ROLE, ("BITBUCKET_REPO_FULL_NAME", "team/shop"), ("BITBUCKET_BUILD_NUMBER", "7")]);
    assert_eq!(credentials.session_name, "bitbucket-shop-7");
}

#[test]
fn what_belongs_to_a_role_gives_a_warning_without_one() {
    insta::assert_snapshot!(warnings(&[("AWS_ROLE_EXTERNAL_ID", "42"), ("AWS_ROLE_SESSION_NAME", "me")]), @r"
    `AWS_ROLE_EXTERNAL_ID` is set, but `AWS_ROLE_ARN` is not: it is used for no role
      hint: set `AWS_ROLE_ARN`, or remove `AWS_ROLE_EXTERNAL_ID`
    `AWS_ROLE_SESSION_NAME` is set, but neither `AWS_OIDC_ROLE_ARN` nor `AWS_ROLE_ARN`: it is used for no role
      hint: set the role, or remove `AWS_ROLE_SESSION_NAME`
    ");
    assert_eq!(warnings(&[&OIDC[..], &[("AWS_ROLE_SESSION_NAME", "me")]].concat()), "");
}

#[test]
fn external_ids_and_session_names_that_sts_refuses_are_told() {
    insta::assert_snapshot!(problems(&[ROLE, ("AWS_ROLE_EXTERNAL_ID", "a b"), ("AWS_ROLE_SESSION_NAME", "a/b")]), @r"
    `AWS_ROLE_EXTERNAL_ID`: an external id has letters, digits and `_+=,.@:/-`, this has ` `
      hint: copy it from the trust policy of the role
    `AWS_ROLE_SESSION_NAME`: a session name has letters, digits and `_+=,.@-`, this has `/`
      hint: remove `AWS_ROLE_SESSION_NAME` to have it made of the build: `ecr-pipe`
    ");
    insta::assert_snapshot!(problems(&[ROLE, ("AWS_ROLE_EXTERNAL_ID", "a"), ("AWS_ROLE_SESSION_NAME", "a")]), @r"
    `AWS_ROLE_EXTERNAL_ID`: an external id has 2 to 1224 characters, this has 1
      hint: copy it from the trust policy of the role
    `AWS_ROLE_SESSION_NAME`: a session name has 2 to 64 characters, this has 1
      hint: remove `AWS_ROLE_SESSION_NAME` to have it made of the build: `ecr-pipe`
    ");
    let long = "a".repeat(1225);
    insta::assert_snapshot!(problems(&[ROLE, ("AWS_ROLE_EXTERNAL_ID", &long), ("AWS_ROLE_SESSION_NAME", &long)]), @r"
    `AWS_ROLE_EXTERNAL_ID`: an external id has 2 to 1224 characters, this has 1225
      hint: copy it from the trust policy of the role
    `AWS_ROLE_SESSION_NAME`: a session name has 2 to 64 characters, this has 1225
      hint: remove `AWS_ROLE_SESSION_NAME` to have it made of the build: `ecr-pipe`
    ");
}

#[test]
fn a_build_without_a_push_needs_no_credentials_but_those_given_must_be_whole() {
    let build = [("IMAGE", "shop"), ("TAG", "v1"), ("PUSH", "false")];
    assert!(exactly(&build).unwrap().credentials.is_none());
    assert!(exactly(&[&build[..], &[ROLE]].concat()).unwrap().credentials.is_none());
    let problems = exactly(&[&build[..], &[OIDC[0]]].concat()).unwrap_err();
    assert!(explain(&problems).contains("the step has no OIDC token"));
}
