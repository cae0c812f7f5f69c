//! Who pushes to one repository: the engine or the pipe; and what the pipe then does not send.

use std::path::Path;

use serde_json::{Value, json};

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::{Pipe, Run};
use crate::relay::{Passage, relay};

/// Bytes that no registry has and that do not compress.
fn noise(pipe: &Pipe, size: usize) -> Vec<u8> {
    let seed = pipe.repository.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) ^ u64::from(byte));
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let numbers = std::iter::successors(Some(seed), next);
    numbers.flat_map(|number| (number >> 16).to_le_bytes().into_iter().take(4)).take(size).collect()
}

/// A Dockerfile with two layers of its own, of which the lower one is large.
fn with_layers(pipe: Pipe) -> Pipe {
    let large = noise(&pipe, 3_000_000);
    let mark = pipe.repository.clone();
    pipe.file("large", large)
        .file("small", &mark)
        .dockerfile("FROM busybox:1.36\nCOPY large /large\nCOPY small /small\nCMD [\"cat\", \"/small\"]\n")
        .var("PUSH_MODE", "direct")
}

/// How many blobs, the configuration among them, were sent to the repository since a number of requests.
fn whole_uploads(pipe: &Pipe, from: usize) -> usize {
    let is_end = |request: &&Value| request["method"] == "PUT" && request["path"].as_str().unwrap().contains("/blobs/");
    pipe.lab.requests(&pipe.repository)[from..].iter().filter(is_end).count()
}

/// Takes the image out of the engine and pulls it: a pull of what is there proves nothing.
fn pulls(pipe: &Pipe, lab: &Lab, run: &Run) {
    let reference = run.stdout.trim();
    let id = lab.docker(&["images", "--quiet", "--no-trunc", &format!("{}:main", pipe.uri())]);
    lab.docker(&["rmi", "--force", id.trim()]);
    let registry = lab.host("us-east-1");
    lab.docker(&["login", "--username", "AWS", "--password", "lab.us-east-1.AKIALAB", &registry]);
    lab.docker(&["pull", reference]);
    assert_eq!(lab.run(reference, &["cat", "/small"]), pipe.repository);
    let sum = lab.run(reference, &["wc", "-c", "/large"]);
    assert_eq!(sum.trim(), "3000000 /large");
}

/// Switches on what an account has off at first.
fn allow_mounts(lab: &Lab, region: &str) {
    output(lab.command("curl", Path::new("/")).args(["-sS", "--fail", "--max-time", "20", "--cacert", &lab.facts.ca]).args([
        "-H",
        "Content-Type: application/x-amz-json-1.1",
        "-H",
        "X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.PutAccountSetting",
        "-H",
        &format!("Authorization: AWS4-HMAC-SHA256 Credential=AKIALAB/20260101/{region}/ecr/aws4_request, SignedHeaders=host, Signature=0"),
        "-d",
        r#"{"name": "BLOB_MOUNTING", "value": "ENABLED"}"#,
        &format!("https://api.ecr.{region}.amazonaws.com/"),
    ]));
}

/// The manifest behind a tag.
fn manifest(pipe: &Pipe, tag: &str) -> Value {
    let body = json!({"repositoryName": pipe.repository, "imageIds": [{"imageTag": tag}]});
    let found = pipe.lab.ecr("us-east-1", "BatchGetImage", &body);
    serde_json::from_str(found["images"][0]["imageManifest"].as_str().expect("a manifest")).expect("JSON")
}

#[test]
fn a_push_to_one_repository_that_ends_before_its_tag_leaves_no_image_and_a_tag_takes_two_requests() {
    let pipe = with_layers(Pipe::new(usual())).var("TAG", "1.0 latest");
    let boom = json!({"status": 503, "headers": {"Retry-After": "0"}, "body": "boom"});
    let path = format!("^/v2/{}/manifests/1.0", pipe.repository);
    pipe.lab.fault(&json!({"method": "PUT", "path": path, "id": pipe.repository, "times": 0, "answer": boom}));
    pipe.run().exits(7).reports_nothing().says("HTTP 503 `boom`").says("; no tag has moved\n");
    let images = || pipe.lab.ecr("us-east-1", "DescribeImages", &json!({"repositoryName": pipe.repository}));
    assert_eq!(images()["imageDetails"], json!([]), "with or without a tag");

    pipe.lab.control("fault", &["clear", &pipe.repository]);
    let from = pipe.lab.requests(&pipe.repository).len();
    pipe.run().exits(0);
    let made = pipe.lab.requests(&pipe.repository).split_off(from);
    let manifests = made.iter().filter_map(|request| {
        let (_, name) = request["path"].as_str()?.split_once("/manifests/")?;
        Some(format!("{} {name}", request["method"].as_str()?))
    });
    // Before them it is asked what may serve as a cache.
    let of_the_push: Vec<_> = manifests.skip_while(|request| request.starts_with("GET ")).collect();
    assert_eq!(of_the_push, ["PUT 1.0", "GET 1.0", "PUT latest", "GET latest"]);
    assert_eq!(images()["imageDetails"].as_array().unwrap().len(), 1);
}

