//! The BuildKit session: what the engine may ask of its client while it builds.
//!
//! The engine is given a connection by `POST /session` and calls back on it by gRPC (buildkit `session/`): [`filesync`] for
//! files, [`auth`] for logins, [`secrets`] for secrets, and a health check, without which it drops the session.
//! A [`Session`] serves until it is dropped. It knows nothing of the engine but the connection it is given.

mod auth;
pub mod filesync;
mod health;
mod id;
pub mod secrets;

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tonic::service::Routes;

use auth::Logins;
use filesync::FileSync;
use health::Healthy;
pub use id::Id;
use secrets::Secrets;

use crate::engine::Login;

/// What Go's gRPC servers take. The patterns of an ignore file come as metadata, and hyper would take 16 KiB of it: an
/// engine that has more to say then fails the build.
const LONGEST_METADATA: u32 = 16 << 20;

/// The calls that are answered, each `/<service>/<method>`; the engine makes no others.
pub const METHODS: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.Auth/Credentials",
    FileSync::METHODS[0],
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
];

/// How the session introduces itself: what `POST /session` says in its headers.
#[derive(Clone, Debug)]
pub struct Card {
    /// Names the session in the request of the build.
    pub id: Id,
    /// The same for all builds of one context, so that an engine that still has the files of an earlier one is sent only what
    /// has changed; another one for each build where an engine could not tell what has.
    pub shared_key: String,
}

impl Card {
    /// A card for one build of a folder of a repository.
    ///
    /// # Errors
    /// As [`Id::random`].
    pub fn new(repository: &str, context: &Path, files: &FileSync) -> io::Result<Self> {
        let key = Sha256::new().chain_update(repository).chain_update([0]);
        let key = key.chain_update(context.as_os_str().as_encoded_bytes()).finalize();
        let shared_key = if files.changes_show() {
            key.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            Id::random()?.as_str().to_owned()
        };
        Ok(Self { id: Id::random()?, shared_key })
    }
}

/// What the engine may ask for.
#[derive(Debug)]
pub struct Services {
    /// The context and the Dockerfile.
    pub files: FileSync,
    /// Logins to registries, for base images and cache images.
    pub logins: Vec<Login>,
    /// `BUILD_SECRETS`.
    pub secrets: Secrets,
}

impl Services {
    fn routes(self) -> Routes {
        Routes::new(HealthServer::new(Healthy))
            .add_service(AuthServer::new(Logins::new(self.logins)))
            .add_service(SecretsServer::new(self.secrets))
            .add_service(self.files)
            .prepare()
    }
}

/// A session under way; it ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    serving: JoinHandle<Result<(), hyper::Error>>,
}

impl Session {
    /// Serves on a connection, on which the engine is the client.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn serve(connection: impl Read + Write + Send + Unpin + 'static, services: Services) -> Self {
        let service = TowerToHyperService::new(services.routes());
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.max_header_list_size(LONGEST_METADATA);
        let serving = http.serve_connection(connection, service);
        Self { serving: tokio::spawn(serving) }
    }

    /// Returns when the engine has ended the session, and with what; never before.
    pub async fn ended(&mut self) -> String {
        match poll_fn(|context| Pin::new(&mut self.serving).poll(context)).await {
            Ok(Ok(())) => "it was closed".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
