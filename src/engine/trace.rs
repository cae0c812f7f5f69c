//! What a build leaves in the engine while it runs, so that it can be taken out again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::query_parameters::{ListContainersOptions, ListImagesOptions};
use tokio::task::JoinHandle;

use super::lines::{Line, LineStream};
use super::{Engine, Error, ImageId};
use crate::progress::classic::{Chunk, sort};
use crate::session::Id;

/// What was in the engine before, and what this run has put there since.
///
/// It outlives the build's future, which is dropped to cancel the build.
#[derive(Debug)]
pub struct Trace {
    pub(super) before: Before,
    made: Arc<Mutex<Made>>,
    /// Reads what the engine still says after the build was cancelled.
    tail: Mutex<Option<JoinHandle<()>>>,
    /// The build of BuildKit that was begun.
    begun: Mutex<Option<Id>>,
}

/// Where what the stream tells of is noted.
#[derive(Clone, Debug)]
pub(super) struct Notes(Arc<Mutex<Made>>);

/// What was in the engine before the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// Ids of all images, intermediate ones too.
    pub(super) images: HashSet<String>,
    /// Which image had which name.
    pub(super) names: HashMap<String, String>,
    /// Ids of all containers.
    pub(super) containers: HashSet<String>,
}

/// What this run has put into the engine, in order. Ids are short, as the stream has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    /// Containers of steps.
    pub(super) containers: Vec<String>,
    /// Images after steps; of what was in the cache too, which is why [`Before`] is needed.
    pub(super) images: Vec<String>,
    /// Names of base images that were pulled.
    pub(super) pulled: Vec<String>,
    /// Whether a pull has begun and not ended.
    pub(super) pulling: bool,
    /// Names that were put on the image.
    pub(super) names: Vec<String>,
}

impl Trace {
    fn new(before: Before) -> Self {
        Self { before, made: Arc::default(), tail: Mutex::default(), begun: Mutex::default() }
    }

    /// Of an engine that was empty.
    #[cfg(test)]
    pub(super) fn empty() -> Self {
        Self::new(Before::default())
    }

    /// What has been made so far.
    pub(super) fn made(&self) -> Made {
        lock(&self.made).clone()
    }

    /// Notes a name that was put on an image.
    pub(super) fn named(&self, name: &str) {
        lock(&self.made).names.push(name.to_owned());
    }

    /// Notes that a build of BuildKit begins.
    pub(super) fn begins(&self, build: Id) {
        *lock(&self.begun) = Some(build);
    }

    /// The build of BuildKit that was begun, once.
    pub(super) fn take_begun(&self) -> Option<Id> {
        lock(&self.begun).take()
    }

    /// Which image had the name before.
    pub(super) fn named_before(&self, name: &str) -> Option<&str> {
        self.before.names.get(name).map(String::as_str)
    }

    /// The names that images had before, with the ids.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.before.names.iter().map(|(name, id)| (name.as_str(), id.as_str()))
    }

    /// The image that had a name before.
    #[must_use]
    pub fn image_named(&self, name: &str) -> Option<ImageId> {
        self.named_before(name).map(|id| ImageId::new(id.to_owned()))
    }

    /// Where the stream is noted.
    pub(super) fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.made))
    }

    /// The build was cancelled: lets the engine know, and goes on noting until the engine has ended it.
    pub(super) fn follow(&self, mut lines: LineStream) {
        lines.hang_up();
        let notes = self.notes();
        let rest = async move {
            while let Ok(Some(line)) = lines.next().await {
                notes.line(&line);
            }
        };
        // Without a runtime the program is about to end anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            *lock(&self.tail) = Some(runtime.spawn(rest));
        }
    }

    /// Waits until the engine has ended a cancelled build, at most for this long.
    pub(super) async fn settled(&self, at_most: Duration) {
        let tail = lock(&self.tail).take();
        if let Some(mut tail) = tail
            && tokio::time::timeout(at_most, &mut tail).await.is_err()
        {
            tail.abort();
        }
    }
}

