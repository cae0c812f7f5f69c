#![expect(clippy::unwrap_used, reason = "tests")]

use aws_sdk_sts::primitives::{DateTime, DateTimeFormat};

use super::*;
use crate::aws::claims::tests::{PAYLOAD, token};
use crate::aws::fake::{Asked, Fake};
use crate::config::tests::config;
use crate::error::Explain as _;

const ROLE: &str = "arn:aws:iam::123456789012:role/bitbucket";
const SECOND: &str = "arn:aws:iam::210987654321:role/push";

/// STS's answer, for seconds from now.
fn given(action: &str, id: &str, seconds: i64) -> (u16, String) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let ends = DateTime::from_secs(now.cast_signed() + seconds).fmt(DateTimeFormat::DateTime).unwrap();
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>canary-secret-{id}</SecretAccessKey><SessionToken>canary-session-{id}</SessionToken>\
         <Expiration>{ends}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    (200, body)
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, format!("<ErrorResponse><Error><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>"))
}

const BOTH: [&str; 2] = ["AssumeRoleWithWebIdentity", "AssumeRole"];

fn action(asked: &Asked) -> &'static str {
    BOTH.into_iter().find(|action| asked.body.contains(&format!("Action={action}&"))).unwrap_or("ECR")
}

fn oidc(role: Option<&str>) -> config::Credentials {
    let secret = token(PAYLOAD);
    let pairs = [
        ("AWS_OIDC_ROLE_ARN", ROLE),
        ("BITBUCKET_STEP_OIDC_TOKEN", secret.expose_secret()),
        ("AWS_ROLE_ARN", role.unwrap_or_default()),
        ("AWS_ROLE_EXTERNAL_ID", if role.is_some() { "team:42" } else { "" }),
        ("BITBUCKET_REPO_FULL_NAME", "team/shop"),
        ("BITBUCKET_BUILD_NUMBER", "17"),
    ];
    config(&pairs).credentials.unwrap()
}

fn place() -> Endpoint {
    Endpoint { region: "eu-central-1".to_owned(), fips: false, dual_stack: false, url: None }
}

async fn open(credentials: &config::Credentials, fake: &Fake) -> Result<Session, Error> {
    Session::open(credentials, &place(), fake.client(), &Log::recorded().0).await
}

async fn refusal(credentials: &config::Credentials, status: u16, code: &'static str) -> Error {
    open(credentials, &Fake::new(move |_, _| refused(status, code))).await.unwrap_err()
}

fn explain(error: &Error) -> String {
    format!("{error}\nhint: {}", error.hint().unwrap())
}

#[tokio::test]
async fn a_key_alone_asks_sts_for_nothing() {
    let fake = Fake::new(|_, _| refused(400, "Unexpected"));
    let session = open(&config(&[]).credentials.unwrap(), &fake).await.unwrap();
    assert_eq!((session.principal(), fake.asked().len()), (&Principal::Key, 0));
}

#[tokio::test]
async fn the_token_is_exchanged_unsigned_and_the_second_role_is_assumed_with_the_first() {
    let fake = Fake::new(|asked, before| given(action(asked), &format!("ASIA{before}"), 3600));
    let session = open(&oidc(Some(SECOND)), &fake).await.unwrap();
    assert_eq!(session.principal(), &Principal::Role(SECOND.parse().unwrap()));
    let [first, second] = fake.asked().try_into().unwrap();
    assert_eq!((action(&first), first.authorization), (BOTH[0], None));
    assert!(first.body.contains("RoleSessionName=bitbucket-shop-17&"), "{}", first.body);
    assert_eq!((action(&second), second.security_token.as_deref()), (BOTH[1], Some("canary-session-ASIA0")));
    assert!(second.authorization.unwrap().contains("Credential=ASIA0/"));
    assert!(second.body.contains("ExternalId=team%3A42"), "{}", second.body);
}

