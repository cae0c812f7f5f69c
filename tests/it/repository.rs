//! The repository and its tags, before the build.

use serde_json::json;

use crate::lab::{Engine, lab, usual};
use crate::pipe::Pipe;

const DOCKERFILE: &str = "FROM busybox:1.36\nRUN echo one\n";

#[test]
fn a_missing_repository_comes_with_the_command_that_creates_it() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE);
    let name = pipe.repository.clone();
    let run = pipe.run().exits(4).reports_nothing();
    let run = run
        .says(&format!("✖ repository `{name}` does not exist in account 000000000000, region us-east-1\n"))
        .says(&format!("hint: create it with `aws ecr create-repository --repository-name {name} --region us-east-1`"));
    run.built_nothing();
}

#[test]
fn a_missing_repository_of_a_bare_name_is_told_with_the_account_of_the_key() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE);
    let name = pipe.repository.clone();
    let run = pipe.var("IMAGE", &name).var("AWS_REGION", "eu-central-1").run().exits(4).reports_nothing();
    let message = format!("✖ repository `{name}` does not exist in account 000000000000, region eu-central-1\n");
    run.says(&message).says(&format!("--repository-name {name} --region eu-central-1`")).built_nothing();
}

#[test]
fn a_missing_repository_is_seen_by_a_key_that_may_only_push() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE);
    pipe.lab.fault(&json!({"target": "DescribeRepositories", "access_key": pipe.key, "times": 0,
        "answer": {"status": 400, "body": {"__type": "AccessDeniedException", "message": "no"}}}));
    let run = pipe.run().exits(4).says("does not exist").reports_nothing();
    run.built_nothing();
}

#[test]
fn a_taken_tag_that_may_not_move_is_refused_before_the_build() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile(DOCKERFILE).var("TAG", "1.0");
    let first = pipe.run().exits(0);
    let digest = first.stdout.trim().split_once('@').expect("a digest").1.to_owned();
    let run = pipe.run().exits(4).reports_nothing();
    let run = run
        .says(&format!("✖ tag `1.0` exists in `{}` as {digest}, and the repository's tags are immutable", pipe.uri()));
    run.says("hint: choose a `TAG` that is new with each build").built_nothing();
    pipe.var("TAG", "1.1").run().exits(0);
}

#[test]
fn every_taken_tag_is_told_and_no_free_one_is_pushed() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile(DOCKERFILE).var("TAG", "1.0 2.0");
    pipe.run().exits(0);
    let before = pipe.lab.control("images", &[&pipe.repository]);
    let pipe = pipe.var("TAG", "1.0 1.5 2.0");
    let run = pipe.run().exits(4).says("✖ tag `1.0` exists").says("✖ tag `2.0` exists").does_not_say("tag `1.5`");
    run.reports_nothing().built_nothing();
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), before, "no tag was made or moved");
}

#[test]
fn a_registry_that_fails_before_the_build_is_told_without_a_build() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE);
    let path = format!("/v2/{}/manifests/", pipe.repository);
    for status in [429, 503] {
        let answer = json!({"status": status, "headers": {"Retry-After": "0"}, "body": "boom"});
        pipe.lab.fault(&json!({"id": path, "method": "GET", "path": path, "times": 0, "answer": answer}));
        let run = pipe.run().exits(7).reports_nothing();
        let run = run.says(&format!("✖ the registry refused: HTTP {status} `boom` to {path}main\n"));
        run.says("hint: run the step again").built_nothing();
    }
    let asked = |tag: &str| pipe.lab.requests(&format!("\"GET\".*{path}{tag}")).len();
    assert_eq!(asked("main"), 12, "one try and five more, each time");
    assert_eq!(asked("master"), 2, "what is only a cache is asked for once, each time");
}

#[test]
fn tags_that_a_filter_excludes_from_immutability_move() {
    let options = ["--mutability", "IMMUTABLE_WITH_EXCLUSION", "--filter", "latest*"];
    let pipe = Pipe::with_repository(usual(), &options).dockerfile(DOCKERFILE).var("TAG", "latest-main");
    pipe.run().exits(0).says("immutable tags but for latest*");
    let pipe = pipe.dockerfile("FROM busybox:1.36\nRUN echo two\n");
    pipe.run().exits(0);
}

/// The tag is taken between the check and the push: the check is told that there is none.
fn lost_race(engine: Engine) {
    let pipe = Pipe::with_repository(lab(engine, false), &["--immutable"]).dockerfile(DOCKERFILE);
    pipe.run().exits(0);
    let path = format!("/v2/{}/manifests/main", pipe.repository);
    pipe.lab.fault(&json!({"method": "GET", "path": path, "access_key": pipe.key,
        "answer": {"status": 404, "body": {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "x"}]}}}));
    let before = pipe.lab.control("images", &[&pipe.repository]);
    let pipe = pipe.dockerfile("FROM busybox:1.36\nRUN echo a race\n");
    pipe.run().exits(4).says("immutable").says("hint: ").reports_nothing();
    let named =
        |listed: &str| listed.lines().filter(|line| line.contains("\"main\"")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(named(&pipe.lab.control("images", &[&pipe.repository])), named(&before), "the tag did not move");
}

#[test]
fn a_race_for_an_immutable_tag_that_is_lost_is_told_by_engine_20_10() {
    lost_race(Engine::V20);
}

#[test]
fn a_race_for_an_immutable_tag_that_is_lost_is_told_by_engine_28_5() {
    lost_race(Engine::V28);
}

#[test]
fn a_race_for_an_immutable_tag_that_is_lost_is_told_by_the_containerd_store() {
    lost_race(Engine::V28Containerd);
}

#[test]
fn a_registry_that_refuses_to_be_read_is_told_with_the_action_that_is_lacking() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE);
    let path = format!("/v2/{}/manifests/", pipe.repository);
    let denied =
        json!({"errors": [{"code": "DENIED", "message": "User: x is not authorized to perform: ecr:BatchGetImage"}]});
    pipe.lab.fault(&json!({"method": "GET", "path": path, "times": 0, "answer": {"status": 403, "body": denied}}));
    let run = pipe
        .run()
        .exits(3)
        .says("✖ the key may not read `")
        .says("\"Action\": \"ecr:BatchGetImage\"")
        .reports_nothing();
    run.built_nothing();
}
