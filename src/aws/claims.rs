//! What the step's OIDC token says of itself: for hints that can be pasted. Nothing is decided by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Action, statement};
use crate::config::RoleArn;

/// Longer ones would make a hint that nobody reads.
const MOST: usize = 200;

/// Claims of the token (RFC 7519, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss` without its scheme: how IAM names the identity provider.
    provider: String,
    /// `aud`, the first where there are several.
    audience: String,
    /// What `sub` has before its first colon: the same for all steps of a repository (Bitbucket documentation, "Integrate
    /// Pipelines with resource servers using OIDC").
    subject: String,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    aud: Audience,
    sub: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Reads them without checking the signature; `None` where the token is not built as expected.
    #[must_use]
    pub fn of(token: &SecretString) -> Option<Self> {
        let mut parts = token.expose_secret().split('.');
        let payload = URL_SAFE_NO_PAD.decode(parts.nth(1)?.trim_end_matches('=')).ok()?;
        let Payload { iss, aud, sub } = serde_json::from_slice(&payload).ok()?;
        let audience = match aud {
            Audience::One(audience) => audience,
            Audience::Several(audiences) => audiences.into_iter().next()?,
        };
        let provider = iss.strip_prefix("https://")?.to_owned();
        let subject = sub.split(':').next()?.to_owned();
        let are_plain = [&provider, &audience, &subject].into_iter().all(|claim| is_plain(claim));
        are_plain.then_some(Self { provider, audience, subject })
    }

    /// The identity provider as IAM's console asks for it.
    pub(super) fn provider(&self) -> String {
        format!("an identity provider `https://{}` with audience `{}`", self.provider, self.audience)
    }

    /// The statement of a role's trust policy that lets the steps of this repository in.
    pub(super) fn statement(&self, role: &RoleArn) -> String {
        let Self { provider, audience, subject } = self;
        let (partition, account) = (role.partition(), role.account());
        let who = format!("arn:{partition}:iam::{account}:oidc-provider/{provider}");
        let (aud, sub, steps) = (format!("{provider}:aud"), format!("{provider}:sub"), format!("{subject}:*"));
        let conditions = [("StringEquals", (aud.as_str(), audience.as_str())), ("StringLike", (&sub, &steps))];
        statement::trust(("Federated", &who), Action::AssumeRoleWithWebIdentity, &conditions)
    }
}

/// What can stand in a policy as it is; `*` would mean something there.
fn is_plain(claim: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\*?$`".contains(&byte);
    (1..=MOST).contains(&claim.len()) && claim.bytes().all(is_plain)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A token with these claims, which nobody signed.
    pub(in super::super) fn token(payload: &str) -> SecretString {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)).into()
    }

    pub(in super::super) const PAYLOAD: &str = r#"{"iss": "https://api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc",
        "aud": "ari:cloud:bitbucket::workspace/1f2", "sub": "{a-1}:{b-2}", "exp": 1}"#;

    #[test]
    fn the_statement_lets_the_repository_in_and_no_other() {
        let statement = Claims::of(&token(PAYLOAD))
            .zip("arn:aws:iam::123456789012:role/ci".parse().ok())
            .map(|(claims, role)| claims.statement(&role));
        let value: Option<serde_json::Value> = statement.and_then(|text| serde_json::from_str(&text).ok());
        let provider = "api.bitbucket.org/2.0/workspaces/team/pipelines-config/identity/oidc";
        assert_eq!(
            value,
            Some(serde_json::json!({
                "Effect": "Allow",
                "Principal": {"Federated": format!("arn:aws:iam::123456789012:oidc-provider/{provider}")},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {format!("{provider}:aud"): "ari:cloud:bitbucket::workspace/1f2"},
                    "StringLike": {format!("{provider}:sub"): "{a-1}:*"},
                },
            }))
        );
    }

    #[test]
    fn a_token_with_several_audiences_gives_the_first() {
        let several = PAYLOAD.replace(r#""ari:cloud:bitbucket::workspace/1f2""#, r#"["a", "b"]"#);
        assert!(Claims::of(&token(&several)).is_some_and(|claims| claims.audience == "a"));
    }

    #[test]
    fn what_would_mean_something_else_in_a_policy_gives_no_claims() {
        for (from, to) in [("{a-1}", "*"), ("{a-1}", r"\u0022}"), ("https://", "http://"), ("{a-1}:", ":"), ("{", "")] {
            assert_eq!(Claims::of(&token(&PAYLOAD.replacen(from, to, 1))), None, "{from}");
        }
    }

    proptest! {
        #[test]
        fn no_token_panics(text in "[ -~é]{0,20}(\\.[A-Za-z0-9_=-]{0,40}){0,3}", payload in "\\PC{0,60}") {
            let _ = Claims::of(&text.into());
            let _ = Claims::of(&token(&payload));
        }
    }
}
