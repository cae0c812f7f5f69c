//! The push to several repositories: content everywhere, then tags.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::{Pipe, Run};
use crate::relay::{Passage, relay};

pub(crate) const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// A run to the two regions of a lab.
pub(crate) fn two_regions(lab: &'static Lab, options: &[&str]) -> Pipe {
    let pipe = Pipe::without_repository(lab);
    for region in REGIONS {
        let create = [&["create", pipe.repository.as_str(), "--region", region], options].concat();
        lab.control("repository", &create);
    }
    let images = REGIONS.map(|region| uri(&pipe, region)).join("\n");
    pipe.var("IMAGE", &images)
}

pub(crate) fn uri(pipe: &Pipe, region: &str) -> String {
    format!("{}/{}", pipe.lab.host(region), pipe.repository)
}

/// A Dockerfile with layers of its own.
pub(crate) fn with_layers(pipe: Pipe) -> Pipe {
    let mark = pipe.repository.clone();
    pipe.file("data", mark.repeat(200_000)).dockerfile(&format!(
        "FROM busybox:1.36\nRUN echo {mark} > /mark\nCOPY data /data\nENV A=b\nLABEL l={mark}\nCMD [\"cat\", \"/mark\"]\n"
    ))
}

/// The digest that a tag names in a region.
fn named(pipe: &Pipe, region: &str, tag: &str) -> Option<String> {
    let listed = pipe.lab.control("images", &[&pipe.repository, "--region", region]);
    let images: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let has = |image: &&Value| image["imageTags"].as_array().is_some_and(|tags| tags.iter().any(|each| each == tag));
    images.iter().find(has).map(|image| image["imageDigest"].as_str().expect("a digest").to_owned())
}

/// Both regions name the same digest by each tag, which is the one that was reported.
#[track_caller]
pub(crate) fn is_everywhere(pipe: &Pipe, run: &Run, tags: &[&str]) -> String {
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    let digest = lines[0].rsplit_once('@').expect("a digest").1.to_owned();
    for (region, line) in REGIONS.iter().zip(lines) {
        assert_eq!(line, format!("{}@{digest}", uri(pipe, region)));
        for tag in tags {
            assert_eq!(named(pipe, region, tag).as_deref(), Some(digest.as_str()), "{tag} in {region}");
        }
    }
    digest
}

#[track_caller]
pub(crate) fn no_tag_is_anywhere(pipe: &Pipe) {
    for region in REGIONS {
        assert_eq!(named(pipe, region, "main"), None, "main in {region}");
    }
}

/// A rule for the requests of this pipe's repository in the second region.
pub(crate) fn fault(pipe: &Pipe, rule: &Value) {
    let mut rule = rule.clone();
    let path = rule["path"].as_str().expect("a path").replace("REPOSITORY", &format!("^/v2/{}", pipe.repository));
    rule["path"] = path.into();
    rule["host"] = "eu-central-1".into();
    pipe.lab.fault(&rule);
}

#[test]
fn two_regions_get_one_digest_that_pulls_and_runs_on_each_engine() {
    for engine in Engine::ALL {
        let lab = lab(engine, false);
        let pipe = with_layers(two_regions(lab, &[])).var("TAG", "1 latest");
        let run = pipe.run().exits(0).says("no tag has moved yet");
        let digest = is_everywhere(&pipe, &run, &["1", "latest"]);
        for region in REGIONS {
            let reference = format!("{}@{digest}", uri(&pipe, region));
            remove(lab, &pipe);
            log_in(lab, region);
            lab.docker(&["pull", &reference]);
            assert_eq!(lab.run(&reference, &["cat", "/mark"]), format!("{}\n", pipe.repository), "{engine:?}");
            assert_eq!(
                lab.run(&reference, &["wc", "-c", "/data"]).trim(),
                format!("{} /data", pipe.repository.len() * 200_000)
            );
        }
    }
}

pub(crate) fn log_in(lab: &Lab, region: &str) {
    let password = format!("lab.{region}.AKIALAB");
    lab.docker(&["login", "--username", "AWS", "--password", &password, &lab.host(region)]);
}

