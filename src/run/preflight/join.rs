//! The checks of a run with `INDEX_FROM`: it needs no engine, no Dockerfile and no context.

use super::destination::{self, Destinations};
use super::inputs::Inputs;
use super::members::Joined;
use super::{super::bug, blocking};
use crate::config::Config;
use crate::error::Failure;
use crate::progress::{Event, Log};
use crate::report::Folder;

/// What the checks found.
pub(in super::super) struct Joining {
    pub(in super::super) destinations: Destinations,
    /// `None` in a dry run.
    pub(in super::super) output: Option<Folder>,
}

impl Joining {
    /// The index that is to be.
    ///
    /// # Errors
    /// There is none, which is a fault of ours.
    pub(in super::super) fn joined(&self) -> Result<&Joined, Failure> {
        self.destinations.joined.as_ref().ok_or_else(|| bug("there is no index"))
    }
}

/// Checks everything, and tells what was found.
pub(in super::super) async fn check_join(config: &Config, log: &Log) -> Result<Joining, Vec<Failure>> {
    let (output, dry_run) = (config.output_dir.clone(), config.dry_run);
    let (destinations, output) = tokio::join!(
        destination::check(config, Inputs::none(), log),
        blocking(move || {
            if dry_run { Ok(None) } else { Folder::prepare(&output).map(Some).map_err(|error| vec![error.into()]) }
        }),
    );
    if let Ok(destinations) = &destinations {
        destinations.tell(log).await;
        if let Some(Joined { index, parts }) = &destinations.joined {
            for part in parts {
                log.send(Event::Fact("image", part.words.clone())).await;
            }
            log.send(Event::Fact("index", index.digest.to_string())).await;
        }
    }
    match (destinations, output) {
        (Ok(mut destinations), Ok(output)) => {
            if !dry_run {
                destinations.apply(log).await?;
            }
            Ok(Joining { destinations, output })
        }
        (destinations, output) => Err([destinations.err(), output.err()].into_iter().flatten().flatten().collect()),
    }
}
