//! `BUILD_SECRETS`: a step that mounts a secret has it, byte for byte, and nothing else ever does.

use std::path::Path;

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::{Pipe, Run};
use crate::recorder::recorded;
use crate::variables::{timeless, verdict};

const TOKEN: &str = "canary-npm-5f1e0c2b7a9d";
const KEY: [&str; 3] = ["-----BEGIN CANARY KEY-----", "canaryAAAAB3NzaC1yc2EAAA", "-----END CANARY KEY-----"];

/// What the image holds, for a proof that the looking itself works.
const MARKER: &str = "marker-that-is-in-the-image";

/// A step with one secret of each kind.
fn step(lab: &'static Lab) -> Pipe {
    Pipe::new(lab)
        .file("deploy.key", KEY.join("\n") + "\n")
        .file(".dockerignore", "deploy.key\n")
        .var("BUILD_SECRETS", "id=npm,env=NPM_TOKEN\nid=key,src=deploy.key")
        .var("NPM_TOKEN", TOKEN)
}

#[track_caller]
fn without_canaries(place: &str, text: &str) {
    for canary in [TOKEN, KEY[0], KEY[1]] {
        assert!(!text.contains(canary), "{canary} is in {place}:\n{text}");
    }
}

#[track_caller]
fn outputs_without_canaries(run: &Run) {
    without_canaries("the log", &run.log);
    without_canaries("stdout", &run.stdout);
    without_canaries("image.env", run.image_env.as_deref().unwrap_or_default());
    without_canaries("result.json", run.result_json.as_deref().unwrap_or_default());
}

/// Runs a shell command beside the lab's engine.
fn beside(lab: &Lab, script: &str) -> String {
    output(lab.command("sh", Path::new("/")).args(["-c", script]))
}

/// In which files, packed or not, that an engine exports of an image a text is.
fn files_of_image_with(lab: &Lab, image: &str, text: &str) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (archive, files) = (folder.path().join("image.tar"), folder.path().join("files"));
    std::fs::create_dir(&files).expect("a folder");
    lab.docker(&["save", "--output", &archive.display().to_string(), image]);
    let files = files.display();
    let script = format!(
        "tar -xf {} -C {files} && find {files} -type f | while read -r file; do zcat -f \"$file\" | grep -c -a -F -e '{text}'; done | grep -c -v '^0$' || true",
        archive.display()
    );
    beside(lab, &script).trim().parse().expect("a number")
}

/// What an engine answers to a call of its API, past the cage.
fn api(lab: &Lab, path: &str) -> String {
    let socket = lab.facts.admin_docker_host.strip_prefix("unix://").expect("a socket");
    beside(lab, &format!("curl --silent --fail --unix-socket {socket} -H 'X-Lab-Admin: 1' http://engine{path}"))
}

fn leaves_no_trace(engine: Engine, caged: bool) {
    let lab = lab(engine, caged);
    for debug in ["false", "true"] {
        let pipe = step(lab).var("DEBUG", debug).var("RUST_LOG", "trace").file("marker", MARKER).dockerfile(
            &"FROM busybox:1.36 AS first
RUN echo DEBUG > /debug
RUN --mount=type=secret,id=key,target=/keys/id,mode=0440,uid=7,gid=8 stat -c %a:%u:%g /keys/id > /stat; sha256sum < /keys/id > /sums; cat /keys/id
FROM busybox:1.36
RUN echo DEBUG > /debug
COPY --from=first /stat /sums /
COPY marker /
RUN --mount=type=secret,id=npm echo \"it is $(cat /run/secrets/npm)!\"; sha256sum < /run/secrets/npm >> /sums; env
RUN ls -A /run/secrets > /left 2>&1 || true
"
            .replace("DEBUG", debug),
        );
        let run = pipe.run().exits(0).says("it is ***!");
        outputs_without_canaries(&run);
        assert_eq!(run.log.contains("debug: "), debug == "true", "{}", run.log);

        let image = format!("{}:main", pipe.uri());
        let read = |path: &str| lab.run(&image, &["cat", path]);
        assert_eq!(read("/stat"), "440:7:8\n");
        let sums = beside(
            lab,
            &format!("printf '{}\\n' | sha256sum; printf '{TOKEN}' | sha256sum", KEY.join("\\n").replace('-', "\\055")),
        );
        assert_eq!(read("/sums"), sums, "they arrived byte for byte");
        without_canaries("the folder of secrets", &read("/left"));

        assert!(files_of_image_with(lab, &image, MARKER) > 0, "what is in the image is found in it");
        for canary in [TOKEN, KEY[1]] {
            assert_eq!(files_of_image_with(lab, &image, canary), 0, "{canary} is in the image");
        }
        without_canaries("the history", &lab.docker(&["history", "--no-trunc", &image]));
        without_canaries("the image's configuration", &lab.docker(&["inspect", &image]));
        // Of the build cache alone: on the containerd store, images that another test removes meanwhile fail the whole answer.
        let usage = api(lab, "/system/df?type=build-cache");
        assert!(usage.contains("cat /run/secrets/npm"), "the build cache names the step: {usage}");
        without_canaries("the build cache", &usage);
        without_canaries("the requests", &lab.control("requests", &[]));
        let logs =
            Path::new(lab.line["logs"]["dockerd"].as_str().expect("a fact of the lab")).parent().expect("a folder");
        without_canaries(
            "the logs of the engine and the registries",
            &beside(lab, &format!("cat {}/*", logs.display())),
        );
    }
}

