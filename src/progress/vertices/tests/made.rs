//! What engines do seldom, and what none would.

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{Vertex, VertexWarning};
use bollard_buildkit_proto::pb::{Position, Range};
use proptest::prelude::*;

use super::*;

/// So many seconds after the engine's clock began.
fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn vertex(name: &str) -> Vertex {
    Vertex { digest: format!("sha256:{name}"), name: name.to_owned(), ..Vertex::default() }
}

fn began(name: &str) -> StatusResponse {
    vertex_response(Vertex { started: Some(time(1)), ..vertex(name) })
}

fn ended(name: &str, error: &str) -> StatusResponse {
    let (started, completed) = (Some(time(1)), Some(time(3)));
    vertex_response(Vertex { started, completed, error: error.to_owned(), ..vertex(name) })
}

fn vertex_response(vertex: Vertex) -> StatusResponse {
    StatusResponse { vertexes: vec![vertex], ..StatusResponse::default() }
}

fn said(name: &str, text: &[u8]) -> StatusResponse {
    let log = VertexLog { vertex: format!("sha256:{name}"), msg: text.to_vec(), ..VertexLog::default() };
    StatusResponse { logs: vec![log], ..StatusResponse::default() }
}

fn warned(line: i32, short: &str) -> StatusResponse {
    let start = Some(Position { line, character: 0 });
    let warning =
        VertexWarning { short: short.into(), ranges: vec![Range { start, end: start }], ..VertexWarning::default() };
    StatusResponse { warnings: vec![warning], ..StatusResponse::default() }
}

/// A build of these messages, one second apart, with its end.
fn build(vertices: &mut Vertices, messages: &[StatusResponse], failure: Option<&str>) -> Vec<Event> {
    let mut now = Instant::now();
    let mut events = Vec::new();
    for message in messages {
        events.extend(vertices.status(message, now));
        now += Duration::from_secs(1);
        events.extend(vertices.tick(now));
    }
    events.extend(match failure {
        Some(message) => vertices.fail(message, now),
        None => vertices.finish(now),
    });
    events
}

async fn log(messages: &[StatusResponse], failure: Option<&str>) -> String {
    printed(PLAIN, build(&mut vertices(), messages, failure)).await
}

