//! `PLATFORM`: images for other platforms than the engine's own, and several in one index.

use serde_json::{Value, json};

use crate::direct::{REGIONS, is_everywhere, log_in, two_regions};
use crate::lab::{Engine, lab, usual};
use crate::pipe::{Pipe, Run};

const BOTH: &str = "linux/amd64,linux/arm64";

/// What is made elsewhere, a file for each architecture.
const COPIED: &str = "FROM scratch\nARG TARGETARCH\nCOPY dist/${TARGETARCH}/ /\nCMD [\"/app\"]\n";

/// What is made on the engine's own platform for another one.
const CROSS: &str = "FROM --platform=$BUILDPLATFORM busybox:1.36 AS build\nARG BUILDPLATFORM\nARG TARGETPLATFORM\nARG TARGETVARIANT\n\
    RUN echo \"$BUILDPLATFORM for $TARGETPLATFORM $TARGETVARIANT\" > /app\n\
    FROM scratch\nCOPY --from=build /app /app\n";

fn copied(pipe: Pipe) -> Pipe {
    let mark = pipe.repository.clone();
    let pipe = pipe.file("dist/amd64/app", format!("amd64 {mark}")).file("dist/arm64/app", format!("arm64 {mark}"));
    pipe.dockerfile(COPIED)
}

fn digest(run: &Run) -> String {
    run.stdout.lines().next().expect("a line on stdout").split_once('@').expect("a digest").1.to_owned()
}

/// The manifest that a digest names.
pub(crate) fn manifest(pipe: &Pipe, digest: &str) -> Value {
    let family = [
        "docker.distribution.manifest.list.v2",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "oci.image.manifest.v1",
    ];
    let media_types = family.map(|kind| format!("application/vnd.{kind}+json"));
    let body = json!({"repositoryName": pipe.repository, "imageIds": [{"imageDigest": digest}], "acceptedMediaTypes": media_types});
    let answer = pipe.lab.ecr("us-east-1", "BatchGetImage", &body);
    serde_json::from_str(answer["images"][0]["imageManifest"].as_str().expect("a manifest")).expect("JSON")
}

/// The platforms of an index with their digests.
fn platforms(index: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = index["manifests"].as_array().expect("an index").iter();
    let platform =
        |entry: &Value| format!("{}/{}", text(&entry["platform"]["os"]), text(&entry["platform"]["architecture"]));
    entries.map(|entry| (platform(entry), text(&entry["digest"]))).collect()
}

/// The file `/app` of an image for a platform, as an engine pulls it.
fn app(pipe: &Pipe, platform: &str, tag: &str) -> String {
    let image = format!("{}:{tag}", pipe.uri());
    log_in(pipe.lab, "us-east-1");
    pipe.lab.docker(&["pull", "--platform", platform, &image]);
    let container = pipe.lab.docker(&["create", "--platform", platform, &image, "/app"]);
    let copied = pipe.folder.path().join(format!("app-{}", platform.replace('/', "-")));
    pipe.lab.docker(&["cp", &format!("{}:/app", container.trim()), &copied.display().to_string()]);
    pipe.lab.docker(&["rm", container.trim()]);
    pipe.lab.docker(&["rmi", "--force", &image]);
    std::fs::read_to_string(copied).expect("the file")
}

#[test]
fn two_platforms_become_one_index_on_each_engine() {
    for engine in Engine::ALL {
        let pipe =
            copied(Pipe::new(lab(engine, false))).var("PLATFORM", BOTH).var("TAG", "1 latest").var("CACHE", "none");
        let run = pipe.run().exits(0);
        let run = run.says("\n  platform    linux/amd64\n");
        let run = run.says("\n  platform    linux/arm64, on an engine of linux/amd64: no step needs emulation\n");
        let index = digest(&run);
        assert_eq!(run.stdout, format!("{}@{index}\n", pipe.uri()), "{engine:?}");
        let found = platforms(&manifest(&pipe, &index));
        let names: Vec<&str> = found.iter().map(|(platform, _)| platform.as_str()).collect();
        assert_eq!(names, ["linux/amd64", "linux/arm64"], "{engine:?}");
        let result: Value = serde_json::from_str(run.result_json.as_deref().expect("result.json")).expect("JSON");
        assert_eq!((&result["digest"], &result["image_id"]), (&json!(index), &Value::Null));
        for architecture in ["amd64", "arm64"] {
            let read = app(&pipe, &format!("linux/{architecture}"), "latest");
            assert_eq!(read, format!("{architecture} {}", pipe.repository), "{engine:?}");
        }
    }
}

