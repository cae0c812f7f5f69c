//! Which builder builds.
//!
//! BuildKit wherever the engine offers it and does all that is asked for. What one builder would leave undone without a word is
//! done by the other or is a failure before the build.

use std::path::Path;

use crate::config::{Build, Builder};
use crate::dockerfile::Needs;
use crate::engine::{ApiVersion, Facts};
use crate::error::{ExitCode, Explain};
use crate::image::Platform;

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// `BUILDER`
    pub builder: Builder,
    /// The options of the build.
    pub build: &'a Build,
    /// `CACHE_FROM`
    pub cache_from: &'a [String],
    /// What the engine is.
    pub engine: &'a Facts,
    /// The platforms of `PLATFORM` that are not the engine's own.
    pub foreign: &'a [Platform],
    /// What of the Dockerfile only BuildKit does, with lines.
    pub only_buildkit: Option<&'a Needs>,
    /// A path of the context that is not UTF-8.
    pub not_utf8: Option<&'a Path>,
}

/// A builder, and why this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The builder.
    pub builder: Chosen,
    /// For the log: `BuildKit` or `classic, since …`.
    pub words: String,
    /// Whether the classic builder could build this too, should the session not come about.
    pub falls_back: bool,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// `POST /build?version=2`
    Buildkit,
    /// `POST /build?version=1`
    Classic,
}

/// No builder does all that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbuildable {
    /// `BUILDER` is `classic`, and something needs BuildKit.
    #[error("{what} needs BuildKit, and `BUILDER` is `classic`")]
    NotClassic {
        /// What needs it: a variable, or parts of the Dockerfile with their lines.
        what: String,
    },
    /// `BUILDER` is `buildkit`, and the engine's BuildKit would leave something undone.
    #[error("`{variable}`: {reason}, and `BUILDER` is `buildkit`")]
    NotBuildkit {
        /// The variable.
        variable: &'static str,
        /// What BuildKit does with it in this engine.
        reason: String,
    },
    /// The engine would, but a plugin that it asks refuses.
    #[error(
        "`PLATFORM`: the engine's own is {own}, and its authorisation plugin `{plugin}` lets no build be for another one, as {foreign} is"
    )]
    Caged {
        /// The plugin.
        plugin: &'static str,
        /// The engine's own platform.
        own: Platform,
        /// The first platform that is not.
        foreign: Platform,
    },
    /// One thing needs BuildKit, another one the classic builder.
    #[error("`{variable}`: {reason}, and {what} needs BuildKit")]
    Neither {
        /// The variable.
        variable: &'static str,
        /// What BuildKit does with it in this engine.
        reason: String,
        /// What needs BuildKit.
        what: String,
    },
}

impl Explain for Unbuildable {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotClassic { .. } | Self::NotBuildkit { .. } | Self::Neither { .. } => ExitCode::Variables,
            Self::Caged { .. } => ExitCode::Engine,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotClassic { .. } => "remove `BUILDER`, or set it to `auto`",
            Self::NotBuildkit { .. } => "set `BUILDER` to `auto` or `classic`, or remove that variable",
            Self::Caged { .. } => {
                "build each platform in a step on its own machine (`runtime: cloud: arch: arm`) and join the images by `INDEX_FROM`, or use runtime v3 (`runtime: cloud: version: \"3\"`), which has no such plugin"
            }
            Self::Neither { .. } => {
                "remove one of the two, or use a newer engine, such as `image: docker:28-dind` for the docker service"
            }
        };
        Some(hint.to_owned())
    }
}

/// The authorisation plugin of Bitbucket's runtime v2, which refuses builds for a platform (Bitbucket documentation, "Run Docker
/// commands in Bitbucket Pipelines").
const PIPELINES: &str = "pipelines";

