//! Which builder builds, and that BuildKit does what the variables of a build say on every engine.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::lab::{Engine, Lab, lab};
use crate::pipe::{Pipe, Run};
use crate::variables::verdict;

/// A step that builds and pushes nothing, under a name of its own.
fn step(lab: &'static Lab, dockerfile: &str) -> Pipe {
    let pipe = Pipe::without_repository(lab).dockerfile(dockerfile).without("AWS_KEY").without("AWS_SECRET");
    let name = name(&pipe);
    pipe.var("PUSH", "false").var("IMAGE", &name).var("AWS_REGION", "us-east-1")
}

fn name(pipe: &Pipe) -> String {
    format!("builder-{}", pipe.repository)
}

/// What a command prints in the image that was built.
fn in_image(pipe: &Pipe, command: &str) -> String {
    pipe.lab.run(&format!("{}:main", name(pipe)), &["sh", "-c", command])
}

/// Builds, and says by which builder, as the log has it.
#[track_caller]
fn built_by(pipe: &Pipe, words: &str) -> Run {
    pipe.run().exits(0).says(&format!("\n  builder     {words}\n"))
}

/// A run that must fail before the build.
#[track_caller]
fn refused(pipe: &Pipe, expected: &str) {
    let run = pipe.run().exits(2).reports_nothing().built_nothing();
    assert_eq!(verdict(pipe, &run), format!("{expected}\nexit code 2 after [TIME]"));
}

/// The engine's full version.
fn version(lab: &Lab) -> String {
    lab.docker(&["version", "--format", "{{.Server.Version}}"]).trim().to_owned()
}

#[test]
fn buildkit_builds_unless_the_classic_builder_is_asked_for() {
    for engine in Engine::ALL {
        for (builder, words) in
            [("auto", "BuildKit"), ("buildkit", "BuildKit"), ("classic", "classic, as `BUILDER` says")]
        {
            let pipe = step(lab(engine, false), "FROM busybox:1.36\nRUN echo built > /proof\n").var("BUILDER", builder);
            built_by(&pipe, words);
            assert_eq!(in_image(&pipe, "cat /proof"), "built\n");
            // BuildKit leaves its name in the history.
            let history = pipe.lab.docker(&["history", "--format", "{{.Comment}}", &format!("{}:main", name(&pipe))]);
            assert_eq!(history.contains("buildkit"), builder != "classic", "{} {builder}: {history}", engine.name());
        }
    }
}

/// Prints its limits into a file.
const LIMITS: &str =
    "FROM busybox:1.36\nRUN ulimit -n > /limits && df -k /dev/shm | tail -1 | awk '{print $2}' >> /limits\n";

fn limited(engine: Engine, dockerfile: &str) -> Pipe {
    step(lab(engine, false), dockerfile).var("ULIMITS", "nofile=777:888").var("SHM_SIZE", "80m")
}

#[test]
fn limits_hold_with_buildkit() {
    for engine in [Engine::V26, Engine::V28, Engine::V28Containerd] {
        let pipe = limited(engine, LIMITS);
        built_by(&pipe, "BuildKit");
        assert_eq!(in_image(&pipe, "cat /limits"), "777\n81920\n", "{}", engine.name());
    }
}

#[test]
fn limits_that_buildkit_in_engine_20_10_ignores_are_kept_by_the_classic_builder() {
    let pipe = limited(Engine::V20, LIMITS);
    let ignores = format!("BuildKit in engine {} ignores it", version(pipe.lab));
    built_by(&pipe, &format!("classic, for `SHM_SIZE`: {ignores}"));
    assert_eq!(in_image(&pipe, "cat /limits"), "777\n81920\n");

    let hint = "  hint: set `BUILDER` to `auto` or `classic`, or remove that variable";
    let message = |variable: &str| format!("✖ `{variable}`: {ignores}, and `BUILDER` is `buildkit`\n");
    refused(&pipe.var("BUILDER", "buildkit"), &format!("{}{}{hint}", message("SHM_SIZE"), message("ULIMITS")));

    let pipe = limited(Engine::V20, "FROM busybox:1.36\nRUN --mount=type=cache,target=/c true\n").without("ULIMITS");
    let message = format!(
        "✖ `SHM_SIZE`: {ignores}, and `RUN --mount` (line 2) in the Dockerfile needs BuildKit\n  hint: remove one of the two, or use a newer engine, such as `image: docker:28-dind` for the docker service"
    );
    refused(&pipe, &message);
}

#[test]
fn a_network_of_the_engine_is_left_to_the_classic_builder() {
    for engine in Engine::ALL {
        let pipe = step(lab(engine, false), "FROM busybox:1.36\nRUN true\n").var("NETWORK", "bridge");
        let reason = "`NETWORK`: BuildKit knows only `default`, `none` and `host`";
        built_by(&pipe, &format!("classic, for {reason}"));
        let hint = "  hint: set `BUILDER` to `auto` or `classic`, or remove that variable";
        refused(&pipe.var("BUILDER", "buildkit"), &format!("✖ {reason}, and `BUILDER` is `buildkit`\n{hint}"));
    }
}

