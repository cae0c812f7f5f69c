//! The log of a push: a line for each layer, and some for one that takes long.

use std::time::Instant;

use crate::progress::layers::{Layers, State};
use crate::progress::{Event, Log};

/// Tells of layers.
#[derive(Debug)]
pub(super) struct Told<'a> {
    log: &'a Log,
    layers: Layers,
}

impl<'a> Told<'a> {
    pub(super) fn new(log: &'a Log) -> Self {
        Self { log, layers: Layers::default() }
    }

    /// So much of a layer has been taken from the engine.
    pub(super) async fn pushing(&mut self, path: &str, current: u64, total: u64) {
        self.tell(path, "Pushing", Some((current, total))).await;
    }

    /// A layer is in every registry.
    pub(super) async fn pushed(&mut self, path: &str) {
        self.tell(path, "Pushed", None).await;
    }

    /// A layer was in every registry.
    pub(super) async fn exists(&mut self, path: &str) {
        self.tell(path, "Layer already exists", None).await;
    }

    /// Something about a layer.
    pub(super) async fn note(&self, path: &str, text: &str) {
        self.log.send(Event::Note(format!("{} {text}", short(path)))).await;
    }

    async fn tell(&mut self, path: &str, status: &str, progress: Option<(u64, u64)>) {
        let (current, total) = progress.unzip();
        let state = State { id: short(path), status, current, total };
        if let Some(line) = self.layers.update(&state, Instant::now()) {
            self.log.send(Event::Note(line)).await;
        }
    }
}

/// The first 12 digits of the name that the engine gives a layer: `blobs/sha256/<digest>`, or `<id>/layer.tar` (20.10).
fn short(path: &str) -> &str {
    let name = path.strip_prefix("blobs/sha256/").unwrap_or(path);
    let name = name.split('/').next().unwrap_or(name);
    name.get(..12).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_called_by_twelve_digits() {
        assert_eq!(short("blobs/sha256/55483ad42a28fdfc27ab87be"), "55483ad42a28");
        assert_eq!(short("b953233018c5987f8c514a7ef2/layer.tar"), "b953233018c5");
        assert_eq!(short("é/layer.tar"), "é");
    }
}
