//! Taking out of the engine what an interrupted run has put there.

use std::time::Duration;

use bollard::query_parameters::{RemoveContainerOptions, RemoveImageOptions, TagImageOptions};
use hyper::Method;
use tokio::time::{Instant, sleep, timeout};

use super::connect::empty;
use super::trace::{Listed, Made, Trace};
use super::{Engine, Error, ImageId, query};

/// How long the engine may take to end a cancelled build, and then to take away its own containers.
const OWN_CLEANUP: Duration = Duration::from_secs(5);

/// How long to wait before looking again.
const BETWEEN: Duration = Duration::from_millis(100);

impl Engine {
    /// Takes out all that the trace tells of: containers, names, images with the intermediate ones, base images that were
    /// pulled. Nothing that was there before goes, and a name that was moved goes back to the image that had it.
    ///
    /// Call it after the build's future was dropped. What cannot be removed, because something else uses it by now, stays.
    ///
    /// # Errors
    ///
    /// The engine does not list its images or containers.
    pub async fn forget(&self, trace: &Trace) -> Result<(), Error> {
        self.cancel(trace).await;
        trace.settled(OWN_CLEANUP).await;
        self.forget_containers(trace).await?;
        let made = trace.made();
        for name in made.names.iter().chain(&made.pulled) {
            self.restore_name(trace, name).await;
        }
        self.forget_images(trace).await
    }

    /// Takes away the names that this run has made. One that was there before stays with the image that it was moved to.
    pub async fn forget_new_names(&self, trace: &Trace) {
        for name in trace.made().names.iter().filter(|name| trace.named_before(name).is_none()) {
            self.restore_name(trace, name).await;
        }
    }

    /// Removes an image that this run made and another one of this run has replaced. One that cannot be removed stays.
    pub async fn discard(&self, trace: &Trace, image: &ImageId) {
        if trace.before.images.contains(image.as_str()) {
            return;
        }
        let options = RemoveImageOptions { force: false, noprune: true, ..RemoveImageOptions::default() };
        self.log_failure(image.as_str(), self.docker.remove_image(image.as_str(), Some(options), None).await);
    }

    /// Ends a build of BuildKit by its name too: a proxy on the way may not pass it on that the build's connection was closed.
    pub(super) async fn cancel(&self, trace: &Trace) {
        let Some(build) = trace.take_begun() else { return };
        let asked = self.ask("POST /build/cancel", empty(Method::POST, &query::of_cancel(&build)));
        let Ok(asked) = timeout(OWN_CLEANUP, asked).await else { return };
        if let Err(error) = asked.map_err(|error| error.to_string()).and_then(|answer| answer.map_err(|(_, text)| text))
        {
            tracing::debug!("POST /build/cancel: {error}");
        }
    }

    async fn forget_containers(&self, trace: &Trace) -> Result<(), Error> {
        let deadline = Instant::now() + OWN_CLEANUP;
        loop {
            let made = trace.made().containers;
            let mut left = self.containers().await?;
            left.retain(|id| !trace.before.containers.contains(id) && made.iter().any(|short| id.starts_with(short)));
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                for id in left {
                    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
                    self.log_failure(&id, self.docker.remove_container(&id, Some(options)).await);
                }
                return Ok(());
            }
            sleep(BETWEEN).await;
        }
    }

    /// Gives a name back to the image that had it before, or removes it.
    async fn restore_name(&self, trace: &Trace, name: &str) {
        let Some(image) = trace.named_before(name) else {
            let options = RemoveImageOptions { force: false, noprune: true, ..RemoveImageOptions::default() };
            self.log_failure(name, self.docker.remove_image(name, Some(options), None).await);
            return;
        };
        // The last colon: one before it is that of a port.
        let Some((repository, tag)) = name.rsplit_once(':') else { return };
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
        self.log_failure(name, self.docker.tag_image(image, Some(options)).await);
    }

    /// Removes images from the leaves on, until none of ours is left that can be removed. Parents are not removed with them
    /// (`noprune`), since they may have been there before.
    async fn forget_images(&self, trace: &Trace) -> Result<(), Error> {
        let made = trace.made();
        // The longest chain is that of a Dockerfile with the most layers an image can have; each round takes its leaf.
        for _ in 0..256 {
            let all = self.images().await?;
            let ours: Vec<&Listed> = all.iter().filter(|image| is_ours(image, &all, trace, &made)).collect();
            let leaves = ours.iter().filter(|image| !all.iter().any(|other| other.parent == image.id.as_str()));
            let mut removed = false;
            for image in leaves {
                let options = RemoveImageOptions { force: false, noprune: true, ..RemoveImageOptions::default() };
                let answer = self.docker.remove_image(image.id.as_str(), Some(options), None).await;
                removed |= answer.is_ok();
                self.log_failure(image.id.as_str(), answer);
            }
            if !removed {
                return Ok(());
            }
        }
        Ok(())
    }

    fn log_failure<T>(&self, what: &str, answer: Result<T, bollard::errors::Error>) {
        if let Err(error) = answer {
            let error = self.refine("DELETE", error);
            tracing::debug!("{what} stays in the engine: {error}");
        }
    }
}

/// Whether the build brought the image: it was not there before, has no name, and
/// - the stream told of it, or
/// - it was made from one of which it told: the build was cancelled between the making and the telling, or
/// - a pull was cancelled after the image was complete and before it got its name (seen with 26.1).
fn is_ours(image: &Listed, all: &[Listed], trace: &Trace, made: &Made) -> bool {
    let is_new = |image: &Listed| !trace.before.images.contains(image.id.as_str());
    let told = |image: &Listed| made.images.iter().any(|short| image.id.is_short(short));
    if !is_new(image) || !image.names.is_empty() {
        return false;
    }
    if told(image) || (made.pulling && image.parent.is_empty()) {
        return true;
    }
    let mut parent = all.iter().find(|other| other.id.as_str() == image.parent);
    while let Some(ancestor) = parent {
        if is_new(ancestor) && told(ancestor) {
            return true;
        }
        parent = all.iter().find(|other| other.id.as_str() == ancestor.parent);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(letter: &str, parent: &str, names: &[&str]) -> Listed {
        let id = |letter: &str| if letter.is_empty() { String::new() } else { format!("sha256:{}", letter.repeat(64)) };
        Listed {
            id: ImageId::new(id(letter)),
            parent: id(parent),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn ours(made: &Made, before: &[&str]) -> String {
        let all = [
            image("a", "", &["busybox:1.36"]),
            image("b", "a", &[]),
            image("c", "b", &[]),
            image("d", "a", &[]),
            image("e", "", &[]),
        ];
        let mut trace = Trace::empty();
        trace.before.images = before.iter().map(|letter| format!("sha256:{}", letter.repeat(64))).collect();
        all.iter().filter(|image| is_ours(image, &all, &trace, made)).map(|image| &image.id.short()[..1]).collect()
    }

    #[test]
    fn only_what_the_build_told_of_or_made_from_it_is_ours() {
        let made = Made { images: vec!["a".repeat(12), "b".repeat(12)], ..Made::default() };
        // `a` has a name, `d` may be another build's, `e` anybody's.
        assert_eq!(ours(&made, &["a"]), "bc");
        assert_eq!(ours(&made, &["a", "b", "c"]), "");
        assert_eq!(ours(&Made::default(), &["a"]), "");
        assert_eq!(ours(&Made { pulling: true, ..Made::default() }, &["a"]), "e");
    }
}
