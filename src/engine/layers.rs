//! The layers of an image, by `GET /images/{id}/json`, and how large each is, by `GET /images/{id}/history`.

use serde::Deserialize;

use super::inspect::not_understood;
use super::{Engine, Error, ImageId};
use crate::image::Digest;

/// The layers of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The digests of their tars, the lowest first.
    pub diff_ids: Vec<Digest>,
    /// About the size of all of them in bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    size: u64,
    #[serde(rename = "RootFS")]
    root_fs: RootFs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Engine {
    /// The layers of an image.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or has no such image.
    pub async fn stack(&self, image: &ImageId) -> Result<Stack, Error> {
        let Image { size, root_fs } = self.inspected(image).await?;
        let diff_ids = root_fs.layers.into_iter().flatten().map(|text| text.parse::<Digest>());
        let diff_ids = diff_ids.collect::<Result<_, _>>().map_err(|error| not_understood(error.to_string()))?;
        Ok(Stack { diff_ids, bytes: size })
    }

    /// About the sizes of the layers of an image in bytes, the lowest first.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached or has no such image.
    pub async fn layer_sizes(&self, image: &ImageId, layers: usize) -> Result<Vec<u64>, Error> {
        let history = self.docker.image_history(image.as_str()).await;
        let history = history.map_err(|error| self.refine("GET /images/…/history", error))?;
        Ok(sizes(layers, history.iter().map(|step| u64::try_from(step.size).unwrap_or_default())))
    }
}

/// A step of the history that made no layer has no size, and neither has one whose layer is empty: which steps made a layer is
/// not told. So sizes belong to layers from the top down, and where there are fewer of them, the lowest layers count as empty.
fn sizes(layers: usize, newest_first: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sizes: Vec<u64> = newest_first.filter(|size| *size > 0).take(layers).collect();
    sizes.resize(layers, 0);
    sizes.reverse();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_belong_to_layers_from_the_top_down() {
        let three = |history: &[u64]| sizes(3, history.iter().copied());
        assert_eq!(three(&[30, 0, 20, 0, 0, 10]), [10, 20, 30]);
        assert_eq!(three(&[30, 0, 20]), [0, 20, 30]);
        assert_eq!(three(&[40, 30, 20, 10]), [20, 30, 40], "a history that says more than there is");
        assert_eq!(three(&[]), [0, 0, 0]);
    }
}
