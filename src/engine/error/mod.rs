//! What can go wrong with the engine, and what to do about it.

mod build;
mod push;
mod step;

use std::path::PathBuf;

pub use build::BuildError;
pub use push::PushError;
pub use step::StepName;

use super::ApiVersion;
use crate::error::{ExitCode, Explain};

/// The engine cannot be reached, refuses, or is not what is needed. `host` is always the address as `DOCKER_HOST` has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The unix socket does not exist.
    #[error("no engine: the socket `{}` does not exist", path.display())]
    NoSocket {
        /// The socket.
        path: PathBuf,
    },
    /// The unix socket may not be opened by this user.
    #[error("no engine: this user may not open the socket `{}`", path.display())]
    SocketDenied {
        /// The socket.
        path: PathBuf,
    },
    /// Nothing listens there.
    #[error("no engine: nothing listens at `DOCKER_HOST` `{host}` (connection refused)")]
    Refused {
        /// The address.
        host: String,
    },
    /// The host name has no address.
    #[error("no engine: the name `{name}` in `DOCKER_HOST` `{host}` cannot be resolved ({reason})")]
    NotResolved {
        /// The address.
        host: String,
        /// The host name in it.
        name: String,
        /// What the resolver says.
        reason: String,
    },
    /// No connection, or no answer to a short question, in time.
    #[error("no engine: `DOCKER_HOST` `{host}` does not answer in time")]
    Timeout {
        /// The address.
        host: String,
    },
    /// Another reason why there is no connection.
    #[error("no engine: `DOCKER_HOST` `{host}` cannot be reached ({reason})")]
    Unreachable {
        /// The address.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// A file of `DOCKER_CERT_PATH` cannot be read or used.
    #[error("`DOCKER_CERT_PATH`: cannot use `{}`: {reason}", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// We spoke plain HTTP and the engine wants TLS.
    #[error(
        "the engine at `DOCKER_HOST` `{host}` wants TLS, and neither `DOCKER_TLS_VERIFY` nor `DOCKER_CERT_PATH` is set"
    )]
    PlainToTls {
        /// The address.
        host: String,
    },
    /// We spoke TLS and the engine speaks plain HTTP.
    #[error(
        "`DOCKER_TLS_VERIFY` or `DOCKER_CERT_PATH` asks for TLS, and the engine at `DOCKER_HOST` `{host}` speaks plain HTTP"
    )]
    TlsToPlain {
        /// The address.
        host: String,
    },
    /// The engine's certificate comes from an authority that is not in `ca.pem`.
    #[error("the certificate of the engine at `DOCKER_HOST` `{host}` is from an authority that is not in `{}`", ca.display())]
    UnknownAuthority {
        /// The address.
        host: String,
        /// The file with the authorities.
        ca: PathBuf,
    },
    /// The engine's certificate is not good for another reason.
    #[error("the certificate of the engine at `DOCKER_HOST` `{host}` is not valid: {reason}")]
    EngineCertificate {
        /// The address.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine does not accept our certificate.
    #[error("the engine at `DOCKER_HOST` `{host}` does not accept the certificate `{}` ({reason})", cert.display())]
    ClientCertificate {
        /// The address.
        host: String,
        /// Our certificate.
        cert: PathBuf,
        /// The alert that the engine sent.
        reason: String,
    },
    /// Another failure of TLS.
    #[error("no TLS connection to the engine at `DOCKER_HOST` `{host}`: {reason}")]
    Tls {
        /// The address.
        host: String,
        /// What rustls says.
        reason: String,
    },
    /// An authorisation plugin forbids the call.
    #[error("the engine's authorization plugin `{plugin}` does not allow {call}: {reason}")]
    Plugin {
        /// The name of the plugin; `pipelines` in Bitbucket.
        plugin: String,
        /// What was asked, such as `POST /build`.
        call: String,
        /// What the plugin says.
        reason: String,
    },
    /// The engine is older than 20.10.
    #[error("engine {version} speaks API {api}, ecr-pipe needs {oldest} (Engine 20.10) or newer", oldest = ApiVersion::OLDEST)]
    TooOld {
        /// The engine's version.
        version: String,
        /// The newest API that it speaks.
        api: ApiVersion,
    },
    /// The engine has given up every API version that this program knows.
    #[error("engine {version} speaks API {oldest} and newer, this version of ecr-pipe knows no newer than {known}", known = ApiVersion::NEWEST)]
    TooNew {
        /// The engine's version.
        version: String,
        /// The oldest API that it speaks.
        oldest: ApiVersion,
    },
    /// What answers is no engine.
    #[error("what answers at `DOCKER_HOST` `{host}` is no Docker Engine: {reason}")]
    NoEngine {
        /// The address.
        host: String,
        /// What is missing in the answer.
        reason: String,
    },
    /// The engine answers with an error.
    #[error("the engine answers {call} with {status}: {message}")]
    Answer {
        /// What was asked, such as `POST /build`.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// Something between us and the engine does not let a connection be turned round.
    #[error("the engine answers POST /session with {status} and not with 101{}", if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    NotUpgraded {
        /// The HTTP status.
        status: u16,
        /// The words of the answer.
        reason: String,
    },
    /// What lies between us and the engine swallows the request for a session.
    #[error("the engine at `DOCKER_HOST` `{host}` does not answer POST /session in time")]
    SessionTimeout {
        /// The address.
        host: String,
    },
    /// The engine ended the session of a build.
    #[error("the engine at `DOCKER_HOST` `{host}` dropped the session of the build ({reason})")]
    SessionDropped {
        /// The address.
        host: String,
        /// What the connection says.
        reason: String,
    },
    /// The connection broke while a request was under way.
    #[error("the engine at `DOCKER_HOST` `{host}` dropped the connection ({reason})")]
    Dropped {
        /// The address.
        host: String,
        /// What the connection says.
        reason: String,
    },
    /// The engine has no room for what it has to write.
    #[error("the engine's disk is full: {reason}")]
    NoSpace {
        /// The engine's words.
        reason: String,
    },
    /// The image has no layers, and the engine does not export such an image.
    #[error("the image has no layers, and this engine does not export such an image")]
    NoLayers,
    /// The answer cannot be understood.
    #[error("the engine's answer to {call} is not understood: {reason}")]
    NotUnderstood {
        /// What was asked.
        call: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The query is longer than a URI may be.
    #[error(
        "`BUILD_ARGS`, `LABELS` and the other build options make a request of {length} characters, at most 65,000 are possible"
    )]
    RequestTooLong {
        /// The length of path and query.
        length: usize,
    },
}