impl Notes {
    /// Notes what a line tells of.
    pub(super) fn line(&self, line: &Line) {
        if let Some(text) = &line.stream {
            self.text(text);
        }
        if let Some(status) = &line.status {
            self.status(status);
        }
    }

    /// Notes the image that a build by BuildKit made. Its cache is the engine's own affair.
    pub(super) fn image(&self, image: &ImageId) {
        lock(&self.0).images.push(image.short().to_owned());
    }

    fn text(&self, text: &str) {
        match sort(text) {
            Chunk::Running(id) => lock(&self.0).containers.push(id.to_owned()),
            Chunk::Image(id) | Chunk::Built(id) => {
                let mut made = lock(&self.0);
                if !made.images.iter().any(|known| known == id) {
                    made.images.push(id.to_owned());
                }
            }
            Chunk::Step { .. }
            | Chunk::Cached
            | Chunk::Removed
            | Chunk::Scratch
            | Chunk::Warning(_)
            | Chunk::Output(_) => {}
        }
    }

    /// moby `distribution/pull.go`, `writeStatus`.
    fn status(&self, status: &str) {
        if status.starts_with("Pulling from ") {
            lock(&self.0).pulling = true;
        } else if status.starts_with("Status: ") {
            lock(&self.0).pulling = false;
        }
        if let Some(name) = status.strip_prefix("Status: Downloaded newer image for ") {
            lock(&self.0).pulled.push(name.to_owned());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Begins a trace: notes what is in the engine now.
    ///
    /// # Errors
    ///
    /// The engine does not list its images or containers.
    pub async fn trace(&self) -> Result<Trace, Error> {
        let (images, containers) = tokio::join!(self.images(), self.containers());
        let mut before = Before { containers: containers?.into_iter().collect(), ..Before::default() };
        for image in images? {
            for name in &image.names {
                before.names.insert(name.clone(), image.id.as_str().to_owned());
            }
            before.images.insert(image.id.as_str().to_owned());
        }
        Ok(Trace::new(before))
    }

    /// All images, intermediate ones too.
    pub(super) async fn images(&self) -> Result<Vec<Listed>, Error> {
        let options = ListImagesOptions { all: true, ..ListImagesOptions::default() };
        let images =
            self.docker.list_images(Some(options)).await.map_err(|error| self.refine("GET /images/json", error))?;
        let listed = images.into_iter().map(|image| {
            // An image without a name is listed as `<none>:<none>` by old engines.
            let names = image.repo_tags.into_iter().filter(|name| !name.starts_with("<none>")).collect();
            Listed { id: ImageId::new(image.id), parent: image.parent_id, names }
        });
        Ok(listed.collect())
    }

    /// The ids of all containers, ended ones too.
    pub(super) async fn containers(&self) -> Result<Vec<String>, Error> {
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        let list = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| self.refine("GET /containers/json", error))?;
        Ok(list.into_iter().filter_map(|container| container.id).collect())
    }
}

/// One image of the engine.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) id: ImageId,
    /// The id of the image it was made from, or empty.
    pub(super) parent: String,
    pub(super) names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_images_and_pulled_names_are_noted_once_and_in_order() {
        let trace = Trace::empty();
        let notes = trace.notes();
        for text in [
            " ---> 057d0c1f1b34\n",
            " ---> Running in 151d357ae2d6\n",
            " ---> 0f28463a483f\n",
            "Successfully built 0f28463a483f\n",
            "x\n",
        ] {
            notes.text(text);
        }
        notes.status("Status: Downloaded newer image for busybox:1.36");
        notes.status("Status: Image is up to date for busybox:1.36");
        let made = trace.made();
        assert_eq!(made.containers, ["151d357ae2d6"]);
        assert_eq!(made.images, ["057d0c1f1b34", "0f28463a483f"]);
        assert_eq!(made.pulled, ["busybox:1.36"]);
    }
}
