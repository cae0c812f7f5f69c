//! `INDEX_FROM`: images that earlier steps pushed become one index.

use serde_json::{Value, json};

use crate::direct::{REGIONS, is_everywhere, no_tag_is_anywhere, two_regions, uri};
use crate::lab::{Engine, lab, usual};
use crate::pipe::{Pipe, Run};

const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Pushes an image for a platform, as a step of its own would; what it printed.
fn pushed(pipe: Pipe, tag: &str, platform: &str) -> (Pipe, String) {
    let dockerfile = format!("FROM scratch\nCOPY data /data\nENV FOR={platform}\n");
    let pipe = pipe.file("data", tag).dockerfile(&dockerfile).var("TAG", tag).var("PLATFORM", platform);
    let run = pipe.run().exits(0);
    (pipe.without("PLATFORM").without("TAG"), digest(&run))
}

/// A repository with an image of two steps each.
fn with_both(pipe: Pipe) -> (Pipe, [String; 2]) {
    let (pipe, amd) = pushed(pipe, "1-amd64", "linux/amd64");
    let (pipe, arm) = pushed(pipe, "1-arm64", "linux/arm64");
    (pipe, [amd, arm])
}

fn digest(run: &Run) -> String {
    run.stdout.lines().next().expect("a line on stdout").split_once('@').expect("a digest").1.to_owned()
}

fn listed(pipe: &Pipe) -> String {
    pipe.lab.control("images", &[&pipe.repository])
}

/// The manifest that a tag or a digest names.
fn manifest(pipe: &Pipe, region: &str, id: &Value) -> Value {
    let media_types = ["application/vnd.oci.image.index.v1+json", LIST];
    let body = json!({"repositoryName": pipe.repository, "imageIds": [id], "acceptedMediaTypes": media_types});
    let answer = pipe.lab.ecr(region, "BatchGetImage", &body);
    serde_json::from_str(answer["images"][0]["imageManifest"].as_str().expect("a manifest")).expect("JSON")
}

fn put(pipe: &Pipe, manifest: &Value, tag: &str) -> String {
    let body = json!({"repositoryName": pipe.repository, "imageManifest": manifest.to_string(), "imageTag": tag,
        "imageManifestMediaType": manifest["mediaType"]});
    let answer = pipe.lab.ecr("us-east-1", "PutImage", &body);
    answer["image"]["imageId"]["imageDigest"].as_str().expect("a digest").to_owned()
}

#[test]
fn images_of_two_steps_become_one_index_that_each_engine_pulls() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let (pipe, [amd, arm]) = with_both(Pipe::new(lab));
        // Nothing is built, so there need be no engine.
        let pipe =
            pipe.var("INDEX_FROM", "1-amd64, 1-arm64").var("TAG", "1 latest").var("DOCKER_HOST", "unix:///nowhere");
        let run = pipe.run().exits(0).built_nothing();
        let run = run.says(&format!("\n  image       linux/amd64, {amd}, of `1-amd64`\n"));
        let run = run.says(&format!("\n  image       linux/arm64, {arm}, of `1-arm64`\n"));
        let index = digest(&run);
        assert_eq!(run.stdout, format!("{}@{index}\n", pipe.uri()));
        let result: Value = serde_json::from_str(run.result_json.as_deref().expect("result.json")).expect("JSON");
        assert_eq!(
            (&result["digest"], &result["engine"], &result["image_id"]),
            (&json!(index), &Value::Null, &Value::Null)
        );
        assert!(run.image_env.expect("image.env").contains("IMAGE_TAGS=1,latest\n"));
        let found = manifest(&pipe, "us-east-1", &json!({"imageTag": "latest"}));
        let entry = |at: usize| (&found["manifests"][at]["digest"], &found["manifests"][at]["platform"]);
        assert_eq!(entry(0), (&json!(amd), &json!({"os": "linux", "architecture": "amd64"})));
        assert_eq!(entry(1), (&json!(arm), &json!({"os": "linux", "architecture": "arm64"})));

        let again = pipe.run().exits(0).says(&format!("\n  latest: {index}, as before\n"));
        assert_eq!(again.stdout, run.stdout, "the same index, whenever it is made");
        crate::direct::log_in(lab, "us-east-1");
        for platform in ["linux/amd64", "linux/arm64"] {
            let image = format!("{}:latest", pipe.uri());
            lab.docker(&["pull", "--platform", platform, &image]);
            let inspected =
                lab.docker(&["image", "inspect", "--format", "{{.Os}}/{{.Architecture}} {{.Config.Env}}", &image]);
            assert!(
                inspected.starts_with(&format!("{platform} [")) && inspected.contains(&format!("FOR={platform}")),
                "{engine:?}: {inspected}"
            );
            lab.docker(&["rmi", &image]);
        }
    }
}