#[test]
fn a_secret_leaves_no_trace_on_engine_20_10() {
    leaves_no_trace(Engine::V20, false);
}

#[test]
fn a_secret_leaves_no_trace_on_engine_20_10_in_the_cage() {
    leaves_no_trace(Engine::V20, true);
}

#[test]
fn a_secret_leaves_no_trace_on_engine_26_1() {
    leaves_no_trace(Engine::V26, false);
}

#[test]
fn a_secret_leaves_no_trace_on_engine_26_1_in_the_cage() {
    leaves_no_trace(Engine::V26, true);
}

#[test]
fn a_secret_leaves_no_trace_on_engine_28_5() {
    leaves_no_trace(Engine::V28, false);
}

#[test]
fn a_secret_leaves_no_trace_on_the_containerd_store() {
    leaves_no_trace(Engine::V28Containerd, false);
}

#[test]
fn a_secret_that_no_step_prints_is_nowhere_in_the_engines_folder() {
    // What a step prints is kept by newer engines as the build's history, so this one is not printed.
    let (secret, marker) = ("canary-silent-77aa1c", "marker-in-the-engines-folder");
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let pipe = Pipe::new(lab)
            .file("marker", marker)
            .var("BUILD_SECRETS", "id=npm,env=NPM_TOKEN")
            .var("NPM_TOKEN", secret)
            .dockerfile(
                "FROM busybox:1.36\nCOPY marker /\nRUN --mount=type=secret,id=npm sha256sum /run/secrets/npm\n",
            );
        pipe.run().exits(0);
        let files_with = |text: &str| beside(lab, &format!("grep -r -l -a -F -e {text} /run/lab/engine || true"));
        assert!(!files_with(marker).is_empty(), "{}: the folder is where it is looked for", engine.name());
        assert_eq!(files_with(secret), "", "{}", engine.name());
    }
}

#[test]
fn a_failing_step_that_prints_secrets_prints_stars_there_and_at_the_end() {
    for debug in ["false", "true"] {
        let pipe = step(usual()).var("DEBUG", debug).dockerfile(
            "FROM busybox:1.36
RUN --mount=type=secret,id=npm --mount=type=secret,id=key \\
    cat /run/secrets/npm; echo; cat /run/secrets/key; printf 'cut '; head -c 9 /run/secrets/npm; sleep 0.2; tail -c +10 /run/secrets/npm; echo \" $(cat /run/secrets/npm)$(cat /run/secrets/npm)\" >&2; exit 3
",
        );
        let run = pipe.run().exits(6).reports_nothing();
        outputs_without_canaries(&run);
        // The line on standard output goes on when the one on standard error has come.
        let step = "***\n        ***\n        ***\n         ***\n        cut ***\n";
        assert_eq!(
            run.log.replace("[stage-0 2/2] ", "").matches(step).count(),
            2,
            "at the step, at the end: {}",
            run.log
        );
        assert!(!run.log.contains("canary-np"), "{}", run.log);
    }
}

