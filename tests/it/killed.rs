//! SIGKILL at any moment, then the same run again: it ends right, and no tag is wrong or there twice.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::lab::usual;
use crate::pipe::{Pipe, until};

/// In each group of the log: each kind of step (`by_turns`) in both modes.
const KILLS: usize = 6;
/// Pipes that run at a time: they share two cores, and so do the runs by which the groups are measured.
const AT_A_TIME: usize = 4;
/// The moments are the same in each run of the tests.
const SEED: u64 = 0x5eed;
const GROUPS: [&str; 3] = ["Checks", "Build", "Push"];
const TAGS: [&str; 2] = ["1.0", "latest"];
const LIFECYCLE: &str = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged",
    "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]}"#;
const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// splitmix64, for moments that are spread and repeat.
fn random(number: u64) -> u64 {
    let mut bits = SEED.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Bytes that no registry has and that do not compress, so that the push takes its time.
fn content(pipe: &Pipe) -> Vec<u8> {
    let seed = pipe.repository.bytes().fold(0, |seed: u64, byte| random(seed) ^ u64::from(byte));
    (0..1u64 << 18).flat_map(|at| random(seed ^ at).to_le_bytes()).collect()
}

/// What is run and killed: a step with an image of its own and the repositories that it pushes to.
struct Step {
    pipe: Pipe,
    regions: &'static [&'static str],
    /// Whether the run creates the repositories.
    creates: bool,
}

impl Step {
    fn new(pipe: Pipe, regions: &'static [&'static str]) -> Self {
        let blob = content(&pipe);
        let images = regions.iter().map(|region| format!("{}/{}", pipe.lab.host(region), pipe.repository));
        let images = images.collect::<Vec<_>>().join(" ");
        let pipe = pipe
            .dockerfile("FROM busybox:1.36\nCOPY blob /blob\nRUN echo built > /built\n")
            .file("blob", blob)
            .var("TAG", &TAGS.join(" "))
            .var("IMAGE", &images);
        Self { pipe, regions, creates: false }
    }

    /// The digests of all tags by region and tag; a tag is there once at the most.
    fn tags(&self) -> BTreeMap<(&'static str, String), String> {
        let mut found = BTreeMap::new();
        let lab = self.pipe.lab;
        for region in self.regions {
            let repositories = &lab.ecr(region, "DescribeRepositories", &json!({}))["repositories"];
            let mut names = repositories.as_array().unwrap().iter().map(|each| &each["repositoryName"]);
            if !names.any(|name| *name == self.pipe.repository) {
                continue;
            }
            let images = lab.ecr(region, "DescribeImages", &json!({"repositoryName": self.pipe.repository}));
            for image in images["imageDetails"].as_array().unwrap() {
                let digest = image["imageDigest"].as_str().unwrap();
                for tag in image["imageTags"].as_array().unwrap() {
                    let tag = tag.as_str().unwrap().to_owned();
                    let other = found.insert((*region, tag), digest.to_owned());
                    assert_eq!(other, None, "a tag of {digest} is there twice");
                }
            }
        }
        found
    }

    /// Starts the run and reads its log to the end; how long each group took.
    fn measure(&self) -> [Duration; GROUPS.len()] {
        let began = Instant::now();
        let mut child = self.pipe.start();
        let mut began_at = [Duration::ZERO; GROUPS.len()];
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(group) = GROUPS.iter().position(|group| *group == line) {
                began_at[group] = began.elapsed();
            }
        }
        let ended = self.pipe.finish(child, began).exits(0).took;
        std::array::from_fn(|group| began_at.get(group + 1).unwrap_or(&ended).saturating_sub(began_at[group]))
    }

    /// Starts the run, kills it at the moment of the group, and looks at what it left; whether it still was in the group.
    fn kill(&self, group: &str, moment: Duration) -> bool {
        let mut child = self.pipe.start();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(log.any(|line| line == group), "the run comes to {group}");
        let began = Instant::now();
        until("the moment has come", || began.elapsed() >= moment);
        let still_ran = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        let in_group = still_ran && !log.any(|line| GROUPS.contains(&line.as_str()));
        let run = self.pipe.finish(child, began);
        let left = self.tags();
        if run.image_env.is_some() {
            assert_eq!(left.len(), TAGS.len() * self.regions.len(), "an output is written when all is done: {left:?}");
        }
        let mut digests: Vec<&String> = left.values().collect();
        digests.dedup();
        assert!(digests.len() <= 1, "the tags that are there name one image: {left:?}");
        in_group
    }

    /// The same run, while the engine may still do what the killed one had asked of it.
    fn ends_right(&self) {
        let run = self.pipe.run().exits(0);
        let lines: Vec<&str> = run.stdout.lines().collect();
        let mut expected = BTreeMap::new();
        for (region, line) in self.regions.iter().zip(&lines) {
            let (uri, digest) = line.split_once('@').expect("a digest");
            assert_eq!(uri, format!("{}/{}", self.pipe.lab.host(region), self.pipe.repository));
            expected.extend(TAGS.map(|tag| ((*region, tag.to_owned()), digest.to_owned())));
        }
        assert_eq!(lines.len(), self.regions.len(), "a line for each repository");
        assert_eq!(self.tags(), expected, "these tags and no other, on the image that was reported");
        assert!(expected.values().all(|digest| run.image_env.as_ref().unwrap().contains(digest)), "one digest");
        if self.creates {
            self.is_as_wanted();
        }
        let entries = std::fs::read_dir(self.pipe.path(".ecr-pipe")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, [".gitignore", "image.env", "result.json"], "nothing is left beside the outputs");
    }
}

