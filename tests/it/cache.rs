//! The cache in ECR: an engine that was emptied builds again what is in the image, and nothing that fails there fails the build.

use serde_json::json;

use crate::lab::{Engine, Lab};
use crate::pipe::{Pipe, Run};

/// A lab that nobody else uses, since its engine will be emptied.
fn own(engine: Engine, caged: bool) -> &'static Lab {
    let options = ["--engine", engine.name(), "--caged"];
    Box::leak(Box::new(Lab::up(if caged { &options } else { &options[..2] })))
}

/// Takes everything out of the engine that a step of Bitbucket would not find: images, layers, the build cache.
fn empty(lab: &Lab) {
    lab.docker(&["image", "prune", "--all", "--force"]);
    lab.docker(&["builder", "prune", "--all", "--force"]);
    assert_eq!(lab.docker(&["image", "ls", "--quiet"]), "");
}

/// Steps of many shapes; each `RUN` that makes a file makes another one each time it is run.
const SHAPES: &str = "FROM busybox:1.36 AS build\nWORKDIR /src\nCOPY early .\nRUN cat /proc/uptime > built\n\
    FROM busybox:1.36\nARG VERSION\nENV A=b\nRUN true\nRUN cat /proc/uptime > /one\nWORKDIR /app\nUSER 0\n\
    COPY --from=build /src/built .\nLABEL c=d\nRUN cat /proc/uptime > /two\nCOPY --chown=1:1 early early-too ./\nCOPY late .\n";

fn shapes(lab: &'static Lab) -> Pipe {
    let pipe = Pipe::new(lab).dockerfile(SHAPES).file("early", "1").file("early-too", "2").file("late", "0");
    pipe.var("BUILD_ARGS", "VERSION=1")
}

/// The cached steps and all steps that the log tells of, when the image of this tag was a hit.
#[track_caller]
fn cached(run: &Run, tag: &str) -> (usize, usize) {
    assert!(run.log.contains(&format!("\n  cache {tag}: hit, look-up ")), "{}", run.log);
    let words = run.log.lines().find_map(|line| line.trim().strip_suffix(" steps cached"));
    let (cached, all) = words.and_then(|words| words.split_once(" of ")).unwrap_or_else(|| panic!("{}", run.log));
    (cached.parse().expect("a number"), all.parse().expect("a number"))
}

/// An unchanged Dockerfile is built on an emptied engine without running a step again, four times in a row.
fn nothing_runs_twice(lab: &'static Lab) {
    let pipe = shapes(lab);
    pipe.run().exits(0).says("  cache       none yet: the repository has no image of this branch\n");
    for round in 1..=4 {
        empty(lab);
        let run = pipe.run().exits(0);
        let (cached, all) = cached(&run, "main");
        assert_eq!(cached, all, "round {round}:\n{}", run.log);
        assert!(all >= 7, "{}", run.log);
    }
    the_token_went_to_the_registry_only(lab);
}

/// Layers come from S3 and base images from the mirror; neither gets the token of ECR.
fn the_token_went_to_the_registry_only(lab: &Lab) {
    let mut from_s3 = 0;
    for request in lab.requests(".") {
        if request["user"] == "AWS" {
            assert_eq!(request["host"], lab.host("us-east-1"), "{request}");
        }
        from_s3 += usize::from(request["host"].as_str().is_some_and(|host| host.contains(".s3.")));
    }
    assert!(from_s3 > 0, "layers were fetched from S3");
}

#[test]
fn an_emptied_engine_20_10_in_the_cage_runs_no_step_again_four_times_in_a_row() {
    nothing_runs_twice(own(Engine::V20, true));
}

#[test]
fn an_emptied_engine_26_1_in_the_cage_runs_no_step_again_four_times_in_a_row() {
    nothing_runs_twice(own(Engine::V26, true));
}

#[test]
fn an_emptied_engine_28_5_runs_no_step_again_four_times_in_a_row() {
    nothing_runs_twice(own(Engine::V28, false));
}

#[test]
fn an_emptied_containerd_store_runs_no_step_again_four_times_in_a_row() {
    nothing_runs_twice(own(Engine::V28Containerd, false));
}

/// One file changes with each build, as in each commit: the steps before it are kept every time and not every second time.
fn steps_before_a_change_are_kept(lab: &'static Lab) {
    let mut pipe = shapes(lab);
    pipe.run().exits(0);
    for round in 1..=4 {
        empty(lab);
        pipe = pipe.file("late", round.to_string());
        let run = pipe.run().exits(0);
        let (cached, all) = cached(&run, "main");
        assert_eq!(cached + 1, all, "round {round}:\n{}", run.log);
    }
    assert_eq!(
        lab.docker(&["image", "ls", "--quiet", "--filter", "dangling=true"]),
        "",
        "no image is left without a name"
    );
}

#[test]
fn engine_20_10_keeps_the_steps_before_a_change_every_time() {
    steps_before_a_change_are_kept(own(Engine::V20, false));
}

#[test]
fn engine_26_1_keeps_the_steps_before_a_change_every_time() {
    steps_before_a_change_are_kept(own(Engine::V26, false));
}

#[test]
fn the_branch_and_the_default_branch_help_where_the_tag_is_new() {
    let lab = own(Engine::V28, false);
    let pipe = shapes(lab);
    pipe.run().exits(0);
    empty(lab);
    let pipe = pipe.var("TAG", "1.0").var("BITBUCKET_BRANCH", "feature/x");
    let run = pipe.run().exits(0);
    let (found, all) = cached(&run, "main");
    assert_eq!(found, all, "{}", run.log);
    empty(lab);
    let run = pipe.var("CACHE", "none").run().exits(0).does_not_say("cache ");
    assert!(!run.log.contains("cached: RUN"), "{}", run.log);
}

#[test]
fn each_further_source_is_told_as_absent_denied_or_of_no_use() {
    for engine in [Engine::V20, Engine::V26, Engine::V28, Engine::V28Containerd] {
        let pipe = Pipe::new(crate::lab::lab(engine, false));
        let absent = format!("{}:nowhere", pipe.uri());
        let denied = "registry.lab.test/private/base:1";
        let foreign = "docker.io/library/busybox:1.36";
        let pipe = pipe.dockerfile(&format!("FROM busybox:1.36\nRUN echo {} > /x\n", pipe_name(&absent)));
        let run = pipe.var("CACHE_FROM", &[&absent, denied, foreign].join(" ")).run().exits(0);
        let said =
            |start: &str| assert!(run.log.contains(start), "{}: `{start}` is not in\n{}", engine.name(), run.log);
        said(&format!("  cache {absent}: absent, look-up "));
        said(&format!("  cache {denied}: denied, for want of a login in `REGISTRY_LOGINS` or a permission, look-up "));
        said(&format!("  cache {foreign}: no step of it fits, look-up "));
    }
}

/// What no other test has in its Dockerfile.
fn pipe_name(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[test]
fn a_key_that_may_not_download_costs_the_cache_and_nothing_else() {
    for engine in [Engine::V26, Engine::V28Containerd] {
        let lab = own(engine, false);
        let pipe = shapes(lab);
        let body =
            json!({"errors": [{"code": "DENIED", "message": "not authorized to perform: ecr:GetDownloadUrlForLayer"}]});
        let answer = json!({"status": 403, "body": body});
        lab.fault(&json!({"access_key": pipe.key, "method": "GET", "path": "/blobs/", "times": 0, "answer": answer}));
        pipe.run().exits(0);
        empty(lab);
        let run = pipe.run().exits(0);
        assert!(run.log.contains("\n  cache main: denied, "), "{}: {}", engine.name(), run.log);
    }
}
