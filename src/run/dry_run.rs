//! A run that only tells what it would do.

use super::preflight::Ready;
use crate::config::Config;
use crate::plan::Course;
use crate::progress::{Event, Log};

/// Tells the plan. The checks have told what there is; nothing was changed, and nothing will be.
pub(super) async fn tell(config: &Config, ready: &Ready, log: &Log) {
    log.send(Event::GroupStarted("Plan")).await;
    for line in lines(config, ready) {
        log.send(Event::Note(line)).await;
    }
    log.send(Event::GroupFinished(std::time::Duration::ZERO)).await;
}

fn lines(config: &Config, ready: &Ready) -> Vec<String> {
    let build = format!("build {}, by {}", ready.context.dockerfile().path.display(), ready.choice.words);
    let destinations = &ready.destinations.all;
    match &ready.destinations.course {
        None => vec![build, "push nothing, since `PUSH` is false".to_owned()],
        Some(Course::Build) => {
            let mut lines = vec![build];
            // In the order in which the tags move: one tag everywhere, then the next.
            for at in 0..config.tags.len() {
                for destination in destinations {
                    let Some(planned) = destination.tags.get(at) else { continue };
                    let now = match &planned.now {
                        None => "new".to_owned(),
                        Some(digest) => format!("instead of {digest}"),
                    };
                    lines.push(format!("push {}, {now}", destination.repository.tagged(&planned.tag)));
                }
            }
            lines
        }
        Some(Course::Compare { digest, gaps, .. }) => {
            let mut lines = vec![build, format!("compare it with {digest}, which other tags name")];
            lines.extend(gaps.iter().filter_map(|gap| {
                let repository = &destinations.get(gap.to)?.repository;
                Some(format!("tag {digest} as {} if it is the same, else fail", repository.tagged(&gap.tag)))
            }));
            lines
        }
        Some(Course::Keep { gaps }) if gaps.is_empty() => {
            vec!["build nothing and push nothing: all tags exist, and `IF_TAG_EXISTS` is `skip`".to_owned()]
        }
        Some(Course::Keep { gaps }) => {
            let mut lines = vec!["build nothing: each tag exists somewhere, and `IF_TAG_EXISTS` is `skip`".to_owned()];
            lines.extend(gaps.iter().filter_map(|gap| {
                let (from, to) = (&destinations.get(gap.from)?.repository, &destinations.get(gap.to)?.repository);
                Some(format!("copy {} as {}", from.at(&gap.digest), to.tagged(&gap.tag)))
            }));
            lines
        }
    }
}
