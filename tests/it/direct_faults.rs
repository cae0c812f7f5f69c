//! Faults in the middle of the pipe's own push, and that nothing which arrived is sent again.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::direct::{REGIONS, fault, is_everywhere, no_tag_is_anywhere, two_regions};
use crate::lab::usual;
use crate::pipe::{Pipe, until};
use crate::relay::{Passage, relay};

/// Bytes that no compressor makes smaller.
fn noise(mark: &str, length: usize) -> Vec<u8> {
    let mut state =
        mark.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| (state ^ u64::from(byte)) << 5 | state >> 59);
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// A run to two regions of an image with so many layers of three blocks and a bit.
fn with_large_layers(count: usize) -> Pipe {
    let mut pipe = two_regions(usual(), &[]);
    let mut dockerfile = "FROM busybox:1.36\n".to_owned();
    for number in 0..count {
        let name = format!("data-{number}");
        let content = noise(&format!("{}{name}", pipe.repository), 3_200_000);
        pipe = pipe.file(&name, content);
        dockerfile.push_str(&format!("COPY {name} /{name}\n"));
    }
    pipe.dockerfile(&dockerfile)
}

/// Requests of the pipe's repository in a region, by their method and a part of their path.
fn requests(pipe: &Pipe, region: &str, method: &str, part: &str) -> Vec<Value> {
    let all = pipe.lab.requests(&format!("/v2/{}/", pipe.repository));
    let is = |request: &Value| {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        text("host").contains(region) && text("method") == method && text("path").contains(part)
    };
    all.into_iter().filter(is).collect()
}

/// How many uploads with each digest were ended in a region.
fn sent(pipe: &Pipe, region: &str) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for request in requests(pipe, region, "PUT", "/blobs/uploads/") {
        let path = request["path"].as_str().unwrap_or_default();
        let digest = path.split("digest=").nth(1).unwrap_or_default().to_owned();
        *sent.entry(digest).or_default() += 1;
    }
    sent
}

#[test]
fn an_upload_that_is_cut_is_made_again_and_no_other() {
    let pipe = with_large_layers(3);
    let rule = json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "skip": 1, "cut": {"request": 500_000}});
    fault(&pipe, &rule);
    let run = pipe.run().exits(0).says("; the rest is sent once more in ");
    is_everywhere(&pipe, &run, &["main"]);
    assert_eq!(requests(&pipe, REGIONS[0], "PATCH", "/blobs/uploads/").len(), 4, "a base image and three layers");
    assert_eq!(requests(&pipe, REGIONS[1], "PATCH", "/blobs/uploads/").len(), 5, "one of them twice");
    for region in REGIONS {
        let sent = sent(&pipe, region);
        assert!(sent.values().all(|times| *times == 1), "{region}: each blob was ended once: {sent:?}");
    }
}

#[test]
fn an_expired_token_loses_one_upload_and_no_other() {
    let pipe = with_large_layers(3);
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    let answer = json!({"status": 403, "body": expired});
    fault(&pipe, &json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "skip": 2, "answer": answer}));
    let run = pipe.run().exits(0);
    is_everywhere(&pipe, &run, &["main"]);
    assert_eq!(requests(&pipe, REGIONS[1], "PATCH", "/blobs/uploads/").len(), 5, "one of four twice");
    assert!(sent(&pipe, REGIONS[0]).values().all(|times| *times == 1));
}