#[test]
fn members_may_be_named_by_digest_or_as_a_run_prints_them() {
    let (pipe, [amd, arm]) = with_both(Pipe::new(usual()));
    let tagged = digest(&pipe.run_with("INDEX_FROM", "1-arm64 1-amd64").exits(0));
    let members = format!("{}@{arm}\n{amd}", pipe.uri());
    let named = digest(&pipe.run_with("INDEX_FROM", &members).exits(0));
    assert_eq!(named, tagged, "the same images in the same order");
    let other = digest(&pipe.run_with("INDEX_FROM", "1-amd64 1-arm64").exits(0));
    assert_ne!(other, tagged, "the order is the user's");
}

#[test]
fn members_are_copied_to_the_repositories_that_lack_them() {
    let pipe = two_regions(usual(), &[]);
    let both = format!("{}\n{}", uri(&pipe, REGIONS[0]), uri(&pipe, REGIONS[1]));
    let (pipe, amd) = pushed(pipe, "1-amd64", "linux/amd64");
    let second = uri(&pipe, REGIONS[1]);
    let (pipe, arm) = pushed(pipe.var("IMAGE", &second), "1-arm64", "linux/arm64");
    let pipe = pipe.var("IMAGE", &both).var("INDEX_FROM", "1-amd64 1-arm64").var("TAG", "1 latest");
    let run = pipe
        .run()
        .exits(0)
        .says(&format!("\n  {arm} is in {}\n", uri(&pipe, REGIONS[0])))
        .does_not_say(&format!("{amd} is in"));
    let index = is_everywhere(&pipe, &run, &["1", "latest"]);
    for region in REGIONS {
        let found = manifest(&pipe, region, &json!({"imageDigest": index}));
        assert_eq!(found["manifests"][1]["digest"], json!(arm), "{region}");
    }
}

#[test]
fn no_tag_moves_before_all_members_are_everywhere() {
    let pipe = two_regions(usual(), &[]);
    let both = format!("{}\n{}", uri(&pipe, REGIONS[0]), uri(&pipe, REGIONS[1]));
    let first = uri(&pipe, REGIONS[0]);
    let (pipe, _) = with_both(pipe.var("IMAGE", &first));
    pipe.lab.fault(&json!({"host": "eu-central-1", "method": "PUT", "path": format!("^/v2/{}/manifests", pipe.repository), "times": 0,
        "answer": {"status": 400, "body": {"errors": [{"code": "UNSUPPORTED", "message": "not today"}]}}}));
    let pipe = pipe.var("IMAGE", &both).var("INDEX_FROM", "1-amd64 1-arm64");
    let run = pipe.run().exits(7).reports_nothing();
    run.says(&format!(
        "✖ `{}` did not get the content of the image: the registry refused: HTTP 400 UNSUPPORTED `not today`",
        uri(&pipe, REGIONS[1])
    ))
    .says("; no tag has moved\n");
    no_tag_is_anywhere(&pipe);
}