/// One Dockerfile for most variables.
const RICH: &str = "\
FROM busybox:1.36 AS first
ARG GIVEN
ARG TAKEN
RUN echo \"$GIVEN|$TAKEN\" > /args
RUN cat /etc/hosts > /hosts
RUN tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort > /net
RUN cat /proc/sys/kernel/random/uuid > /once
FROM first AS second
RUN exit 3
";

fn rich(engine: Engine) -> Pipe {
    step(lab(engine, false), RICH)
        .var("BUILDER", "buildkit")
        .var("TARGET", "first")
        .var("BUILD_ARGS_COUNT", "2")
        .var("BUILD_ARGS_0", "GIVEN=a b, c&d=e+%20")
        .var("BUILD_ARGS_1", "TAKEN")
        .var("TAKEN", "from the environment")
        .var("LABELS", "team=shop\norg.opencontainers.image.title=Web, with spaces")
        .var("ADD_HOSTS", "one.test:10.1.2.3\ntwo.test:10.1.2.4")
}

fn variables_hold(engine: Engine) {
    let pipe = rich(engine).var("NETWORK", "none");
    built_by(&pipe, "BuildKit");
    assert_eq!(in_image(&pipe, "cat /args"), "a b, c&d=e+%20|from the environment\n");
    let hosts = in_image(&pipe, "cat /hosts");
    assert!(hosts.contains("10.1.2.3\tone.test") && hosts.contains("10.1.2.4\ttwo.test"), "{hosts}");
    assert_eq!(in_image(&pipe, "cat /net"), "lo\n");
    let format = "{{.Config.Labels.team}}|{{index .Config.Labels \"org.opencontainers.image.title\"}}";
    let image = format!("{}:main", name(&pipe));
    let labels = pipe.lab.docker(&["image", "inspect", "--format", format, &image]);
    assert_eq!(labels, "shop|Web, with spaces\n");

    let once = in_image(&pipe, "cat /once");
    pipe.run().exits(0).says("  4 of 4 steps cached\n");
    assert_eq!(in_image(&pipe, "cat /once"), once, "{}: what is in the cache is not run again", engine.name());
    let pipe = pipe.var("NO_CACHE", "true");
    pipe.run().exits(0).does_not_say("cached: RUN");
    assert_ne!(in_image(&pipe, "cat /once"), once, "{}: NO_CACHE", engine.name());
}

#[test]
fn the_variables_of_a_build_hold_with_buildkit_on_engine_20_10() {
    variables_hold(Engine::V20);
}

#[test]
fn the_variables_of_a_build_hold_with_buildkit_on_engine_26_1() {
    variables_hold(Engine::V26);
}

#[test]
fn the_variables_of_a_build_hold_with_buildkit_on_engine_28_5() {
    variables_hold(Engine::V28);
}

#[test]
fn the_variables_of_a_build_hold_with_buildkit_on_the_containerd_store() {
    variables_hold(Engine::V28Containerd);
}

#[test]
fn the_network_of_the_host_is_that_of_the_engine() {
    for engine in Engine::ALL {
        let pipe = rich(engine).var("NETWORK", "host");
        built_by(&pipe, "BuildKit");
        // The engine's bridge; those of the containers of other tests come and go.
        let seen = in_image(&pipe, "cat /net");
        assert!(seen.contains("docker0\n"), "{}: {seen}", engine.name());
    }
}

#[test]
fn pull_asks_the_registry_for_a_base_image_that_is_there() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        lab.docker(&["pull", "--quiet", "busybox:1.36"]);
        // A tag that the registry does not have.
        let tag = format!("busybox:pull-{}", Pipe::without_repository(lab).repository.replace('/', "-"));
        lab.docker(&["tag", "busybox:1.36", &tag]);
        let dockerfile = format!("FROM {tag}\nRUN true\n");
        step(lab, &dockerfile).var("BUILDER", "classic").run().exits(0);
        let pipe = step(lab, &dockerfile).var("PULL", "true");
        let run = pipe.run().exits(6).reports_nothing();
        let message = format!("✖ base image `{tag}` does not exist (");
        assert!(verdict(&pipe, &run).starts_with(&message), "{}: {}", engine.name(), run.log);
    }
}

#[test]
fn what_the_frontend_inside_engine_20_10_lacks_is_refused_with_the_line_that_brings_another() {
    let pipe =
        step(lab(Engine::V20, false), "FROM busybox:1.36\nRUN <<EOF\necho a > /a\nEOF\nCOPY --link Dockerfile /\n");
    let message = "✖ the Dockerfile needs a newer Dockerfile frontend than the one inside engine 20.10: a here-document (line 2), `COPY --link` (line 5)\n  hint: write `# syntax=docker/dockerfile:1` as its first line: the engine then takes that frontend from Docker Hub";
    refused(&pipe, message);
}