#[test]
fn a_secret_reaches_the_engine_only_when_a_step_that_runs_mounts_it() {
    let unused = "FROM busybox:1.36\nRUN echo no secret is mounted\n";
    let other_stage = "FROM busybox:1.36 AS wanted\nRUN echo the other stage\nFROM wanted\nRUN --mount=type=secret,id=npm cat /run/secrets/npm\n";
    let other_secret = "FROM busybox:1.36\nRUN --mount=type=secret,id=key echo only the key\n";
    let used = "FROM busybox:1.36\nRUN --mount=type=secret,id=npm echo the token\n";
    for (dockerfile, target, token, key) in [
        (unused, "", false, false),
        (other_stage, "wanted", false, false),
        (other_secret, "", false, true),
        (used, "", true, false),
        // Once more: the step is cached.
        (used, "", false, false),
    ] {
        let (pipe, record) = recorded(step(usual()));
        let pipe = pipe.var("PUSH", "false").dockerfile(dockerfile);
        let pipe = if target.is_empty() { pipe } else { pipe.var("TARGET", target) };
        pipe.run().exits(0);
        assert!(record.len() > 1000 && record.holds(b"/session HTTP/1.1"), "the way led through the relay");
        assert_eq!((record.holds(TOKEN.as_bytes()), record.holds(KEY[1].as_bytes())), (token, key), "{dockerfile}");
    }
}

#[test]
fn secrets_of_any_bytes_and_of_500_kib_arrive_as_they_are() {
    let binary: Vec<u8> = (0..=255).chain([0, 10, 13, 10]).collect();
    let largest: Vec<u8> = (0..500 * 1024_u32).map(|number| (number % 251) as u8).collect();
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let pipe = Pipe::new(lab)
            .file("given/binary", &binary)
            .file("given/largest", &largest)
                .file("given/newlines", "\n one \n\n")
            .file(".dockerignore", "given\n")
            .var("BUILD_SECRETS_COUNT", "4")
            .var("BUILD_SECRETS_0", "id=binary,src=given/binary")
            .var("BUILD_SECRETS_1", "id=largest,src=./given/largest")
            .var("BUILD_SECRETS_2", "id=newlines,src=given/newlines")
            .var("BUILD_SECRETS_3", "id=variable,env=WITH_NEWLINES")
            .var("WITH_NEWLINES", " two\r\n\nlines \n")
            .dockerfile(
                "FROM busybox:1.36
RUN --mount=type=secret,id=binary --mount=type=secret,id=largest --mount=type=secret,id=newlines --mount=type=secret,id=variable \\
    cd /run/secrets && sha256sum binary largest newlines variable > /sums
",
            );
        let folder = pipe.path("given");
        std::fs::write(folder.join("variable"), " two\r\n\nlines \n").expect("a file");
        pipe.run().exits(0);
        let image = format!("{}:main", pipe.uri());
        let sums = lab.run(&image, &["cat", "/sums"]);
        let expected = output(std::process::Command::new("sh").current_dir(folder).args(["-c", "sha256sum *"]));
        assert_eq!(sums, expected, "{}", engine.name());
    }
}

#[test]
fn secrets_that_cannot_be_had_end_the_run_before_the_build_all_at_once() {
    let pipe = Pipe::new(usual())
        .dockerfile("FROM busybox:1.36\n")
        .file("folder/file", "")
        .file("large", vec![b'x'; 500 * 1024 + 1])
        .var("LARGE_ENOUGH", &"x".repeat(1000))
        .var("BUILD_SECRETS", "id=a,src=nowhere/key\nid=b,src=folder\nid=c,src=large\nid=d,env=LARGE_ENOUGH");
    let run = pipe.run().exits(2).reports_nothing();
    let run = run.built_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_SECRETS`: the file `nowhere/key` of secret `a` does not exist
      hint: paths are relative to the folder in which the pipe runs, mostly the clone folder
    ✖ `BUILD_SECRETS`: the file `folder` of secret `b` cannot be read: it is not a regular file
      hint: name a regular file that this user may read
    ✖ `BUILD_SECRETS`: secret `c` has more than 500 KiB, which is the limit of BuildKit
      hint: a secret is a key or a token: put large data into the context or fetch it in a step
    exit code 2 after [TIME]
    ");
    let pipe = pipe.var("BUILD_SECRETS", "id=a,env=NPM_TOKEN\nid=b,env=EMPTY\nid=c").var("EMPTY", "");
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(pipe.filter(&timeless(&run.log)), @r"
    ecr-pipe 0.1.0

    ✖ `BUILD_SECRETS`: entry 1 (`a`) names `NPM_TOKEN` in `env`, which is not set
      hint: pass `NPM_TOKEN` under `variables:` of the pipe too
    ✖ `BUILD_SECRETS`: entry 2 (`b`) names `EMPTY` in `env`, which is not set
      hint: pass `EMPTY` under `variables:` of the pipe too
    ✖ `BUILD_SECRETS`: entry 3 (`c`) has neither `env` nor `src`, expected `id=x,env=VAR` or `id=x,src=path`
      hint: write it like `id=npm,env=NPM_TOKEN`
    exit code 2 after [TIME]
    ");
}

#[test]
fn a_named_pipe_is_told_and_not_waited_for() {
    let pipe = Pipe::new(usual())
        .dockerfile("FROM busybox:1.36\n")
        .file(".dockerignore", "fifo\n")
        .var("BUILD_SECRETS", "id=a,src=fifo");
    output(std::process::Command::new("mkfifo").arg(pipe.path("fifo")));
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_SECRETS`: the file `fifo` of secret `a` cannot be read: it is not a regular file
      hint: name a regular file that this user may read
    exit code 2 after [TIME]
    ");
}

