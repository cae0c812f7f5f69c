//! The environment, read once, as typed values.
//!
//! `variables` is the table of the contract, `raw` resolves spellings and arrays to strings, the other modules make typed
//! values of them, each for one group, and `problem` collects everything that is wrong so that it is reported together.

mod accounts;
mod boolean;
mod build;
mod builder;
mod compression;
mod context;
mod credentials;
mod destination;
pub(crate) mod duration;
mod engine;
mod entry;
mod environment;
mod epoch;
mod existing;
mod extra_host;
mod index_from;
mod keys;
mod login;
mod misspelt;
mod platform;
mod problem;
mod push_mode;
mod raw;
mod read;
mod repository;
mod role_arn;
mod scan;
mod secret;
mod secrets;
mod session_name;
mod severity;
mod size;
mod ulimit;
mod unchanged;
pub mod variables;

use std::path::PathBuf;

use secrecy::SecretString;

use crate::compress::Codec;
use crate::image::{Name, Platform, Tag};

pub use index_from::IndexMember;
pub use problem::{Problem, Problems};
pub use push_mode::PushMode;
pub use repository::{Encryption, PolicySource, RepositorySettings, TagMutability};
pub use role_arn::RoleArn;
pub use scan::{OnMissing, ScanGate};
pub use severity::Severity;
pub use unchanged::SkipUnchanged;
pub use variables::{HONOURED, VARIABLES, Variable};

/// Everything a run was asked to do. Made by `Config::read` from the pairs of the environment, which touches nothing else.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable by itself")]
pub struct Config {
    /// By what the pipe is known to AWS; never absent when something is pushed.
    pub credentials: Option<Credentials>,
    /// `ALLOWED_ACCOUNT_IDS`, each 12 digits; empty when any account will do.
    pub allowed_accounts: Vec<String>,
    /// `AWS_REGION`, else that of the first repository in `IMAGE` that has one; never absent when something is pushed.
    pub region: Option<String>,
    /// `IMAGE`, each once; never empty.
    pub images: Vec<Name>,
    /// `TAG`, each once; never empty.
    pub tags: Vec<Tag>,
    /// `IF_TAG_EXISTS`.
    pub if_tag_exists: IfTagExists,
    /// `COMPRESSION`.
    pub compression: Codec,
    /// What `docker build` would take.
    pub build: Build,
    /// `BUILDER`.
    pub builder: Builder,
    /// `CACHE` and `CACHE_FROM`.
    pub cache: Cache,
    /// `REGISTRY_LOGINS`.
    pub registry_logins: Vec<RegistryLogin>,
    /// How the repositories are wanted.
    pub repository: RepositorySettings,
    /// `PUSH`.
    pub push: bool,
    /// `BUILD`; `false` where an image is pushed that the engine has already.
    pub builds: bool,
    /// `INDEX_FROM`; empty when nothing is joined.
    pub index_from: Vec<IndexMember>,
    /// `SKIP_UNCHANGED`.
    pub skip_unchanged: SkipUnchanged,
    /// `PUSH_MODE`.
    pub push_mode: PushMode,
    /// `SCAN_FAIL_ON` with its companions; `None` without a gate.
    pub scan: Option<ScanGate>,
    /// `DRY_RUN`.
    pub dry_run: bool,
    /// `OUTPUT_DIR`, as given.
    pub output_dir: PathBuf,
    /// `DEBUG`.
    pub debug: bool,
    /// False when `NO_COLOR` is set.
    pub color: bool,
    /// `DOCKER_HOST` and its TLS companions.
    pub engine: EngineAddress,
    /// `AWS_ENDPOINT_URL_ECR`, else `AWS_ENDPOINT_URL`.
    pub ecr_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`.
    pub sts_endpoint: Option<String>,
    /// Certificates and proxies for HTTPS to AWS.
    pub network: Network,
    /// Bitbucket's own variables.
    pub bitbucket: Bitbucket,
    /// Everything that must be masked in the log.
    pub secrets: Vec<SecretString>,
    /// What is odd but no error: a misspelt name, a value that is literally `$NAME`, …
    pub warnings: Vec<Warning>,
}

/// By what the pipe is known to AWS.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// What is at hand without asking AWS.
    pub source: CredentialSource,
    /// `AWS_ROLE_ARN`, assumed with what the source gives.
    pub role: Option<Role>,
    /// `AWS_ROLE_SESSION_NAME`, else made of the build: the name of each role's session.
    pub session_name: String,
}

/// What credentials begin with.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// `AWS_KEY`, `AWS_SECRET`, `AWS_SESSION_TOKEN`.
    Keys(Keys),
    /// `AWS_OIDC_ROLE_ARN`, which wins over keys.
    Oidc {
        /// The role.
        role: RoleArn,
        /// `BITBUCKET_STEP_OIDC_TOKEN`
        token: SecretString,
        /// Whether keys are set too.
        unused_keys: bool,
    },
}

/// A second role.
#[derive(Clone, Debug)]
pub struct Role {
    /// `AWS_ROLE_ARN`
    pub arn: RoleArn,
    /// `AWS_ROLE_EXTERNAL_ID`
    pub external_id: Option<String>,
}

/// Access keys of an IAM user or of a session.
#[derive(Clone, Debug)]
pub struct Keys {
    /// `AWS_KEY`.
    pub id: String,
    /// `AWS_SECRET`.
    pub secret: SecretString,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
}

/// The options of a build. Paths are as given, relative to the working folder.
#[derive(Clone, Debug)]
pub struct Build {
    /// `CONTEXT`.
    pub context: PathBuf,
    /// `DOCKERFILE`; `None` means `<CONTEXT>/Dockerfile`.
    pub dockerfile: Option<PathBuf>,
    /// `TARGET`.
    pub target: Option<String>,
    /// `PLATFORM`, each once; empty when the engine's own is meant.
    pub platforms: Vec<Platform>,
    /// `BUILD_ARGS`, in order; a `KEY` alone has been given its value from the environment, or left out when it has none.
    /// Values are treated as secrets, since users put some there.
    pub args: Vec<(String, SecretString)>,
    /// `LABELS`, in order.
    pub labels: Vec<(String, String)>,
    /// `NO_CACHE`.
    pub no_cache: bool,
    /// `PULL`.
    pub pull: bool,
    /// `NETWORK`.
    pub network: Option<String>,
    /// `ADD_HOSTS`, each `name:address`.
    pub add_hosts: Vec<String>,
    /// `SHM_SIZE` in bytes.
    pub shm_size: Option<u64>,
    /// `ULIMITS`.
    pub ulimits: Vec<Ulimit>,
    /// `BUILD_SECRETS`, each id once.
    pub secrets: Vec<BuildSecret>,
    /// `BUILD_CONTEXTS`, each name once.
    pub contexts: Vec<NamedContext>,
    /// `SOURCE_DATE_EPOCH` in seconds: no file of the context, and nothing in an image that the pipe pushes, is newer than this.
    pub source_date_epoch: Option<u64>,
}

/// One entry of `BUILD_SECRETS`.
#[derive(Clone, Debug)]
pub struct BuildSecret {
    /// By which the Dockerfile mounts it.
    pub id: String,
    /// Where it is.
    pub source: SecretSource,
}

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// `env=VAR`
    Value {
        /// The variable.
        variable: String,
        /// Its value.
        value: SecretString,
    },
    /// `src=path`, relative to the working folder. Not looked at yet.
    File(PathBuf),
}

/// One entry of `BUILD_CONTEXTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedContext {
    /// As the Dockerfile names it, in lower case.
    pub name: String,
    /// What it stands for.
    pub source: ContextSource,
}

/// What a named context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// A folder, relative to the working folder.
    Folder(PathBuf),
    /// `docker-image://…`, without the scheme.
    Image(String),
}

