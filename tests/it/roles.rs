//! Roles: by the step's OIDC token, by a key, one after the other; and whose account it may be.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::lab::usual;
use crate::pipe::{Pipe, Run};

const ROLE: &str = "arn:aws:iam::000000000000:role/bitbucket";
const SECOND: &str = "arn:aws:iam::000000000000:role/push";

const SECRET: &str = "canary-assumed-secret";
const SESSION: &str = "canary-assumed-session";

/// A token as Bitbucket makes it, signed by nobody.
pub(crate) fn oidc_token() -> String {
    let payload = json!({
        "iss": "https://api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc",
        "aud": "ari:cloud:bitbucket::workspace/1f2",
        "sub": "{a-1}:{b-2}",
    });
    format!("e30canary.{}.canary-c2ln", URL_SAFE_NO_PAD.encode(payload.to_string()))
}

/// A step with `oidc: true` and a role, without keys.
fn step() -> Pipe {
    Pipe::new(usual())
        .without("AWS_KEY")
        .without("AWS_SECRET")
        .var("AWS_OIDC_ROLE_ARN", ROLE)
        .var("BITBUCKET_STEP_OIDC_TOKEN", &oidc_token())
        .dockerfile("FROM busybox:1.36\n")
}

/// The same with an address of STS of its own, so that rules meet no other test: the tokens are not signed.
fn step_with(rules: &[Value]) -> Pipe {
    let pipe = step();
    let path = pipe.repository.clone();
    for rule in rules {
        let mut rule = rule.clone();
        rule["path"] = format!("^/{path}/?$").into();
        pipe.lab.fault(&rule);
    }
    pipe.var("AWS_ENDPOINT_URL_STS", &format!("https://sts.us-east-1.amazonaws.com/{path}"))
}

/// STS's answer: a session of so many seconds with this key id.
pub(crate) fn session(action: &str, id: &str, seconds: i64) -> Value {
    let ends = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap() + time::Duration::seconds(seconds);
    let ends = ends.format(&Rfc3339).unwrap();
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>{SECRET}-{id}</SecretAccessKey><SessionToken>{SESSION}-{id}</SessionToken>\
         <Expiration>{ends}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    json!({"target": action, "answer": {"status": 200, "headers": {"Content-Type": "text/xml"}, "body": body}})
}

fn refusal(action: &str, status: u16, code: &str, message: &str) -> Value {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    );
    json!({"target": action, "times": 0, "answer": {"status": status, "headers": {"Content-Type": "text/xml"}, "body": body}})
}

/// Exit code 3 before anything is built.
#[track_caller]
fn refused(run: Run, message: &str, hint: &str) {
    let run = run.exits(3).says(&format!("\n✖ {message}")).says(&format!("\n  hint: {hint}")).reports_nothing();
    run.built_nothing();
}

#[test]
fn a_step_with_oidc_pushes_without_a_key() {
    let pipe = step();
    let run = pipe.run().exits(0).says(&format!("role {ROLE} by OIDC\n"));
    assert!(run.stdout.starts_with(&pipe.uri()), "{}", run.stdout);
}

#[test]
fn a_step_without_credentials_ends_at_once_with_what_was_looked_for() {
    let pipe = step().without("BITBUCKET_STEP_OIDC_TOKEN").without("AWS_OIDC_ROLE_ARN");
    let run = pipe.run().exits(3).reports_nothing();
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
    run.says("✖ no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or ")
        .says("nor `AWS_OIDC_ROLE_ARN` and `BITBUCKET_STEP_OIDC_TOKEN` are set\n");
    let pipe = step().without("AWS_OIDC_ROLE_ARN");
    pipe.run()
        .exits(3)
        .says("\n  hint: the step has an OIDC token: set `AWS_OIDC_ROLE_ARN` to the role that trusts it")
        .reports_nothing();
    let pipe = step().without("BITBUCKET_STEP_OIDC_TOKEN");
    let run = pipe.run().exits(2).reports_nothing();
    run.says(
        "✖ `AWS_OIDC_ROLE_ARN`: it is set, but the step has no OIDC token: `BITBUCKET_STEP_OIDC_TOKEN` is not set\n",
    )
    .says("  hint: add `oidc: true` to the step in `bitbucket-pipelines.yml`\n");
}

#[test]
fn oidc_wins_over_keys_and_says_so() {
    let pipe = step();
    let key = pipe.key.clone();
    let pipe = pipe.var("AWS_KEY", &key).var("AWS_SECRET", crate::pipe::CANARY);
    pipe.run().exits(0).says(&format!("role {ROLE} by OIDC; the keys in `AWS_KEY` are not used\n"));
    assert_eq!(pipe.lab.requests(&key), Vec::<Value>::new(), "nothing was signed by the key");
}

#[test]
fn a_second_role_is_assumed_with_the_key() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("AWS_ROLE_ARN", SECOND);
    pipe.run().exits(0).says(&format!("role {SECOND} by the key\n"));
    let targets: Vec<Value> =
        pipe.lab.requests(&pipe.key).into_iter().map(|request| request["target"].clone()).collect();
    assert_eq!(targets, ["AssumeRole"], "the key does nothing else");
}

