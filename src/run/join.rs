//! A run with `INDEX_FROM`: images that are in ECR become one index, and nothing is built.

use std::io::Write;

use super::interrupt::Interrupts;
use super::job::{Done, Pushed, kept};
use super::preflight::{Joining, check_join};
use super::{bug, dry_run, grouped, push, report, scan};
use crate::config::Config;
use crate::error::Failure;
use crate::plan::Course;
use crate::progress::Log;
use crate::report::Took;

/// The whole run; the last lines of the log, or why there are none. An interrupt has nothing to undo.
pub(super) async fn whole(
    config: &Config,
    log: &Log,
    interrupts: &mut Interrupts,
    stdout: impl Write,
) -> Result<Vec<String>, Vec<Failure>> {
    let mut took = Took::default();
    let checks = grouped("Checks", log, &mut took.checks, Box::pin(check_join(config, log)));
    let joining = tokio::select! {
        joining = checks => joining?,
        interrupted = interrupts.next() => return Err(vec![interrupted.into()]),
    };
    let destinations = &joining.destinations;
    if config.dry_run {
        let joined = joining.joined().map_err(|failure| vec![failure])?;
        let words = format!("join {} images as {}", joined.parts.len(), joined.index.digest);
        dry_run::tell_plan(config, words, destinations, log).await;
        return Ok(["dry run", "nothing was pushed or changed"].map(str::to_owned).to_vec());
    }
    let ended = tokio::select! {
        ended = scan::gated(Box::pin(job(config, &joining, log, &mut took)), config, &destinations.all, log) => ended?,
        interrupted = interrupts.next() => return Err(vec![interrupted.into()]),
    };
    match ended {
        Done::Pushed(pushed) => {
            report::report(config, (destinations, None, joining.output.as_ref()), &pushed, took, stdout)
        }
        Done::Built(_) => Err(vec![bug("an index was built")]),
    }
}

async fn job(config: &Config, joining: &Joining, log: &Log, took: &mut Took) -> Result<Done, Failure> {
    let all = &joining.destinations.all;
    let pushed = match &joining.destinations.course {
        Some(Course::Build) => {
            let pushing = push::index(joining.joined()?, all, log);
            let manifest = grouped("Push", log, &mut took.push, Box::pin(pushing)).await?;
            Pushed { manifest, image: None, strangers: Vec::new() }
        }
        Some(Course::Compare { gaps, .. } | Course::Keep { gaps } | Course::Retag { gaps, .. }) => {
            let manifest = grouped("Tags", log, &mut took.push, Box::pin(push::fill(gaps, all, log))).await?;
            kept(config, manifest, all, log).await
        }
        None => return Err(bug("an index that is pushed nowhere")),
    };
    Ok(Done::Pushed(pushed))
}
