use crate::config::tests::{LEAST, config, exactly, explain, problems, warnings};
use crate::config::{CredentialSource, Keys};

const ID: &str = LEAST[0].1;

#[test]
fn a_build_without_a_push_needs_no_credentials() {
    let config = exactly(&[("IMAGE", "shop"), ("TAG", "v1"), ("PUSH", "false")]);
    assert!(config.is_ok_and(|config| config.credentials.is_none() && config.region.is_none()));
}

#[test]
fn a_push_without_credentials_is_told_what_was_looked_for() {
    let problems = exactly(&[LEAST[2], LEAST[3]]).map_or_else(|problems| explain(&problems), |_| String::new());
    insta::assert_snapshot!(problems, @r"
    no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor `AWS_OIDC_ROLE_ARN` and `BITBUCKET_STEP_OIDC_TOKEN` are set
      hint: define `AWS_KEY` and `AWS_SECRET` as secured repository variables and pass them under `variables:` of the pipe, or set `AWS_OIDC_ROLE_ARN` and add `oidc: true` to the step, or set `PUSH` to `false`
    ");
}

#[test]
fn half_a_key_names_the_other_half_in_the_same_spelling() {
    insta::assert_snapshot!(problems(&[("AWS_SECRET", "")]), @r"
    `AWS_KEY` is set but `AWS_SECRET` is not
      hint: set `AWS_SECRET` too; a pipe sees only what is listed under its `variables:`
    ");
    insta::assert_snapshot!(problems(&[("AWS_KEY", "")]), @r"
    `AWS_SECRET` is set but `AWS_KEY` is not
      hint: set `AWS_KEY` too; a pipe sees only what is listed under its `variables:`
    ");
    insta::assert_snapshot!(problems(&[("AWS_KEY", ""), ("AWS_SECRET", ""), ("AWS_ACCESS_KEY_ID", ID)]), @r"
    `AWS_ACCESS_KEY_ID` is set but `AWS_SECRET_ACCESS_KEY` is not
      hint: set `AWS_SECRET_ACCESS_KEY` too; a pipe sees only what is listed under its `variables:`
    ");
    insta::assert_snapshot!(problems(&[("AWS_KEY", ""), ("AWS_SECRET", ""), ("AWS_SESSION_TOKEN", "x")]), @r"
    `AWS_SESSION_TOKEN` is set but `AWS_KEY` is not
      hint: set `AWS_KEY` too; a pipe sees only what is listed under its `variables:`
    ");
}

#[test]
fn a_key_that_cannot_be_one_is_refused_without_quoting_it() {
    insta::assert_snapshot!(problems(&[("AWS_KEY", "AKIA IOSFODNN7EXAMPLE")]), @r"
    `AWS_KEY`: there is white space within the access key id
      hint: copy the id alone
    ");
    insta::assert_snapshot!(problems(&[("AWS_KEY", LEAST[1].1), ("AWS_SECRET", ID)]), @r"
    `AWS_KEY`: an access key id has letters and digits only, this has other characters
      hint: check that `AWS_KEY` and `AWS_SECRET` are not swapped
    `AWS_SECRET`: it holds an access key id, not the secret
      hint: check that `AWS_KEY` and `AWS_SECRET` are not swapped
    ");
    insta::assert_snapshot!(problems(&[("AWS_KEY", "AKIA123")]), @r"
    `AWS_KEY`: the access key id has 7 characters, 20 are usual, at least 16 accepted
      hint: copy the whole id
    ");
    insta::assert_snapshot!(problems(&[("AWS_SECRET", "wJalr XUtn")]), @r"
    `AWS_SECRET`: there is white space within the secret access key
      hint: copy the key alone
    ");
}

#[test]
fn a_temporary_key_needs_its_token() {
    insta::assert_snapshot!(problems(&[("AWS_KEY", "ASIAIOSFODNN7EXAMPLE")]), @r"
    `AWS_SESSION_TOKEN`: it is missing, but `AWS_KEY` begins with `ASIA`: a temporary key needs its session token
      hint: pass `AWS_SESSION_TOKEN` too
    ");
    let config = config(&[("AWS_KEY", "ASIAIOSFODNN7EXAMPLE"), ("AWS_SESSION_TOKEN", "token")]);
    let source = config.credentials.map(|credentials| credentials.source);
    assert!(matches!(source, Some(CredentialSource::Keys(Keys { session_token: Some(_), .. }))), "{source:?}");
}

#[test]
fn a_token_beside_a_long_lived_key_gives_a_warning() {
    insta::assert_snapshot!(warnings(&[("AWS_SESSION_TOKEN", "token")]), @r"
    `AWS_SESSION_TOKEN` is set, but `AWS_KEY` begins with `AKIA`, which has no token
      hint: remove `AWS_SESSION_TOKEN` if AWS refuses the key
    ");
}