impl Step {
    /// A repository whose creation was cut short is finished.
    fn is_as_wanted(&self) {
        let name = &self.pipe.repository;
        for region in self.regions {
            let found = self.pipe.lab.ecr(region, "DescribeRepositories", &json!({"repositoryNames": [name]}));
            assert_eq!(found["repositories"][0]["imageTagMutability"], "IMMUTABLE", "{region}");
            let policy = self.pipe.lab.ecr(region, "GetLifecyclePolicy", &json!({"repositoryName": name}));
            assert_eq!(policy["lifecyclePolicyText"], LIFECYCLE, "{region}");
        }
    }
}

/// Does the numbers on some threads at a time.
fn in_parallel(numbers: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers {
                return;
            }
            work(number);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(worker);
        }
    });
}

/// Kills the run of as many steps at as many moments, and runs each again.
fn survives_kills(step: impl Fn(usize) -> Step + Sync) {
    let spans = Mutex::new([Duration::ZERO; GROUPS.len()]);
    in_parallel(AT_A_TIME, |number| {
        let took = step(number).measure();
        let mut spans = spans.lock().unwrap();
        *spans = std::array::from_fn(|group| took[group].max(spans[group]));
    });
    let spans = spans.into_inner().unwrap();
    let killed = [const { AtomicUsize::new(0) }; GROUPS.len()];
    in_parallel(KILLS * GROUPS.len(), |number| {
        // One in each of as many parts of the group's span, anywhere in it; the first when the group begins, however
        // quick it is today.
        let (group, place) = (number / KILLS, number % KILLS);
        let within = if place == 0 { 0 } else { random(u64::try_from(number).unwrap()) % 1000 };
        let place = u32::try_from(place).unwrap() * 1000 + u32::try_from(within).unwrap();
        let moment = spans[group] * place / (u32::try_from(KILLS).unwrap() * 1000);
        let step = step(number);
        if step.kill(GROUPS[group], moment) {
            killed[group].fetch_add(1, Ordering::Relaxed);
        }
        step.ends_right();
    });
    for (group, killed) in GROUPS.iter().zip(killed) {
        assert_ne!(killed.into_inner(), 0, "killed in {group}, of {spans:?}");
    }
}

/// By turns: tags that may move; tags that may not, of which what exists is left alone; and a repository that the run creates.
fn by_turns(number: usize, regions: &'static [&'static str]) -> Step {
    let pipe = Pipe::without_repository(usual());
    let create = |mutability: &str| {
        let body = json!({"repositoryName": pipe.repository, "imageTagMutability": mutability});
        for region in regions {
            pipe.lab.ecr(region, "CreateRepository", &body);
        }
    };
    match number % 3 {
        0 => {
            create("MUTABLE");
            Step::new(pipe, regions)
        }
        1 => {
            create("IMMUTABLE");
            Step::new(pipe.var("IF_TAG_EXISTS", "skip"), regions)
        }
        _ => {
            let pipe = pipe.var("CREATE_REPOSITORY", "true").var("TAG_MUTABILITY", "immutable");
            let pipe = pipe.var("LIFECYCLE_POLICY", LIFECYCLE).var("IF_TAG_EXISTS", "skip");
            Step { creates: true, ..Step::new(pipe, regions) }
        }
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_ends_right_when_it_is_run_again() {
    survives_kills(|number| {
        let step = by_turns(number, &REGIONS[..1]);
        // Each of the three in both modes.
        let mode = ["engine", "direct"][number / 3 % 2];
        Step { pipe: step.pipe.var("PUSH_MODE", mode), ..step }
    });
}

#[test]
fn a_run_for_two_regions_that_is_killed_at_any_moment_ends_right_when_it_is_run_again() {
    survives_kills(|number| by_turns(number, &REGIONS));
}