#[test]
fn a_second_role_is_assumed_with_the_first_by_oidc() {
    let (first, second) = ("ASIAFIRSTOFTWO", "ASIASECONDOFTWO");
    let pipe = step_with(&[session("AssumeRoleWithWebIdentity", first, 3600), session("AssumeRole", second, 3600)]);
    let pipe = pipe.var("AWS_ROLE_ARN", SECOND).var("AWS_ROLE_EXTERNAL_ID", "team:42");
    pipe.run().exits(0).says(&format!("role {ROLE} by OIDC, then role {SECOND}\n"));
    let by = |id: &str| -> Vec<Value> {
        let requests = pipe.lab.requests(&format!("\"{id}\"")).into_iter();
        requests.map(|request| request["target"].clone()).filter(|target| target != "").collect()
    };
    assert_eq!(by(first), ["AssumeRole"], "the first role does nothing else");
    assert_eq!(by(second)[0], "GetAuthorizationToken");
    assert!(!by(second).contains(&json!("AssumeRole")));
}

#[test]
fn a_role_that_does_not_trust_the_step_gets_the_statement_for_its_trust_policy() {
    let action = "AssumeRoleWithWebIdentity";
    let denied = refusal(action, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let issuer = "api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc";
    refused(
        step_with(&[denied]).run(),
        &format!("the step's OIDC token may not assume role `{ROLE}`: the role does not exist or does not trust it"),
        &format!(
            "check the name of the role, and add this to its trust policy: {{\"Effect\": \"Allow\", \"Principal\": {{\"Federated\": \"arn:aws:iam::000000000000:oidc-provider/{issuer}\"}}"
        ),
    );
}

#[test]
fn a_token_that_the_account_does_not_accept_is_told_with_the_provider_it_needs() {
    let action = "AssumeRoleWithWebIdentity";
    for (status, code) in [(400, "InvalidIdentityToken"), (403, "IDPRejectedClaim")] {
        refused(
            step_with(&[refusal(action, status, code, "Incorrect token audience")]).run(),
            &format!("AWS does not accept the step's OIDC token for role `{ROLE}` (Incorrect token audience)"),
            "let account 000000000000 have an identity provider `https://api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc` with audience `ari:cloud:bitbucket::workspace/1f2`\n",
        );
    }
}

#[test]
fn a_token_that_has_expired_is_told() {
    let expired = refusal("AssumeRoleWithWebIdentity", 400, "ExpiredTokenException", "Token expired");
    refused(
        step_with(&[expired]).run(),
        &format!("the step's OIDC token has expired, so that role `{ROLE}` cannot be assumed"),
        "run the step again: a token is good for an hour from the start of its step\n",
    );
}

#[test]
fn a_region_where_sts_is_off_is_told() {
    let off =
        refusal("AssumeRoleWithWebIdentity", 403, "RegionDisabledException", "STS is not activated in this region");
    refused(
        step_with(&[off]).run(),
        "account 000000000000 has STS switched off in region `us-east-1`",
        "activate `us-east-1` under `Security Token Service` in the account settings of IAM\n",
    );
}

#[test]
fn an_identity_provider_that_fails_is_asked_again() {
    let fault = refusal("AssumeRoleWithWebIdentity", 400, "IDPCommunicationError", "x");
    let mut passing = fault.clone();
    passing["times"] = 2.into();
    step_with(&[passing, session("AssumeRoleWithWebIdentity", "ASIAAFTERTWOFAULTS", 3600)]).run().exits(0);
    refused(
        step_with(&[fault]).run(),
        "AWS answered IDPCommunicationError to `sts:AssumeRoleWithWebIdentity` again and again",
        "run the step again in a few minutes\n",
    );
}

#[test]
fn an_sts_that_is_not_there_is_told_as_sts() {
    let pipe = step().var("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    refused(pipe.run(), "cannot reach the STS API at http://127.0.0.1:1: connection refused", "check `AWS_REGION`");
}

#[test]
fn a_key_that_may_not_assume_the_second_role_gets_both_policies() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("AWS_ROLE_ARN", SECOND);
    let text = format!(
        "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: sts:AssumeRole on resource: {SECOND}"
    );
    let mut rule = refusal("AssumeRole", 403, "AccessDenied", &text);
    rule["access_key"] = pipe.key.as_str().into();
    pipe.lab.fault(&rule);
    refused(
        pipe.run(),
        &format!("the key may not assume role `{SECOND}` (User: arn:aws:iam::000000000000:user/ci is not authorized"),
        &format!(
            "the key needs {{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Resource\": \"{SECOND}\"}}, and the trust policy of that role"
        ),
    );
}

#[test]
fn a_role_that_may_not_do_something_is_named_in_place_of_the_key() {
    let id = "ASIAMAYNOTGETTOKEN";
    let pipe = step_with(&[session("AssumeRoleWithWebIdentity", id, 3600)]);
    pipe.lab.fault(&json!({"target": "GetAuthorizationToken", "access_key": id, "times": 0,
        "answer": {"status": 400, "body": {"__type": "AccessDeniedException", "message": "no"}}}));
    refused(
        pipe.run(),
        &format!("role `{ROLE}` may not do `ecr:GetAuthorizationToken` on `*`"),
        "allow it in the role's policy: {\"Effect\": \"Allow\", \"Action\": \"ecr:GetAuthorizationToken\", \"Resource\": \"*\"}\n",
    );
}

#[test]
fn a_key_of_an_account_that_is_not_allowed_changes_nothing() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("ALLOWED_ACCOUNT_IDS", "123456789012");
    refused(
        pipe.run(),
        "these are credentials of account 000000000000, and `ALLOWED_ACCOUNT_IDS` has only 123456789012\n",
        "pass credentials of an account that is allowed; nothing was changed\n",
    );
    let targets: Vec<Value> =
        pipe.lab.requests(&pipe.key).into_iter().map(|request| request["target"].clone()).collect();
    assert_eq!(targets, ["GetAuthorizationToken"], "nothing else was asked");
    pipe.var("ALLOWED_ACCOUNT_IDS", "123456789012 000000000000").run().exits(0);
}

