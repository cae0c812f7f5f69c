//! A run that only tells what it would do.

use super::preflight::{Destination, Destinations, Existing, Ready};
use crate::config::Config;
use crate::plan::preview;
use crate::progress::{Event, Log};

/// Tells the plan. The checks have told what there is; nothing was changed, and nothing will be.
pub(super) async fn tell(config: &Config, ready: &Ready, log: &Log) {
    let mut build = match (&ready.existing, &ready.context, &ready.choice) {
        (Some(Existing { name, .. }), _, _) => format!("build nothing: the engine has {name}"),
        (None, Some(context), Some(choice)) => {
            format!("build {} ({})", context.dockerfile().path.display(), choice.words)
        }
        (None, _, _) => "build nothing".to_owned(),
    };
    let platforms: Vec<String> = config.build.platforms.iter().map(ToString::to_string).collect();
    if let (None, Some((last, others))) = (&ready.existing, platforms.split_last()) {
        let others = if others.is_empty() { String::new() } else { format!("{} and ", others.join(", ")) };
        build += &format!(" for {others}{last}");
    }
    tell_plan(config, build, &ready.destinations, log).await;
}

/// The same, with words for what is pushed.
pub(super) async fn tell_plan(config: &Config, build: String, destinations: &Destinations, log: &Log) {
    log.send(Event::GroupStarted("Plan")).await;
    let course = destinations.course.as_ref();
    let targets = destinations.all.iter();
    let targets: Vec<_> = targets.map(|Destination { repository, tags, .. }| (repository, tags.as_slice())).collect();
    let gate = config.scan.filter(|_| course.is_some());
    let gate = gate.map(|gate| format!("wait for the scan, and fail at {} or above", gate.fail_on));
    let intents = destinations.all.iter().filter_map(Destination::intent);
    for line in intents.chain(preview(build, course, &targets)).chain(gate) {
        log.send(Event::Note(line)).await;
    }
    log.send(Event::GroupFinished(std::time::Duration::ZERO)).await;
}