/// `BUILDER`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit where it can do what is asked for.
    Auto,
    /// BuildKit or nothing.
    Buildkit,
    /// The classic builder or nothing.
    Classic,
}

/// `IF_TAG_EXISTS`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfTagExists {
    /// The tag is moved where it may be.
    #[default]
    Overwrite,
    /// What exists stays: nothing is built when all tags exist.
    Skip,
    /// That a tag exists is a failure.
    Fail,
}

/// `CACHE` and `CACHE_FROM`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Whether the repository's own image is a source, and what is built is made one.
    pub auto: bool,
    /// Further images.
    pub from: Vec<String>,
}

/// One entry of `ULIMITS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: String,
    /// The soft limit; -1 is no limit.
    pub soft: i64,
    /// The hard limit; -1 is no limit.
    pub hard: i64,
}

/// One entry of `REGISTRY_LOGINS`.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// Registry host, with a port if it has one; `docker.io` for Docker Hub.
    pub host: String,
    /// User name.
    pub username: String,
    /// The value of the variable that `password-env` names.
    pub password: SecretString,
}

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAddress {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://host:port` without TLS.
    Tcp {
        /// Host name or address; an IPv6 address without brackets.
        host: String,
        /// Port, 2375 unless given.
        port: u16,
    },
    /// `tcp://host:port` with `DOCKER_TLS_VERIFY` or a `DOCKER_CERT_PATH`.
    Tls {
        /// Host name or address.
        host: String,
        /// Port, 2376 unless given.
        port: u16,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: PathBuf,
    },
}

/// How HTTPS to AWS and to registries is made.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// `SSL_CERT_FILE`: replaces the system's roots.
    pub ssl_cert_file: Option<PathBuf>,
    /// `AWS_CA_BUNDLE`: added to the roots.
    pub aws_ca_bundle: Option<PathBuf>,
    /// `HTTPS_PROXY`; may hold a password.
    pub https_proxy: Option<SecretString>,
    /// `HTTP_PROXY`; used for `http://` endpoints only.
    pub http_proxy: Option<SecretString>,
    /// `NO_PROXY`, as given.
    pub no_proxy: Option<String>,
}

/// What Bitbucket says of the build. Users may override any of it: never trust it for security.
#[derive(Clone, Debug, Default)]
pub struct Bitbucket {
    /// `BITBUCKET_BRANCH`
    pub branch: Option<String>,
    /// `BITBUCKET_PR_DESTINATION_BRANCH`
    pub destination_branch: Option<String>,
    /// `BITBUCKET_TAG`
    pub tag: Option<String>,
    /// `BITBUCKET_COMMIT`
    pub commit: Option<String>,
    /// `BITBUCKET_BUILD_NUMBER`
    pub build_number: Option<String>,
    /// `BITBUCKET_REPO_FULL_NAME`
    pub repository: Option<String>,
    /// `BITBUCKET_GIT_HTTP_ORIGIN`
    pub git_origin: Option<String>,
    /// `BITBUCKET_CLONE_DIR`
    pub clone_dir: Option<PathBuf>,
    /// `BITBUCKET_PIPE_STORAGE_DIR` and `BITBUCKET_PIPE_SHARED_STORAGE_DIR`: never part of a build context.
    pub storage_dirs: Vec<PathBuf>,
    /// `BITBUCKET_PIPELINES_VARIABLES_PATH`
    pub variables_path: Option<PathBuf>,
}

/// Something odd that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A lowercase fragment.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests;
