//! A push that is tried again.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

use super::{Engine, Login, PushError, PushRequest, Pushed};
use crate::error::Failure;
use crate::progress::{Event, Log, duration};

/// How often, and for how long, a push is tried.
#[derive(Clone, Debug)]
pub struct Tries {
    /// The pauses before further tries.
    pub backoff: ExponentialBuilder,
    /// From the first try on; past it there is one further try at the most, since the engine has tried each layer for as
    /// long by itself and is not likely to fare better a third time.
    pub patience: Duration,
}

impl Engine {
    /// Pushes; a temporary failure is tried again after each pause of the back-off while the patience lasts, and a token that
    /// is not accepted is replaced once.
    ///
    /// # Errors
    ///
    /// The last failure, or that of getting a fresh token.
    pub async fn push_with_retries(
        &self,
        request: PushRequest<'_>,
        login: &Login,
        log: &Log,
        tries: Tries,
        fresh_login: impl AsyncFnMut() -> Result<Login, Failure>,
    ) -> Result<Pushed, PushError> {
        let push = async |login: &Login| self.push(request, login, log).await;
        retry(login, request.tag.as_str(), log, tries, push, fresh_login).await
    }
}

async fn retry<T>(
    login: &Login,
    tag: &str,
    log: &Log,
    tries: Tries,
    push: impl AsyncFn(&Login) -> Result<T, PushError>,
    mut fresh_login: impl AsyncFnMut() -> Result<Login, Failure>,
) -> Result<T, PushError> {
    let began = Instant::now();
    let mut pauses = tries.backoff.build();
    let mut repeated = false;
    let mut fresh = None;
    loop {
        let error = match push(fresh.as_ref().unwrap_or(login)).await {
            Ok(pushed) => return Ok(pushed),
            Err(error) => error,
        };
        // An expired token is a 403 with a text that the containerd store keeps to itself, so a denial may be that as well.
        if matches!(error, PushError::Unauthorized { .. } | PushError::Denied { .. }) && fresh.is_none() {
            log.send(Event::Note(format!("{tag}: the registry does not accept the token, getting a fresh one"))).await;
            fresh = Some(fresh_login().await.map_err(PushError::Login)?);
            continue;
        }
        let again = error.is_temporary() && !(repeated && began.elapsed() >= tries.patience);
        match pauses.next().filter(|_| again) {
            Some(pause) => {
                repeated = true;
                log.send(Event::Note(format!("{tag}: {error}; trying again in {}", duration(pause)))).await;
                tokio::time::sleep(pause).await;
            }
            None => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::cell::RefCell;

    use super::*;
    use crate::error::ExitCode;

    fn login(password: &str) -> Login {
        Login { host: "h".to_owned(), username: "AWS".to_owned(), password: password.to_owned().into() }
    }

    fn throttled() -> PushError {
        PushError::Throttled { repository: "r".to_owned(), reason: "x".to_owned() }
    }

    fn unauthorized() -> PushError {
        PushError::Unauthorized { repository: "r".to_owned(), reason: "x".to_owned() }
    }

    /// Pushes that end as told; how many there were, and how often a fresh token was asked for.
    async fn outcome(ends: Vec<Result<(), PushError>>) -> (Result<(), PushError>, usize, usize) {
        outcome_within(Duration::MAX, ends).await
    }

    async fn outcome_within(
        patience: Duration,
        mut ends: Vec<Result<(), PushError>>,
    ) -> (Result<(), PushError>, usize, usize) {
        ends.reverse();
        let all = ends.len();
        let (ends, fresh) = (RefCell::new(ends), RefCell::new(0));
        let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(1)).with_max_times(3);
        let push = async |_: &Login| ends.borrow_mut().pop().unwrap();
        let fresh_login = async || {
            *fresh.borrow_mut() += 1;
            Ok(login("new"))
        };
        let (log, _recording) = Log::recorded();
        let tries = Tries { backoff, patience };
        let result = retry(&login("old"), "v1", &log, tries, push, fresh_login).await;
        (result, all - ends.borrow().len(), *fresh.borrow())
    }

    #[tokio::test]
    async fn what_is_temporary_is_tried_again_until_the_back_off_ends() {
        assert_eq!(outcome(vec![Err(throttled()), Ok(())]).await, (Ok(()), 2, 0));
        assert_eq!(outcome(vec![Err(throttled()); 9]).await, (Err(throttled()), 4, 0));
    }

    #[tokio::test]
    async fn when_the_patience_is_over_there_is_one_further_try() {
        assert_eq!(outcome_within(Duration::ZERO, vec![Err(throttled()), Ok(())]).await, (Ok(()), 2, 0));
        assert_eq!(outcome_within(Duration::ZERO, vec![Err(throttled()); 9]).await, (Err(throttled()), 2, 0));
    }

    #[tokio::test]
    async fn a_token_is_replaced_once() {
        assert_eq!(outcome(vec![Err(unauthorized()), Err(throttled()), Ok(())]).await, (Ok(()), 3, 1));
        assert_eq!(outcome(vec![Err(unauthorized()); 3]).await, (Err(unauthorized()), 2, 1));
    }

    #[tokio::test]
    async fn what_will_not_change_is_not_tried_again() {
        let immutable =
            || PushError::TagImmutable { repository: "r".to_owned(), tag: "t".to_owned(), reason: "x".to_owned() };
        assert_eq!(outcome(vec![Err(immutable()), Ok(())]).await, (Err(immutable()), 1, 0));
    }

    #[tokio::test]
    async fn when_no_fresh_token_is_to_be_had_that_is_the_failure() {
        let (log, _recording) = Log::recorded();
        let failure = Failure { code: ExitCode::Credentials, message: "no".to_owned(), hint: None };
        let push = async |_: &Login| Err::<(), _>(unauthorized());
        let tries = Tries { backoff: ExponentialBuilder::new(), patience: Duration::MAX };
        let result = retry(&login("old"), "v1", &log, tries, push, async || Err(failure.clone())).await;
        assert_eq!(result, Err(PushError::Login(failure)));
    }
}
