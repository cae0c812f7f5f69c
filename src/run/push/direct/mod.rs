//! The push to several repositories by the pipe itself: an engine cannot push content without moving a tag, and no tag may move
//! before all content is everywhere.
//!
//! | module | does |
//! | --- | --- |
//! | `transfer` | what has arrived where, and one pass over the engine's export |
//! | `layer` | one layer, on its way to all registries that lack it |
//! | `uploads` | the layers that are on their way at once |
//! | `manifest` | the manifest of layers that the pipe has compressed |
//! | `held` | manifests and configurations, made or as the engine has them |
//! | `told` | the log of it |

mod held;
mod layer;
mod manifest;
mod told;
mod transfer;
mod uploads;

use backon::BackoffBuilder as _;

use super::super::backoff;
use crate::archive;
use crate::compress::Codec;
use crate::engine::{Engine, ImageId};
use crate::error::{ExitCode, Explain as _, Failure};
use crate::progress::{Event, Log, duration};
use crate::registry::{self, Manifest, Registry};

use transfer::Transfer;

/// Further passes over the export, for what did not arrive. Each request was tried for half a minute by itself.
const PASSES: usize = 3;

/// Why the content cannot be had from the engine.
#[derive(Debug)]
enum Stop {
    Archive(archive::Error),
    /// What cannot be.
    Bug(&'static str),
}

impl<E: Into<archive::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Archive(error.into())
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Archive(error) => error.into(),
            Stop::Bug(what) => super::super::bug(what),
        }
    }
}

/// Brings all content of an image, and its manifest, to all registries; no tag moves. What comes back is the manifest.
pub(super) async fn content(
    engine: &Engine,
    image: &ImageId,
    registries: &[&Registry],
    codec: Codec,
    log: &Log,
) -> Result<Manifest, Failure> {
    // An engine that does not say where its images lie is an old one.
    let is_packed = engine.facts().storage.as_ref().is_some_and(|storage| storage.containerd);
    tell_of_zstd(codec, is_packed, log).await;
    let mut transfer = Transfer::new(image, registries, is_packed, codec);
    let mut waits = backoff().with_max_times(PASSES).build();
    loop {
        let passed = match engine.export(image).await {
            Ok(export) => transfer.pass(export, log).await,
            Err(error) => Err(error.into()),
        };
        if passed.is_ok() && !transfer.lacks_something() {
            break;
        }
        let wait = waits.next();
        let why = match (passed, wait) {
            (Ok(()), Some(_)) => "not everything has arrived".to_owned(),
            (Ok(()), None) => break,
            (Err(Stop::Archive(error)), Some(_)) if error.is_temporary() => error.to_string(),
            (Err(stop), _) => return Err(no_tag_has_moved(stop.into())),
        };
        let wait = wait.unwrap_or_default();
        log.send(Event::Note(format!("{why}; the rest is sent once more in {}", duration(wait)))).await;
        tokio::time::sleep(wait).await;
    }
    let manifest = transfer.finish().await.map_err(|stop| no_tag_has_moved(stop.into()))?;
    lost(registries, transfer.ends())?;
    let manifest = manifest.ok_or_else(|| super::super::bug("there is no manifest"))?;
    log.send(Event::Note(format!("{} is in {} repositories, no tag has moved yet", manifest.digest, registries.len())))
        .await;
    Ok(manifest)
}

/// What who asks for zstd should know.
async fn tell_of_zstd(codec: Codec, is_packed: bool, log: &Log) {
    match codec {
        Codec::Gzip => {}
        Codec::Zstd if is_packed => {
            let text = "`COMPRESSION=zstd` changes nothing: this engine keeps layers compressed, and they are sent as they are";
            log.send(Event::Note(text.to_owned())).await;
        }
        Codec::Zstd => {
            let message = "layers are compressed by zstd: Docker 26.1 and newer can pull them, Docker 20.10 and AWS Lambda cannot".to_owned();
            let hint = Some("leave out `COMPRESSION` if the image is for one of those".to_owned());
            log.send(Event::Warning { message, hint }).await;
        }
    }
}

fn no_tag_has_moved(failure: Failure) -> Failure {
    Failure { message: format!("{}; no tag has moved", failure.message), ..failure }
}

/// Whether each registry has all content.
fn lost(registries: &[&Registry], ends: Vec<Result<(), registry::Error>>) -> Result<(), Failure> {
    let name = |registry: &Registry| format!("`{}`", registry.repository());
    let (mut lost, mut whole) = (Vec::new(), Vec::new());
    for (registry, end) in registries.iter().zip(ends) {
        match end {
            Ok(()) => whole.push(name(registry)),
            Err(error) => lost.push((name(registry), error)),
        }
    }
    let Some((_, first)) = lost.first() else { return Ok(()) };
    let (code, hint) = (first.exit_code(), first.hint());
    let reasons: Vec<String> =
        lost.iter().map(|(name, error)| format!("{name} did not get the content of the image: {error}")).collect();
    let whole = match whole.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} has the content, without a tag"),
        several => format!("; {} have the content, without a tag", several.join(" and ")),
    };
    let code = if code == ExitCode::Bug { ExitCode::Push } else { code };
    Err(Failure { code, message: format!("{}; no tag has moved{whole}", reasons.join("; ")), hint })
}
