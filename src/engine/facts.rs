//! What the engine is.

use std::fmt;

use bollard::models::SystemInfo;
use hyper::HeaderMap;
use hyper::header::SERVER;

use super::{ApiVersion, Error};
use crate::image::Platform;

/// Read once, when connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Such as `26.1.5`.
    pub version: String,
    /// The API version that requests carry.
    pub api: ApiVersion,
    /// Where images lie, unless the engine would not say.
    pub storage: Option<Storage>,
    /// Under which a login to Docker Hub is looked for, unless the engine would not say.
    pub index: Option<String>,
    /// `linux`
    pub os: String,
    /// In Go's words: `amd64`, `arm64`.
    pub architecture: String,
    /// Its authorisation plugins, which may refuse requests; none when it would not say.
    pub plugins: Vec<String>,
    /// The address as `DOCKER_HOST` has it.
    pub address: String,
}

/// Where images lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// `overlay2`, `vfs`, …; of containerd `overlayfs`.
    pub driver: String,
    /// Whether it is the containerd image store, whose image ids are digests of manifests.
    pub containerd: bool,
}

impl Facts {
    /// Its own platform.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::of(&self.os, &self.architecture)
    }

    /// Whether it keeps layers compressed, as a registry has them. One that does not say where its images lie is an old one.
    #[must_use]
    pub fn keeps_compressed(&self) -> bool {
        self.storage.as_ref().is_some_and(|storage| storage.containerd)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, API {}", self.version, self.api)?;
        if let Some(storage) = &self.storage {
            write!(f, ", {}", storage.driver)?;
            if storage.containerd {
                f.write_str(" (containerd)")?;
            }
        }
        write!(f, ", at {}", self.address)
    }
}

impl From<SystemInfo> for Storage {
    fn from(info: SystemInfo) -> Self {
        // moby daemon/containerd/service.go: the status names the type of the containerd plugin.
        let containerd = info
            .driver_status
            .into_iter()
            .flatten()
            .flatten()
            .any(|word| word.starts_with("io.containerd.snapshotter"));
        Self { driver: info.driver.unwrap_or_default(), containerd }
    }
}

/// What the answer to `GET /_ping` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ping {
    pub(super) version: String,
    pub(super) api: ApiVersion,
}

impl Ping {
    /// Reads the headers.
    pub(super) fn read(headers: &HeaderMap, host: &str) -> Result<Self, Error> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
        let strange = |reason: &str| Error::NoEngine { host: host.to_owned(), reason: reason.to_owned() };
        let api = text("Api-Version").ok_or_else(|| strange("its answer to `GET /_ping` has no `Api-Version`"))?;
        let api = api.parse().map_err(|_| strange(&format!("its `Api-Version` is `{api}`")))?;
        // `Docker/26.1.5+dfsg1 (linux)`
        let server = text(SERVER.as_str()).and_then(|server| server.strip_prefix("Docker/")?.split_whitespace().next());
        Ok(Self { version: server.unwrap_or("of unknown version").to_owned(), api })
    }

    /// The version to use with this engine.
    pub(super) fn agreed(&self) -> Result<ApiVersion, Error> {
        if self.api < ApiVersion::OLDEST {
            return Err(Error::TooOld { version: self.version.clone(), api: self.api });
        }
        Ok(self.api.min(ApiVersion::NEWEST))
    }
}

/// The engine's `… is too old. Minimum supported API version is 1.60, …` as a failure of ours.
pub(super) fn too_new(version: &str, message: &str) -> Option<Error> {
    let oldest = message.split_once("Minimum supported API version is ")?.1;
    let oldest = oldest.split(|character: char| !character.is_ascii_digit() && character != '.').next()?;
    Some(Error::TooNew { version: version.to_owned(), oldest: oldest.trim_end_matches('.').parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn ping(pairs: &[(&'static str, &'static str)]) -> Result<Ping, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Ping::read(&headers, "tcp://x:2375")
    }

    #[test]
    fn the_version_used_is_the_older_of_both() {
        let agreed = |api| ping(&[("api-version", api), ("server", "Docker/26.1.5+dfsg1 (linux)")]).unwrap().agreed();
        assert_eq!(agreed("1.41"), Ok(ApiVersion::OLDEST));
        assert_eq!(agreed("1.99"), Ok(ApiVersion::NEWEST));
        assert_eq!(
            agreed("1.39").unwrap_err().to_string(),
            "engine 26.1.5+dfsg1 speaks API 1.39, ecr-pipe needs 1.41 (Engine 20.10) or newer"
        );
    }

    #[test]
    fn what_is_no_engine_is_told() {
        assert_eq!(
            ping(&[("server", "nginx")]).unwrap_err().to_string(),
            "what answers at `DOCKER_HOST` `tcp://x:2375` is no Docker Engine: its answer to `GET /_ping` has no `Api-Version`"
        );
    }

    #[test]
    fn an_engine_that_is_too_new_says_what_it_wants() {
        let message = "client version 1.52 is too old. Minimum supported API version is 1.60, please upgrade your client to a newer version";
        assert_eq!(
            too_new("40.0", message),
            Some(Error::TooNew { version: "40.0".to_owned(), oldest: "1.60".parse().unwrap() })
        );
    }
}