#[test]
fn here_documents_and_links_are_built_by_newer_engines() {
    for engine in [Engine::V26, Engine::V28, Engine::V28Containerd] {
        let pipe = step(
            lab(engine, false),
            "FROM busybox:1.36\nRUN <<EOF\necho a > /a\nEOF\nCOPY --link Dockerfile /\nRUN --mount=type=cache,target=/c echo c > /c/c\n",
        );
        built_by(&pipe, "BuildKit");
        assert_eq!(in_image(&pipe, "cat /a; ls /Dockerfile"), "a\n/Dockerfile\n");
    }
}

/// Builds what must fail, with this message first and this hint.
#[track_caller]
fn fails(pipe: &Pipe, engine: Engine, code: i32, begins: &str, hint: &str) -> Run {
    let run = pipe.run().exits(code).reports_nothing();
    let verdict = verdict(pipe, &run);
    let lines: Vec<&str> = verdict.lines().collect();
    let [message, next, _] = lines.as_slice() else { panic!("{}: one failure, not\n{verdict}", engine.name()) };
    assert!(message.starts_with(&format!("✖ {begins}")), "{}: {message}", engine.name());
    assert_eq!(*next, format!("  hint: {hint}"), "{}", engine.name());
    run
}

#[test]
fn a_failing_step_is_told_with_its_stage_and_the_line_where_it_begins() {
    let dockerfile = "# syntax comes later\nARG BASE=busybox:1.36\nFROM $BASE AS build\n\nRUN echo one && \\\n    # a comment\n    echo two && \\\n    exit 4\nFROM $BASE\nCOPY --from=build /x /\n";
    for engine in Engine::ALL {
        let run = fails(
            &step(lab(engine, false), dockerfile),
            engine,
            6,
            "step 2 of 2 of stage `build` (Dockerfile:5) failed with exit code 4: `RUN echo one &&     echo two &&     exit 4`",
            "read the output of that step above: the last lines say what its command did not like",
        );
        let again = "    Dockerfile:5: exit code 4; what it printed:\n        one\n        two\n";
        assert!(run.log.contains(again), "{}: {}", engine.name(), run.log);
    }
}

#[test]
fn a_source_that_another_stage_lacks_is_told_with_its_line() {
    for engine in Engine::ALL {
        fails(
            &step(
                lab(engine, false),
                "FROM busybox:1.36 AS build\nFROM busybox:1.36\n\nCOPY --from=build /nothing /\n",
            ),
            engine,
            6,
            "step 2 of 2 of stage `stage-1` (Dockerfile:4): `COPY --from=build /nothing /`: `/nothing` is not in `build`",
            "paths are relative to the root of `build`: check that the file is there, in the same case",
        );
    }
}

#[test]
fn a_registry_without_a_login_denies_its_images_on_all_engines() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let image = format!("{}/team/other:1", lab.host("eu-central-1"));
        fails(
            &step(lab, &format!("FROM {image}\n")),
            engine,
            6,
            &format!("base image `{image}`: the registry denies access ("),
            "check its name; if it is private, give a login for its registry in `REGISTRY_LOGINS`, or correct that: `host=…,username=…,password-env=VAR`",
        );
    }
}

#[test]
fn a_registry_that_cannot_be_reached_is_told() {
    for engine in Engine::ALL {
        fails(
            &step(lab(engine, false), "FROM nowhere.lab.test/base:1\n"),
            engine,
            6,
            "base image `nowhere.lab.test/base:1` cannot be pulled: ",
            "check the registry's name in the Dockerfile, and that the engine can reach it",
        );
    }
}

#[test]
fn a_base_image_for_other_platforms_only_is_told() {
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
        "platform": {"os": "linux", "architecture": "s390x"},
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}]})
    .to_string();
    let digest: String = Sha256::digest(&index).iter().map(|byte| format!("{byte:02x}")).collect();
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        lab.fault(
            &json!({"host": "mirror|docker\\.io", "path": format!("/manifests/(s390x|sha256:{digest})"), "times": 0,
            "answer": {"status": 200, "headers": {"Content-Type": kind}, "body": index}}),
        );
        let run = fails(
            &step(lab, "FROM busybox:s390x\n"),
            engine,
            6,
            "base image `busybox:s390x` does not exist for the platform asked for (no match for platform in manifest",
            "correct `--platform` in its `FROM` line or `PLATFORM`, or use an image that exists for that platform",
        );
        assert!(run.log.contains("load metadata for docker.io/library/busybox:s390x"), "{}", run.log);
    }
}
