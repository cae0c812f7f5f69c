//! Builds that fail, in the words of each engine, and builds with a log that is no pleasure to print.

use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::{Pipe, Run};
use crate::variables::{timeless, verdict};

fn step(lab: &'static Lab, dockerfile: &str) -> Pipe {
    Pipe::new(lab).dockerfile(dockerfile)
}

/// Builds what must fail on an engine; the verdict is the message and the hint, without the last line.
#[track_caller]
fn fails(pipe: &Pipe, engine: Engine, code: i32, begins: &str, hint: &str) -> Run {
    let run = pipe.run().exits(code).reports_nothing();
    let verdict = verdict(pipe, &run);
    let lines: Vec<&str> = verdict.lines().collect();
    let [message, next, last] = lines.as_slice() else { panic!("{}: one failure, not\n{verdict}", engine.name()) };
    assert!(message.starts_with(&format!("✖ {begins}")), "{}: {message}", engine.name());
    assert_eq!(*next, format!("  hint: {hint}"), "{}", engine.name());
    assert_eq!(*last, format!("exit code {code} after [TIME]"), "{}", engine.name());
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "{}: no tag was moved", engine.name());
    run
}

/// The same on all engines, by BuildKit and by the classic builder.
#[track_caller]
fn fails_on_all(dockerfile: &str, code: i32, by_buildkit: &str, by_classic: &str, hint: &str) {
    for engine in Engine::ALL {
        let pipe = step(lab(engine, false), dockerfile);
        fails(&pipe, engine, code, by_buildkit, hint);
        fails(&pipe.var("BUILDER", "classic"), engine, code, by_classic, hint);
    }
}

#[test]
fn a_failing_step_is_named_last_with_its_exit_code_and_its_output_above() {
    for engine in Engine::ALL {
        for (builder, again, place) in [
            (
                "buildkit",
                "
  ✖ [2/3] RUN echo before; echo oops; exit 3
    Dockerfile:2: exit code 3; what it printed:
        before
        oops",
                " (Dockerfile:2)",
            ),
            ("classic", "", ""),
        ] {
            let pipe = step(lab(engine, false), "FROM busybox:1.36\nRUN echo before; echo oops; exit 3\nRUN true\n");
            let run = pipe.var("BUILDER", builder).run().exits(6).reports_nothing();
            let (_, build) = run.log.split_once("\nBuild\n").expect("a build");
            // A base image that is not there yet is pulled first, which has lines of its own.
            let (_, end) = build.split_once("  [2/3]").expect("a second step");
            let expected = format!(
                " RUN echo before; echo oops; exit 3
        before
        oops
  ✖ [2/3] exit code 3 after [TIME]{again}
  ✖ [TIME]

✖ step 2 of 3{place} failed with exit code 3: `RUN echo before; echo oops; exit 3`
  hint: read the output of that step above: the last lines say what its command did not like
exit code 6 after [TIME]"
            );
            assert_eq!(timeless(end), expected, "{} {builder}", engine.name());
        }
    }
}

#[test]
fn a_killed_step_hints_at_memory() {
    fails_on_all(
        "FROM busybox:1.36\nRUN exit 137\n",
        6,
        "step 2 of 2 (Dockerfile:2) failed with exit code 137: `RUN exit 137`",
        "step 2 of 2 failed with exit code 137: `RUN exit 137`",
        "code 137 is a kill, mostly for want of memory: give the docker service more (`definitions: services: docker: memory: 2048`)",
    );
}

#[test]
fn a_missing_source_is_told_with_its_step() {
    let hint = "paths are relative to `CONTEXT`: check that the file is there, in the same case, and not excluded by `.dockerignore`";
    fails_on_all(
        "FROM busybox:1.36\nCOPY nothing /\n",
        6,
        "step 2 of 2 (Dockerfile:2): `COPY nothing /`: `/nothing` is not in the context",
        "step 2 of 2: `COPY nothing /`: COPY failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist",
        hint,
    );
    fails_on_all(
        "FROM busybox:1.36\nCOPY ../x /\n",
        6,
        "step 2 of 2 (Dockerfile:2): `COPY ../x /`: `/x` is not in the context",
        "step 2 of 2: `COPY ../x /`: COPY failed: forbidden path outside",
        hint,
    );
}

