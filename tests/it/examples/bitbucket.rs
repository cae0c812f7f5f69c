//! The lab's runner passes to a pipe what Bitbucket would, and the pipe is content with it.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::step::{Step, lab};
use super::table::{Fixture, LEAST};
use crate::pipe::CANARY;

/// Where pipes have their storage, below the clone.
const STORAGE: &str = ".bitbucket/pipelines/generated/pipeline/pipes";
const NOTHING: Fixture = Fixture { at: "", repositories: &[], pushed: &[], ..LEAST };

/// An image in the engine of the lab that prints its environment and its folder.
fn printer() {
    let mut build = lab(true)
        .docker_command(Path::new("/"))
        .args(["build", "--quiet", "--tag", "team/printer:1", "-"])
        .env("DOCKER_BUILDKIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker");
    let dockerfile = b"FROM busybox:1.36\nCMD env && echo \"in $(pwd)\" && touch written && id -u\n";
    build.stdin.take().expect("a pipe").write_all(dockerfile).expect("it reads");
    assert!(build.wait().expect("it ends").success());
}

#[test]
fn a_pipe_gets_what_bitbucket_passes() {
    printer();
    let step = Step::of(
        r#"
definitions:
  defaults: &defaults
    NUMBER: 1.10
    FLAG: true
    TEXT: from the anchor
pipelines:
  default:
    - step:
        oidc: true
        services: [docker]
        script:
          - export COMPUTED=computed && mkdir -p sub && cd sub
          - pipe: docker://team/printer:1
            variables:
              <<: *defaults
              TEXT: 'say "hi" for $COMPUTED'
              KEY: $AWS_KEY
              LIST: [one, "two words", $BITBUCKET_BUILD_NUMBER]
              EMPTY: []
              LINES: |
                a=1
                b=2
          - echo "the step goes on in $(basename "$(pwd)")"
"#,
        &NOTHING,
    );
    let ran = step.pipeline(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.log);
    let clone = "/opt/atlassian/pipelines/agent/build/";
    let key = format!("KEY={}", step.key);
    for line in [
        "NUMBER=1.10",
        "FLAG=true",
        "TEXT=say \"hi\" for computed",
        "LIST_COUNT=3",
        "LIST_0=one",
        "LIST_1=two words",
        "LIST_2=7",
        "EMPTY_COUNT=0",
        "LINES=a=1",
        "b=2",
        "CI=true",
        "BITBUCKET_BRANCH=main",
        "BITBUCKET_REPO_FULL_NAME=team/shop",
        "DOCKER_HOST=tcp://host.docker.internal:2375",
        "BITBUCKET_STEP_UUID={step-0}",
        "PIPELINES_JWT_TOKEN=canary-jwt",
        "0",
        "the step goes on in sub",
        &key,
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "`{line}` is not in:\n{}", ran.stdout);
    }
    for begin in [
        "BITBUCKET_STEP_OIDC_TOKEN=e30",
        &format!("BITBUCKET_CLONE_DIR={clone}"),
        &format!("BITBUCKET_PIPE_STORAGE_DIR={clone}"),
        &format!("in {clone}"),
    ] {
        assert!(ran.stdout.lines().any(|found| found.starts_with(begin)), "`{begin}` is not in:\n{}", ran.stdout);
    }
    // Variables of the repository reach a pipe only where it names them.
    assert!(!ran.stdout.contains(CANARY) && !ran.stdout.contains("COMPUTED="), "{}", ran.stdout);
    assert!(step.left("sub/written").is_some());
}

/// A step with these lines in its script; `PIPE` is the pipe's image, `NAME` its name in Bitbucket.
fn step(lines: &[&str]) -> Step<'static> {
    let name = concat!("ecr-pipe/ecr-pipe:", env!("CARGO_PKG_VERSION"));
    let named = |line: &str| line.replace("PIPE", &format!("docker://{name}")).replace("NAME", name);
    let lines: String = lines.iter().map(|line| format!("          - {}\n", named(line))).collect();
    Step::of(
        &format!("pipelines:\n  default:\n    - step:\n        services: [docker]\n        script:\n{lines}"),
        &NOTHING,
    )
}

#[test]
fn a_pipe_that_fails_ends_the_step_with_its_code_and_storage_folders_stay_out_of_the_context() {
    let ran = |dockerfile: &str| {
        let step = step(&[
            &format!("mkdir -p {STORAGE}/other && echo secret > {STORAGE}/other/secrets.env"),
            "{pipe: NAME, variables: {IMAGE: shop/storage, PUSH: false}}",
            "echo went on",
        ]);
        step.file("Dockerfile", dockerfile);
        step.pipeline(&[])
    };
    let fine =
        ran(&format!("FROM busybox:1.36\nCOPY . /all\nRUN test ! -e /all/{STORAGE} && test -e /all/Dockerfile\n"));
    assert_eq!((fine.code, fine.stdout.as_str()), (Some(0), "went on\n"), "{}", fine.log);
    let failed = ran("FROM busybox:1.36\nRUN exit 3\n");
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(6), ""), "{}", failed.log);
}

#[test]
fn in_a_step_the_root_may_be_read_only_and_memory_stays_small_whatever_the_context() {
    let step = step(&[
        "head -c 150000000 /dev/urandom > large",
        "{pipe: PIPE, variables: {AWS_KEY: $AWS_KEY, AWS_SECRET: $AWS_SECRET, PUSH_MODE: direct, \
         IMAGE: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/large}}",
    ]);
    step.lab.create_repository("shop/large", &[]);
    step.file("Dockerfile", "FROM busybox:1.36\nCOPY large /\n");
    let ran = step.pipeline(&["--read-only"]);
    assert_eq!(ran.code, Some(0), "{}", ran.log);
    assert!(step.left(".ecr-pipe/image.env").is_some_and(|env| env.contains("IMAGE_TAG=main\n")));
    assert!(ran.peak > 1_000_000 && ran.peak < 64 << 20, "{} bytes at the peak", ran.peak);
}