/// Engine 23.0: since then BuildKit is told of `SHM_SIZE` and `ULIMITS` (measured: 20.10 ignores both, 26.1 and 28.5 do not).
const LIMITS: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// Chooses.
///
/// # Errors
/// Everything that keeps the builder, or either of the two, from doing what is asked for.
pub fn choose(wishes: &Wishes<'_>) -> Result<Choice, Vec<Unbuildable>> {
    if let (Some(foreign), true) = (wishes.foreign.first(), wishes.engine.plugins.iter().any(|name| name == PIPELINES))
    {
        let own = wishes.engine.platform();
        return Err(vec![Unbuildable::Caged { plugin: PIPELINES, own, foreign: foreign.clone() }]);
    }
    let needs_buildkit = needs_buildkit(wishes);
    let needs_classic = needs_classic(wishes);
    let classic = |words: String| Ok(Choice { builder: Chosen::Classic, words, falls_back: false });
    let falls_back = wishes.builder == Builder::Auto && needs_buildkit.is_empty();
    match (wishes.builder, needs_classic.as_slice()) {
        (Builder::Classic, _) if needs_buildkit.is_empty() => classic("classic, as `BUILDER` says".to_owned()),
        (Builder::Classic, _) => Err(needs_buildkit.into_iter().map(|what| Unbuildable::NotClassic { what }).collect()),
        (Builder::Auto, []) if needs_buildkit.is_empty() && wishes.not_utf8.is_some() => {
            let path = wishes.not_utf8.unwrap_or(Path::new("")).display();
            classic(format!("classic, for `{path}` in the context: BuildKit takes only file names that are UTF-8"))
        }
        (_, []) => Ok(Choice { builder: Chosen::Buildkit, words: "BuildKit".to_owned(), falls_back }),
        (Builder::Buildkit, unsuited) => {
            let refuse = |Unsuited { variable, reason }| Unbuildable::NotBuildkit { variable, reason };
            Err(unsuited.iter().cloned().map(refuse).collect())
        }
        (Builder::Auto, [Unsuited { variable, reason }, ..]) if needs_buildkit.is_empty() => {
            classic(format!("classic, for `{variable}`: {reason}"))
        }
        (Builder::Auto, unsuited) => {
            let what = needs_buildkit.join(", ");
            let refuse = |Unsuited { variable, reason }| Unbuildable::Neither { variable, reason, what: what.clone() };
            Err(unsuited.iter().cloned().map(refuse).collect())
        }
    }
}

/// What needs BuildKit, for a sentence.
fn needs_buildkit(wishes: &Wishes<'_>) -> Vec<String> {
    let variables = [
        ("`BUILD_SECRETS`", wishes.build.secrets.is_empty()),
        ("`BUILD_CONTEXTS`", wishes.build.contexts.is_empty()),
        ("`CACHE_FROM`", wishes.cache_from.is_empty()),
    ];
    let variables = variables.into_iter().filter(|(_, unset)| !unset).map(|(name, _)| name.to_owned());
    let foreign =
        wishes.foreign.iter().take(1).map(|platform| format!("`PLATFORM` {platform}, which is not the engine's own,"));
    variables.chain(foreign).chain(wishes.only_buildkit.map(|what| format!("{what} in the Dockerfile"))).collect()
}

/// What only the classic builder of this engine does.
#[derive(Clone)]
struct Unsuited {
    variable: &'static str,
    /// What BuildKit does with it.
    reason: String,
}

fn needs_classic(wishes: &Wishes<'_>) -> Vec<Unsuited> {
    let (build, engine) = (wishes.build, wishes.engine);
    let mut needs = Vec::new();
    if engine.api < LIMITS {
        let reason = format!("BuildKit in engine {} ignores it", engine.version);
        if build.shm_size.is_some() {
            needs.push(Unsuited { variable: "SHM_SIZE", reason: reason.clone() });
        }
        if !build.ulimits.is_empty() {
            needs.push(Unsuited { variable: "ULIMITS", reason });
        }
    }
    if let Some(network) = &build.network
        && !matches!(network.as_str(), "default" | "none" | "host")
    {
        let reason = "BuildKit knows only `default`, `none` and `host`".to_owned();
        needs.push(Unsuited { variable: "NETWORK", reason });
    }
    needs
}

#[cfg(test)]
mod tests;