#[test]
fn one_foreign_platform_is_built_and_pushed_on_each_engine() {
    for engine in Engine::ALL {
        for mode in ["auto", "direct"] {
            let pipe = copied(Pipe::new(lab(engine, false))).var("PLATFORM", "linux/aarch64").var("PUSH_MODE", mode);
            let run = pipe.run().exits(0);
            let image = manifest(&pipe, &digest(&run));
            assert!(image["config"].is_object(), "{engine:?} {mode}: {image}");
            assert_eq!(app(&pipe, "linux/arm64", "main"), format!("arm64 {}", pipe.repository), "{engine:?} {mode}");
        }
    }
}

#[test]
fn a_dockerfile_that_cross_compiles_needs_no_emulation() {
    for engine in [Engine::V20, Engine::V26] {
        let pipe = Pipe::new(lab(engine, false)).dockerfile(CROSS).var("PLATFORM", "linux/amd64 linux/arm/v6");
        pipe.run()
            .exits(0)
            .says("\n  platform    linux/arm/v6, on an engine of linux/amd64: no step needs emulation\n");
        assert_eq!(app(&pipe, "linux/arm/v6", "main"), "linux/amd64 for linux/arm/v6 v6\n", "{engine:?}");
        assert_eq!(app(&pipe, "linux/amd64", "main"), "linux/amd64 for linux/amd64 \n", "{engine:?}");
    }
}

#[test]
fn the_engines_own_platform_is_nothing_special_even_in_the_cage() {
    let pipe =
        Pipe::new(lab(Engine::V26, true)).dockerfile("FROM busybox:1.36\nRUN true\n").var("PLATFORM", "linux/amd64");
    pipe.run().exits(0).says("\n  platform    linux/amd64\n");
}

#[test]
fn the_cage_is_told_before_the_build_with_what_works() {
    for engine in [Engine::V20, Engine::V26] {
        let pipe = copied(Pipe::new(lab(engine, true))).var("PLATFORM", BOTH);
        let run = pipe.run().exits(5).built_nothing().reports_nothing();
        run.says("✖ `PLATFORM`: the engine's own is linux/amd64, and its authorisation plugin `pipelines` lets no build be for another one, as linux/arm64 is\n")
            .says("\n  hint: build each platform in a step on its own machine (`runtime: cloud: arch: arm`) and join the images by `INDEX_FROM`, or use runtime v3");
    }
}

#[test]
fn the_classic_builder_is_told_before_the_build() {
    let pipe = copied(Pipe::new(usual())).var("PLATFORM", BOTH).var("BUILDER", "classic");
    let run = pipe.run().exits(2).built_nothing().reports_nothing();
    run.says("✖ `PLATFORM` linux/arm64, which is not the engine's own, needs BuildKit, and `BUILDER` is `classic`\n")
        .says("\n  hint: remove `BUILDER`, or set it to `auto`\n");
}

#[test]
fn a_step_that_needs_emulation_says_so() {
    for engine in [Engine::V20, Engine::V26, Engine::V28] {
        let pipe = Pipe::new(lab(engine, false));
        // An image for arm64 whose programs are those of this machine would run; this one holds none for any.
        let dockerfile = "FROM scratch\nCOPY sh /bin/sh\nRUN true\n";
        let pipe =
            pipe.file("sh", b"\x7fELF\x02\x01\x01 of another machine").dockerfile(dockerfile).var("PLATFORM", BOTH);
        make_executable(&pipe, "sh");
        let run = pipe.run().exits(6).reports_nothing();
        let run = run
            .says("\n  platform    linux/arm64, on an engine of linux/amd64: `RUN` on line 3 needs emulation there\n");
        run.says("cannot run on the engine's machine: `RUN true`: exec format error\n").says(
            "\n  hint: it is of another platform (compile on the engine's own by `FROM --platform=$BUILDPLATFORM`",
        );
    }
}

