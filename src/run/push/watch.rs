//! What there is to push, and a push by the engine, which sends a layer that the registry has if it has not pulled it in this step.

use std::time::Instant;

use super::known::Known;
use crate::engine::{self, Engine, ImageId, Stack};
use crate::plan::{Load, Push, Site, overtakes, quicker_pusher};

/// A push that the engine does as long as the pipe is not quicker.
pub(super) struct Watch<'a> {
    engine: &'a Engine,
    image: &'a ImageId,
    stack: Stack,
    /// Of its layers. An engine takes longer to tell them than to push an image of which nothing is new, so it is asked when they count.
    sizes: Option<Vec<u64>>,
    site: Site<'a>,
    began: Instant,
    /// What is new, with what the engine began to send besides.
    load: Load,
    /// The places of the layers that it need not send, as far as it has not begun to.
    there: Vec<usize>,
}

impl<'a> Watch<'a> {
    /// Looks what there is of an image, and what of it is new.
    pub(super) async fn new(
        engine: &'a Engine,
        image: &'a ImageId,
        known: &Known,
        site: Site<'a>,
    ) -> Result<Self, engine::Error> {
        let stack = engine.stack(image).await?;
        let is_there = |place: &usize| !known.of(&stack.diff_ids[*place]).is_empty();
        let (there, new): (Vec<usize>, Vec<usize>) = (0..stack.diff_ids.len()).partition(is_there);
        let load = Load::of(stack.diff_ids.len() as u64, stack.bytes);
        let mut watch = Self { engine, image, stack, sizes: None, site, began: Instant::now(), load, there };
        for place in new {
            let bytes = watch.size(place).await?;
            watch.load.add_new(bytes);
        }
        Ok(watch)
    }

    /// Who is quicker before anything was sent.
    pub(super) fn push(&self) -> Push {
        quicker_pusher(&self.load, &self.site)
    }

    /// Whether the pipe is quicker now that the engine begins to send a layer, by its short diff id. An engine that does not tell the
    /// sizes goes on.
    pub(super) async fn is_too_much(&mut self, id: &str) -> bool {
        let is_this = |place: &usize| self.stack.diff_ids[*place].hex().starts_with(id);
        let Some(at) = self.there.iter().position(is_this) else { return false };
        let place = self.there.swap_remove(at);
        let Ok(size) = self.size(place).await else { return false };
        self.load.add_new(size);
        overtakes(&self.load, &self.site, self.began.elapsed())
    }

    async fn size(&mut self, place: usize) -> Result<u64, engine::Error> {
        let sizes = match self.sizes.take() {
            Some(sizes) => sizes,
            None => self.engine.layer_sizes(self.image, self.stack.diff_ids.len()).await?,
        };
        Ok(self.sizes.insert(sizes).get(place).copied().unwrap_or_default())
    }
}
