//! Whole logs, from the engine's chunks to the text.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::classic::Classic;
use super::layers::State;
use super::{End, Event, Log, Step, Style};
use crate::error::{ExitCode, Failure};

/// A stderr that can be read.
#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) const PLAIN: Style = Style { color: false, debug: false };

fn output(text: String) -> Event {
    Event::StepOutput { step: 0, text }
}

pub(super) async fn printed(style: Style, events: Vec<Event>) -> String {
    let paper = Paper::default();
    let log = Log::start(paper.clone(), style).unwrap();
    for event in events {
        log.send(event).await;
    }
    log.flush().await;
    paper.text()
}

/// What the engine streams, a line each: `S` text, `P id status current total`, one tenth of a second apart.
fn events_of(chunks: &[&str]) -> Vec<Event> {
    let start = Instant::now();
    let mut classic = Classic::new();
    let mut events = Vec::new();
    let mut now = start;
    for (chunk, tick) in chunks.iter().zip(1..) {
        now = start + Duration::from_millis(100 * tick);
        match chunk.strip_prefix("P ").map(|rest| rest.splitn(2, ' ').collect::<Vec<_>>()) {
            Some(pull) => {
                let state = State { id: pull[0], status: pull[1], current: None, total: None };
                events.extend(classic.pull(&state, now));
            }
            None => events.extend(classic.text(chunk, now)),
        }
    }
    events.extend(classic.finish(now));
    events
}

