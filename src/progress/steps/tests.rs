//! Steps that print more than anyone reads, at the same time.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::super::tests::{PLAIN, printed};
use super::super::{Event, Style};
use super::*;

const DEBUG: Style = Style { color: false, debug: true };

fn step(id: usize) -> Step {
    Step { id, label: format!("s {id}/9"), instruction: format!("RUN {id}") }
}

fn output(id: usize, text: &str) -> Event {
    Event::StepOutput { step: id, text: text.to_owned() }
}

fn ended(id: usize, end: End) -> Event {
    Event::StepEnded { step: step(id), took: Duration::from_secs(1), end }
}

fn numbered(lines: std::ops::Range<usize>) -> String {
    lines.map(|line| format!("line {line} {}\n", "x".repeat(80))).collect()
}

/// The log with its long lines and its many lines made short.
fn gist(log: &str) -> String {
    let mut gist = String::new();
    let mut many = 0;
    let short: Vec<String> = log.replace(&format!(" {}", "x".repeat(80)), "").lines().map(str::to_owned).collect();
    for (at, line) in short.iter().enumerate() {
        let is_line = |at: usize| short.get(at).is_none_or(|line| line.contains("line "));
        if is_line(at) && at > 0 && is_line(at - 1) && is_line(at + 1) {
            many += 1;
            continue;
        }
        if many > 0 {
            gist.push_str("        (lines)\n");
            many = 0;
        }
        gist.push_str(line);
        gist.push('\n');
    }
    gist
}