/// Takes the image out of the engine: a pull of what is there proves nothing.
pub(crate) fn remove(lab: &Lab, pipe: &Pipe) {
    let filter = format!("label=l={}", pipe.repository);
    let ids = lab.docker(&["images", "--all", "--quiet", "--filter", &filter]);
    let mut ids: Vec<&str> = ids.split_whitespace().collect();
    ids.dedup();
    lab.docker(&[&["rmi", "--force"], ids.as_slice()].concat());
    assert_eq!(lab.docker(&["images", "--all", "--quiet", "--filter", &filter]), "");
}

#[test]
fn the_cage_lets_the_export_through() {
    for engine in [Engine::V20, Engine::V26] {
        let pipe = with_layers(two_regions(lab(engine, true), &[]));
        let run = pipe.run().exits(0);
        is_everywhere(&pipe, &run, &["main"]);
    }
}

#[test]
fn every_layer_is_sent_once_to_each_region_and_each_tag_is_put_once() {
    let pipe = with_layers(two_regions(usual(), &[])).var("TAG", "1 2");
    let run = pipe.run().exits(0);
    let digest = is_everywhere(&pipe, &run, &["1", "2"]);
    let seen: Vec<(String, String, String)> = pipe
        .lab
        .requests(&format!("/v2/{}/", pipe.repository))
        .iter()
        .map(|request| {
            let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
            (text("host"), text("method"), text("path"))
        })
        .collect();
    for region in REGIONS {
        let count = |method: &str, part: &str| {
            seen.iter()
                .filter(|(host, with, path)| host.contains(region) && with == method && path.contains(part))
                .count()
        };
        assert_eq!(count("PUT", "/blobs/uploads/"), 4, "three layers and the configuration: {seen:?}");
        assert_eq!(count("PATCH", "/blobs/uploads/"), 2, "what is short needs none: {seen:?}");
        for reference in [&digest, "1", "2"] {
            assert_eq!(count("PUT", &format!("/manifests/{reference}")), 1, "{reference}");
        }
    }
    let place = |with: &str, part: &str| {
        let found = |(_, method, path): &(String, String, String)| method == with && path.ends_with(part);
        (seen.iter().position(found).expect("there"), seen.iter().rposition(found).expect("there"))
    };
    assert!(place("PUT", &digest).1 < place("PUT", "/manifests/1").0, "all content before the first tag");
    assert!(place("PUT", "/manifests/1").1 < place("PUT", "/manifests/2").0, "a tag everywhere before the next");
}

#[test]
fn an_image_pushed_by_the_engine_has_the_layers_and_the_configuration_that_the_pipe_pushes() {
    for engine in [Engine::V20, Engine::V26, Engine::V28] {
        let lab = lab(engine, false);
        let pipe = with_layers(two_regions(lab, &[]));
        let run = pipe.run().exits(0);
        is_everywhere(&pipe, &run, &["main"]);
        let theirs = format!("{}:engine", pipe.uri());
        lab.docker(&["tag", &format!("{}:main", pipe.uri()), &theirs]);
        output(lab.docker_command(Path::new("/")).args([
            "login",
            "--username",
            "AWS",
            "--password",
            "lab.us-east-1.AKIALAB",
            &lab.host("us-east-1"),
        ]));
        lab.docker(&["push", &theirs]);
        let config = |tag: &str| {
            let request = format!("/v2/{}/manifests/{tag}", pipe.repository);
            let url = format!("https://{}{request}", lab.host("us-east-1"));
            let mut curl = lab.command("curl", Path::new("/"));
            curl.args(["--silent", "--fail", "--cacert", &lab.facts.ca, "--user", "AWS:lab.us-east-1.AKIALAB"]);
            curl.args(["--header", "Accept: application/vnd.docker.distribution.manifest.v2+json", &url]);
            let manifest: Value = serde_json::from_str(&output(&mut curl)).expect("a manifest");
            (manifest["mediaType"].clone(), manifest["config"].clone(), manifest["layers"].as_array().map(Vec::len))
        };
        assert_eq!(config("main"), config("engine"), "{engine:?}");
    }
}

#[test]
fn a_run_that_is_repeated_keeps_what_is_there() {
    let pipe = with_layers(two_regions(usual(), &["--immutable"]));
    let run = pipe.run().exits(0);
    let digest = is_everywhere(&pipe, &run, &["main"]);
    let again = pipe.run().exits(4).reports_nothing();
    again.says("and the repository's tags are immutable");
    let pipe = pipe.var("IF_TAG_EXISTS", "skip");
    let run = pipe.run().exits(0);
    assert_eq!(is_everywhere(&pipe, &run, &["main"]), digest);
}