#[test]
fn a_base_image_that_does_not_exist_is_named() {
    let hint = "check its name and tag in the Dockerfile's `FROM` or `COPY --from`; if it is private, give its registry in `REGISTRY_LOGINS`";
    fails_on_all(
        "FROM library/nothing-such:1\n",
        6,
        "base image `nothing-such:1` does not exist (",
        "base image `library/nothing-such:1` does not exist (",
        hint,
    );
    fails_on_all(
        "FROM busybox:1.36\nCOPY --from=buidler /x /\n",
        6,
        "base image `buidler:latest` does not exist (",
        "base image `buidler` does not exist (",
        hint,
    );
}

#[test]
fn a_base_image_without_a_name_asks_for_the_value_of_its_variable() {
    fails_on_all(
        "FROM busybox:${VERSION}\n",
        6,
        "base image `busybox:` is not the name of an image (failed to parse stage name \"busybox:\": invalid reference format)",
        "base image `busybox:${VERSION}` is not the name of an image (invalid reference format)",
        "if it holds a variable, give that a value by `ARG <name>=<default>` before the first `FROM`, or in `BUILD_ARGS`",
    );
}

#[test]
fn a_base_image_for_another_platform_is_told_by_the_classic_builder() {
    // 20.10 and the graphdriver store of 28.5 take the image that there is.
    for engine in [Engine::V26, Engine::V28Containerd] {
        let lab = lab(engine, false);
        lab.docker(&["pull", "--quiet", "busybox:1.36"]);
        fails(
            &step(lab, "FROM --platform=linux/arm64 busybox:1.36\n").var("BUILDER", "classic"),
            engine,
            6,
            "base image `busybox:1.36` does not exist for the platform asked for (image with reference busybox:1.36 was found",
            "correct `--platform` in its `FROM` line or `PLATFORM`, or use an image that exists for that platform",
        );
    }
}

#[test]
fn a_private_base_image_asks_for_a_login() {
    // In the lab 20.10 takes the registry, which has a loopback address, for one without TLS and Basic auth.
    for engine in [Engine::V26, Engine::V28, Engine::V28Containerd] {
        fails(
            &step(lab(engine, false), "FROM registry.lab.test/private/base:1\n"),
            engine,
            6,
            "base image `registry.lab.test/private/base:1`: the registry denies access (",
            "check its name; if it is private, give a login for its registry in `REGISTRY_LOGINS`, or correct that: `host=…,username=…,password-env=VAR`",
        );
    }
}

#[test]
fn a_reached_pull_limit_offers_other_ways_to_the_base_image() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let limit = serde_json::json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]});
        lab.fault(&serde_json::json!({
            "host": "mirror|docker\\.io", "path": "/manifests/limited", "times": 0, "answer": {"status": 429, "body": limit}
        }));
        fails(
            &step(lab, "FROM busybox:limited\n"),
            engine,
            6,
            "base image `busybox:limited`: the registry's pull limit is reached (",
            "log in with `REGISTRY_LOGINS`, or take the image from `public.ecr.aws/docker/library/…` or from a pull-through cache in ECR",
        );
    }
}

#[test]
fn a_line_of_the_dockerfile_that_is_not_valid_is_told_by_its_number() {
    for engine in Engine::ALL {
        let (lab, on) = (lab(engine, false), if engine == Engine::V20 { "" } else { "on " });
        fails(
            &step(lab, "FROM busybox:1.36\nCOPY x\n"),
            engine,
            2,
            &format!(
                "the Dockerfile is not valid: dockerfile parse error {on}line 2: COPY requires at least two arguments"
            ),
            "correct that line of the Dockerfile",
        );
        fails(
            &step(lab, "FROM busybox:1.36\n\nRUNN x\n"),
            engine,
            2,
            &format!("the Dockerfile is not valid: dockerfile parse error {on}line 3: unknown instruction: RUNN"),
            "correct that line of the Dockerfile",
        );
        fails(
            &step(lab, "RUN true\n"),
            engine,
            2,
            "the Dockerfile is not valid: no build stage in current context",
            "begin it with a `FROM` instruction",
        );
    }
}