#[test]
fn what_cannot_be_joined_is_told_before_anything_is_changed() {
    let (pipe, [amd, arm]) = with_both(Pipe::new(usual()));
    let (pipe, other) = pushed(pipe, "2-amd64", "linux/amd64");
    let uri = pipe.uri();
    let nothing = format!("sha256:{}", "0".repeat(64));
    let elsewhere = format!("{}/team/elsewhere@{amd}", pipe.lab.host("us-east-1"));
    let before = listed(&pipe);
    for (members, problem, hint) in [
        (
            "1-amd64 1-riscv64".to_owned(),
            format!("`INDEX_FROM`: `{uri}` has no tag `1-riscv64`"),
            "let the steps that push the images to `IMAGE` end before this one begins, and name here what they push",
        ),
        (
            nothing.clone(),
            format!("`INDEX_FROM`: `{uri}` has no manifest {nothing}"),
            "let the steps that push the images to `IMAGE` end before this one begins, and name here what they push",
        ),
        (
            "1-amd64 2-amd64".to_owned(),
            format!(
                "`INDEX_FROM`: `1-amd64` and `2-amd64` both have an image for linux/amd64, {amd} and {other}: an index has one for each platform"
            ),
            "let each step push a tag of its own, on a machine of its platform, such as a step with `runtime: cloud: arch: arm`",
        ),
        (
            format!("1-arm64 {arm}"),
            format!(
                "`INDEX_FROM`: `1-arm64` and `{arm}` both have an image for linux/arm64, {arm}: an index has one for each platform"
            ),
            "let each step push a tag of its own, on a machine of its platform, such as a step with `runtime: cloud: arch: arm`",
        ),
        (
            elsewhere.clone(),
            format!(
                "`INDEX_FROM`: `{elsewhere}` is not in a repository of `IMAGE`: an index and its images lie in one repository"
            ),
            "let its step push it to a repository of `IMAGE` too, or add its repository to `IMAGE`",
        ),
    ] {
        let run = pipe.run_with("INDEX_FROM", &members).exits(2).reports_nothing();
        run.says(&format!("✖ {problem}\n")).says(&format!("\n  hint: {hint}\n"));
        assert_eq!(listed(&pipe), before);
    }
}

#[test]
fn a_tag_that_names_two_images_in_two_regions_is_told() {
    let pipe = two_regions(usual(), &[]);
    let uris = REGIONS.map(|region| uri(&pipe, region));
    let (pipe, one) = pushed(pipe.var("IMAGE", &uris[0]), "1", "linux/amd64");
    let (pipe, other) = pushed(pipe.var("IMAGE", &uris[1]), "1", "linux/arm64");
    let pipe = pipe.var("IMAGE", &uris.join("\n")).var("INDEX_FROM", "1");
    pipe.run()
        .exits(2)
        .reports_nothing()
        .says(&format!("✖ `INDEX_FROM`: `1` names {one} in `{}`, but {other} in `{}`\n", uris[0], uris[1]))
        .says("\n  hint: name the image by its digest, which its step prints and leaves in `IMAGE_DIGEST`\n");
    no_tag_is_anywhere(&pipe);
}

#[test]
fn an_index_gives_its_images_with_their_attestations() {
    let (pipe, [amd, arm]) = with_both(Pipe::new(usual()));
    // What BuildKit makes of an image with a provenance: an index of it and of a manifest that runs on nothing.
    let image = manifest(&pipe, "us-east-1", &json!({"imageDigest": amd}));
    let proof = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image["config"]["digest"], "size": image["config"]["size"]}});
    let proof = put(&pipe, &proof, "proof");
    let notes = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd});
    let entries = json!([
        {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": amd, "size": 400},
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": proof, "size": 300, "annotations": notes,
            "platform": {"os": "unknown", "architecture": "unknown"}},
    ]);
    let index =
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
    put(&pipe, &index, "proven");
    let run = pipe.run_with("INDEX_FROM", "proven 1-arm64").exits(0);
    let run = run.says(&format!("\n  image       attestation, {proof}, of `proven`\n"));
    let found = manifest(&pipe, "us-east-1", &json!({"imageDigest": digest(&run)}));
    assert_eq!(found["mediaType"], "application/vnd.oci.image.index.v1+json");
    let digests: Vec<&Value> =
        found["manifests"].as_array().expect("entries").iter().map(|entry| &entry["digest"]).collect();
    assert_eq!(digests, [&json!(amd), &json!(proof), &json!(arm)]);
    assert_eq!(
        found["manifests"][0]["platform"],
        json!({"os": "linux", "architecture": "amd64"}),
        "by its configuration"
    );
    assert_eq!(found["manifests"][1]["annotations"], notes);

    let of_nothing =
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entries[1]]});
    put(&pipe, &of_nothing, "bare");
    pipe.run_with("INDEX_FROM", "bare").exits(2).says("✖ `INDEX_FROM`: `bare` is an index without an image in it\n");
    let of_indexes =
        json!([{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(&run), "size": 1}]);
    put(
        &pipe,
        &json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": of_indexes}),
        "nested",
    );
    pipe.run_with("INDEX_FROM", "nested")
        .exits(2)
        .says("✖ `INDEX_FROM`: `nested` is an index of indexes\n")
        .says("\n  hint: name the images themselves\n");
}