#[test]
fn what_the_pipe_pushes_pulls_and_runs_on_each_engine_and_is_the_engines_own_image() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let pipe = with_layers(Pipe::new(lab));
        let run = pipe.run().exits(0).says("\n  pushed by the pipe: `PUSH_MODE` is `direct`\n");
        let id = lab.docker(&["images", "--quiet", "--no-trunc", &format!("{}:main", pipe.uri())]);
        let manifest = manifest(&pipe, "main");
        let digest = run.stdout.trim().rsplit_once('@').expect("a digest").1;
        assert!(id.trim() == manifest["config"]["digest"] || id.trim() == digest, "{engine:?}: {id}{manifest}");
        pulls(&pipe, lab, &run);
    }
}

#[test]
fn zstd_pulls_and_runs_where_it_can() {
    for engine in [Engine::V26, Engine::V28] {
        let lab = lab(engine, false);
        let pipe = with_layers(Pipe::new(lab)).var("COMPRESSION", "zstd").without("PUSH_MODE");
        let run = pipe.run().exits(0).says("\n  pushed by the pipe: an engine compresses with gzip only\n");
        let run = run.says("\n  warning: layers are compressed by zstd: ");
        let manifest = manifest(&pipe, "main");
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
        pulls(&pipe, lab, &run);
    }
}

#[test]
fn layers_that_the_registry_has_are_not_sent_again() {
    for engine in [Engine::V20, Engine::V26, Engine::V28] {
        let pipe = with_layers(Pipe::new(lab(engine, false)));
        pipe.run().exits(0);
        assert_eq!(whole_uploads(&pipe, 0), 4, "{engine:?}");
        let before = manifest(&pipe, "main");
        let from = pipe.lab.requests(&pipe.repository).len();
        let pipe = pipe.file("small", "another");
        let run = pipe.run().exits(0).says(" already there\n");
        assert_eq!(whole_uploads(&pipe, from), 2, "{engine:?}: {}", run.log);
        let now = manifest(&pipe, "main");
        assert_eq!(now["layers"][1], before["layers"][1]);
        assert_ne!(now["layers"][2], before["layers"][2]);
    }
}

#[test]
fn of_an_image_that_the_registry_has_only_the_manifest_travels() {
    // What is imported may become a part of the image.
    let pipe = with_layers(Pipe::new(usual())).var("CACHE", "none");
    let first = pipe.run().exits(0);
    let from = pipe.lab.requests(&pipe.repository).len();
    let pipe = pipe.var("TAG", "main 2 3");
    let run = pipe.run().exits(0);
    assert_eq!(
        run.stdout,
        first.stdout,
        "the same digest: {}\n{}",
        run.log,
        pipe.lab.docker(&["images", "--no-trunc"])
    );
    assert_eq!(whole_uploads(&pipe, from), 0, "{}", run.log);
    let requests = pipe.lab.requests(&pipe.repository);
    let puts: Vec<&str> = requests[from..]
        .iter()
        .filter(|request| request["method"] == "PUT")
        .map(|request| request["path"].as_str().expect("a path").rsplit('/').next().expect("a part"))
        .collect();
    assert_eq!(puts, ["2", "3"], "{}", run.log);
}

#[test]
fn layers_of_a_base_image_beside_are_mounted_where_the_account_allows_it() {
    let region = "eu-central-1";
    let lab = usual();
    let (base, mark) = (Pipe::without_repository(lab), Pipe::without_repository(lab));
    for pipe in [&base, &mark] {
        lab.control("repository", &["create", &pipe.repository, "--region", region]);
    }
    let uri = |pipe: &Pipe| format!("{}/{}", lab.host(region), pipe.repository);
    let (below, above) = (uri(&base), uri(&mark));
    with_layers(base).var("IMAGE", &below).run().exits(0);
    let pipe = mark.var("IMAGE", &above).var("PUSH_MODE", "direct");
    let pipe = pipe.dockerfile(&format!("FROM {below}:main\nRUN echo own > /own\n"));

    let run = pipe.run().exits(0);
    assert_eq!(whole_uploads(&pipe, 0), 5, "an account that does not mount: {}", run.log);

    allow_mounts(lab, region);
    let other = Pipe::without_repository(lab);
    lab.control("repository", &["create", &other.repository, "--region", region]);
    let image = uri(&other);
    let other = other.var("IMAGE", &image).var("PUSH_MODE", "direct");
    let other = other.dockerfile(&format!("FROM {below}:main\nRUN echo other > /own\n"));
    let run = other.run().exits(0);
    assert_eq!(whole_uploads(&other, 0), 2, "{}", run.log);
}

