//! The push by the pipe itself. To several repositories always: an engine cannot push content without moving a tag, and no tag may
//! move before all content is everywhere. To one where it is quicker.
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
use futures_util::future::join_all;

use super::super::backoff;
use super::known::Known;
use crate::archive;
use crate::compress::Codec;
use crate::engine::{self, Engine, Export, ImageId};
use crate::error::{ExitCode, Explain as _, Failure};
use crate::image::Likeness;
use crate::progress::{Event, Log, duration};
use crate::registry::{self, Manifest, Registry};

pub(super) use manifest::{Layer, codec};
use transfer::Transfer;

/// Further passes over the export, for what did not arrive. Each request was tried for half a minute by itself.
const PASSES: usize = 3;

/// Why the content is not in all registries.
#[derive(Debug)]
pub(super) enum NotPushed {
    /// The image could not be had from the engine.
    NoImage(Failure),
    /// A registry did not take it, or a fault of ours.
    Failed(Failure),
}

impl From<NotPushed> for Failure {
    fn from(not_pushed: NotPushed) -> Self {
        match not_pushed {
            NotPushed::NoImage(failure) => no_tag_has_moved(failure),
            NotPushed::Failed(failure) => failure,
        }
    }
}

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

impl From<Stop> for NotPushed {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Archive(error) => Self::NoImage(error.into()),
            Stop::Bug(what) => Self::Failed(super::super::bug(what)),
        }
    }
}

/// What layers become, and the manifest of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe<'a> {
    pub(super) codec: Codec,
    /// No time in them, or in the configuration, is later than this.
    pub(super) epoch: Option<u64>,
    /// What a manifest in OCI's form says of the image.
    pub(super) annotations: &'a [(String, String)],
}

/// Brings all that the manifest of an image names to all registries. What comes back is the manifest, which is in none of them yet: by a
/// tag it gets there with one request.
pub(super) async fn content(
    engine: &Engine,
    image: &ImageId,
    registries: &[&Registry],
    recipe: Recipe<'_>,
    known: &Known,
    log: &Log,
) -> Result<Manifest, NotPushed> {
    let is_packed = engine.facts().keeps_compressed();
    let mut transfer = Transfer::new(image, registries, is_packed, recipe);
    let mut waits = backoff().with_max_times(PASSES).build();
    let mut exported = Some(first_export(engine, image, known, &mut transfer).await);
    loop {
        let export = match exported.take() {
            Some(export) => export,
            None => engine.export(image).await,
        };
        let passed = match export {
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
            (Err(stop), _) => return Err(stop.into()),
        };
        let wait = wait.unwrap_or_default();
        log.send(Event::Note(format!("{why}; the rest is sent once more in {}", duration(wait)))).await;
        tokio::time::sleep(wait).await;
    }
    let manifest = transfer.finish().await?;
    lost(registries, transfer.ends()).map_err(NotPushed::Failed)?;
    Ok(manifest.ok_or(Stop::Bug("there is no manifest"))?)
}

/// Puts a manifest by its digest to where all that it names is; no tag moves.
pub(super) async fn untagged(registries: &[&Registry], manifest: &Manifest) -> Result<(), Failure> {
    let puts = registries.iter().map(|registry| registry.put_manifest(&manifest.digest, manifest));
    lost(registries, join_all(puts).await.into_iter().map(|end| end.map(drop)))
}

/// What counts of an image once no time in it is later than the epoch. For that all of it has to be read.
pub(super) async fn likeness(engine: &Engine, image: &ImageId, epoch: u64, log: &Log) -> Result<Likeness, Failure> {
    let recipe = Recipe { codec: Codec::default(), epoch: Some(epoch), annotations: &[] };
    let mut transfer = Transfer::new(image, &[], false, recipe);
    let read = async {
        let export = engine.export(image).await?;
        transfer.pass(export, log).await?;
        transfer.likeness()
    };
    read.await.map_err(|stop| Failure::from(NotPushed::from(stop)))
}

/// Asks the registries for the layers that they may have while the engine writes its export, which takes its time.
async fn first_export(
    engine: &Engine,
    image: &ImageId,
    known: &Known,
    transfer: &mut Transfer<'_>,
) -> Result<Export, engine::Error> {
    let recognising = async {
        // Without them all layers are sent.
        if let (false, Ok(likeness)) = (known.is_empty(), engine.likeness(image).await) {
            transfer.recognise(likeness.diff_ids(), known).await;
        }
    };
    let (export, ()) = tokio::join!(engine.export(image), recognising);
    export
}

/// What who asks for zstd should know.
pub(super) async fn tell_of_zstd(codec: Codec, engine: &Engine, log: &Log) {
    let is_packed = engine.facts().keeps_compressed();
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
fn lost(registries: &[&Registry], ends: impl IntoIterator<Item = Result<(), registry::Error>>) -> Result<(), Failure> {
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