#[test]
fn what_only_buildkit_does_is_refused_before_a_classic_build_with_all_its_lines() {
    let dockerfile = "FROM busybox:1.36\nRUN --mount=type=cache,target=/x true\nCOPY . /\nRUN <<EOF\necho a\nEOF\nADD --checksum=sha256:0 http://x/y /\n";
    for engine in Engine::ALL {
        let pipe = step(lab(engine, false), dockerfile).var("BUILDER", "classic");
        let run = fails(
            &pipe,
            engine,
            2,
            "`RUN --mount` (line 2), a here-document (line 4), `ADD --checksum` (line 7) in the Dockerfile needs BuildKit, and `BUILDER` is `classic`",
            "remove `BUILDER`, or set it to `auto`",
        );
        run.built_nothing();
    }
}

#[test]
fn a_target_or_network_that_does_not_exist_is_told_by_its_variable() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        fails(
            &step(lab, "FROM busybox:1.36 AS one\n").var("TARGET", "two"),
            engine,
            2,
            "`TARGET`: the Dockerfile has no stage `two`",
            "name a stage of the Dockerfile: the word after `AS` in a `FROM` line",
        );
        fails(
            &step(lab, "FROM busybox:1.36\nRUN true\n").var("NETWORK", "nowhere"),
            engine,
            2,
            "`NETWORK`: the engine has no network `nowhere`",
            "use `host`, `none` or `bridge`, or a network that `docker network ls` shows",
        );
    }
}

#[test]
fn a_full_disk_of_the_engine_is_told() {
    for (engine, builder) in [("26.1", "buildkit"), ("26.1", "classic"), ("28.5-containerd", "buildkit")] {
        let own: &'static Lab = Box::leak(Box::new(Lab::up(&["--engine", engine, "--disk", "60M"])));
        let hint = "free space with `docker system prune`, or use a step of a larger size";
        let pipe = step(own, "FROM busybox:1.36\nCOPY large /\n").var("BUILDER", builder);
        // No run of zeros, which some storage leaves out.
        std::fs::write(pipe.path("large"), vec![b'x'; 100 << 20]).expect("a large file");
        let run = pipe.run().exits(6).reports_nothing();
        let verdict = verdict(&pipe, &run);
        let is_told = verdict.starts_with("✖ the engine's disk is full: ") && verdict.contains(hint);
        assert!(is_told, "{engine} {builder}: {verdict}");
    }
}

/// Builds without a push, which says the same of the log.
fn built(builder: &str, debug: &str, dockerfile: &str) -> Run {
    let pipe = Pipe::without_repository(usual()).dockerfile(dockerfile).var("BUILDER", builder).var("DEBUG", debug);
    let name = format!("log-{}", pipe.repository);
    let pipe = pipe.var("PUSH", "false").var("IMAGE", &name).without("AWS_KEY").without("AWS_SECRET");
    pipe.var("NO_CACHE", "true").run().exits(0)
}

#[test]
fn a_line_of_a_mebibyte_is_cut_and_says_how_much_is_left_out() {
    let dockerfile = "FROM busybox:1.36\nRUN echo begin; head -c 1048576 /dev/zero | tr '\\0' x; echo; echo end\n";
    let longest = |run: &Run| {
        let longest = run.log.lines().max_by_key(|line| line.len()).expect("lines");
        longest.trim_start().trim_start_matches('x').to_owned()
    };
    let run = built("classic", "false", dockerfile);
    assert_eq!(longest(&run), "… (1,044,480 more characters)");
    assert!(run.log.contains("\n        begin\n") && run.log.contains("\n        end\n"), "{}", run.log.len());
    // BuildKit lets pass 200 KiB a second.
    let run = built("buildkit", "false", dockerfile).says("\n        begin\n").says(CLIPPED);
    assert!(longest(&run).ends_with(" more characters)"), "{}", run.log.len());
}

