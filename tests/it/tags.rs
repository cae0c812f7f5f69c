//! What becomes of tags that exist: `IF_TAG_EXISTS`, races, and the plan that a dry run tells.

use serde_json::{Value, json};

use crate::lab::usual;
use crate::pipe::{Pipe, Run};

const DOCKERFILE: &str = "FROM busybox:1.36\nRUN echo one\n";
const OTHER: &str = "FROM busybox:1.36\nRUN echo two\n";

fn digest(run: &Run) -> String {
    run.stdout.trim().split_once('@').expect("a line on stdout").1.to_owned()
}

/// The requests that changed something in the repository since the record's first `from`.
fn changes(pipe: &Pipe, from: usize) -> Vec<String> {
    let requests = pipe.lab.requests(&pipe.repository);
    let writes = requests.iter().skip(from).filter(|request| {
        request["path"].as_str().is_some_and(|path| path.starts_with("/v2/"))
            && !matches!(request["method"].as_str(), Some("GET" | "HEAD"))
    });
    writes.map(|request| format!("{} {}", request["method"], request["path"])).collect()
}

#[test]
fn nothing_is_built_when_all_tags_exist_and_the_outputs_are_filled_from_the_registry() {
    for options in [&["--immutable"][..], &[]] {
        let pipe = Pipe::with_repository(usual(), options).dockerfile(DOCKERFILE).var("TAG", "1.0 1.0-main");
        let first = pipe.run().exits(0);
        let from = pipe.lab.requests(&pipe.repository).len();
        let pipe = pipe.dockerfile(OTHER).var("IF_TAG_EXISTS", "skip");
        let run = pipe.run().exits(0).built_nothing();
        assert_eq!(run.stdout, first.stdout);
        assert_eq!(run.image_env, first.image_env);
        let result: Value = serde_json::from_str(&run.result_json.clone().expect("result.json")).expect("JSON");
        assert_eq!(result["tags"][1]["previous_digest"], digest(&first));
        assert_eq!(
            result["image_bytes"],
            serde_json::from_str::<Value>(&first.result_json.expect("result.json")).expect("JSON")["image_bytes"]
        );
        run.says("all tags exist, nothing is built, since `IF_TAG_EXISTS` is `skip`\n")
            .says(&format!("✔ kept {}@", pipe.uri()));
        assert_eq!(changes(&pipe, from), Vec::<String>::new());
    }
}

#[test]
fn a_tag_that_has_moved_on_is_left_alone_with_a_warning() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("TAG", "1.0 latest");
    let first = pipe.run().exits(0);
    let pipe = pipe.dockerfile(OTHER).var("TAG", "1.1 latest");
    let second = pipe.run().exits(0);
    assert_ne!(digest(&first), digest(&second));
    let pipe = pipe.var("TAG", "1.0 latest").var("IF_TAG_EXISTS", "skip");
    let run = pipe
        .run()
        .exits(0)
        .built_nothing()
        .says("warning: tag `latest` names another image than `1.0` and is left alone\n");
    assert_eq!(run.stdout, first.stdout);
    assert!(run.image_env.expect("image.env").contains("IMAGE_TAGS=1.0\n"), "only what names the digest");
}

#[test]
fn tags_that_are_missing_get_the_same_digest_if_the_image_is_the_same() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile(DOCKERFILE).var("TAG", "1.0");
    let first = pipe.run().exits(0);
    let pipe = pipe.var("TAG", "1.0 1.0.0").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert_eq!(run.stdout, first.stdout, "the same digest");
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    assert!(listed.contains("[\"1.0\", \"1.0.0\"]"), "{listed}");
}

#[test]
fn tags_that_are_missing_stay_missing_if_the_image_is_another() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile(DOCKERFILE).var("TAG", "1.0");
    let first = pipe.run().exits(0);
    let before = pipe.lab.control("images", &[&pipe.repository]);
    let pipe = pipe.dockerfile(OTHER).var("TAG", "1.0 1.0.0").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("✖ tag `1.0` exists and names {}, which is not what was built: ", digest(&first)))
        .says("\n  hint: no tag was changed: choose new tags for the new image");
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), before);
}