fn make_executable(pipe: &Pipe, path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(pipe.path(path), std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn a_last_stage_that_is_fixed_to_another_platform_is_told_before_the_build() {
    let dockerfile = "FROM --platform=$BUILDPLATFORM busybox:1.36\nRUN true\n";
    let pipe = Pipe::new(usual()).dockerfile(dockerfile).var("PLATFORM", BOTH);
    let run = pipe.run().exits(2).built_nothing().reports_nothing();
    run.says("✖ the stage that begins on line 1 is for linux/amd64 by `--platform`, and `PLATFORM` asks for linux/arm64\n")
        .says("\n  hint: leave `--platform` to the stages that compile, as `--platform=$BUILDPLATFORM`, and take it out of this one\n");
}

#[test]
fn two_platforms_go_to_two_regions() {
    let pipe = copied(two_regions(usual(), &[])).var("PLATFORM", BOTH).var("TAG", "1 2");
    let run = pipe.run().exits(0);
    let index = is_everywhere(&pipe, &run, &["1", "2"]);
    assert_eq!(platforms(&manifest(&pipe, &index)).len(), 2);
    assert_eq!(run.stdout.lines().count(), REGIONS.len());
}

#[test]
fn a_second_run_takes_the_cache_of_each_platform_and_sends_nothing() {
    for engine in [Engine::V26, Engine::V28Containerd] {
        let pipe = Pipe::new(lab(engine, false)).dockerfile(CROSS).var("PLATFORM", BOTH);
        let first = pipe.run().exits(0);
        pipe.lab.docker(&["builder", "prune", "--all", "--force"]);
        let again = pipe.run().exits(0);
        let again = again.does_not_say("not usable").does_not_say("absent");
        assert_eq!(
            platforms(&manifest(&pipe, &digest(&again))).len(),
            platforms(&manifest(&pipe, &digest(&first))).len()
        );
    }
}

#[test]
fn an_index_of_the_same_inputs_is_tagged_and_nothing_is_built() {
    let pipe = copied(Pipe::new(usual())).var("PLATFORM", BOTH).var("SKIP_UNCHANGED", "true").var("TAG", "1");
    let first = pipe.run().exits(0);
    let again = pipe.run_with("TAG", "2").exits(0).built_nothing().says("retagged, nothing is built\n");
    assert_eq!(again.stdout, first.stdout);
    pipe.run_with("PLATFORM", "linux/arm64").exits(0).says("\nBuild\n");
}

#[test]
fn missing_tags_get_the_index_that_exists_if_its_images_are_the_same() {
    let pipe = copied(Pipe::with_repository(usual(), &["--immutable"])).var("PLATFORM", BOTH).var("TAG", "1");
    let first = pipe.run().exits(0);
    let pipe = pipe.var("TAG", "1 1.0").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert_eq!(run.stdout, first.stdout);
    let pipe = pipe.file("dist/arm64/app", "another").var("TAG", "1 1.0.0");
    pipe.run()
        .exits(4)
        .reports_nothing()
        .says("which is not what was built: of linux/arm64, its layer 1 of 1 is another\n");
}

#[test]
fn without_a_push_all_platforms_are_built() {
    let pipe = copied(Pipe::new(usual())).var("PLATFORM", BOTH).var("PUSH", "false");
    let run = pipe.run().exits(0).reports_nothing();
    run.says(" for linux/arm64\n").says(&format!("\n  {}:main, not pushed, since `PUSH` is false\n", pipe.uri()));
}

#[test]
fn a_dry_run_names_the_platforms() {
    let pipe = copied(Pipe::new(usual())).var("PLATFORM", BOTH).var("DRY_RUN", "true");
    pipe.run().exits(0).says(" (BuildKit) for linux/amd64 and linux/arm64\n");
}
