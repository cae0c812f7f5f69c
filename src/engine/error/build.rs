//! Why a build failed.

use std::io;
use std::sync::Arc;

use super::{Error, StepName};
use crate::error::{ExitCode, Explain};

/// Why a build gave no image.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The stream of the context broke off; the error is the one that the stream gave.
    #[error("the build context cannot be sent: {0}")]
    Context(Arc<io::Error>),
    /// A command ended with another code than 0.
    #[error("{step} failed with exit code {exit_code}: `{}`", step.instruction)]
    Step {
        /// The step.
        step: StepName,
        /// The exit code of its command.
        exit_code: i64,
    },
    /// A command is one that the engine's machine cannot run.
    #[error("{step} cannot run on the engine's machine: `{}`: exec format error", step.instruction)]
    Foreign {
        /// The step.
        step: StepName,
    },
    /// A step failed for another reason.
    #[error("{step} failed: `{}`: {reason}", step.instruction)]
    StepBroken {
        /// The step.
        step: StepName,
        /// The engine's words.
        reason: String,
    },
    /// The registry does not know the base image.
    #[error("base image `{image}` does not exist ({reason})")]
    BaseMissing {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The base image exists, for other platforms.
    #[error("base image `{image}` does not exist for the platform asked for ({reason})")]
    BasePlatform {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// What stands in `FROM` is no name of an image.
    #[error("base image `{image}` is not the name of an image ({reason})")]
    BaseName {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The registry wants another login for the base image, or any.
    #[error("base image `{image}`: the registry denies access ({reason})")]
    BaseDenied {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The registry gives this address or account no more base images for now.
    #[error("base image `{image}`: the registry's pull limit is reached ({reason})")]
    BaseRateLimited {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The base image cannot be had for another reason.
    #[error("base image `{image}` cannot be pulled: {reason}")]
    BaseUnreachable {
        /// As the Dockerfile has it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The Dockerfile uses what only `BuildKit` can do.
    #[error("the Dockerfile needs BuildKit: {what}")]
    NeedsBuildKit {
        /// What it uses and where.
        what: String,
    },
    /// `COPY` or `ADD` of something that is not in the context.
    #[error("{step}: `{}`: {reason}", step.instruction)]
    SourceMissing {
        /// The step.
        step: StepName,
        /// The engine's words.
        reason: String,
        /// The stage, image or named context that it should be in, not the context.
        from: Option<String>,
    },
    /// The Dockerfile cannot be parsed.
    #[error("the Dockerfile is not valid: {reason}")]
    Dockerfile {
        /// The engine's words, with the line.
        reason: String,
    },
    /// The frontend that `# syntax=` names cannot be had.
    #[error("the Dockerfile frontend `{image}` of the `# syntax=` line cannot be had: {reason}")]
    Frontend {
        /// As the engine names it.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// A layer of a base image or a cache image cannot be fetched.
    #[error("a layer of an image cannot be fetched: {reason}")]
    LayerBroken {
        /// The engine's words.
        reason: String,
    },
    /// A step wants a secret that was not given.
    #[error("{step} wants the secret `{id}`: `{}`", step.instruction)]
    SecretMissing {
        /// The step.
        step: StepName,
        /// The secret.
        id: String,
    },
    /// There is no such stage.
    #[error("`TARGET`: the Dockerfile has no stage `{target}`")]
    TargetMissing {
        /// The name asked for.
        target: String,
    },
    /// There is no such network.
    #[error("`NETWORK`: the engine has no network `{network}`")]
    NetworkMissing {
        /// The name asked for.
        network: String,
    },
    /// The engine's disk is full.
    #[error("the engine's disk is full: {reason}")]
    NoSpace {
        /// The engine's words.
        reason: String,
    },
    /// The engine refused or failed outside any step.
    #[error("the engine could not build: {reason}")]
    Other {
        /// The engine's words.
        reason: String,
    },
    /// The stream ended well and named no image.
    #[error("the engine's answer ended without an image")]
    NoImage,
}

impl Explain for BuildError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Engine(error) => error.exit_code(),
            Self::Context(_)
            | Self::NeedsBuildKit { .. }
            | Self::Dockerfile { .. }
            | Self::SecretMissing { .. }
            | Self::TargetMissing { .. }
            | Self::NetworkMissing { .. } => ExitCode::Variables,
            Self::Step { .. }
            | Self::Foreign { .. }
            | Self::StepBroken { .. }
            | Self::BaseMissing { .. }
            | Self::BasePlatform { .. }
            | Self::BaseName { .. }
            | Self::BaseDenied { .. }
            | Self::BaseRateLimited { .. }
            | Self::BaseUnreachable { .. }
            | Self::SourceMissing { .. }
            | Self::Frontend { .. }
            | Self::LayerBroken { .. }
            | Self::NoSpace { .. }
            | Self::Other { .. }
            | Self::NoImage => ExitCode::Build,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Engine(error) => return error.hint(),
            Self::Step { exit_code: 137, .. } => {
                "code 137 is a kill, mostly for want of memory: give the docker service more (`definitions: services: docker: memory: 2048`)"
            }
            Self::Step { .. } => "read the output of that step above: the last lines say what its command did not like",
            Self::Foreign { .. } => {
                "it is of another platform (compile on the engine's own by `FROM --platform=$BUILDPLATFORM`, install emulation, or build that platform on its own machine and join by `INDEX_FROM`), or a script without its `#!` line"
            }
            Self::StepBroken { .. } | Self::Context(_) => return None,
            Self::BaseMissing { .. } => {
                "check its name and tag in the Dockerfile's `FROM` or `COPY --from`; if it is private, give its registry in `REGISTRY_LOGINS`"
            }
            Self::BasePlatform { .. } => {
                "correct `--platform` in its `FROM` line or `PLATFORM`, or use an image that exists for that platform"
            }
            Self::BaseName { .. } => {
                "if it holds a variable, give that a value by `ARG <name>=<default>` before the first `FROM`, or in `BUILD_ARGS`"
            }
            Self::BaseDenied { .. } => {
                "check its name; if it is private, give a login for its registry in `REGISTRY_LOGINS`, or correct that: `host=…,username=…,password-env=VAR`"
            }
            Self::BaseRateLimited { .. } => {
                "log in with `REGISTRY_LOGINS`, or take the image from `public.ecr.aws/docker/library/…` or from a pull-through cache in ECR"
            }
            Self::BaseUnreachable { .. } => {
                "check the registry's name in the Dockerfile, and that the engine can reach it"
            }
            Self::NeedsBuildKit { .. } => "set `BUILDER` to `buildkit`, or write it without that",
            Self::Frontend { .. } => {
                "the engine pulls it as an image: check its name, give a login in `REGISTRY_LOGINS` if its registry wants one, or take the line out where the engine's own frontend will do"
            }
            Self::LayerBroken { .. } => {
                "the registry that the image comes from, or what lies between, gives something else than it says: pull the image by hand to see"
            }
            Self::SecretMissing { id, .. } => {
                return Some(format!("give it in `BUILD_SECRETS`: `id={id},env=<variable>` or `id={id},src=<path>`"));
            }
            Self::SourceMissing { from: Some(from), .. } => {
                return Some(format!(
                    "paths are relative to the root of `{from}`: check that the file is there, in the same case"
                ));
            }
            Self::SourceMissing { .. } => {
                "paths are relative to `CONTEXT`: check that the file is there, in the same case, and not excluded by `.dockerignore`"
            }
            Self::Dockerfile { reason } if reason.contains("no build stage") => "begin it with a `FROM` instruction",
            Self::Dockerfile { .. } => "correct that line of the Dockerfile",
            Self::TargetMissing { .. } => "name a stage of the Dockerfile: the word after `AS` in a `FROM` line",
            Self::NetworkMissing { .. } => {
                "use `host`, `none` or `bridge`, or a network that `docker network ls` shows"
            }
            Self::NoSpace { .. } => "free space with `docker system prune`, or use a step of a larger size",
            Self::Other { .. } | Self::NoImage => "run again with `DEBUG` set to `true` to see more",
        };
        Some(hint.to_owned())
    }
}
