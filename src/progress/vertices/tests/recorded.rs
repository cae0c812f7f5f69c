//! What real engines sent, and the logs that became of it.
//!
//! The recordings are the answers to `POST /build?version=2` with the milliseconds at which each line came; the client was
//! the docker CLI 20.10.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;

use super::*;

/// Plays a recording.
fn played(recording: &str) -> (Vec<Event>, Summary) {
    let start = Instant::now();
    let mut vertices = vertices();
    let (mut events, mut now, mut failure) = (Vec::new(), start, None);
    for line in recording.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = start + Duration::from_millis(line["at"].as_u64().unwrap());
        while now + Duration::from_secs(1) < at {
            now += Duration::from_secs(1);
            events.extend(vertices.tick(now));
        }
        now = at;
        if line["id"] == "moby.buildkit.trace" {
            let bytes = STANDARD.decode(line["aux"].as_str().unwrap()).unwrap();
            events.extend(vertices.status(&StatusResponse::decode(bytes.as_slice()).unwrap(), now));
        }
        failure = line["error"].as_str().map(str::to_owned).or(failure);
    }
    events.extend(match failure {
        Some(message) => vertices.fail(&message, now),
        None => vertices.finish(now),
    });
    (events, vertices.summary())
}

async fn log(style: Style, recording: &str) -> String {
    printed(style, played(recording).0).await
}

/// The log without the digests of images, and without the lines of a long output.
async fn short_log(recording: &str) -> String {
    let log = log(PLAIN, recording).await;
    let digest = "@sha256:6e17b1644475c1508c440c4d01547bea9a674055807885af76b3ff56f6e65dae";
    let is_told = |line: &&str| !line.contains("compiling file") || line.ends_with('0') || line.contains("RUN");
    log.replace(digest, "@sha256:…").lines().filter(is_told).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn a_base_image_is_pulled() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/pull-20.10.jsonl")).await, @r#"
    [1/3] FROM docker.io/library/busybox:1.36@sha256:…
          669c1f014f9e pulled 1.0 MB
    ✔ [1/3] 0.1s
    [2/3] RUN echo one
          one
    ✔ [2/3] 0.2s
    [3/3] RUN printf '10%%\r20%%\r100%%\n'; echo '<&>'
          100%
          <&>
    ✔ [3/3] 0.2s
    "#);
}

#[tokio::test]
async fn of_steps_that_run_at_the_same_time_one_is_in_front() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/parallel-26.1.jsonl")).await, @r#"
    ✔ [base 1/2] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [base 2/2] RUN echo base; sleep 1
          base
    context: 3.0 MB sent in 0.0s
    ✔ [base 2/2] 1.2s
    [right 1/2] COPY a.txt big.bin /
    ✔ [right 1/2] 0.0s
    [left 1/1] RUN for i in 1 2 3 4 5 6; do echo left $i; sleep 0.3; done
          left 1
          left 2
          left 3
          left 4
          left 5
          left 6
    ✔ [left 1/1] 2.0s
    [right 2/2] RUN for i in 1 2 3 4 5 6; do echo right $i >&2; sleep 0.35; done; printf 'no line end'
          right 1
          right 2
          right 3
          right 4
          right 5
          right 6
    ✔ [stage-3 1/3] 0.0s: COPY --from=left /etc/passwd /left
          no line end
    ✔ [right 2/2] 2.3s
    [stage-3 2/3] COPY --from=right /a.txt /right
    ✔ [stage-3 2/3] 0.0s
    [stage-3 3/3] RUN echo done
          done
    ✔ [stage-3 3/3] 0.2s
    "#);
}