#[test]
fn a_registry_that_wants_a_pause_is_asked_nothing_in_the_meantime() {
    let pipe = with_large_layers(4);
    let busy = json!({"status": 429, "headers": {"Retry-After": "2"},
        "body": {"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}});
    fault(&pipe, &json!({"method": "POST", "path": "REPOSITORY/blobs/uploads/", "skip": 1, "answer": busy}));
    let run = pipe.run().exits(0).does_not_say("sent once more");
    is_everywhere(&pipe, &run, &["main"]);
    let time = |request: &Value| request["time"].as_f64().expect("a time");
    let posts = requests(&pipe, REGIONS[1], "POST", "/blobs/uploads/");
    let refused = posts.iter().position(|request| !request["fault"].is_null()).expect("the fault was met");
    // Those that were on their way when it came are let off.
    let later = posts.iter().map(time).filter(|at| *at > time(&posts[refused]) + 0.5);
    assert!(later.clone().count() >= 1, "{posts:?}");
    assert!(later.into_iter().all(|at| at >= time(&posts[refused]) + 2.0), "{posts:?}");
}

#[test]
fn a_registry_that_says_it_got_other_bytes_gets_no_tag() {
    let other = format!("sha256:{}", "0".repeat(64));
    let replaced = json!({"Docker-Content-Digest": other});
    for (path, code) in [("REPOSITORY/blobs/uploads/", 7), ("REPOSITORY/manifests/sha256", 7)] {
        let pipe = with_large_layers(1);
        fault(&pipe, &json!({"method": "PUT", "path": path, "times": 0, "replace_header": replaced}));
        let run = pipe.run().exits(code).reports_nothing();
        run.says(&format!(" was sent to the registry, but it says that it got {other}; no tag has moved; "))
            .says("\n  hint: something between the step and the registry alters answers: check `HTTPS_PROXY`\n");
        no_tag_is_anywhere(&pipe);
    }
}

#[test]
fn what_arrived_before_an_export_broke_off_is_not_sent_again() {
    let pipe = with_large_layers(16);
    let (pipe, relay) = relay(pipe, |_| Passage::Through);
    // Uploads that begin late hold the export up: what waits for them is bounded.
    let id = pipe.repository.clone();
    fault(&pipe, &json!({"method": "POST", "path": "REPOSITORY/blobs/uploads/", "times": 0, "id": id, "delay": 2}));
    let began = Instant::now();
    let child = pipe.start();
    let ended = || requests(&pipe, REGIONS[1], "PUT", "/blobs/uploads/").len();
    until("the first layers have arrived", || ended() > 1);
    assert!(relay.cut("/get HTTP/1.1") > 0, "the export was under way");
    pipe.lab.control("fault", &["clear", &id]);
    let run = pipe.finish(child, began).exits(0).says("; the rest is sent once more in ");
    is_everywhere(&pipe, &run, &["main"]);
    for region in REGIONS {
        let sent = sent(&pipe, region);
        assert!(sent.values().all(|times| *times == 1), "{region}: {sent:?}");
    }
}

#[test]
fn many_small_layers_arrive_each_once() {
    let pipe = two_regions(usual(), &[]);
    let steps: String = (0..40).map(|number| format!("COPY mark /mark-{number}\n")).collect();
    let mark = pipe.repository.clone();
    let pipe = pipe.file("mark", &mark).dockerfile(&format!("FROM busybox:1.36\n{steps}"));
    let run = pipe.run().exits(0);
    is_everywhere(&pipe, &run, &["main"]);
    for region in REGIONS {
        let sent = sent(&pipe, region);
        // Forty layers, the base image and the configuration.
        assert_eq!((sent.len(), sent.values().sum::<usize>()), (42, 42), "{region}: {sent:?}");
        assert_eq!(requests(&pipe, region, "PATCH", "").len(), 1, "only the base image is longer than a block");
    }
}

#[test]
fn two_runs_that_push_the_same_blobs_at_once_both_succeed() {
    let pipe = with_large_layers(3).var("CACHE", "none");
    // No upload ends before each of the two runs has begun one.
    let id = pipe.repository.clone();
    fault(&pipe, &json!({"method": "PATCH", "path": "REPOSITORY/blobs/uploads/.", "times": 0, "id": id, "delay": 1}));
    let began = Instant::now();
    let pipe = pipe.var("TAG", "one");
    let first = pipe.start();
    let pipe = pipe.var("TAG", "two").var("OUTPUT_DIR", "second");
    let second = pipe.start();
    for (tag, child) in [("one", first), ("two", second)] {
        let run = pipe.finish(child, began).exits(0);
        is_everywhere(&pipe, &run, &[tag]);
    }
    let twice = |region| sent(&pipe, region).values().any(|times| *times == 2);
    assert!(REGIONS.into_iter().any(twice), "the runs did not meet: {:?}", sent(&pipe, REGIONS[0]));
}
