//! The one place where words of engine and registry are matched, since they come without a code.
//!
//! The engine's stream has a code only for a command that ended with one (`errorDetail.code`); for all else it passes on
//! texts of its own and of the registry. Each list says where its words come from; the tests hold what real engines said:
//! 20.10.24, 26.1.5, 28.5.2 and 28.5.2 with the containerd image store ("28c").

mod buildkit;
mod source;

use super::{BuildError, Error, PushError, StepName};
use crate::progress::classic::Step;
use crate::progress::sanitize::one_line;
pub use buildkit::CacheState;
pub(super) use buildkit::of_buildkit;

/// moby `pkg/authorization/authz.go`: `authorization denied by plugin <name>: <message>`; Bitbucket's is `pipelines`.
pub(super) fn of_plugin(call: &str, message: &str) -> Option<Error> {
    let (plugin, reason) = message.split_once("authorization denied by plugin ")?.1.split_once(": ")?;
    Some(Error::Plugin { plugin: plugin.to_owned(), call: call.to_owned(), reason: one_line(reason) })
}

/// Go `net/http` server: what a TLS port answers in clear, with status 400.
pub(super) fn wants_tls(message: &str) -> bool {
    message.contains("Client sent an HTTP request to an HTTPS server")
}

/// The system's words, which Go passes on.
pub(super) fn is_no_space(message: &str) -> bool {
    message.contains("no space left on device")
}

/// moby `layer/empty.go` (20.10, 26.1): `FROM scratch` with nothing in it.
pub(super) fn is_empty_export(message: &str) -> bool {
    message.contains("empty export - not implemented")
}

/// moby `api/server/middleware/version.go`.
pub(super) fn is_version_refused(message: &str) -> bool {
    message.contains("client version") && (message.contains("is too old") || message.contains("is too new"))
}

/// moby `builder/dockerfile` (parse errors, stages, files), `distribution` (pulls), buildkit `frontend/dockerfile` (parser).
pub(super) fn of_build(message: &str, code: Option<i64>, step: Option<&Step>) -> BuildError {
    let reason = one_line(message);
    if let (Some(exit_code), Some(step)) = (code, step) {
        return BuildError::Step { step: step.into(), exit_code };
    }
    if let Some(what) = buildkit_only(&reason, step) {
        return BuildError::NeedsBuildKit { what };
    }
    if is_no_space(&reason) {
        return BuildError::NoSpace { reason };
    }
    if let Some(target) = missing_target(&reason) {
        return BuildError::TargetMissing { target };
    }
    if any(
        &reason,
        &[
            "dockerfile parse error",
            "no build stage in current context",
            "cannot be empty",
            "Cannot locate specified Dockerfile",
        ],
    ) {
        return BuildError::Dockerfile { reason };
    }
    if let Some(image) = base_image(step, &reason) {
        return of_base(image, reason);
    }
    match (missing_network(&reason), step) {
        (Some(network), _) => BuildError::NetworkMissing { network },
        (None, Some(step)) if is_missing_source(&reason) => {
            BuildError::SourceMissing { step: step.into(), reason, from: None }
        }
        (None, Some(step)) => BuildError::StepBroken { step: step.into(), reason },
        (None, None) => BuildError::Other { reason },
    }
}

/// moby `builder/dockerfile/dispatchers.go` (`the --mount option requires BuildKit`), buildkit parser (`Unknown flag: link`
/// in 20.10, `unknown flag: exclude` since 23.0).
fn buildkit_only(reason: &str, step: Option<&Step>) -> Option<String> {
    let instruction =
        || step.map(|step| format!(" ({}: `{}`)", StepName::from(step), step.instruction)).unwrap_or_default();
    if reason.starts_with("failed to parse platform : \"\" is an invalid ") {
        return Some(format!("a `--platform` of an automatic variable, which is empty here{}", instruction()));
    }
    if let Some((what, _)) = reason.split_once(" requires BuildKit") {
        return Some(format!("{what}{}", instruction()));
    }
    let flag = reason.split_once("Unknown flag: ").or_else(|| reason.split_once("unknown flag: "))?.1;
    let flag = flag.split_whitespace().next()?.trim_start_matches("--");
    [
        "mount",
        "network",
        "security",
        "device",
        "link",
        "parents",
        "exclude",
        "checksum",
        "keep-git-dir",
        "unpack",
        "chmod",
    ]
    .contains(&flag)
    .then(|| format!("the `--{flag}` option ({reason})"))
}

/// 20.10: `failed to reach build target X in Dockerfile`; since 23.0: `target stage "X" could not be found`.
fn missing_target(reason: &str) -> Option<String> {
    let old = reason.strip_prefix("failed to reach build target ").and_then(|rest| rest.strip_suffix(" in Dockerfile"));
    let new = || reason.strip_prefix("target stage \"").and_then(|rest| rest.strip_suffix("\" could not be found"));
    old.or_else(new).map(str::to_owned)
}

/// moby `libnetwork`/`daemon`: `network X not found`, in 28 after `failed to set up container networking: `.
fn missing_network(reason: &str) -> Option<String> {
    let name = reason.rsplit_once("network ")?.1.strip_suffix(" not found")?;
    (!name.contains(' ')).then(|| name.to_owned())
}

