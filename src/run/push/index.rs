//! An index of images that are in a repository already, or in one of several: only what a repository lacks travels.

use super::super::preflight::{Destination, Joined, Part};
use super::{fill, tags};
use crate::error::Failure;
use crate::progress::Log;
use crate::registry::{Manifest, Registry};

/// Brings the images and their index to all repositories, and then moves the tags.
pub(in super::super) async fn index(
    Joined { index, parts }: &Joined,
    all: &[Destination],
    log: &Log,
) -> Result<Manifest, Failure> {
    for Part { digest, from, lacking, .. } in parts {
        let to: Vec<&Registry> = lacking.iter().map(|place| &all[*place].registry).collect();
        if !to.is_empty() {
            let image = fill::read(&all[*from], digest).await?;
            fill::bring(&image, &all[*from].registry, &to, log).await?;
        }
    }
    tags::tags(None, index, all, 0, log).await?;
    Ok(index.clone())
}