#[test]
fn tags_that_disagree_are_told_before_the_build() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("TAG", "1.0");
    let one = digest(&pipe.run().exits(0));
    let pipe = pipe.dockerfile(OTHER).var("TAG", "latest");
    let other = digest(&pipe.run().exits(0));
    let pipe = pipe.var("TAG", "1.0 latest new").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(4).reports_nothing().built_nothing();
    run.says(&format!("✖ tags `1.0` and `latest` exist and name different images, {one} and {other}: the missing tags cannot name both\n"))
        .says("\n  hint: leave a tag that moves, such as `latest`, out of `TAG`");
}

#[test]
fn a_tag_that_exists_is_a_failure_before_the_build_where_none_may() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("TAG", "1.0").var("IF_TAG_EXISTS", "fail");
    let first = pipe.run().exits(0);
    let run = pipe.run().exits(4).reports_nothing().built_nothing();
    run.says(&format!("✖ tag `1.0` exists in `{}` as {}, and `IF_TAG_EXISTS` is `fail`\n", pipe.uri(), digest(&first)))
        .says("\n  hint: choose a `TAG` that is new with each build");
}

#[test]
fn a_tag_that_is_taken_while_the_image_is_built_is_not_moved() {
    let choose = "\n  hint: another run pushes the same `TAG`: choose one that is new with each build";
    for (rule, difference, hint) in [
        ("fail", "", ", or run the step again with `IF_TAG_EXISTS=skip` to keep what is there\n"),
        ("skip", ", which is another image: its layer 2 of 2 is another", "\n"),
    ] {
        let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE);
        let first = digest(&pipe.run().exits(0));
        // The checks are told that there is none, as if it were pushed just after them.
        pipe.lab.fault(&json!({"method": "GET", "path": format!("/v2/{}/manifests/main", pipe.repository), "times": 1,
            "answer": {"status": 404, "body": {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "x"}]}}}));
        let before = pipe.lab.control("images", &[&pipe.repository]);
        let pipe = pipe.dockerfile(OTHER).var("IF_TAG_EXISTS", rule);
        let run = pipe.run().exits(4).reports_nothing().says("\nBuild\n");
        run.says(&format!(
            "✖ tag `main` was taken in `{}` while this run was at work: it was new, and now names {first}{difference}\n",
            pipe.uri()
        ))
        .says(&format!("{choose}{hint}"));
        assert_eq!(pipe.lab.control("images", &[&pipe.repository]), before);
    }
}

/// Times and history differ, layers and configuration do not: so it is after a run that was killed, whose push the engine finished.
#[test]
fn tags_that_the_same_image_takes_while_it_is_built_are_kept() {
    for mutability in [&[][..], &["--immutable"]] {
        let pipe = Pipe::with_repository(usual(), mutability).dockerfile("FROM busybox:1.36\nENV SAME=1\n");
        let first = pipe.var("TAG", "1.0");
        let pushed = first.run().exits(0);
        // The checks are told that there is none, as if it were pushed just after them.
        first
            .lab
            .fault(&json!({"method": "GET", "path": format!("/v2/{}/manifests/1.0", first.repository), "times": 1,
            "answer": {"status": 404, "body": {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "x"}]}}}));
        let pipe = first.dockerfile("FROM busybox:1.36\nARG X=1\nENV SAME=1\n").var("TAG", "1.0 latest");
        let pipe = pipe.var("IF_TAG_EXISTS", "skip");
        let run = pipe.run().exits(0).says("\nBuild\n");
        let run =
            run.says(&format!("\n  {} was pushed by another run meanwhile and is the same image\n", digest(&pushed)));
        assert_eq!(run.stdout, pushed.stdout, "the digest that was there");
        assert!(pipe.lab.control("images", &[&pipe.repository]).contains("[\"1.0\", \"latest\"]"));
    }
}