/// moby `builder/dockerfile/copy.go`.
fn is_missing_source(reason: &str) -> bool {
    any(reason, &["COPY failed: ", "ADD failed: "])
        && any(
            reason,
            &[
                "file not found in build context",
                "no source files were specified",
                "file does not exist",
                "no such file or directory",
                "forbidden path outside the build context",
            ],
        )
}

/// buildkit `cache/contenthash`, `solver/llbsolver/file`: a source of `COPY` or `ADD` that is not there.
fn is_missing_source_path(reason: &str) -> bool {
    any(reason, &["failed to compute cache key: ", "failed to calculate checksum of ref "])
        && any(reason, &["not found", "no such file or directory"])
}

/// The image that the step wanted from a registry: that of `FROM`, or of `COPY --from` (`invalid from flag value X: …`).
fn base_image(step: Option<&Step>, reason: &str) -> Option<String> {
    if let Some(rest) = reason.strip_prefix("invalid from flag value ") {
        return rest.split_once(": ").map(|(image, _)| image.to_owned());
    }
    let mut words = step?.instruction.split_whitespace();
    let is_from = words.next().is_some_and(|word| word.eq_ignore_ascii_case("FROM"));
    words.find(|word| !word.starts_with("--")).filter(|_| is_from).map(str::to_owned)
}

fn of_base(image: String, reason: String) -> BuildError {
    if is_throttled(&reason) {
        BuildError::BaseRateLimited { image, reason }
    } else if any(&reason, &["specified platform", "no matching manifest for ", "no match for platform in manifest"]) {
        BuildError::BasePlatform { image, reason }
    } else if reason.contains("invalid reference format") {
        BuildError::BaseName { image, reason }
    } else if is_unauthorized(&reason) || is_denied(&reason) {
        BuildError::BaseDenied { image, reason }
    } else if is_missing(&reason) {
        BuildError::BaseMissing { image, reason }
    } else {
        BuildError::BaseUnreachable { image, reason }
    }
}

/// moby `distribution/errors.go`, distribution `registry/api/errcode` (the code in words, then the registry's message),
/// containerd `core/remotes/docker`; ECR: user guide, "Troubleshooting", and what it is known to answer (facts in the tests).
pub(super) fn of_push(message: &str, repository: &str, tag: &str) -> PushError {
    let (repository, reason) = (repository.to_owned(), one_line(message));
    if reason.contains("immutable") && any(&reason, &["TAG_INVALID", "tag"]) {
        PushError::TagImmutable { repository, tag: tag.to_owned(), reason }
    } else if any(&reason, &["name unknown", "NAME_UNKNOWN"])
        || (reason.contains("repository with name") && reason.contains("does not exist"))
    {
        PushError::RepositoryMissing { repository, reason }
    } else if is_throttled(&reason) {
        PushError::Throttled { repository, reason }
    } else if is_unauthorized(&reason) {
        PushError::Unauthorized { repository, reason }
    } else if is_denied(&reason) {
        PushError::Denied { repository, reason }
    } else if reason.contains("does not exist locally") || reason.contains("No such image") {
        PushError::ImageMissing { image: format!("{repository}:{tag}") }
    } else if is_outage(&reason) {
        PushError::Unavailable { repository, reason }
    } else {
        PushError::Other { repository, reason }
    }
}

fn is_throttled(reason: &str) -> bool {
    any(
        reason,
        &[
            "toomanyrequests",
            "TOOMANYREQUESTS",
            "too many requests",
            "Too Many Requests",
            "pull rate limit",
            "Rate exceeded",
            ": 429",
        ],
    )
}

/// The token itself. ECR says of an old one `denied: Your authorization token has expired. Reauthenticate and try again.`
/// and of a wrong one `denied: Not Authorized` (amazon-ecr-user-guide, "Troubleshooting errors").
fn is_unauthorized(reason: &str) -> bool {
    any(
        reason,
        &[
            "authorization token has expired",
            "no basic auth credentials",
            "unauthorized",
            "UNAUTHORIZED",
            "authentication required",
            "incorrect username or password",
            "denied: Not Authorized",
            ": 401",
        ],
    )
}

/// A refused `HEAD` has no body, so that ECR's words are lost: `error parsing HTTP 403 response body: …`
/// (docker-maven-plugin#364: `ecr:BatchCheckLayerAvailability` is lacking).
fn is_denied(reason: &str) -> bool {
    any(reason, &["denied", "DENIED", "not authorized to perform", "insufficient_scope", ": 403", "HTTP 403"])
}

fn is_missing(reason: &str) -> bool {
    any(reason, &["manifest unknown", "not found", "name unknown", "does not exist", ": 404"])
}

/// Go's words for connections that fail (`net`, `net/http`), and moby's for answers without a code (`received unexpected
/// HTTP status: 500 Internal Server Error`).
fn is_outage(reason: &str) -> bool {
    any(
        reason,
        &[
            "received unexpected HTTP status: 5",
            ": 500",
            ": 502",
            ": 503",
            ": 504",
            "unexpected status from",
            "EOF",
            "connection reset",
            "connection refused",
            "broken pipe",
            "i/o timeout",
            "TLS handshake timeout",
            "Client.Timeout exceeded",
            "context deadline exceeded",
            "server closed idle connection",
            "use of closed network connection",
            "no such host",
            "server misbehaving",
            "temporary failure",
            "Internal Server Error",
            "internal error",
            "unavailable",
        ],
    )
}

fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests;
