//! `GET /images/{id}/history`: how large the layers of an image are.

use super::{Engine, Error, ImageId};
use crate::image::Digest;

/// A layer in the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineLayer {
    /// The digest of its tar.
    pub diff_id: Digest,
    /// About the size of that in bytes.
    pub size: u64,
}

impl Engine {
    /// The layers of an image, the lowest first.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or has no such image.
    pub async fn layers(&self, image: &ImageId) -> Result<Vec<EngineLayer>, Error> {
        let (likeness, history) = tokio::join!(self.likeness(image), self.docker.image_history(image.as_str()));
        let history = history.map_err(|error| self.refine("GET /images/…/history", error))?;
        let sizes = history.iter().map(|step| u64::try_from(step.size).unwrap_or_default()).collect::<Vec<_>>();
        Ok(layers(likeness?.diff_ids(), &sizes))
    }
}

/// A step of the history that made no layer has no size, and neither has one whose layer is empty: which steps made a layer is
/// not told. So sizes belong to layers from the top down, and where there are fewer of them, the lowest layers count as empty.
fn layers(diff_ids: &[Digest], newest_first: &[u64]) -> Vec<EngineLayer> {
    let mut sizes = newest_first.iter().copied().filter(|size| *size > 0);
    let from_the_top = diff_ids
        .iter()
        .rev()
        .map(|diff_id| EngineLayer { diff_id: diff_id.clone(), size: sizes.next().unwrap_or_default() });
    let mut layers: Vec<EngineLayer> = from_the_top.collect();
    layers.reverse();
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_belong_to_layers_from_the_top_down() {
        let ids = [Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3")];
        let sizes = |history: &[u64]| layers(&ids, history).iter().map(|layer| layer.size).collect::<Vec<_>>();
        assert_eq!(sizes(&[30, 0, 20, 0, 0, 10]), [10, 20, 30]);
        assert_eq!(sizes(&[30, 0, 20]), [0, 20, 30]);
        assert_eq!(sizes(&[40, 30, 20, 10]), [20, 30, 40], "a history that says more than there is");
        assert_eq!(layers(&ids, &[])[0].diff_id, ids[0]);
    }
}