#[test]
fn a_missing_tag_that_is_taken_meanwhile_by_another_image_is_not_moved() {
    let pipe = Pipe::new(usual()).dockerfile(OTHER).var("TAG", "1.0.0");
    let other = digest(&pipe.run().exits(0));
    let pipe = pipe.dockerfile(DOCKERFILE).var("TAG", "1.0");
    pipe.run().exits(0);
    // The checks are told that `1.0.0` is missing, as if it were pushed just after them.
    pipe.lab.fault(&json!({"method": "GET", "path": format!("/v2/{}/manifests/1.0.0", pipe.repository), "times": 1,
        "answer": {"status": 404, "body": {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "x"}]}}}));
    let before = pipe.lab.control("images", &[&pipe.repository]);
    let pipe = pipe.var("TAG", "1.0 1.0.0").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(4).reports_nothing().says("\nBuild\n");
    run.says(&format!(
        "✖ tag `1.0.0` was taken in `{}` while this run was at work: it was new, and now names {other}\n",
        pipe.uri()
    ));
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), before);
}

#[test]
fn a_dry_run_tells_the_plan_and_changes_nothing() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("TAG", "1.0 latest");
    let first = pipe.run().exits(0);
    let outputs = (first.image_env.clone(), first.result_json.clone());
    let images = pipe.lab.docker(&["images", "--all", "--quiet"]);
    let before = pipe.lab.control("images", &[&pipe.repository]);
    let from = pipe.lab.requests(&pipe.repository).len();
    let pipe = pipe.dockerfile(OTHER).var("TAG", "1.1 latest").var("DRY_RUN", "true");
    let run = pipe.run().exits(0).built_nothing();
    assert_eq!(run.stdout, "");
    assert_eq!((run.image_env.clone(), run.result_json.clone()), outputs, "what an earlier run left stays");
    let uri = pipe.uri();
    run.says("\n  account     000000000000\n")
        .says("\nPlan\n  build Dockerfile (BuildKit)\n")
        .says(&format!("\n  push {uri}:1.1, new\n  push {uri}:latest, instead of {}\n", digest(&first)))
        .says("\n✔ dry run in ")
        .says("s\n✔ nothing was built, pushed or changed\n");
    assert_eq!(changes(&pipe, from), Vec::<String>::new());
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), before);
    // Other tests build in the same engine, so that only this run's own image can be looked for.
    assert!(!pipe.lab.docker(&["images"]).contains(&format!("{uri} ")) || !images.is_empty());
}

#[test]
fn a_dry_run_fails_as_the_run_would() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile(DOCKERFILE).var("TAG", "1.0");
    pipe.run().exits(0);
    let pipe = pipe.var("DRY_RUN", "true");
    let run = pipe.run().exits(4).says("✖ tag `1.0` exists in ").does_not_say("\nPlan\n");
    run.says(&format!("  repository  {}, immutable tags\n  tag         1.0, now sha256:", pipe.uri()));
    let pipe = pipe.var("IF_TAG_EXISTS", "skip");
    pipe.run()
        .exits(0)
        .says("\nPlan\n  build nothing and push nothing: all tags exist, and `IF_TAG_EXISTS` is `skip`\n");
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE).var("DRY_RUN", "true");
    pipe.run().exits(4).says("does not exist");
}

#[test]
fn a_context_that_no_layer_can_hold_is_warned_of() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).file("large", "").var("DRY_RUN", "true");
    std::fs::File::options()
        .write(true)
        .open(pipe.path("large"))
        .and_then(|file| file.set_len(60 << 30))
        .expect("a sparse file");
    pipe.run()
        .exits(0)
        .says("warning: the build context has 64.4 GB, and ECR takes no layer of more than 54.5 GB compressed: ");
}

#[test]
fn a_dry_run_makes_no_folder() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("DRY_RUN", "true");
    pipe.run().exits(0);
    assert!(!pipe.path(".ecr-pipe").exists());
}