/// The run goes well in spite of a fault in one region, which was met.
fn survives(rule: &Value) -> Run {
    let pipe = with_layers(two_regions(usual(), &[]));
    fault(&pipe, rule);
    let run = pipe.run().exits(0);
    is_everywhere(&pipe, &run, &["main"]);
    let requests = pipe.lab.requests(&format!("/v2/{}/", pipe.repository));
    assert!(requests.iter().any(|request| !request["fault"].is_null()), "the fault was met: {rule}");
    run
}

#[test]
fn an_upload_that_breaks_is_made_again_for_the_region_that_lacks_it() {
    survives(&json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "skip": 1, "cut": {"request": 100}}))
        .says(": no answer from 000000000000.dkr.ecr.eu-central-1.amazonaws.com: the connection broke off")
        .says("not everything has arrived; the rest is sent once more in ");
    survives(&json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "cut": {"response": 0}}));
    survives(
        &json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "answer": {"status": 500, "body": "boom"}}),
    );
}

#[test]
fn the_beginning_and_the_end_of_an_upload_are_tried_again_by_themselves() {
    let boom = json!({"status": 500, "body": "boom"});
    let busy = json!({"status": 429, "body": {"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}});
    for answer in [boom, busy] {
        survives(&json!({"method": "POST", "path": "REPOSITORY/blobs/uploads/", "answer": answer}))
            .does_not_say("sent once more");
        survives(&json!({"method": "PUT", "path": "REPOSITORY/blobs/uploads/", "answer": answer}))
            .does_not_say("sent once more");
    }
    survives(&json!({"method": "PUT", "path": "REPOSITORY/blobs/uploads/", "cut": {"response": 0}}))
        .does_not_say("sent once more");
}

#[test]
fn the_lost_answer_to_a_tag_is_no_failure() {
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/main", "cut": {"response": 0}}));
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/sha256", "times": 0, "cut": {"response": 0}}));
    survives(&json!({"method": "PUT", "path": "REPOSITORY/manifests/main", "answer": {"status": 503, "body": ""}}));
}

#[test]
fn a_token_that_expires_at_any_request_is_renewed() {
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    let answer = json!({"status": 403, "body": expired});
    for (method, path) in [
        ("POST", "REPOSITORY/blobs/uploads/"),
        ("PATCH", "REPOSITORY/blobs/uploads/."),
        ("PUT", "REPOSITORY/blobs/uploads/."),
        ("HEAD", "REPOSITORY/blobs/sha256"),
        ("PUT", "REPOSITORY/manifests/main"),
    ] {
        survives(&json!({"method": method, "path": path, "answer": answer}));
    }
}

/// The run fails with no tag anywhere; the first region has the content, and a further run finishes.
fn fails(rule: &Value, code: i32, message: &str, hint: &str) {
    let pipe = with_layers(two_regions(usual(), &[]));
    fault(&pipe, &{
        let mut rule = rule.clone();
        rule["times"] = 0.into();
        rule["id"] = pipe.repository.clone().into();
        rule
    });
    let run = pipe.run().exits(code).reports_nothing();
    run.says(message).says(&format!("\n  hint: {hint}"));
    no_tag_is_anywhere(&pipe);
    pipe.lab.control("fault", &["clear", &pipe.repository]);
    let run = pipe.run().exits(0);
    is_everywhere(&pipe, &run, &["main"]);
}

#[test]
fn a_region_that_is_down_leaves_every_tag_where_it_was() {
    let boom = json!({"status": 503, "headers": {"Retry-After": "0"}, "body": "boom"});
    fails(
        &json!({"method": "POST", "path": "REPOSITORY/blobs/uploads/", "answer": boom}),
        7,
        "did not get the content of the image: the registry refused: HTTP 503 `boom`",
        "run the step again",
    );
    fails(
        &json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "cut": {"request": 10}}),
        7,
        "did not get the content of the image: no answer from 000000000000.dkr.ecr.eu-central-1.amazonaws.com",
        "run the step again",
    );
}

#[test]
fn a_failure_says_that_no_tag_has_moved_and_who_has_the_content() {
    let boom = json!({"status": 503, "headers": {"Retry-After": "0"}, "body": "boom"});
    let pipe = with_layers(two_regions(usual(), &[]));
    fault(&pipe, &json!({"method": "PUT", "path": "REPOSITORY/manifests/sha256", "times": 0, "answer": boom}));
    let run = pipe.run().exits(7).reports_nothing();
    run.says(&format!(
        "✖ `{}` did not get the content of the image: the registry refused: HTTP 503 `boom` to /v2/{}/manifests/sha256:",
        uri(&pipe, "eu-central-1"),
        pipe.repository
    ))
    .says(&format!("; no tag has moved; `{}` has the content, without a tag\n", uri(&pipe, "us-east-1")));
    no_tag_is_anywhere(&pipe);
}

#[test]
fn a_key_that_may_not_upload_is_told_the_action_that_is_lacking() {
    let denied = json!({"status": 403, "body": {"errors": [{"code": "DENIED", "message": "not authorized"}]}});
    for (method, path, action) in [
        ("POST", "REPOSITORY/blobs/uploads/", "InitiateLayerUpload"),
        ("PATCH", "REPOSITORY/blobs/uploads/.", "UploadLayerPart"),
        ("PUT", "REPOSITORY/blobs/uploads/.", "CompleteLayerUpload"),
        ("PUT", "REPOSITORY/manifests/sha256", "PutImage"),
    ] {
        let pipe = with_layers(two_regions(usual(), &[]));
        fault(&pipe, &json!({"method": method, "path": path, "times": 0, "answer": denied}));
        let run = pipe.run().exits(3).reports_nothing().says("; no tag has moved; `");
        let resource = format!("arn:aws:ecr:eu-central-1:000000000000:repository/{}", pipe.repository);
        run.says(&format!(
            "\n  hint: allow it in the key's policy: {{\"Effect\": \"Allow\", \"Action\": \"ecr:{action}\", \"Resource\": \"{resource}\"}}"
        ));
        no_tag_is_anywhere(&pipe);
    }
}

#[test]
fn a_tag_that_fails_in_one_region_is_told_with_what_has_moved() {
    let pipe = with_layers(two_regions(usual(), &[])).var("TAG", "1 2 3");
    let boom = json!({"status": 503, "headers": {"Retry-After": "0"}, "body": "boom"});
    let id = pipe.repository.clone();
    fault(&pipe, &json!({"method": "PUT", "path": "REPOSITORY/manifests/2", "times": 0, "id": id, "answer": boom}));
    let (first, second) = (uri(&pipe, "us-east-1"), uri(&pipe, "eu-central-1"));
    let run = pipe.run().exits(7).reports_nothing().says("✖ the registry refused: HTTP 503 `boom`");
    run.says(&format!(
        "; moved in all repositories: `1`; `2` moved in `{first}`; `2` not moved in `{second}`; not moved anywhere: `3`\n"
    ))
    .says("of the region; a further run moves the rest\n");
    assert!(named(&pipe, "eu-central-1", "1").is_some() && named(&pipe, "us-east-1", "2").is_some());
    assert_eq!((named(&pipe, "eu-central-1", "2"), named(&pipe, "us-east-1", "3")), (None, None));
    pipe.lab.control("fault", &["clear", &id]);
    let run = pipe.run().exits(0);
    is_everywhere(&pipe, &run, &["1", "2", "3"]);
}

/// A run of which the first exports, as many as told, are answered so.
fn exporting(times: usize, answer: &str) -> Run {
    let pipe = with_layers(two_regions(usual(), &[]));
    let (answer, begun) = (answer.to_owned(), AtomicUsize::new(0));
    let (pipe, relay) = relay(pipe, move |head| {
        let is_export = head.starts_with("GET ") && head.contains("/get HTTP/1.1");
        if is_export && begun.fetch_add(1, Ordering::Relaxed) < times {
            Passage::Answer(answer.clone())
        } else {
            Passage::Through
        }
    });
    let run = pipe.run();
    assert!(relay.seen("/get HTTP/1.1") > 0);
    if run.code == 0 {
        is_everywhere(&pipe, &run, &["main"]);
    } else {
        no_tag_is_anywhere(&pipe);
    }
    run
}

#[test]
fn an_export_that_breaks_off_is_begun_again() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nxx",
        "",
    ] {
        exporting(1, answer).exits(0).says("; the rest is sent once more in ");
    }
}

