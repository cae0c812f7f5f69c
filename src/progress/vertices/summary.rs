//! What became of a build.

use std::time::Duration;

/// What became of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps of the Dockerfile that the engine had to look at, without `FROM`.
    pub steps: usize,
    /// How many of them came from its cache.
    pub cached: usize,
    /// The images that it began with or took files from, as the engine resolved them: `docker.io/library/a:1@sha256:…`.
    pub bases: Vec<String>,
    /// What each cache that was to be looked up came to, in the order in which they ended.
    pub imports: Vec<CacheImport>,
    /// Bytes of build contexts that travelled.
    pub sent: u64,
    /// The step that failed.
    pub failed: Option<Failed>,
    /// Different warnings of the Dockerfile checks.
    pub warnings: usize,
}

/// The look-up of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheImport {
    /// As in `CACHE_FROM`.
    pub reference: String,
    /// What the engine says if it could not use it.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// A step that failed. All its text is foreign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// The stage, if the step is one of the Dockerfile and the stage is named.
    pub stage: Option<String>,
    /// What stands in its brackets: `build 2/4`, `internal`.
    pub label: String,
    /// The instruction.
    pub instruction: String,
    /// Where it stands: `Dockerfile:12`.
    pub place: Option<String>,
    /// The exit code of its command, if that is what failed.
    pub exit_code: Option<i64>,
    /// What the engine says.
    pub error: String,
    /// The last that it printed.
    pub last: String,
}
