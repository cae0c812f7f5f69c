//! The authorisation token of a registry, and when to ask for another.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::{Ecr, Error};
use crate::image::EcrHost;
use crate::progress::Log;

/// What opens an ECR registry, by Basic authentication. Valid for 12 hours (ECR API reference, `GetAuthorizationToken`).
#[derive(Clone, Debug)]
pub struct Token {
    /// `AWS`.
    pub username: String,
    /// The secret part.
    pub password: SecretString,
    /// The registry of the credentials' own account, which is how their account is known without asking STS.
    pub own_registry: EcrHost,
    /// When it was asked for, when half of its life is over, and when all of it.
    issued: SystemTime,
    renew: SystemTime,
    expires: SystemTime,
}

impl Token {
    /// From the parts of the API's answer; `None` when they are not what the API reference says.
    pub(super) fn parse(
        authorization: &str,
        endpoint: &str,
        expires: Option<SystemTime>,
        now: SystemTime,
    ) -> Option<Self> {
        let pair = String::from_utf8(STANDARD.decode(authorization).ok()?).ok()?;
        let (username, password) = pair.split_once(':')?;
        let own_registry = endpoint.strip_prefix("https://").unwrap_or(endpoint).parse().ok()?;
        // A token that is said to have expired already is used as it is: asking again would give no better one.
        let life = expires.and_then(|expires| expires.duration_since(now).ok()).unwrap_or(Duration::from_hours(12));
        let (username, password) = (username.to_owned(), SecretString::from(password));
        Some(Self { username, password, own_registry, issued: now, renew: now + life / 2, expires: now + life })
    }

    /// Whether it should be renewed before a push begins: half of its life is over.
    #[must_use]
    pub fn is_stale(&self, now: SystemTime) -> bool {
        now >= self.renew
    }
}

/// Holds the token of one region and renews it. Whoever gets a token from it gets one that the log masks already.
#[derive(Debug)]
pub struct TokenSource {
    ecr: Ecr,
    log: Log,
    token: Mutex<Option<Token>>,
}

impl TokenSource {
    /// Asks for nothing yet.
    #[must_use]
    pub fn new(ecr: Ecr, log: Log) -> Self {
        Self { ecr, log, token: Mutex::new(None) }
    }

    /// The API it asks.
    #[must_use]
    pub fn ecr(&self) -> &Ecr {
        &self.ecr
    }

    /// The token, asked for at the first call and when half of its life is over. Where there is no other then, it is given out
    /// to its end.
    ///
    /// # Errors
    /// What the API refused.
    pub async fn token(&self) -> Result<Token, Error> {
        let mut held = self.token.lock().await;
        let now = SystemTime::now();
        let Some(token) = held.as_mut() else { return Ok(held.insert(self.issue().await?).clone()) };
        if !token.is_stale(now) {
            return Ok(token.clone());
        }
        match self.issue().await {
            Ok(renewed) => *token = renewed,
            // It outlives the session of a role, and may outlive a fault of AWS. The registry has the last word.
            Err(error) if now < token.expires => {
                tracing::debug!("the token cannot be renewed, the one there is goes on: {error}");
                token.renew = now + token.expires.duration_since(now).unwrap_or_default() / 2;
            }
            Err(error) => return Err(error),
        }
        Ok(token.clone())
    }

    /// Another token than the one that a registry refused. Workers that were refused together ask once.
    ///
    /// # Errors
    /// What the API refused.
    pub async fn renewed(&self, refused: &Token) -> Result<Token, Error> {
        let mut held = self.token.lock().await;
        match held.as_ref() {
            Some(token) if token.issued > refused.issued => Ok(token.clone()),
            Some(_) | None => {
                tracing::debug!("the registry refused the token, asking for another");
                Ok(held.insert(self.issue().await?).clone())
            }
        }
    }

    async fn issue(&self) -> Result<Token, Error> {
        let token = self.ecr.token().await?;
        self.log.mask(token.password.clone()).await;
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::aws::fake::Fake;
    use crate::aws::{Endpoint, Session};
    use crate::config::Keys;

    const ENDPOINT: &str = "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com";

    fn token(expires_in: i64) -> Token {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let expires = if expires_in < 0 {
            now - Duration::from_mins(1)
        } else {
            now + Duration::from_secs(expires_in.unsigned_abs())
        };
        Token::parse(&STANDARD.encode("AWS:canary:with:colons"), ENDPOINT, Some(expires), now).unwrap()
    }

    #[test]
    fn the_password_is_all_after_the_first_colon_and_the_account_is_in_the_endpoint() {
        let token = token(43_200);
        assert_eq!((token.username.as_str(), token.password.expose_secret()), ("AWS", "canary:with:colons"));
        assert_eq!(token.own_registry.account(), "123456789012");
        assert!(!format!("{token:?}").contains("canary"));
    }

    #[test]
    fn a_token_is_stale_at_half_its_life() {
        let token = token(43_200);
        assert!(!token.is_stale(token.issued + Duration::from_secs(21_599)));
        assert!(token.is_stale(token.issued + Duration::from_hours(6)));
    }

    #[test]
    fn a_token_that_is_said_to_have_expired_is_not_asked_for_again_and_again() {
        let token = token(-1);
        assert!(!token.is_stale(token.issued));
    }

    /// An API that gives a token of so many seconds, and refuses from the second call on.
    fn source(expires_in: u64) -> (TokenSource, Fake) {
        let fake = Fake::new(move |_, before| {
            let expires = SystemTime::now() + Duration::from_secs(expires_in);
            let expires = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
            let data = format!(
                r#"{{"authorizationToken":"{}","expiresAt":{expires},"proxyEndpoint":"{ENDPOINT}"}}"#,
                STANDARD.encode("AWS:canary")
            );
            match before {
                0 => (200, format!(r#"{{"authorizationData":[{data}]}}"#)),
                _ => (400, r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned()),
            }
        });
        let endpoint = Endpoint { region: "eu-central-1".to_owned(), fips: false, dual_stack: false, url: None };
        let keys = Keys { id: "AKIATEST".to_owned(), secret: "canary".into(), session_token: None };
        let ecr = Ecr::new(&Session::of_keys(&keys, fake.client()), endpoint);
        (TokenSource::new(ecr, Log::recorded().0), fake)
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_renewed_goes_on_to_its_end() {
        let (source, fake) = source(43_200);
        source.token().await.unwrap();
        source.token.lock().await.as_mut().unwrap().renew = SystemTime::now();
        for _ in 0..3 {
            source.token().await.unwrap();
        }
        assert_eq!(fake.asked().len(), 2, "not asked again at each use");
        let over = SystemTime::now() - Duration::from_secs(1);
        let mut held = source.token.lock().await;
        let token = held.as_mut().unwrap();
        (token.renew, token.expires) = (over, over);
        drop(held);
        assert!(source.token().await.unwrap_err().is_denied());
    }

    #[tokio::test]
    async fn a_token_that_the_registry_refused_is_not_given_out_again() {
        let (source, _) = source(43_200);
        let token = source.token().await.unwrap();
        assert!(source.renewed(&token).await.unwrap_err().is_denied());
    }

    #[test]
    fn an_answer_that_is_no_token_is_none() {
        for (authorization, endpoint) in [("%%%", ENDPOINT), ("QVdT", ENDPOINT), ("QVdTOng=", "https://elsewhere.test")]
        {
            assert!(
                Token::parse(authorization, endpoint, None, SystemTime::now()).is_none(),
                "{authorization} {endpoint}"
            );
        }
    }
}