#[test]
fn an_export_that_cannot_be_had_is_told() {
    let full = r#"{"message":"write /var/lib/docker/tmp/docker-export-1/x: no space left on device"}"#;
    let answer = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    exporting(9, &answer("500 Internal Server Error", full))
        .exits(5)
        .says("✖ the engine's disk is full: write /var/lib/docker/tmp/docker-export-1/x: no space left on device; no tag has moved\n")
        .says("\n  hint: free space with `docker system prune`");
    exporting(9, &answer("200 OK", &"<html>".repeat(200)))
        .exits(5)
        .says("✖ the engine's export of the image is no archive: a header has a wrong checksum, at byte 0; no tag has moved\n");
    exporting(9, &answer("200 OK", &"\0".repeat(1024)))
        .exits(5)
        .says("✖ the engine's export of the image lacks `manifest.json`; no tag has moved\n");
    exporting(9, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx")
        .exits(5)
        .says("✖ the engine's export of the image broke off after 2 bytes; no tag has moved\n");
}

#[test]
fn a_large_layer_takes_no_more_memory_than_a_small_one() {
    let pipe = two_regions(usual(), &[]);
    let pipe = pipe.dockerfile("FROM busybox:1.36\nRUN dd if=/dev/zero of=/zeros bs=1M count=1024\n");
    let (run, peak) = pipe.run_watched();
    run.exits(0);
    assert!((1_000..64 * 1024).contains(&peak), "{peak} KiB");
}

#[test]
fn an_image_that_the_engine_pushed_is_like_the_engines_own() {
    for engine in Engine::ALL {
        let pipe = with_layers(Pipe::new(lab(engine, false))).var("TAG", "1");
        let first = pipe.run().exits(0).stdout;
        let pipe = pipe.var("TAG", "1 2").var("IF_TAG_EXISTS", "skip");
        assert_eq!(pipe.run().exits(0).stdout, first, "{engine:?}");
        let pipe = pipe.var("TAG", "1 3").var("LABELS", "other=yes");
        let run = pipe.run().exits(4).reports_nothing();
        run.says("which is not what was built: its configuration differs in `Labels`\n");
        let pipe = pipe.without("LABELS").file("data", "other");
        let run = pipe.run().exits(4).reports_nothing();
        run.says("which is not what was built: its layer 3 of 3 is another\n");
    }
}

#[test]
fn a_region_that_comes_later_gets_the_image_from_the_one_that_has_it() {
    let pipe = with_layers(two_regions(usual(), &["--immutable"])).var("IF_TAG_EXISTS", "skip").var("TAG", "1 2");
    let both = REGIONS.map(|region| uri(&pipe, region)).join("\n");
    let first = uri(&pipe, "us-east-1");
    let pipe = pipe.var("IMAGE", &first);
    pipe.run().exits(0);
    let pipe = pipe.var("IMAGE", &both);
    let broken = json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "cut": {"request": 10}});
    fault(&pipe, &broken);
    let id = pipe.repository.clone();
    let denied = json!({"status": 403, "body": {"errors": [{"code": "DENIED", "message": "no"}]}});
    for (path, told) in [
        ("REPOSITORY/blobs/uploads/", "; no tag has moved\n"),
        ("REPOSITORY/manifests/2", &format!("; done: `{0}:1`; still missing: `{0}:2`\n", uri(&pipe, "eu-central-1"))),
    ] {
        fault(&pipe, &json!({"path": path, "method": ["POST", "PUT"], "times": 0, "id": id, "answer": denied}));
        pipe.run().exits(3).reports_nothing().says(told);
        pipe.lab.control("fault", &["clear", &id]);
    }
    let run = pipe.run().exits(0).built_nothing().says(&format!("\n✔ kept {first}@"));
    let run = run.says(&format!("\n✔ copied {}@", uri(&pipe, "eu-central-1")));
    is_everywhere(&pipe, &run, &["1", "2"]);
}

#[test]
fn an_image_that_the_engine_does_not_export_is_told() {
    let dockerfile = "FROM scratch\nLABEL a=b\n";
    for engine in [Engine::V20, Engine::V26, Engine::V28] {
        let pipe = two_regions(lab(engine, false), &[]).dockerfile(dockerfile);
        let run = pipe.run().exits(5).reports_nothing();
        run.says("✖ the image has no layers, and this engine does not export such an image; no tag has moved\n")
            .says("\n  hint: give it a file, such as by `COPY`, or name one repository in `IMAGE`\n");
    }
}