#[tokio::test]
async fn with_debug_each_line_comes_at_once_under_the_name_of_its_step() {
    insta::assert_snapshot!(log(DEBUG, include_str!("../fixtures/parallel-26.1.jsonl")).await, @r#"
    ✔ [base 1/2] cached: FROM docker.io/library/busybox:1.36@sha256:6e17b1644475c1508c440c4d01547bea9a674055807885af76b3ff56f6e65dae
    [base 2/2] RUN echo base; sleep 1
          [base 2/2] base
    debug: [internal] load build definition from Dockerfile: 0.0s
    debug: [internal] load metadata for docker.io/library/busybox:1.36: 0.0s
    debug: [internal] load .dockerignore: 0.0s
    debug: [internal] load build context: 0.0s
    context: 3.0 MB sent in 0.0s
    ✔ [base 2/2] 1.2s
    [right 1/2] COPY a.txt big.bin /
    [left 1/1] RUN for i in 1 2 3 4 5 6; do echo left $i; sleep 0.3; done
    ✔ [right 1/2] 0.0s: COPY a.txt big.bin /
    [right 2/2] RUN for i in 1 2 3 4 5 6; do echo right $i >&2; sleep 0.35; done; printf 'no line end'
          [left 1/1] left 1
          [right 2/2] right 1
          [left 1/1] left 2
          [right 2/2] right 2
          [left 1/1] left 3
          [right 2/2] right 3
          [left 1/1] left 4
          [right 2/2] right 4
          [left 1/1] left 5
          [right 2/2] right 5
          [left 1/1] left 6
          [right 2/2] right 6
    ✔ [left 1/1] 2.0s: RUN for i in 1 2 3 4 5 6; do echo left $i; sleep 0.3; done
    [stage-3 1/3] COPY --from=left /etc/passwd /left
    ✔ [stage-3 1/3] 0.0s
          [right 2/2] no line end
    ✔ [right 2/2] 2.3s
    [stage-3 2/3] COPY --from=right /a.txt /right
    ✔ [stage-3 2/3] 0.0s
    [stage-3 3/3] RUN echo done
          [stage-3 3/3] done
    ✔ [stage-3 3/3] 0.2s
    debug: exporting to image: 0.0s
    "#);
}

#[tokio::test]
async fn what_is_cached_says_so() {
    let recording = include_str!("../fixtures/cached-28.5.jsonl");
    insta::assert_snapshot!(short_log(recording).await, @r#"
    ✔ [base 1/2] 0.0s: FROM docker.io/library/busybox:1.36@sha256:…
    ✔ [base 2/2] cached: RUN echo base; sleep 1
    ✔ [left 1/1] cached: RUN for i in 1 2 3 4 5 6; do echo left $i; sleep 0.3; done
    ✔ [stage-3 1/3] cached: COPY --from=left /etc/passwd /left
    context: 55 B sent in 0.0s
    ✔ [right 1/2] cached: COPY a.txt big.bin /
    ✔ [right 2/2] cached: RUN for i in 1 2 3 4 5 6; do echo right $i >&2; sleep 0.35; done; printf 'no line end'
    ✔ [stage-3 2/3] cached: COPY --from=right /a.txt /right
    ✔ [stage-3 3/3] cached: RUN echo done
    "#);
    let summary = played(recording).1;
    assert_eq!((summary.steps, summary.cached, summary.sent), (7, 7, 55));
}

#[tokio::test]
async fn a_failing_step_is_shown_again_and_one_that_was_canceled_is_not() {
    let recording = include_str!("../fixtures/failure-28.5.jsonl");
    insta::assert_snapshot!(short_log(recording).await, @r#"
    ✔ [base 1/1] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [build 1/2] WORKDIR /src
    ✔ [build 1/2] 0.0s
    [slow 1/1] RUN echo slowly; sleep 30
          slowly
    [build 2/2] RUN for i in $(seq 1 80); do echo compiling file $i; done;     echo 'error: no rule to make target' >&2; sleep 1;     exit 17
          error: no rule to make target
          compiling file 10
          compiling file 20
          compiling file 30
          compiling file 40
          compiling file 50
          compiling file 60
          compiling file 70
          compiling file 80
    ✖ [build 2/2] exit code 17 after 1.2s
    - [slow 1/1] canceled after 1.2s: RUN echo slowly; sleep 30
    ✖ [build 2/2] RUN for i in $(seq 1 80); do echo compiling file $i; done;     echo 'error: no rule to make target' >&2; sleep 1;     exit 17
      docker/Dockerfile:20: exit code 17; the last 50 of 81 lines that it printed:
          compiling file 40
          compiling file 50
          compiling file 60
          compiling file 70
          compiling file 80
    "#);
    let failed = played(recording).1.failed.unwrap();
    assert_eq!(failed.stage.as_deref(), Some("build"));
    assert_eq!(failed.place.as_deref(), Some("docker/Dockerfile:20"));
    assert_eq!(failed.exit_code, Some(17));
    assert!(failed.last.ends_with("compiling file 79\ncompiling file 80\n"), "{}", failed.last);
}

#[tokio::test]
async fn a_failing_step_of_an_old_engine_reads_the_same() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/failure-20.10.jsonl")).await, @r#"
    ✔ [base 1/1] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [slow 1/1] RUN echo slowly; sleep 30
    ✔ [build 1/2] 0.0s: WORKDIR /src
          slowly
    [build 2/2] RUN for i in $(seq 1 80); do echo compiling file $i; done;     echo 'error: no rule to make target' >&2; sleep 1;     exit 17
          compiling file 10
          compiling file 20
          compiling file 30
          compiling file 40
          compiling file 50
          compiling file 60
          compiling file 70
          error: no rule to make target
          compiling file 80
    ✖ [build 2/2] exit code 17 after 1.2s
    - [slow 1/1] canceled after 1.2s: RUN echo slowly; sleep 30
    ✖ [build 2/2] RUN for i in $(seq 1 80); do echo compiling file $i; done;     echo 'error: no rule to make target' >&2; sleep 1;     exit 17
      docker/Dockerfile:20: exit code 17; the last 50 of 81 lines that it printed:
          compiling file 40
          compiling file 50
          compiling file 60
          compiling file 70
          error: no rule to make target
          compiling file 80
    "#);
}

#[tokio::test]
async fn a_base_image_that_is_not_there_is_told_though_its_vertex_is_internal() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/no-base-image-28.5.jsonl")).await, @r#"
    ✖ [internal] failed after 0.0s: load metadata for localhost:5002/nothere:1
    ✖ [internal] load metadata for localhost:5002/nothere:1
      localhost:5002/nothere:1: not found
    "#);
}

#[tokio::test]
async fn warnings_of_the_checks_are_shown_with_their_lines_and_counted() {
    let recording = include_str!("../fixtures/checks-28.5.jsonl");
    insta::assert_snapshot!(short_log(recording).await, @r#"
    warning: docker/Dockerfile:1: FromAsCasing: 'as' and 'FROM' keywords' casing do not match
      hint: see https://docs.docker.com/go/dockerfile/rule/from-as-casing/
    warning: docker/Dockerfile:2: MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label
      hint: see https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
    warning: docker/Dockerfile:3: LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format
      hint: see https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/
    warning: docker/Dockerfile:7: SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "SECRET_TOKEN")
      hint: see https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/
    warning: docker/Dockerfile:8: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
      hint: see https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
    warning: docker/Dockerfile:9: JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals
      hint: see https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
    ✔ [base 1/2] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [base 2/2] RUN true
    ✔ [base 2/2] 0.2s
    "#);
    assert_eq!(played(recording).1.warnings, 6);
}

#[tokio::test]
async fn layers_that_a_cache_import_found_are_fetched_by_the_last_step() {
    let recording = include_str!("../fixtures/import-hit-20.10.jsonl");
    insta::assert_snapshot!(short_log(recording).await, @r#"
    ✔ [stage-1 1/3] 0.0s: FROM docker.io/library/busybox:1.36@sha256:…
    ✔ [build 2/3] cached: RUN head -c 5000000 /dev/urandom > /big; sleep 1
    ✔ [build 3/3] cached: RUN head -c 3000000 /dev/urandom > /big2
    ✔ [stage-1 2/3] cached: COPY --from=build /big /big
    [stage-1 3/3] COPY --from=build /big2 /big2
          0ac07a9ee0f9 pulled in 0.0s
          5ad04cf72481 pulled in 0.1s
          47ca7029a99e pulled in 0.1s
    ✔ [stage-1 3/3] cached, 0.5s
    "#);
    insta::assert_debug_snapshot!(played(recording).1, @r#"
    Summary {
        steps: 4,
        cached: 4,
        bases: [
            "docker.io/library/busybox:1.36@sha256:6e17b1644475c1508c440c4d01547bea9a674055807885af76b3ff56f6e65dae",
        ],
        imports: [
            CacheImport {
                reference: "localhost:5002/hit:1",
                error: None,
                took: 13.250904ms,
            },
        ],
        sent: 0,
        failed: None,
        warnings: 0,
    }
    "#);
}

#[tokio::test]
async fn the_containerd_store_fetches_them_after_the_step_was_reported_as_cached() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/import-hit-28.5-containerd.jsonl")).await, @r#"
    ✔ [build 1/3] 0.0s: FROM docker.io/library/busybox:1.36@sha256:…
    ✔ [build 2/3] cached: RUN head -c 5000000 /dev/urandom > /big; sleep 1
    ✔ [build 3/3] cached: RUN head -c 3000000 /dev/urandom > /big2
    ✔ [stage-1 2/3] cached: COPY --from=build /big /big
    [stage-1 3/3] COPY --from=build /big2 /big2
    ✔ [stage-1 3/3] cached
    [stage-1 3/3] COPY --from=build /big2 /big2
          669c1f014f9e pulled 1.0 MB
          8a87c04ad0e8 pulled 3.0 MB
          16416ec48e30 pulled 5.0 MB
    ✔ [stage-1 3/3] cached, 0.1s
    "#);
}

#[tokio::test]
async fn a_cache_that_is_not_there_is_in_the_summary_and_no_failure() {
    let recording = include_str!("../fixtures/import-absent-28.5.jsonl");
    insta::assert_snapshot!(short_log(recording).await, @r#"
    ✔ [1/3] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [2/3] RUN echo one
          one
    ✔ [2/3] 0.2s
    [3/3] RUN printf '10%%\r20%%\r100%%\n'; echo '<&>'
          100%
          <&>
    ✔ [3/3] 0.2s
    "#);
    insta::assert_debug_snapshot!(played(recording).1.imports, @r#"
    [
        CacheImport {
            reference: "localhost:5002/none:1",
            error: Some(
                "failed to configure registry cache importer: localhost:5002/none:1: not found",
            ),
            took: 4.053071ms,
        },
    ]
    "#);
}

#[tokio::test]
async fn a_step_that_runs_long_says_so() {
    insta::assert_snapshot!(short_log(include_str!("../fixtures/long-28.5-containerd.jsonl")).await, @r#"
    ✔ [1/2] cached: FROM docker.io/library/busybox:1.36@sha256:…
    [2/2] RUN sleep 33; echo there
    … [2/2] RUN sleep 33; echo there: running for 30.0s
          there
    ✔ [2/2] 33.2s
    "#);
}