#[test]
fn a_role_of_an_account_that_is_not_allowed_is_not_even_assumed() {
    let pipe = step_with(&[session("AssumeRoleWithWebIdentity", "ASIANOTALLOWED", 3600)]);
    let path = format!("/{}", pipe.repository);
    let pipe = pipe.var("ALLOWED_ACCOUNT_IDS", "123456789012");
    refused(pipe.run(), "these are credentials of account 000000000000, and ", "pass credentials of an account");
    let asked = pipe.lab.requests(&path);
    assert!(asked.iter().all(|request| request["host"] != "sts.us-east-1.amazonaws.com"), "{asked:?}");
}

/// A step whose session ends during the build, with no other to be had.
fn outlived(id: &str) -> Pipe {
    // First the lab, whose coming up takes longer than the session.
    usual();
    let expired = refusal("AssumeRoleWithWebIdentity", 400, "ExpiredTokenException", "Token expired");
    let pipe = step_with(&[session("AssumeRoleWithWebIdentity", id, 8), expired]);
    let layer = format!("FROM busybox:1.36\nRUN sleep 8; echo {} > /layer\n", pipe.repository);
    pipe.dockerfile(&layer)
}

#[test]
fn the_token_of_ecr_goes_on_when_the_session_of_the_role_is_over() {
    outlived("ASIAOVERBUTDONE").run().exits(0);
}

#[test]
fn a_session_that_is_over_when_a_token_is_needed_is_told_as_that() {
    let id = "ASIAOVERANDREFUSED";
    let pipe = outlived(id).var("PUSH_MODE", "engine");
    let answer =
        json!({"status": 403, "body": "denied: Your authorization token has expired. Reauthenticate and try again."});
    pipe.lab.fault(&json!({"method": "POST", "path": format!("^/v2/{}/blobs/uploads", pipe.repository), "times": 0, "answer": answer}));
    let run = pipe.run().exits(3).reports_nothing();
    run.says(&format!("✖ the session of role `{ROLE}` is over and there is no new one: the step's OIDC token has expired"))
        .says("hint: a session lasts an hour and so does the step's OIDC token: use keys where the step takes longer, or split it\n");
    assert!(!pipe.lab.control("images", &[&pipe.repository]).contains("\"main\""), "no tag was made");
}

#[test]
fn what_a_role_was_given_leaks_nowhere() {
    let id = "ASIALEAKSNOWHERE";
    let token = oidc_token();
    let ecr = format!("lab.us-east-1.{id}");
    let secrets = [format!("{SECRET}-{id}"), format!("{SESSION}-{id}"), token.clone(), ecr];
    for debug in ["false", "true"] {
        let pipe = step_with(&[session("AssumeRoleWithWebIdentity", id, 3600)]);
        let pipe = pipe
            .dockerfile("FROM busybox:1.36\nCOPY leak /\nRUN env; cat /leak /proc/*/environ; exit 1\n")
            .file("leak", secrets.join("\n") + "\nin one line: " + &secrets.join(""))
            .var("RUST_LOG", "trace")
            .var("DEBUG", debug);
        let run = pipe.run().exits(6).reports_nothing().says("in one line: ***");
        for secret in &secrets {
            assert!(!run.log.contains(secret), "{secret} is in the log:\n{}", run.log);
        }
    }
    for (debug, code) in [("true", "AccessDenied"), ("true", "InvalidIdentityToken"), ("true", "SignatureDoesNotMatch")]
    {
        let fault = refusal("AssumeRoleWithWebIdentity", 403, code, &format!("this token: {token}"));
        let run = step_with(&[fault]).var("DEBUG", debug).run().exits(3);
        assert!(!run.log.contains(&token), "{}", run.log);
    }
}