#[tokio::test]
async fn the_notice_of_clipped_output_is_explained_once() {
    let notice = b"\n[output clipped, log limit 200KiB/s reached]\n";
    let messages = [began("[1/2] RUN a"), said("[1/2] RUN a", notice), said("[1/2] RUN a", notice)];
    insta::assert_snapshot!(log(&messages, None).await, @r#"
    [1/2] RUN a
    warning: the engine leaves out some of what step 1/2 prints: its limit is 200KiB/s
      hint: let the step print less, or into a file: `DEBUG` cannot bring it back

          [output clipped, log limit 200KiB/s reached]

          [output clipped, log limit 200KiB/s reached]
    ✔ [1/2] 3.0s
    "#);
}

#[tokio::test]
async fn of_several_that_failed_the_one_that_the_engine_names_is_shown() {
    let (a, b) = ("[a 1/1] RUN a", "[b 3/3] RUN b");
    let messages = [
        began(a),
        began(b),
        said(a, b"of a\n"),
        said(b, b"of b\n"),
        ended(a, "process \"a\" did not complete successfully: exit code: 1"),
        ended(b, "process \"b\" did not complete successfully: exit code: 2"),
    ];
    let message = "failed to solve: process \"b\" did not complete successfully: exit code: 2";
    insta::assert_snapshot!(log(&messages, Some(message)).await, @r#"
    [a 1/1] RUN a
          of a
    ✖ [a 1/1] exit code 1 after 2.0s
    [b 3/3] RUN b
          of b
    ✖ [b 3/3] exit code 2 after 2.0s
    ✖ [b 3/3] RUN b
      docker/Dockerfile:30: exit code 2; what it printed:
          of b
    "#);
}

#[tokio::test]
async fn a_failure_without_a_vertex_cancels_what_runs() {
    let messages = [began("[1/2] RUN a"), said("[1/2] RUN a", b"text")];
    insta::assert_snapshot!(log(&messages, Some("the engine went away")).await, @r#"
    [1/2] RUN a
          text
    - [1/2] canceled after 2.0s
    "#);
}

#[tokio::test]
async fn warnings_beyond_the_tenth_are_counted() {
    let mut messages: Vec<_> = (1..=12).map(|line| warned(line, &format!("Rule: bad (line {line})"))).collect();
    messages.push(warned(12, "Rule: bad (line 12)"));
    let mut vertices = vertices().served_as(|line| line + 100);
    let log = printed(PLAIN, build(&mut vertices, &messages, None)).await;
    assert!(log.contains("warning: docker/Dockerfile:110: Rule: bad\n"), "{log}");
    assert!(log.ends_with("and 2 more warnings of the Dockerfile checks\n"), "{log}");
    assert_eq!(vertices.summary().warnings, 12);
}

#[tokio::test]
async fn what_was_cached_stays_cached() {
    let name = "[2/2] RUN a";
    let cached = Vertex { cached: true, started: Some(time(1)), completed: Some(time(1)), ..vertex(name) };
    let messages = [vertex_response(cached), began(name), ended(name, "")];
    insta::assert_snapshot!(log(&messages, None).await, @"  ✔ [2/2] cached: RUN a");
}

#[tokio::test]
async fn what_was_cached_may_fail_when_it_is_fetched() {
    let name = "[2/2] RUN a";
    let cached = Vertex { cached: true, started: Some(time(1)), completed: Some(time(1)), ..vertex(name) };
    let failure = ended(name, "failed to copy: unexpected EOF");
    let messages = [vertex_response(cached), failure.clone(), failure];
    insta::assert_snapshot!(log(&messages, Some("failed to copy: unexpected EOF")).await, @r#"
    ✔ [2/2] cached: RUN a
    ✖ [2/2] failed after 2.0s: RUN a
    ✖ [2/2] RUN a
      docker/Dockerfile:20: failed to copy: unexpected EOF
    "#);
}

#[tokio::test]
async fn what_the_engine_does_besides_is_shown_if_it_takes_long() {
    let mut messages = vec![began("exporting to image")];
    messages.resize(40, StatusResponse::default());
    messages.push(ended("exporting to image", ""));
    insta::assert_snapshot!(log(&messages, None).await, @r#"
    exporting to image
    … exporting to image: running for 30.0s
    ✔ exporting to image: 2.0s
    "#);
}

#[tokio::test]
async fn a_silent_step_in_front_makes_way_for_one_that_talks() {
    let (quiet, loud) = ("[a 1/1] RUN quiet", "[b 1/1] RUN loud");
    let mut messages = vec![began(quiet), began(loud)];
    messages.extend((0..33).map(|second| said(loud, format!("{second}\n").as_bytes())));
    messages.extend([ended(quiet, ""), ended(loud, "")]);
    let log = log(&messages, None).await;
    let rest = log.lines().filter(|line| !line.trim().parse::<u8>().is_ok_and(|second| (2..31).contains(&second)));
    insta::assert_snapshot!(rest.collect::<Vec<_>>().join("\n"), @r#"
    [a 1/1] RUN quiet
    … [a 1/1] RUN quiet: running for 30.0s
    … [b 1/1] RUN loud: running for 30.0s
    [b 1/1] RUN loud
          0
          1
          31
          32
    ✔ [a 1/1] 2.0s: RUN quiet
    ✔ [b 1/1] 2.0s
    "#);
}

#[tokio::test]
async fn output_may_come_before_its_step_has_a_name() {
    let messages = [said("[1/1] RUN a", b"early\n"), began("[1/1] RUN a"), ended("[1/1] RUN a", "")];
    assert_eq!(log(&messages, None).await, "        early\n  ✔ [1/1] 2.0s: RUN a\n");
}

#[test]
fn a_hundred_thousand_vertices_are_not_kept() {
    let mut vertices = vertices();
    let now = Instant::now();
    for number in 0..100_000 {
        let name = format!("[stage {number}/100000] RUN {}", "x".repeat(1_000));
        let begun = Vertex { digest: number.to_string(), name, started: Some(time(1)), ..Vertex::default() };
        vertices.status(&vertex_response(begun), now);
    }
    assert_eq!((vertices.vertices.len(), vertices.known.len()), (VERTICES, VERTICES));
    assert!(vertices.names <= NAME.1 + NAME.0 + VERTICES * SHORT, "{}", vertices.names);
    assert_eq!(vertices.tick(now + ANNOUNCED).len(), VERTICES);
}

fn message() -> impl Strategy<Value = StatusResponse> {
    let name = prop_oneof![
        Just("[a 1/2] RUN a"),
        Just("[a 2/2] COPY b c"),
        Just("[1/1] FROM x"),
        Just("[internal] load build context"),
        Just("importing cache manifest from x"),
        Just("exporting"),
        Just(""),
    ];
    let time =
        || prop_oneof![Just(None), any::<(i64, i32)>().prop_map(|(seconds, nanos)| Some(Timestamp { seconds, nanos }))];
    let error = prop_oneof![
        Just(""),
        Just("x: exit code: 3"),
        Just("context canceled"),
        Just("exit code: 99999999999999999999")
    ];
    let id = prop_oneof![
        Just("transferring context:"),
        Just("sha256:ab"),
        Just("extracting sha256:ab"),
        Just("pulling sha256:ä"),
        Just("")
    ];
    let reports = prop::collection::vec((name.clone(), any::<bool>(), time(), time(), error), 0..4).prop_map(|all| {
        let report = |(name, cached, started, completed, error): (&str, _, _, _, &str)| {
            let inputs = vec!["sha256:[1/1] FROM x".to_owned(), "sha256:".to_owned()];
            Vertex { inputs, cached, started, completed, error: error.to_owned(), ..vertex(name) }
        };
        all.into_iter().map(report).collect::<Vec<_>>()
    });
    let statuses =
        prop::collection::vec((name.clone(), id, any::<(i64, i64)>(), time(), time()), 0..4).prop_map(|all| {
            let status = |(name, id, (current, total), started, completed): (&str, &str, _, _, _)| VertexStatus {
                id: id.to_owned(),
                vertex: format!("sha256:{name}"),
                current,
                total,
                started,
                completed,
                ..VertexStatus::default()
            };
            all.into_iter().map(status).collect::<Vec<_>>()
        });
    let logs =
        prop::collection::vec((name, prop::collection::vec(any::<u8>(), 0..200), 1..20_usize), 0..4).prop_map(|all| {
            all.into_iter().flat_map(|(name, text, times)| said(name, &text.repeat(times)).logs).collect::<Vec<_>>()
        });
    let warnings = prop::collection::vec((any::<i32>(), ".{0,9}"), 0..3)
        .prop_map(|all| all.into_iter().flat_map(|(line, text)| warned(line, &text).warnings).collect::<Vec<_>>());
    (reports, statuses, logs, warnings).prop_map(|(vertexes, statuses, logs, warnings)| StatusResponse {
        vertexes,
        statuses,
        logs,
        warnings,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_engine_says_the_log_is_bounded_and_with_debug_complete(
        messages in prop::collection::vec(message(), 0..40),
        failure in prop_oneof![Just(None), Just(Some("x: exit code: 3"))],
    ) {
        let mut vertices = vertices();
        let events = build(&mut vertices, &messages, failure);
        prop_assert!(vertices.pulls <= 7 && vertices.last_kept <= 7);
        prop_assert!(vertices.summary().steps <= 2);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plain = runtime.block_on(printed(PLAIN, events.clone()));
        // The steps are seven; what is left of a line is at most 4,096 characters of 4 bytes.
        prop_assert!(plain.len() < 1 << 20, "{}", plain.len());
        let full = runtime.block_on(printed(DEBUG, events));
        let said = messages.iter().flat_map(|message| &message.logs).flat_map(|log| &log.msg);
        let ends = said.filter(|byte| **byte == b'\n').count();
        prop_assert!(full.lines().count() >= ends);
    }
}