#[tokio::test]
async fn the_log_of_a_build_with_a_pull_and_a_cached_step() {
    let mut events = vec![
        Event::Title("ecr-pipe 0.1.0".to_owned()),
        Event::GroupStarted("Checks"),
        Event::Fact("engine", "26.1.5, API 1.45, overlay2, at tcp://host.docker.internal:2375".to_owned()),
        Event::GroupFinished(Duration::from_millis(310)),
        Event::GroupStarted("Build"),
    ];
    events.extend(events_of(&[
        "Step 1/3 : FROM busybox:1.36",
        "\n",
        "P 1.36 Pulling from library/busybox",
        "P 669c1f014f9e Pulling fs layer",
        "P 669c1f014f9e Download complete",
        "P 669c1f014f9e Pull complete",
        "P - Digest: sha256:6e17b1644475c1508c440c4d01547bea9a674055807885af76b3ff56f6e65dae",
        "P - Status: Downloaded newer image for busybox:1.36",
        " ---> 057d0c1f1b34\n",
        "Step 2/3 : COPY a.txt /",
        "\n",
        " ---> Using cache\n",
        " ---> ba1ce28b30b3\n",
        "Step 3/3 : RUN echo hi; printf bye",
        "\n",
        " ---> Running in d9836dabcb9c\n",
        "hi\n\n",
        "\u{1b}[91mwarn",
        "ed\n\u{1b}[0m",
        "bye",
        " ---> Removed intermediate container d9836dabcb9c\n",
        " ---> a57321aa0ea5\n",
        "[Warning] One or more build-args [Z] were not consumed\n",
        "Successfully built a57321aa0ea5\n",
    ]));
    events.push(Event::GroupFinished(Duration::from_millis(1_900)));
    events.push(Event::GroupStarted("Push"));
    events.push(Event::Note("main: 3fa2b1c4d5e6 pushed 12.3 MB in 0.8s".to_owned()));
    events.push(Event::Debug("not shown".to_owned()));
    insta::assert_snapshot!(printed(PLAIN, events).await, @r#"
        ecr-pipe 0.1.0

        Checks
          engine      26.1.5, API 1.45, overlay2, at tcp://host.docker.internal:2375
          ✔ 0.3s
        Build
          [1/3] FROM busybox:1.36
                Pulling from library/busybox
                669c1f014f9e pulled in 0.2s
                Digest: sha256:6e17b1644475c1508c440c4d01547bea9a674055807885af76b3ff56f6e65dae
          ✔ [1/3] 0.9s
          [2/3] COPY a.txt /
          ✔ [2/3] cached
          [3/3] RUN echo hi; printf bye
                hi

                warned
          warning: `BUILD_ARGS`: the Dockerfile has no `ARG` for `Z`
            hint: add `ARG` lines after `FROM`, or take the names out of `BUILD_ARGS`
                bye
          ✔ [3/3] 1.0s
          ✔ 1.9s
        Push
          main: 3fa2b1c4d5e6 pushed 12.3 MB in 0.8s
        "#);
}

#[tokio::test]
async fn the_log_of_a_failed_step_ends_with_what_to_do() {
    let paper = Paper::default();
    let log = Log::start(paper.clone(), PLAIN).unwrap();
    log.send(Event::GroupStarted("Build")).await;
    let make = Step { id: 2, label: "2/5".to_owned(), instruction: "RUN make".to_owned() };
    log.send(Event::StepStarted(make.clone())).await;
    log.send(Event::StepOutput { step: 2, text: "no rule".to_owned() }).await;
    log.send(Event::StepEnded { step: make, took: Duration::from_millis(400), end: End::Failed(Some(17)) }).await;
    log.send(Event::GroupFailed(Duration::from_millis(1_200))).await;
    let failures = [
        Failure {
            code: ExitCode::Build,
            message: "step 2/5 failed\nwith code 17".to_owned(),
            hint: Some("read its output above".to_owned()),
        },
        Failure { code: ExitCode::Push, message: "more".to_owned(), hint: None },
    ];
    log.failed(&failures, Duration::from_secs(75)).await;
    log.flush().await;
    insta::assert_snapshot!(paper.text(), @r#"
        Build
          [2/5] RUN make
                no rule
          ✖ [2/5] exit code 17 after 0.4s
          ✖ 1.2s

        ✖ step 2/5 failed with code 17
          hint: read its output above
        ✖ more
        exit code 6 after 1m 15s
        "#);
}

#[tokio::test]
async fn failures_of_one_kind_share_a_hint_and_the_title_needs_no_second_empty_line() {
    let paper = Paper::default();
    let log = Log::start(paper.clone(), PLAIN).unwrap();
    log.send(Event::Title("ecr-pipe 1.0".to_owned())).await;
    let failure = |message: &str, hint: &str| Failure {
        code: ExitCode::Variables,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let failures = [failure("here", "try another"), failure("there", "try another"), failure("more", "look")];
    log.failed(&failures, Duration::from_secs(1)).await;
    log.flush().await;
    insta::assert_snapshot!(paper.text(), @r#"
        ecr-pipe 1.0

        ✖ here
        ✖ there
          hint: try another
        ✖ more
          hint: look
        exit code 2 after 1.0s
        "#);
}

#[tokio::test]
async fn colours_are_our_own_and_the_last_lines_are_green() {
    let style = Style { color: true, debug: true };
    let paper = Paper::default();
    let log = Log::start(paper.clone(), style).unwrap();
    log.send(Event::GroupStarted("Build")).await;
    log.send(output("\u{1b}[31mred\u{1b}[0m\r\n".to_owned())).await;
    log.send(Event::Warning { message: "odd".to_owned(), hint: Some("look".to_owned()) }).await;
    log.send(Event::Debug("why".to_owned())).await;
    log.done(vec!["pushed".to_owned(), "said so".to_owned()], Duration::from_secs(2)).await;
    log.flush().await;
    insta::assert_snapshot!(paper.text().replace('\u{1b}', "^"), @r#"
        ^[1mBuild^[0m
                red
          ^[33mwarning:^[0m odd
            hint: look
          ^[2mdebug: why^[0m

        ^[32m✔^[0m pushed in 2.0s
        ^[32m✔^[0m said so
        "#);
}

#[tokio::test]
async fn a_secret_is_masked_across_chunks_and_across_the_cut_of_a_long_line() {
    let paper = Paper::default();
    let log = Log::start(paper.clone(), PLAIN).unwrap();
    log.mask("hunter22".to_owned().into()).await;
    log.send(output("a hun".to_owned())).await;
    log.send(output("ter\u{1b}[1m22 b\n".to_owned())).await;
    log.send(output(format!("{}hunter22{}\n", "x".repeat(4_093), "y".repeat(1_044_480 - 5)))).await;
    log.send(Event::Note("hunter22".to_owned())).await;
    log.flush().await;
    let text = paper.text().replace(&"x".repeat(4_093), "x…x");
    insta::assert_snapshot!(text, @r#"
              a *** b
              x…x***… (1,044,480 more characters)
        ***
        "#);
}

#[tokio::test]
async fn a_stderr_that_nobody_reads_fails_nothing() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let log = Log::start(Broken, PLAIN).unwrap();
    for _ in 0..1_000 {
        log.send(output("line\n".repeat(100))).await;
    }
    log.flush().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_no_control_character_and_no_secret_is_printed(
        secret in "[a-z0-9]{6,12}",
        pieces in prop::collection::vec(prop_oneof![any::<String>(), Just("SECRET".to_owned()), "[\r\n\u{1b}\\[\\]0-9m]{0,6}"], 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        in_note in any::<bool>(),
    ) {
        let text = pieces.concat().replace("SECRET", &secret);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|at| text.is_char_boundary(*at)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let events = at.windows(2).map(|pair| text[pair[0]..pair[1]].to_owned());
        let events: Vec<_> = if in_note { vec![Event::Note(text.clone())] } else { events.map(output).collect() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let printed = runtime.block_on(async {
            let paper = Paper::default();
            let log = Log::start(paper.clone(), PLAIN).unwrap();
            log.mask(secret.clone().into()).await;
            for event in events {
                log.send(event).await;
            }
            log.send(Event::GroupFinished(Duration::ZERO)).await;
            log.flush().await;
            paper.text()
        });
        prop_assert!(printed.chars().all(|character| !character.is_control() || matches!(character, '\n' | '\t')));
        prop_assert!(!printed.contains(&secret));
    }
}