#[test]
fn a_step_that_requires_a_secret_that_was_not_given_names_it() {
    for engine in Engine::ALL {
        let pipe = step(lab(engine, false))
            .dockerfile("FROM busybox:1.36\n\nRUN --mount=type=secret,id=pypi,required cat /run/secrets/pypi\n");
        let run = pipe.run().exits(2).reports_nothing();
        let stage = if engine == Engine::V20 { "" } else { " of stage `stage-0`" };
        assert_eq!(
            verdict(&pipe, &run),
            format!(
                "✖ step 2 of 2{stage} (Dockerfile:3) wants the secret `pypi`: `RUN --mount=type=secret,id=pypi,required cat /run/secrets/pypi`\n  \
                 hint: give it in `BUILD_SECRETS`: `id=pypi,env=<variable>` or `id=pypi,src=<path>`\nexit code 2 after [TIME]"
            ),
            "{}",
            engine.name()
        );
    }
}

#[test]
fn a_step_that_does_not_require_its_secret_runs_without_the_file() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let pipe = Pipe::new(lab).dockerfile(
            "FROM busybox:1.36
RUN --mount=type=secret,id=pypi test ! -e /run/secrets/pypi
RUN --mount=type=secret,id=pypi,required=false test ! -e /run/secrets/pypi
",
        );
        pipe.run().exits(0);
    }
}

#[test]
fn an_empty_secret_is_an_empty_file_but_for_engine_20_10_which_takes_it_for_none() {
    for engine in Engine::ALL {
        let test = if engine == Engine::V20 { "test ! -e" } else { "test -f" };
        let pipe = Pipe::new(lab(engine, false))
            .file("empty", "")
            .var("BUILD_SECRETS", "id=npmrc,src=empty")
            .dockerfile(&format!("FROM busybox:1.36\nRUN --mount=type=secret,id=npmrc {test} /run/secrets/npmrc\n"));
        pipe.run().exits(0);
    }
}

#[test]
fn a_secret_as_a_variable_of_a_step_needs_a_newer_frontend_and_leaves_no_trace_there() {
    let dockerfile = "FROM busybox:1.36
RUN --mount=type=secret,id=npm,env=TOKEN_OF_NPM test -n \"$TOKEN_OF_NPM\" && echo \"it is $TOKEN_OF_NPM\" && env
RUN test -z \"$TOKEN_OF_NPM\"
";
    let pipe = step(lab(Engine::V28, false)).dockerfile(dockerfile);
    let run = pipe.run().exits(0).says("it is ***").says("TOKEN_OF_NPM=***");
    outputs_without_canaries(&run);
    let image = format!("{}:main", pipe.uri());
    without_canaries("the image's configuration", &pipe.lab.docker(&["inspect", &image]));
    assert_eq!(files_of_image_with(pipe.lab, &image, TOKEN), 0);

    let pipe = step(usual()).dockerfile(dockerfile);
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ the Dockerfile needs a newer Dockerfile frontend than the one inside engine 26.1: `env=` of `RUN --mount` (line 2)
      hint: write `# syntax=docker/dockerfile:1` as its first line: the engine then takes that frontend from Docker Hub
    exit code 2 after [TIME]
    ");
}

#[test]
fn secrets_and_the_classic_builder_do_not_go_together() {
    let pipe = step(usual()).dockerfile("FROM busybox:1.36\n").var("BUILDER", "classic");
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_SECRETS` needs BuildKit, and `BUILDER` is `classic`
      hint: remove `BUILDER`, or set it to `auto`
    exit code 2 after [TIME]
    ");
}
