//! `BUILD=false`: an image that an earlier line of the step has built.

use serde_json::json;

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::{Pipe, Run};

/// A step of which an earlier line has built an image under these names.
fn built(lab: &'static Lab, names: &[&str]) -> Pipe {
    let pipe = Pipe::without_repository(lab);
    lab.create_repository(&name(&pipe), &[]);
    let mark = pipe.repository.clone();
    let pipe = pipe.dockerfile(&format!("FROM busybox:1.36\nRUN echo {mark} > /mark\nCMD [\"cat\", \"/mark\"]\n"));
    for tag in names {
        build(&pipe, &format!("{}{tag}", name(&pipe)));
    }
    let bare = name(&pipe);
    pipe.var("BUILD", "false").var("IMAGE", &bare).var("AWS_REGION", "us-east-1")
}

/// A name of its own, for the image and the repository.
fn name(pipe: &Pipe) -> String {
    pipe.repository.replace("team/app", "existing")
}

fn build(pipe: &Pipe, name: &str) {
    output(pipe.lab.docker_command(pipe.folder.path()).args(["build", "-q", "-t", name, "."]));
}

fn uri(pipe: &Pipe, region: &str) -> String {
    format!("{}/{}", pipe.lab.host(region), name(pipe))
}

/// Pulls what was pushed, and runs it.
fn runs(pipe: &Pipe, run: &Run) {
    let lab = pipe.lab;
    let reference = run.stdout.lines().next().expect("a line on stdout");
    for image in
        lab.docker(&["images", "--quiet", "--no-trunc", "--filter", &format!("reference=*{}*", name(pipe))]).lines()
    {
        let _ = lab.docker_command(pipe.folder.path()).args(["rmi", "--force", image]).output();
    }
    lab.docker(&["login", "--username", "AWS", "--password", "lab.us-east-1.AKIALAB", &lab.host("us-east-1")]);
    lab.docker(&["pull", "--quiet", reference]);
    assert_eq!(lab.run(reference, &[]).trim(), pipe.repository);
}

#[test]
fn an_image_that_the_step_has_built_is_pushed_on_each_engine_in_each_mode() {
    for (engine, mode) in [
        (Engine::V20, "auto"),
        (Engine::V26, "auto"),
        (Engine::V26, "direct"),
        (Engine::V28, "engine"),
        (Engine::V28Containerd, "auto"),
    ] {
        let pipe = built(lab(engine, false), &[""]).var("PUSH_MODE", mode).var("TAG", "1.0 latest");
        let run = pipe.run().exits(0).built_nothing().says(&format!("\n  image       {}:latest, ", name(&pipe)));
        assert!(run.stdout.starts_with(&uri(&pipe, "us-east-1")), "{}", run.stdout);
        let listed = pipe.lab.control("images", &[&name(&pipe)]);
        assert!(listed.contains("[\"1.0\", \"latest\"]"), "{listed}");
        runs(&pipe, &run);
    }
}

#[test]
fn the_variables_of_aws_ecr_push_image_work_as_they_are() {
    let pipe = built(usual(), &[":7f3c9b1"]);
    let (key, bare) = (pipe.key.clone(), name(&pipe));
    let pipe = pipe
        .without("AWS_KEY")
        .without("AWS_SECRET")
        .without("IMAGE")
        .without("AWS_REGION")
        .var("AWS_ACCESS_KEY_ID", &key)
        .var("AWS_SECRET_ACCESS_KEY", crate::pipe::CANARY)
        .var("AWS_DEFAULT_REGION", "us-east-1")
        .var("IMAGE_NAME", &bare)
        .var("TAGS", "7f3c9b1 latest");
    let run = pipe.run().exits(0).says(&format!("\n  image       {bare}:7f3c9b1, "));
    let env = run.image_env.clone().expect("image.env");
    assert!(env.contains("IMAGE_TAGS=7f3c9b1,latest\n"), "{env}");
    runs(&pipe, &run);
}

