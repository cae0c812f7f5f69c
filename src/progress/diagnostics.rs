//! What `DEBUG` adds: our own `tracing` events and the warnings of AWS's crates, sent into the log.
//!
//! The engine's client crates are left out whatever the level: they word URIs, in which build arguments stand, and bodies.
//! So are AWS's crates below warnings, which word answers, in which tokens stand. `bollard` speaks to the `log` crate, which
//! nothing here listens to.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::{Event, Log};

/// Sends diagnostics into the log from now on. Does nothing when the program has done so before.
pub fn install(log: Log) {
    let _ = tracing_subscriber::registry().with(ToLog(log).with_filter(targets())).try_init();
}

/// What is let through.
fn targets() -> Targets {
    Targets::new()
        .with_default(LevelFilter::OFF)
        .with_target("ecr_pipe", LevelFilter::DEBUG)
        .with_target("aws_config", LevelFilter::WARN)
        .with_target("aws_sdk_ecr", LevelFilter::WARN)
        .with_target("aws_sdk_sts", LevelFilter::WARN)
        .with_target("aws_smithy_runtime", LevelFilter::WARN)
}

struct ToLog(Log);

impl<S: tracing::Subscriber> Layer<S> for ToLog {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text { message: String::new(), fields: String::new() };
        event.record(&mut text);
        // A line of diagnostics is worth less than the time of the work that it is about.
        self.0.offer(Event::Debug(format!("{}{}", text.message, text.fields)));
    }
}

struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn crates_that_word_uris_and_bodies_stay_mute() {
        for target in ["bollard", "bollard::docker", "hyper", "hyper_util", "h2", "rustls", "reqwest"] {
            assert!(!targets().would_enable(target, &Level::ERROR), "{target}");
        }
        assert!(!targets().would_enable("aws_smithy_runtime::client::orchestrator", &Level::DEBUG));
        assert!(targets().would_enable("ecr_pipe::engine::facts", &Level::DEBUG));
    }

    #[tokio::test]
    async fn an_event_becomes_one_line_with_its_fields() {
        let (log, mut recording) = Log::recorded();
        let subscriber = tracing_subscriber::registry().with(ToLog(log).with_filter(targets()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "ecr_pipe::x", tries = 2, "asked again");
            tracing::debug!(target: "hyper::x", "mute");
        });
        assert_eq!(recording.events(), [Event::Debug("asked again tries=2".to_owned())]);
    }
}