#[test]
fn the_pipe_pushes_what_is_new_and_the_engine_what_is_known_of_a_large_image() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\nRUN echo small > /small\n");
    pipe.run().exits(0).says("\n  pushed by the pipe: 2.0 MB of 2.0 MB are new, ");
    let large = noise(&pipe, 80_000_000);
    let pipe = pipe.file("large", large).dockerfile("FROM busybox:1.36\nCOPY large /large\n");
    let run =
        pipe.run().exits(0).says("\n  pushed by the pipe: 80.0 MB of 82.0 MB are new, which the engine would compress");
    let image = run.stdout.trim().to_owned();
    let run = pipe.var("TAG", "again").run().exits(0).says("\n  pushed by the engine: 0 B of 82.0 MB are new\n");
    assert!(run.stdout.starts_with(&image[..40]));
}

#[test]
fn the_pipe_pushes_what_the_engine_would_if_the_registry_were_not_slow_to_answer() {
    // So large that no hiccup of a busy machine passes for a distance.
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\nCOPY large /large\nCOPY small /small\n");
    let large = noise(&pipe, 120_000_000);
    let pipe = pipe.file("large", large).file("small", "one");
    pipe.run().exits(0);
    let pipe = pipe.file("small", "two");
    pipe.run().exits(0).says("\n  pushed by the engine: ");
    pipe.lab.fault(&json!({"path": format!("^/v2/{}/", pipe.repository), "times": 0, "delay": 0.4}));
    let run = pipe.file("small", "three").run().exits(0).says("\n  pushed by the pipe: ");
    run.says(" of 122.0 MB are new, and the engine would connect for each request anew, which takes ");
}

/// A first push by the pipe leaves an engine that lives on without any note of what the registry has.
#[test]
fn an_engine_that_would_send_what_the_registry_has_is_stopped() {
    for engine in [Engine::V20, Engine::V26] {
        let pipe = Pipe::new(lab(engine, false));
        let large = noise(&pipe, 120_000_000);
        let pipe = pipe.file("large", large).file("small", "one");
        let pipe = pipe.dockerfile("FROM busybox:1.36\nCOPY large /large\nCOPY small /small\n");
        pipe.run().exits(0).says("\n  pushed by the pipe: 122.0 MB of 122.0 MB are new");
        let pipe = pipe.file("small", "another").var("TAG", "two");
        let run = pipe.run().exits(0).says("\n  pushed by the engine: ");
        let run = run.says("\n  pushed by the pipe: the engine began to send layers that the registry has\n");
        let (one, two) = (manifest(&pipe, "main"), manifest(&pipe, "two"));
        assert_eq!(two["layers"][1], one["layers"][1], "{engine:?}: {}", run.log);
        assert_ne!(two["layers"][2], one["layers"][2], "{engine:?}");
    }
}

#[test]
fn the_user_decides_who_pushes() {
    let pipe = with_layers(Pipe::new(usual())).var("PUSH_MODE", "engine");
    pipe.run().exits(0).says("\n  pushed by the engine: `PUSH_MODE` is `engine`\n");
    let run = pipe.var("COMPRESSION", "zstd").run().exits(2).reports_nothing();
    let run =
        run.says("✖ `PUSH_MODE`: it is `engine`, and `COMPRESSION` is `zstd`: an engine compresses with gzip only\n");
    run.says("\n  hint: leave one of them out");
}

#[test]
fn the_engine_pushes_what_it_does_not_give_away() {
    for (status, message, words) in [
        (403, "authorization denied by plugin lab: no exports", "no exports"),
        (500, "write /var/lib/docker/tmp/x: no space left on device", "no space left on device"),
    ] {
        let body = json!({"message": message}).to_string();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let pipe = with_layers(Pipe::new(usual()));
        let (pipe, relay) = relay(pipe, move |head| {
            let is_export = head.starts_with("GET ") && head.contains("/get HTTP/1.1");
            if is_export { Passage::Answer(answer.clone()) } else { Passage::Through }
        });
        let run = pipe
            .run()
            .exits(0)
            .says("\n  warning: the pipe cannot push: ")
            .says(words)
            .says(": the engine pushes instead\n");
        assert_eq!(relay.seen("/push?"), 1, "{}", run.log);
        assert!(run.stdout.contains("@sha256:"));
    }
}