#[test]
fn two_regions_get_one_digest_and_what_exists_is_kept() {
    let pipe = built(usual(), &[""]);
    pipe.lab.control("repository", &["create", &name(&pipe), "--region", "eu-central-1"]);
    let both = format!("{} {}", uri(&pipe, "us-east-1"), uri(&pipe, "eu-central-1"));
    let pipe = pipe.var("IMAGE", &both).var("TAG", "1").without("AWS_REGION");
    let first = pipe.run().exits(0);
    assert_eq!(first.stdout.lines().count(), 2);
    let names = pipe.lab.docker(&[
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "--filter",
        &format!("reference=*{}*", name(&pipe)),
    ]);
    assert_eq!(names, format!("{}:latest\n", name(&pipe)), "the engine is left as it was");
    let pipe = pipe.var("TAG", "1 2").var("IF_TAG_EXISTS", "skip");
    assert_eq!(pipe.run().exits(0).built_nothing().stdout, first.stdout, "compared, and found the same");
    let other = pipe.dockerfile("FROM busybox:1.36\nRUN echo another > /mark\n");
    build(&other, &name(&other));
    other.var("TAG", "1 3").run().exits(4).says("which is not what was built").reports_nothing();
}

#[test]
fn times_can_be_set_in_it() {
    let pipe = built(usual(), &[""]).var("SOURCE_DATE_EPOCH", "1700000000").var("TAG", "1");
    let run = pipe.run().exits(0).says("pushed by the pipe: `SOURCE_DATE_EPOCH` is set");
    let digest = run.stdout.clone();
    output(pipe.lab.docker_command(pipe.folder.path()).args(["build", "-q", "--no-cache", "-t", &name(&pipe), "."]));
    assert_eq!(pipe.var("TAG", "2").run().exits(0).stdout, digest);
}

#[test]
fn an_image_that_is_not_there_is_told_before_anything_with_what_is() {
    let pipe = built(usual(), &[":other", "x:1"]).var("TAG", "1");
    let run = pipe.run().exits(2).reports_nothing().built_nothing();
    let name = name(&pipe);
    let run = run.says(&format!("✖ `BUILD` is `false`, and the engine has no image `{name}:1` or `{name}:latest`\n"));
    run.says(&format!("\n  hint: build it in an earlier line of the step, as by `docker build -t {name}:1 .`; the engine has `{name}x:1`"));
}

#[test]
fn two_images_of_which_one_is_meant_are_told() {
    let pipe = built(usual(), &[":1"]);
    let pipe = pipe.dockerfile("FROM busybox:1.36\nRUN echo another > /mark\n").var("TAG", "latest 1");
    build(&pipe, &name(&pipe));
    let run = pipe.run().exits(2).reports_nothing().built_nothing();
    let name = name(&pipe);
    run.says(&format!("✖ `BUILD` is `false`, and `{name}:latest` and `{name}:1` are different images in the engine\n"))
        .says("\n  hint: leave the tag of the other image out of `TAG`, or take its name away, as by `docker rmi ");
}

#[test]
fn what_only_a_build_looks_at_is_told_and_a_dry_run_tells_what_is_pushed() {
    let pipe = built(usual(), &[""]).var("CONTEXT", "nowhere").var("BUILD_ARGS", "A=b").var("DRY_RUN", "true");
    let run = pipe.run().exits(0).reports_nothing();
    run.says("\n  warning: `CONTEXT` does nothing while `BUILD` is `false`\n    hint: remove `CONTEXT`, or say it where the image is built\n")
        .says("\n  warning: `BUILD_ARGS` does nothing while `BUILD` is `false`\n")
        .says(&format!("\n  build nothing: the engine has {}:latest\n  push ", name(&pipe)));
    let neither = pipe.without("CONTEXT").without("BUILD_ARGS").var("PUSH", "false");
    neither.run().exits(2).says("✖ `BUILD`: it is `false`, and `PUSH` is too: nothing is left to do\n  hint: set one of them to `true`, or leave it out");
}

#[test]
fn the_scan_gate_holds_for_it() {
    let pipe = built(usual(), &[""]).var("SCAN_FAIL_ON", "HIGH").var("TAG", "1");
    let findings = json!({"repositoryName": name(&pipe), "registryId": pipe.lab.facts.account, "imageId": {"imageTag": "1"},
        "imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findingSeverityCounts": {"HIGH": 1}, "findings": []}});
    pipe.lab.fault(&json!({"target": "DescribeImageScanFindings", "access_key": pipe.key, "times": 0,
        "answer": {"status": 200, "body": findings}}));
    pipe.run().exits(8).reports_nothing();
}
