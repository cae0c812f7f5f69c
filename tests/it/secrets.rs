//! No secret is printed, reported, passed on or left behind, however talkative the run is.

use std::fs;
use std::time::Instant;

use crate::engine::{fake, greeting, json};
use crate::lab::usual;
use crate::pipe::{CANARY, Pipe, Run, until};
use crate::variables::as_nobody;

const SESSION: &str = "canary-session-IQoJb3JpZ2luX2VjE";
const OIDC: &str = "canary.oidc.eyJhbGciOiJSUzI1NiJ9";
const JWT: &str = "canary.jwt.eyJ0eXAiOiJKV1QifQ";
const HUB: &str = "canary-hub-dckr_pat_0123456789";
const PROXY: &str = "canary-proxy-pw";

/// A step with every kind of secret in its environment.
fn step(debug: &str) -> Pipe {
    Pipe::new(usual())
        .var("AWS_SESSION_TOKEN", SESSION)
        .var("BITBUCKET_STEP_OIDC_TOKEN", OIDC)
        .var("PIPELINES_JWT_TOKEN", JWT)
        .var("REGISTRY_LOGINS", "host=docker.io,username=me,password-env=HUB_PASSWORD\nhost=registry.lab.test,username=lab,password-env=LAB_PASSWORD")
        .var("HUB_PASSWORD", HUB)
        .var("LAB_PASSWORD", "lab-password")
        .var("HTTP_PROXY", &format!("http://user:{PROXY}@proxy.test:3128"))
        .var("NO_CACHE", "true")
        .var("RUST_LOG", "trace")
        .var("DEBUG", debug)
}

/// All of them; the token of ECR is the lab's, made of the key.
fn secrets(pipe: &Pipe) -> [String; 8] {
    let token = format!("lab.us-east-1.{}", pipe.key);
    [CANARY, SESSION, OIDC, JWT, HUB, "lab-password", PROXY, &token].map(str::to_owned)
}

#[track_caller]
fn without(secrets: &[String], place: &str, text: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{secret} is in {place}:\n{text}");
    }
}

#[track_caller]
fn outputs_without(secrets: &[String], run: &Run) {
    without(secrets, "the log", &run.log);
    without(secrets, "stdout", &run.stdout);
    without(secrets, "image.env", run.image_env.as_deref().unwrap_or_default());
    without(secrets, "result.json", run.result_json.as_deref().unwrap_or_default());
}

#[test]
fn a_run_that_succeeds_leaves_no_secret_anywhere() {
    for debug in ["false", "true"] {
        let pipe = step(debug)
            .dockerfile("FROM registry.lab.test/private/base:1\nRUN env; cat /proc/*/environ /proc/*/cmdline || true\n")
            .file("later.env", "");
        let later = pipe.path("later.env");
        let pipe = pipe.var("BITBUCKET_PIPELINES_VARIABLES_PATH", &later.display().to_string());
        let secrets = secrets(&pipe);
        let began = Instant::now();
        let child = pipe.start();
        let arguments = format!("/proc/{}/cmdline", child.id());
        let mut seen = String::new();
        until("the pipe is what runs", || {
            seen = String::from_utf8_lossy(&fs::read(&arguments).unwrap_or_default()).into_owned();
            seen.starts_with(env!("CARGO_BIN_EXE_ecr-pipe"))
        });
        without(&secrets, "the list of processes", &seen);
        let run = pipe.finish(child, began).exits(0);
        outputs_without(&secrets, &run);
        assert_eq!(run.log.contains("debug: "), debug == "true", "{}", run.log);
        without(&secrets, "the variables of later steps", &fs::read_to_string(&later).expect("the file"));
        let image = format!("{}:main", pipe.uri());
        without(&secrets, "the history", &pipe.lab.docker(&["history", "--no-trunc", &image]));
        without(&secrets, "the image", &pipe.lab.docker(&["inspect", &image]));
    }
}

#[test]
fn a_step_that_prints_secrets_prints_stars() {
    for debug in ["false", "true"] {
        let pipe = step(debug);
        let secrets = secrets(&pipe);
        let pipe = pipe
            .dockerfile("FROM busybox:1.36\nARG GIVEN\nCOPY leak /\nRUN env; cat /leak; printf 'cut '; printf 'short'; cat /leak; exit 1\n")
            .file("leak", secrets.join("\n") + "\nin one line: " + &secrets.join(""))
            .var("BUILD_ARGS_COUNT", "2")
            .var("BUILD_ARGS_0", &format!("GIVEN={OIDC}"))
            .var("BUILD_ARGS_1", "HUB_PASSWORD");
        let run = pipe.run().exits(6).reports_nothing().says("GIVEN=***").says("in one line: ***");
        outputs_without(&secrets, &run);
    }
}

#[test]
fn an_engine_that_echoes_secrets_in_its_errors_is_not_echoed() {
    for path in ["/build", "/version", "/images/json"] {
        let pipe = step("true").dockerfile("FROM busybox:1.36\n");
        let secrets = secrets(&pipe);
        let body = format!(r#"{{"message":"no way with {}"}}"#, secrets.join(" and "));
        let host = fake(
            pipe.folder.path(),
            move |request| {
                if request.contains(path) { json(500, &body) } else { greeting(request) }
            },
        );
        let run = pipe.file(".dockerignore", "*.sock\n").var("DOCKER_HOST", &host).run();
        assert!(matches!(run.code, 5 | 6), "{}", run.log);
        outputs_without(&secrets, &run);
        assert!(run.log.contains("no way with *** and ***"), "{path}: {}", run.log);
    }
}

#[test]
fn variables_that_are_wrong_are_told_without_secrets() {
    let pipe = step("maybe")
        .dockerfile("FROM busybox:1.36\n")
        .without("AWS_KEY")
        .var("AWS_SECERT", CANARY)
        .var("AWS_REGION", CANARY)
        .var("HTTPS_PROXY", &format!("user:{PROXY}@ no proxy"))
        .var("DOCKER_HOST", &format!("https://user:{HUB}@engine.test"))
        .var("AWS_ENDPOINT_URL", &format!("ftp://user:{HUB}@aws.test"))
        .var("BUILD_ARGS", &format!("A B={OIDC}\n={JWT}"))
        .var("LABELS", SESSION)
        .var("REGISTRY_LOGINS", &format!("host=a.test,username=b,password={HUB}\nhost=c.test,username=d,{HUB}\nhost=e.test,username=f,password-env={HUB}"));
    let secrets = secrets(&pipe);
    let run = pipe.run().exits(2).reports_nothing();
    assert!(run.log.contains("`AWS_REGION`") && run.log.contains("`***`"), "{}", run.log);
    outputs_without(&secrets, &run);
}

#[test]
fn a_crash_has_the_exit_code_of_a_bug_and_tells_only_its_place() {
    // A user who may have no second thread: no runtime can be made, upon which tokio panics.
    let pipe = Pipe::without_repository(usual());
    let (code, log) =
        as_nobody(&pipe, &["prlimit", "--nproc=1"], &[("AWS_SECRET", CANARY), ("RUST_BACKTRACE", "full")]);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.starts_with("\n✖ a fault of ecr-pipe ") && log.contains("\n  hint: please report it"), "{log}");
    assert_eq!(log.lines().count(), 3, "{log}");
}
