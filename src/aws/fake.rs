//! An HTTP client for unit tests: it records what it is asked and answers as it is told. What it cannot show, the lab does.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) uri: String,
    pub(super) authorization: Option<String>,
    pub(super) security_token: Option<String>,
    pub(super) body: String,
}

type Answer = dyn Fn(&Asked, usize) -> (u16, String) + Send + Sync;

/// Status and body for a request, and how many have been before it.
#[derive(Clone)]
pub(super) struct Fake {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Answer>,
}

impl Fake {
    pub(super) fn new(answer: impl Fn(&Asked, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self { asked: Arc::default(), answer: Arc::new(answer) }
    }

    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl HttpClient for Fake {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).map(str::to_owned);
        let asked = Asked {
            uri: request.uri().to_owned(),
            authorization: header("authorization"),
            security_token: header("x-amz-security-token"),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = (self.answer)(&asked, all.len());
        all.push(asked);
        let status = StatusCode::try_from(status).unwrap_or_else(|_| unreachable!("a test's status is one of HTTP"));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body.into())))
    }
}
