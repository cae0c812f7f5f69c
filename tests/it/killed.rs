//! SIGKILL at any moment, then the same run again: it ends right, and no tag is wrong or there twice.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::usual;
use crate::pipe::{Pipe, Run, until};

const KILLS: usize = 20;
/// Pipes that run at a time: they share two cores, and so does the run by which the span is measured.
const AT_A_TIME: usize = 4;
/// The moments are the same in each run of the tests.
const SEED: u64 = 0x5eed;
const GROUPS: [&str; 3] = ["Checks", "Build", "Push"];
const TAGS: [&str; 2] = ["1.0", "latest"];

/// splitmix64, for moments that are spread and repeat.
fn random(number: u64) -> u64 {
    let mut bits = SEED.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Bytes that no registry has and that do not compress, so that the push takes its time.
fn content(seed: u64) -> Vec<u8> {
    (0..1u64 << 18).flat_map(|at| random(seed << 32 | at).to_le_bytes()).collect()
}

/// A step with two tags and an image of its own.
fn step(number: usize) -> Pipe {
    let seed = u64::try_from(number).unwrap();
    Pipe::new(usual())
        .dockerfile("FROM busybox:1.36\nCOPY blob /blob\nRUN echo built > /built\n")
        .file("blob", content(seed))
        .var("TAG", &TAGS.join(" "))
}

/// The repository's tags with their digests; a tag is there once at the most.
fn tags(pipe: &Pipe) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in pipe.lab.control("images", &[&pipe.repository]).lines() {
        let image: Value = serde_json::from_str(line).unwrap();
        for tag in image["imageTags"].as_array().unwrap() {
            let digest = image["imageDigest"].as_str().unwrap().to_owned();
            assert_eq!(found.insert(tag.as_str().unwrap().to_owned(), digest), None, "{tag} is there twice");
        }
    }
    found
}

/// Starts the run, kills it at the moment, and looks at what it left; the group of the log in which it was, if it still ran.
fn kill(pipe: &Pipe, moment: Duration) -> Option<&'static str> {
    let began = Instant::now();
    let mut child = pipe.start();
    until("the moment has come", || began.elapsed() >= moment);
    let still_ran = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    let run = pipe.finish(child, began);
    let left = tags(pipe);
    if run.image_env.is_some() {
        assert_eq!(left.len(), TAGS.len(), "an output is written when all is done: {left:?}");
    }
    let mut digests: Vec<&String> = left.values().collect();
    digests.dedup();
    assert!(digests.len() <= 1, "the tags that are there name one image: {left:?}");
    let group = GROUPS.into_iter().rev().find(|group| run.log.contains(&format!("\n{group}\n")));
    group.filter(|_| still_ran)
}

/// The same run, while the engine may still do what the killed one had asked of it.
fn ends_right(pipe: &Pipe) {
    let run: Run = pipe.run().exits(0);
    let digest = run.stdout.trim().strip_prefix(&format!("{}@", pipe.uri())).expect("the digest").to_owned();
    let expected: BTreeMap<String, String> = TAGS.iter().map(|tag| ((*tag).to_owned(), digest.clone())).collect();
    assert_eq!(tags(pipe), expected, "both tags and no other, on the image that was reported");
    assert!(run.image_env.unwrap().contains(&digest), "image.env");
    let mut files: Vec<String> = std::fs::read_dir(pipe.path(".ecr-pipe"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, [".gitignore", "image.env", "result.json"], "nothing is left beside the outputs");
}

/// Runs the numbers on some threads at a time.
fn in_parallel(numbers: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers {
                        return;
                    }
                    work(number);
                }
            });
        }
    });
}

#[test]
fn a_run_that_is_killed_at_any_moment_ends_right_when_it_is_run_again() {
    let span = Mutex::new(Duration::ZERO);
    in_parallel(AT_A_TIME, |number| {
        let took = step(1000 + number).run().exits(0).took;
        let mut longest = span.lock().unwrap();
        *longest = took.max(*longest);
    });
    let span = span.into_inner().unwrap();
    let killed = Mutex::new(Vec::new());
    in_parallel(KILLS, |number| {
        // One in each of as many parts of the span, anywhere in it.
        let (place, kills) = (u32::try_from(number).unwrap(), u32::try_from(KILLS).unwrap());
        let within = u32::try_from(random(u64::from(place)) % 1000).unwrap();
        let moment = span * (place * 1000 + within) / (kills * 1000);
        let pipe = step(number);
        let group = kill(&pipe, moment);
        killed.lock().unwrap().push(group);
        ends_right(&pipe);
    });
    let killed = killed.into_inner().unwrap();
    for group in GROUPS {
        assert!(killed.contains(&Some(group)), "none was killed in {group}, but {killed:?}, of {span:?}");
    }
}