impl Error {
    /// Whether the same call may work a moment later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Dropped { .. } => true,
            Self::Answer { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::NoSocket { .. }
            | Self::SocketDenied { .. }
            | Self::Refused { .. }
            | Self::NotResolved { .. }
            | Self::Unreachable { .. }
            | Self::CertificateFile { .. }
            | Self::PlainToTls { .. }
            | Self::TlsToPlain { .. }
            | Self::UnknownAuthority { .. }
            | Self::EngineCertificate { .. }
            | Self::ClientCertificate { .. }
            | Self::Tls { .. }
            | Self::Plugin { .. }
            | Self::TooOld { .. }
            | Self::TooNew { .. }
            | Self::NoEngine { .. }
            | Self::NotUpgraded { .. }
            | Self::SessionTimeout { .. }
            | Self::SessionDropped { .. }
            | Self::NoSpace { .. }
            | Self::NoLayers
            | Self::NotUnderstood { .. }
            | Self::RequestTooLong { .. } => false,
        }
    }
}

/// What brings an engine into a step of Bitbucket Pipelines.
const SERVICE: &str = "in Bitbucket Pipelines add `services: [docker]` to the step, or `docker: true` under `options:`";

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::RequestTooLong { .. } | Self::CertificateFile { .. } => ExitCode::Variables,
            Self::NoSocket { .. }
            | Self::SocketDenied { .. }
            | Self::Refused { .. }
            | Self::NotResolved { .. }
            | Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::PlainToTls { .. }
            | Self::TlsToPlain { .. }
            | Self::UnknownAuthority { .. }
            | Self::EngineCertificate { .. }
            | Self::ClientCertificate { .. }
            | Self::Tls { .. }
            | Self::Plugin { .. }
            | Self::TooOld { .. }
            | Self::TooNew { .. }
            | Self::NoEngine { .. }
            | Self::Answer { .. }
            | Self::Dropped { .. }
            | Self::NotUpgraded { .. }
            | Self::SessionTimeout { .. }
            | Self::SessionDropped { .. }
            | Self::NoSpace { .. }
            | Self::NoLayers
            | Self::NotUnderstood { .. } => ExitCode::Engine,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSocket { .. } => format!("{SERVICE}; elsewhere start the engine, or set `DOCKER_HOST` to where it listens"),
            Self::Refused { .. } | Self::NotResolved { .. } => format!("{SERVICE}; elsewhere set `DOCKER_HOST` to where the engine listens"),
            Self::SocketDenied { .. } => "run as a user of the socket's group (mostly `docker`)".to_owned(),
            Self::Timeout { .. } | Self::Unreachable { .. } => "check that `DOCKER_HOST` is right and that the engine can be reached from here".to_owned(),
            Self::CertificateFile { .. } => "`DOCKER_CERT_PATH` must name a folder with `ca.pem`, `cert.pem` and `key.pem`; unset it and `DOCKER_TLS_VERIFY` for an engine without TLS".to_owned(),
            Self::PlainToTls { .. } => "set `DOCKER_TLS_VERIFY` to `1` and `DOCKER_CERT_PATH` to the folder with `ca.pem`, `cert.pem` and `key.pem`".to_owned(),
            Self::TlsToPlain { .. } => "unset `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or set `DOCKER_HOST` to the engine's TLS port (mostly 2376)".to_owned(),
            Self::UnknownAuthority { .. } => "put the certificate of the authority that signed the engine's into that file".to_owned(),
            Self::EngineCertificate { .. } => "name the engine in `DOCKER_HOST` as its certificate does, or renew that".to_owned(),
            Self::ClientCertificate { .. } => "have it signed by the authority that the engine was given as `--tlscacert`, or renew it".to_owned(),
            Self::Tls { .. } => "check `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`".to_owned(),
            Self::Plugin { .. } => "leave out what asks for it, or use runtime version 3 (`runtime: cloud: version: \"3\"`), which has no such plugin".to_owned(),
            Self::TooOld { .. } => "use a newer engine, such as `image: docker:28-dind` for the docker service".to_owned(),
            Self::TooNew { .. } => "use a newer version of this pipe, or an older image for the docker service".to_owned(),
            Self::NoEngine { .. } => "set `DOCKER_HOST` to where the engine listens".to_owned(),
            Self::NotUpgraded { .. } | Self::SessionTimeout { .. } => "BuildKit needs a way to the engine that lets `Upgrade: h2c` pass: name the engine itself in `DOCKER_HOST`; a build that needs no BuildKit can do with `BUILDER` as `classic`".to_owned(),
            Self::Dropped { .. } | Self::SessionDropped { .. } => "the engine may have been killed for want of memory: give the docker service more (`definitions: services: docker: memory: 2048`)".to_owned(),
            Self::NoSpace { .. } => "free space with `docker system prune`, or use a step of a larger size; an export takes as much again as the image".to_owned(),
            Self::NoLayers => "give it a file, such as by `COPY`, or name one repository in `IMAGE`".to_owned(),
            Self::RequestTooLong { .. } => "put large values into files of the context instead".to_owned(),
            Self::Answer { .. } | Self::NotUnderstood { .. } => return None,
        };
        Some(hint)
    }
}