#[test]
fn rules_for_tags_that_exist_hold_for_an_index() {
    let (pipe, _) = with_both(Pipe::with_repository(usual(), &["--immutable"]));
    let pipe = pipe.var("INDEX_FROM", "1-amd64 1-arm64").var("TAG", "1");
    let first = pipe.run().exits(0);
    let index = digest(&first);
    // The step is run again: the tag may not move, and need not.
    pipe.run().exits(0).says(&format!("\n  1: {index}, as before\n"));
    let (pipe, arm) = pushed(pipe.without("INDEX_FROM"), "2-arm64", "linux/arm64");
    let pipe = pipe.var("INDEX_FROM", "1-amd64 2-arm64").var("TAG", "1");
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("✖ tag `1` exists in `{}` as {index}, and the repository's tags are immutable\n", pipe.uri()));
    let run = pipe.run_with("IF_TAG_EXISTS", "fail").exits(4).reports_nothing();
    run.says(&format!("✖ tag `1` exists in `{}` as {index}, and `IF_TAG_EXISTS` is `fail`\n", pipe.uri()));
    let run = pipe.run_with("IF_TAG_EXISTS", "skip").exits(0);
    assert_eq!(run.stdout, first.stdout, "what exists stays");
    let pipe = pipe.var("TAG", "1 1.0").var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("✖ tag `1` exists and names {index}, and the index of `INDEX_FROM` is sha256:"))
        .says("\n  hint: no tag was changed: choose new tags for the new index, or set `IF_TAG_EXISTS=overwrite` to move those that may move\n");
    let run = pipe.run_with("INDEX_FROM", "1-amd64 1-arm64").exits(0);
    assert_eq!(run.stdout, first.stdout);
    assert!(listed(&pipe).contains("[\"1\", \"1.0\"]"), "{}", listed(&pipe));
    assert!(listed(&pipe).contains(&arm));
}

#[test]
fn a_dry_run_tells_what_would_be_joined() {
    let (pipe, _) = with_both(Pipe::new(usual()));
    let before = listed(&pipe);
    let run = pipe.var("INDEX_FROM", "1-amd64 1-arm64").var("DRY_RUN", "true");
    let told = run.run().exits(0).reports_nothing();
    told.says("\nPlan\n  join 2 images as sha256:")
        .says(&format!("\n  push {}:main, new\n", run.uri()))
        .says("nothing was pushed or changed");
    assert_eq!(listed(&run), before);
}

#[test]
fn a_lost_answer_to_the_index_is_none() {
    let (pipe, _) = with_both(Pipe::new(usual()));
    pipe.lab.fault(
        &json!({"method": "PUT", "path": format!("^/v2/{}/manifests/main", pipe.repository), "cut": {"response": 0}}),
    );
    let run = pipe.run_with("INDEX_FROM", "1-amd64 1-arm64").exits(0);
    let puts = pipe.lab.requests(&pipe.repository);
    let puts = puts.iter().filter(|request| {
        request["method"] == "PUT" && request["path"].as_str().is_some_and(|path| path.ends_with("/manifests/main"))
    });
    assert_eq!(puts.count(), 1, "{}", run.log);
}

#[test]
fn a_key_that_may_not_read_is_told_what_it_lacks() {
    let (pipe, _) = with_both(Pipe::new(usual()));
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ecr:GetDownloadUrlForLayer", "Resource": "*"},
    ]});
    pipe.lab.ask(&json!({"op": "iam", "key": pipe.key, "policy": policy}));
    let run = pipe.run_with("INDEX_FROM", "1-amd64 1-arm64").exits(3).reports_nothing();
    run.says(&format!("may not read layers of `{}`", pipe.uri())).says("ecr:GetDownloadUrlForLayer");
}