#[tokio::test]
async fn a_session_serves_until_shortly_before_its_end() {
    let fake = Fake::new(|asked, before| given(action(asked), &format!("ASIA{before}"), 3600));
    let session = open(&oidc(None), &fake).await.unwrap();
    for _ in 0..3 {
        assert_eq!(session.credentials.provide_credentials().await.unwrap().access_key_id(), "ASIA0");
    }
    let now = SystemTime::now();
    let ends = DateTime::from(now + Duration::from_hours(1));
    let given = Given::builder().access_key_id("a").secret_access_key("b").session_token("c");
    let held = Held::new(&given.expiration(ends).build().unwrap(), now);
    assert_eq!(held.renew.duration_since(now).unwrap().as_secs().div_ceil(60), 55);
}

#[tokio::test]
async fn a_session_that_is_said_to_be_over_already_is_not_asked_for_again_and_again() {
    let fake = Fake::new(|asked, before| given(action(asked), &format!("ASIA{before}"), -60));
    let session = open(&oidc(None), &fake).await.unwrap();
    assert_eq!(session.credentials.provide_credentials().await.unwrap().access_key_id(), "ASIA0");
    assert_eq!(fake.asked().len(), 1);
}

/// A role whose session has been held for so long.
async fn aged(fake: &Fake, renew: i64, ends: i64) -> Role {
    let client = Client::new(&configuration(&place(), None, fake.client()));
    let by = By::Token(token(PAYLOAD));
    let role = Role::new(client, by, ROLE.parse().unwrap(), None, "me", &place(), &Log::recorded().0);
    let from_now = |seconds: i64| {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
    };
    let credentials = Credentials::new("OLD", "b", None, None, "test");
    *role.held.lock().await = Some(Held { credentials, renew: from_now(renew), ends: from_now(ends) });
    role
}