#[tokio::test]
async fn a_long_output_is_cut_and_its_end_kept() {
    let events = vec![Event::StepStarted(step(1)), output(1, &numbered(0..2_000)), ended(1, End::Done)];
    let log = printed(PLAIN, events.clone()).await;
    insta::assert_snapshot!(gist(&log), @r#"
    [s 1/9] RUN 1
          line 0
          (lines)
          line 668
          … more follows, of which the end will be shown; `DEBUG=true` shows all
          … 1,166 lines left out; `DEBUG=true` shows all
          line 1835
          (lines)
          line 1999
    ✔ [s 1/9] 1.0s
    "#);
    assert!(log.len() < HEAD + TAIL + 500, "{}", log.len());
    let log = printed(DEBUG, events).await;
    assert_eq!(log.matches("[s 1/9] line").count(), 2_000);
}

#[tokio::test]
async fn what_another_step_prints_is_held_back_and_cut_as_well() {
    let events = vec![
        Event::StepStarted(step(1)),
        Event::StepStarted(step(2)),
        Event::StepStarted(step(3)),
        output(2, &numbered(0..2_000)),
        output(1, "of the first\n"),
        output(3, "of the third\n"),
        ended(2, End::Done),
        output(1, "of the first again\n"),
        ended(1, End::Done),
        ended(3, End::Canceled),
    ];
    insta::assert_snapshot!(gist(&printed(PLAIN, events).await), @r#"
    [s 1/9] RUN 1
          of the first
    [s 2/9] RUN 2
          line 0
          (lines)
          line 668
          … 1,166 lines left out; `DEBUG=true` shows all
          line 1835
          (lines)
          line 1999
    ✔ [s 2/9] 1.0s
    [s 1/9] RUN 1 (goes on)
          of the first again
    ✔ [s 1/9] 1.0s
    [s 3/9] RUN 3
          of the third
    - [s 3/9] canceled after 1.0s
    "#);
}

#[tokio::test]
async fn of_a_canceled_step_that_was_not_in_front_only_that_is_said() {
    let events = vec![
        Event::StepStarted(step(1)),
        Event::StepStarted(step(2)),
        output(1, "of the first\n"),
        output(2, "of the second\nand on"),
        ended(1, End::Failed(Some(2))),
        ended(2, End::Canceled),
        Event::FailedStep { step: step(1), place: Some("Dockerfile:3".to_owned()), reason: "exit code 2".to_owned() },
    ];
    insta::assert_snapshot!(printed(PLAIN, events).await, @r#"
    [s 1/9] RUN 1
          of the first
    ✖ [s 1/9] exit code 2 after 1.0s
    - [s 2/9] canceled after 1.0s, 2 lines not shown: RUN 2
    ✖ [s 1/9] RUN 1
      Dockerfile:3: exit code 2; what it printed:
          of the first
    "#);
}

#[tokio::test]
async fn the_log_of_a_build_without_an_end_to_it_has_one() {
    let mut events = vec![Event::GroupStarted("Build")];
    for id in 1..160 {
        events.extend([Event::StepStarted(step(id)), output(id, &numbered(0..2_000))]);
        events.extend((0..3).map(|_| Event::Note("ä".repeat(4_000))));
        if id % 3 == 0 {
            events.extend([ended(id - 1, End::Done), ended(id, End::Cached), ended(id - 2, End::Done)]);
        }
    }
    events.extend([Event::StepStarted(step(160)), output(160, "the reason\n"), ended(160, End::Failed(Some(1)))]);
    events.push(Event::FailedStep { step: step(160), place: None, reason: "exit code 1".to_owned() });
    events.push(Event::GroupFailed(Duration::from_secs(9)));
    let log = printed(PLAIN, events).await;
    assert!(log.len() < 9_500_000, "{}", log.len());
    assert_eq!(log.matches("the log is full").count(), 1);
    let end = "  ✖ [s 160/9] RUN 160\n    exit code 1; what it printed:\n        the reason\n  ✖ 9.0s\n";
    assert!(log.ends_with(end), "{}", &log[log.len() - 500..]);
}

#[tokio::test]
async fn a_secret_is_masked_in_what_is_held_back_and_in_what_is_shown_again() {
    let paper = super::super::tests::Paper::default();
    let log = super::super::Log::start(paper.clone(), PLAIN).unwrap();
    log.mask("hunter22".to_owned().into()).await;
    for event in [
        Event::StepStarted(step(1)),
        Event::StepStarted(step(2)),
        output(2, "a hun"),
        output(1, "b hunt"),
        output(2, "ter22\n"),
        output(1, "er22\n"),
        ended(2, End::Failed(None)),
        Event::FailedStep { step: step(2), place: None, reason: "hunter22".to_owned() },
    ] {
        log.send(event).await;
    }
    log.flush().await;
    insta::assert_snapshot!(paper.text(), @r#"
    [s 1/9] RUN 1
          b ***
    [s 2/9] RUN 2
          a ***
    ✖ [s 2/9] failed after 1.0s
    ✖ [s 2/9] RUN 2
      ***; what it printed:
          a ***
    "#);
}

fn event() -> impl Strategy<Value = Event> {
    let id = || 1..150_usize;
    let end = prop_oneof![Just(End::Done), Just(End::Cached), Just(End::Failed(None)), Just(End::Canceled)];
    prop_oneof![
        id().prop_map(|id| Event::StepStarted(step(id))),
        (id(), "(.{0,30}\n){0,20}", 1..30_usize).prop_map(|(id, text, times)| output(id, &text.repeat(times))),
        (id(), end).prop_map(|(id, end)| ended(id, end)),
        id().prop_map(|id| Event::StepRunning { step: step(id), since: Duration::from_secs(30) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn memory_is_bounded_and_with_debug_every_line_is_shown(events in prop::collection::vec(event(), 0..100)) {
        for debug in [false, true] {
            let mut steps = Steps::new(debug, 4_096);
            let clean = |line: &Line| line.text.clone();
            let (mut rows, mut said) = (Vec::new(), 0);
            for event in &events {
                match event {
                    Event::StepStarted(step) => steps.started(step.clone(), &mut rows),
                    Event::StepOutput { step, text } => {
                        said += text.matches('\n').count();
                        steps.output(*step, text, clean, &mut rows);
                    }
                    Event::StepEnded { step, took, end } => steps.ended(step.clone(), *took, *end, clean, &mut rows),
                    Event::StepRunning { step, since } => steps.running(step.clone(), *since, &mut rows),
                    _ => {}
                }
                let held: usize = steps.open.iter().flat_map(|open| &open.held).map(|line| cost(line)).sum();
                prop_assert!(held == steps.held && held <= HELD);
                prop_assert!(steps.spent <= ALL || debug);
                prop_assert!(steps.open.len() <= OPEN && steps.failed.len() <= FAILED);
                prop_assert!(steps.open.iter().all(|open| open.last_bytes <= TAIL));
            }
            steps.finish(clean, &mut rows);
            let shown = rows.iter().filter(|row| matches!(row, Row::Text(..))).count();
            prop_assert!(steps.open.is_empty() && steps.held == 0);
            prop_assert!(shown == said || (!debug && shown < said), "{} of {}", shown, said);
        }
    }
}