/// What the log says of what the engine keeps to itself.
const CLIPPED: &str = "  warning: the engine leaves out some of what step 2/2 prints: its limit is 200KiB/s\n    hint: let the step print less, or into a file: `DEBUG` cannot bring it back\n";

#[test]
fn escape_sequences_carriage_returns_and_bytes_that_are_no_text_never_reach_the_log() {
    for builder in ["buildkit", "classic"] {
        let run = built(
            builder,
            "false",
            "FROM busybox:1.36\nRUN printf '\\033[31mred\\033[0m \\033]0;title\\007plain\\n' && \
             printf ' 10%%\\r 50%%\\r100%% done\\n' && printf 'odd \\377\\376 bytes\\n\\000\\010\\n' && printf 'no line end'\n",
        );
        let odd = |character: char| character.is_control() && character != '\n';
        assert!(!run.log.contains(odd), "{:?}", run.log);
        for line in ["red plain", "100% done", "odd \u{fffd}\u{fffd} bytes", "no line end"] {
            assert!(run.log.contains(&format!("        {line}\n")), "{line} in {}", run.log);
        }
    }
}

/// The numbers that a step has printed, as far as the log has them.
fn numbers(run: &Run) -> Vec<u32> {
    let text = |line: &str| line.strip_prefix("        ")?.trim_start_matches("[2/2] ").parse().ok();
    run.log.lines().filter_map(text).collect()
}

#[test]
fn fifty_thousand_lines_are_cut_in_the_middle_unless_debug_asks_for_all() {
    let dockerfile = "FROM busybox:1.36\nRUN seq 1 50000\n";
    let run = built("classic", "true", dockerfile);
    assert!(numbers(&run).into_iter().eq(1..=50_000), "{}", run.log.len());
    assert!(run.took.as_secs() < 15, "{:?}", run.took);

    let run = built("classic", "false", dockerfile)
        .says("        … more follows, of which the end will be shown; `DEBUG=true` shows all\n")
        .says(" lines left out; `DEBUG=true` shows all\n");
    let shown = numbers(&run);
    let gap = shown.windows(2).position(|pair| pair[1] != pair[0] + 1).expect("a gap");
    assert!(shown[..=gap].iter().copied().eq(1..=shown[gap]), "the first lines");
    assert!(shown[gap + 1..].iter().copied().eq(shown[gap + 1]..=50_000), "the last lines");
    let left_out = 50_000 - shown.len();
    let counted = format!("        … {},{:03} lines left out", left_out / 1000, left_out % 1000);
    assert!(run.log.contains(&counted), "{counted}");
}

#[test]
fn what_buildkit_clips_is_told_and_the_rest_comes_in_order() {
    let run = built("buildkit", "true", "FROM busybox:1.36\nRUN seq 1 50000\n").says(CLIPPED);
    let shown = numbers(&run);
    assert!(shown.len() > 30_000, "{}", shown.len());
    // The last line before the engine's words ends anywhere.
    let whole = &shown[..shown.len() - 1];
    assert!(whole.iter().copied().eq((1..).take(whole.len())), "in order and without a gap");
    assert!(run.log.contains("        [2/2] [output clipped, log limit 200KiB/s reached]\n"), "{}", run.log.len());
    assert!(run.log.lines().all(|line| !line.contains("left out; `DEBUG=true`")), "all that there is was shown");
}

#[test]
fn steps_that_print_without_end_leave_a_log_below_ten_megabytes() {
    let step = "RUN yes 'a line of text that goes on and on' | head -c 4000000\n";
    for builder in ["buildkit", "classic"] {
        let run = built(builder, "false", &format!("FROM busybox:1.36\n{}", step.repeat(12)));
        assert!(run.log.len() < 10_000_000 && run.log.len() > 12 * 64_000, "{builder}: {}", run.log.len());
    }
}