#[tokio::test]
async fn a_session_near_its_end_is_renewed_once_for_all_who_ask() {
    let fake = Fake::new(|asked, before| given(action(asked), &format!("ASIA{before}"), 3600));
    let role = aged(&fake, -1, 60).await;
    let (one, other) = tokio::join!(role.credentials(), role.credentials());
    assert_eq!((one.unwrap().access_key_id(), other.unwrap().access_key_id()), ("ASIA0", "ASIA0"));
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_serves_to_its_end_and_then_says_why() {
    let fake = Fake::new(|_, _| refused(400, "ExpiredTokenException"));
    let role = aged(&fake, -1, 60).await;
    for _ in 0..3 {
        assert_eq!(role.credentials().await.unwrap().access_key_id(), "OLD");
    }
    assert_eq!(fake.asked().len(), 1, "not asked again at each use");
    let error = aged(&fake, -300, -1).await.credentials().await.unwrap_err();
    insta::assert_snapshot!(explain(&error), @r"
    the session of role `arn:aws:iam::123456789012:role/bitbucket` is over and there is no new one: the step's OIDC token has expired, so that role `arn:aws:iam::123456789012:role/bitbucket` cannot be assumed
    hint: a session lasts an hour and so does the step's OIDC token: use keys where the step takes longer, or split it
    ");
}

#[tokio::test]
async fn a_call_that_finds_the_session_over_tells_so_and_not_that_the_connection_failed() {
    let fake = Fake::new(|_, _| refused(400, "ExpiredTokenException"));
    let role = aged(&fake, -300, -1).await;
    let session = Session {
        principal: Principal::Role(role.arn.clone()),
        credentials: SharedCredentialsProvider::new(role),
        http: fake.client(),
    };
    let error = crate::aws::Ecr::new(&session, place()).token().await.unwrap_err();
    assert!(matches!(&error, Error::Role(error) if matches!(**error, RoleError::Over { .. })), "{error}");
    assert_eq!(fake.asked().len(), 1, "only STS was asked");
}

#[tokio::test]
async fn what_was_obtained_is_masked_and_in_no_debug_text() {
    let fake = Fake::new(|asked, before| given(action(asked), &format!("ASIA{before}"), 3600));
    let (log, mut events) = Log::recorded();
    let session = Session::open(&oidc(Some(SECOND)), &place(), fake.client(), &log).await.unwrap();
    let masked = events.masked();
    for secret in ["canary-secret-ASIA0", "canary-session-ASIA0", "canary-secret-ASIA1", "canary-session-ASIA1"] {
        assert!(masked.iter().any(|masked| masked.expose_secret() == secret), "{secret}");
    }
    assert!(!format!("{session:?}").contains("canary"));
}

#[tokio::test]
async fn refusals_of_the_token_are_told_apart_by_their_codes() {
    let oidc = oidc(None);
    insta::assert_snapshot!(explain(&refusal(&oidc, 403, "AccessDenied").await), @r#"
    the step's OIDC token may not assume role `arn:aws:iam::123456789012:role/bitbucket`: the role does not exist or does not trust it
    hint: check the name of the role, and add this to its trust policy: {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc:aud": "ari:cloud:bitbucket::workspace/1f2"}, "StringLike": {"api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc:sub": "{a-1}:*"}}}
    "#);
    insta::assert_snapshot!(explain(&refusal(&oidc, 400, "InvalidIdentityToken").await), @r"
    AWS does not accept the step's OIDC token for role `arn:aws:iam::123456789012:role/bitbucket` (words)
    hint: let account 123456789012 have an identity provider `https://api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc` with audience `ari:cloud:bitbucket::workspace/1f2`
    ");
    insta::assert_snapshot!(explain(&refusal(&oidc, 403, "IDPRejectedClaim").await), @r"
    AWS does not accept the step's OIDC token for role `arn:aws:iam::123456789012:role/bitbucket` (words)
    hint: let account 123456789012 have an identity provider `https://api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc` with audience `ari:cloud:bitbucket::workspace/1f2`
    ");
    insta::assert_snapshot!(explain(&refusal(&oidc, 400, "ExpiredTokenException").await), @r"
    the step's OIDC token has expired, so that role `arn:aws:iam::123456789012:role/bitbucket` cannot be assumed
    hint: run the step again: a token is good for an hour from the start of its step
    ");
    insta::assert_snapshot!(explain(&refusal(&oidc, 403, "RegionDisabledException").await), @r"
    account 123456789012 has STS switched off in region `eu-central-1`
    hint: activate `eu-central-1` under `Security Token Service` in the account settings of IAM
    ");
    insta::assert_snapshot!(explain(&refusal(&oidc, 400, "MalformedPolicyDocument").await), @r"
    AWS refused `sts:AssumeRoleWithWebIdentity` with MalformedPolicyDocument: words
    hint: see the STS API reference for this code
    ");
}

#[tokio::test]
async fn refusals_of_the_second_role_name_both_policies() {
    let keys = [("AWS_ROLE_ARN", SECOND), ("AWS_ROLE_EXTERNAL_ID", "team:42")];
    let keys = config(&keys).credentials.unwrap();
    insta::assert_snapshot!(explain(&refusal(&keys, 403, "AccessDenied").await), @r#"
    the key may not assume role `arn:aws:iam::210987654321:role/push` (words)
    hint: the key needs {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::210987654321:role/push"}, and the trust policy of that role {"Effect": "Allow", "Principal": {"AWS": "<ARN of the key's user>"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "<AWS_ROLE_EXTERNAL_ID>"}}}
    "#);
    assert!(matches!(refusal(&keys, 403, "InvalidClientTokenId").await, Error::UnknownKey(_)));
    assert!(matches!(refusal(&keys, 403, "ExpiredToken").await, Error::Expired(_)));
    let fake = Fake::new(|asked, _| match action(asked) {
        "AssumeRole" => refused(403, "AccessDenied"),
        first => given(first, "ASIA0", 3600),
    });
    insta::assert_snapshot!(explain(&open(&oidc(Some(SECOND)), &fake).await.unwrap_err()), @r#"
    role `arn:aws:iam::123456789012:role/bitbucket` may not assume role `arn:aws:iam::210987654321:role/push` (words)
    hint: role `arn:aws:iam::123456789012:role/bitbucket` needs {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::210987654321:role/push"}, and the trust policy of that role {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/bitbucket"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "<AWS_ROLE_EXTERNAL_ID>"}}}
    "#);
}

#[tokio::test]
async fn an_identity_provider_that_does_not_answer_is_asked_again() {
    let fake = Fake::new(|asked, before| match before {
        0 | 1 => refused(400, "IDPCommunicationError"),
        _ => given(action(asked), "ASIA", 3600),
    });
    assert!(open(&oidc(None), &fake).await.is_ok());
    assert_eq!(fake.asked().len(), 3);
}
