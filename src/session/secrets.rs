//! `BUILD_SECRETS`, given out only when a step mounts them (buildkit `session/secrets`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets as Service;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tonic::{Request, Response, Status};

use crate::config::{BuildSecret, SecretSource};
use crate::error::{ExitCode, Explain, words};

/// The most bytes of one secret (`MaxSecretSize` in buildkit `session/secrets`).
pub const LARGEST: u64 = 500 * 1024;

/// The secrets of a build by their ids.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, SecretSlice<u8>>);

/// A secret that cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file does not exist.
    #[error("`BUILD_SECRETS`: the file `{}` of secret `{id}` does not exist", path.display())]
    Missing {
        /// The secret.
        id: String,
        /// Its file.
        path: PathBuf,
    },
    /// Its file cannot be read.
    #[error("`BUILD_SECRETS`: the file `{}` of secret `{id}` cannot be read: {}", path.display(), words(source))]
    Unreadable {
        /// The secret.
        id: String,
        /// Its file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is too large.
    #[error("`BUILD_SECRETS`: secret `{id}` has more than 500 KiB, which is the limit of BuildKit")]
    TooLarge {
        /// The secret.
        id: String,
    },
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } | Self::TooLarge { .. } => ExitCode::Variables,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => "paths are relative to the folder in which the pipe runs, mostly the clone folder",
            Self::Unreadable { .. } => "name a regular file that this user may read",
            Self::TooLarge { .. } => {
                "a secret is a key or a token: put large data into the context or fetch it in a step"
            }
        };
        Some(hint.to_owned())
    }
}

impl Secrets {
    /// Takes the secrets from where they are. Blocks the thread.
    ///
    /// # Errors
    /// Everything that cannot be had.
    pub fn load(entries: &[BuildSecret]) -> Result<Self, Vec<Error>> {
        let mut secrets = BTreeMap::new();
        let mut errors = Vec::new();
        for BuildSecret { id, source } in entries {
            let loaded = match source {
                SecretSource::Value { value, .. } => Ok(value.expose_secret().as_bytes().to_vec()),
                SecretSource::File(path) => read(id, path),
            };
            match loaded {
                Ok(bytes) if bytes.len() as u64 > LARGEST => errors.push(Error::TooLarge { id: id.clone() }),
                Ok(bytes) => drop(secrets.insert(id.clone(), SecretSlice::from(bytes))),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self(secrets)) } else { Err(errors) }
    }

    /// Each secret by its id, in the open.
    pub(crate) fn expose(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(id, secret)| (id.as_str(), secret.expose_secret()))
    }

    /// The secrets that are text, to be masked, and each line of those that have several.
    pub fn texts(&self) -> impl Iterator<Item = SecretString> {
        let texts = self.0.values().filter_map(|secret| std::str::from_utf8(secret.expose_secret()).ok());
        texts.flat_map(|text| [text].into_iter().chain(text.lines()).map(str::trim).map(SecretString::from))
    }
}

/// Reads a file, of which no more than just too much.
fn read(id: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { id: id.to_owned(), path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::Missing { id: id.to_owned(), path: path.to_owned() }
        }
        _ => unreadable(error),
    })?;
    // Never wait for a named pipe.
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

#[tonic::async_trait]
impl Service for Secrets {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.0.get(&id) {
            Some(secret) => Ok(Response::new(GetSecretResponse { data: secret.expose_secret().to_vec() })),
            None => Err(Status::not_found(format!("secret {id}: not found"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn file(id: &str, path: &Path) -> BuildSecret {
        BuildSecret { id: id.to_owned(), source: SecretSource::File(path.to_owned()) }
    }

    #[test]
    fn secrets_that_cannot_be_had_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let (large, fits) = (folder.path().join("large"), folder.path().join("fits"));
        std::fs::write(&large, vec![0; 500 * 1024 + 1]).unwrap();
        std::fs::write(&fits, vec![0; 500 * 1024]).unwrap();
        let entries = [
            file("none", &folder.path().join("nowhere")),
            file("folder", folder.path()),
            file("large", &large),
            file("fits", &fits),
        ];
        let errors = Secrets::load(&entries).unwrap_err();
        let texts: Vec<String> = errors
            .iter()
            .map(|error| error.to_string().replace(&*folder.path().to_string_lossy(), "[FOLDER]"))
            .collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
            `BUILD_SECRETS`: the file `[FOLDER]/nowhere` of secret `none` does not exist
            `BUILD_SECRETS`: the file `[FOLDER]` of secret `folder` cannot be read: it is not a regular file
            `BUILD_SECRETS`: secret `large` has more than 500 KiB, which is the limit of BuildKit
            "#);
        assert!(Secrets::load(&entries[3..]).is_ok());
    }

    #[test]
    fn what_is_text_is_masked_whole_and_by_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("npmrc");
        std::fs::write(&path, "one\n two\n").unwrap();
        let secrets = Secrets::load(&[file("npm", &path)]).unwrap();
        let texts: Vec<String> = secrets.texts().map(|text| text.expose_secret().to_owned()).collect();
        assert_eq!(texts, ["one\n two", "one", "two"]);
    }

    #[tokio::test]
    async fn a_secret_is_given_by_its_id_and_never_printed() {
        let source = SecretSource::Value { variable: "NPM".to_owned(), value: "canary".into() };
        let secrets = Secrets::load(&[BuildSecret { id: "npm".to_owned(), source }]).unwrap();
        let ask = async |id: &str| {
            let request = GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
            secrets.get_secret(Request::new(request)).await.map(|response| response.into_inner().data)
        };
        assert_eq!(ask("npm").await.ok(), Some(b"canary".to_vec()));
        assert_eq!(ask("other").await.map_err(|status| status.code()), Err(tonic::Code::NotFound));
        assert!(!format!("{secrets:?}").contains("canary"));
    }
}
