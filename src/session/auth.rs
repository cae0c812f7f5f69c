//! Logins to registries, as the engine asks for them (buildkit `session/auth`).
//!
//! Only the login itself is given. The calls by which a client could fetch tokens in the engine's place are not implemented,
//! upon which the engine takes the login and fetches the token by itself: the one thing that the engine is then told more is
//! the password, and it is the step's own engine.

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use crate::engine::Login;

/// What the engine calls Docker Hub when it asks for a login (containerd `core/remotes/docker`).
const DOCKER_HUB: &str = "registry-1.docker.io";

/// The logins of a build.
#[derive(Debug)]
pub(super) struct Logins(Vec<Login>);

impl Logins {
    pub(super) fn new(logins: Vec<Login>) -> Self {
        Self(logins)
    }

    /// The login for exactly this host: a token that was made for one registry is of no use to another, and none of its
    /// business.
    fn of(&self, host: &str) -> Option<&Login> {
        let host = if host == DOCKER_HUB { "docker.io" } else { host };
        self.0.iter().find(|login| login.host.eq_ignore_ascii_case(host))
    }
}

#[tonic::async_trait]
impl Auth for Logins {
    /// No login is no error: the engine then asks the registry without one.
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let login = self.of(&host);
        tracing::debug!("the engine asks for a login to {host}: {}", if login.is_some() { "given" } else { "none" });
        Ok(Response::new(login.map_or_else(CredentialsResponse::default, |login| CredentialsResponse {
            username: login.username.clone(),
            secret: login.password.expose_secret().to_owned(),
        })))
    }

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn username(host: &str) -> String {
        let login = |host: &str| Login { host: host.to_owned(), username: format!("me@{host}"), password: "p".into() };
        let logins = Logins::new(vec![login("docker.io"), login("registry.lab.test:5000")]);
        let request = Request::new(CredentialsRequest { host: host.to_owned() });
        logins.credentials(request).await.unwrap().into_inner().username
    }

    #[tokio::test]
    async fn each_registry_gets_its_own_login_and_no_other() {
        assert_eq!(username("registry-1.docker.io").await, "me@docker.io");
        assert_eq!(username("registry.lab.test:5000").await, "me@registry.lab.test:5000");
        for stranger in ["registry.lab.test", "evil.registry.lab.test:5000", ""] {
            assert_eq!(username(stranger).await, "");
        }
    }
}
