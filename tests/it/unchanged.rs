//! `SKIP_UNCHANGED`: the same inputs are not built again, and anything that is not certain is.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::lab::{output, usual};
use crate::pipe::{Pipe, Run};
use crate::recorder::{Record, recorded};

/// A step with inputs of its own, so that no other test has an image of them.
fn step() -> Pipe {
    with_inputs(Pipe::new(usual()))
}

fn with_inputs(pipe: Pipe) -> Pipe {
    let own = pipe.repository.clone();
    pipe.dockerfile("FROM busybox:1.36\nARG WHO\nCOPY src /src\nRUN echo $WHO > /who\n")
        .file("src/own", own)
        .file("src/other", "other")
        .var("SKIP_UNCHANGED", "true")
        .var("TAG", "first")
}

fn digest(run: &Run) -> String {
    run.stdout.lines().next().and_then(|line| line.split_once('@')).expect("a line on stdout").1.to_owned()
}

/// The tags of the repository, without the fingerprints, and how many of those there are.
fn tags(pipe: &Pipe, region: &str) -> (Vec<String>, Vec<String>) {
    let listed = pipe.lab.control("images", &[&pipe.repository, "--region", region]);
    let images = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let tags = images.flat_map(|image| image["imageTags"].as_array().cloned().unwrap_or_default());
    let tags = tags.map(|tag| tag.as_str().expect("a text").to_owned());
    let (own, mut plain): (Vec<_>, Vec<_>) = tags.partition(|tag| tag.starts_with("unchanged-"));
    plain.sort_unstable();
    (plain, own)
}

/// The run that follows builds nothing, which the engine's record shows, and tags the image of the first one.
#[track_caller]
fn skips(pipe: &Pipe, record: &Record, first: &Run) -> Run {
    let before = record.len();
    let run = pipe.run().exits(0).built_nothing();
    assert!(record.len() > before, "the engine is asked what it is");
    assert!(!record.holds_since(before, b"POST /v1.45/build"), "no build");
    assert_eq!(run.stdout, first.stdout);
    run.says(&format!("  unchanged   the same inputs as {}", digest(first)))
}

/// A run that builds says why.
#[track_caller]
fn builds(pipe: &Pipe, because: &str) -> Run {
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert!(run.log.contains(&format!("  unchanged   builds, because {because}")), "{because}: {}", run.log);
    run
}

fn none(pipe: &Pipe) -> String {
    format!("no image in `{}` has the same inputs\n", pipe.uri())
}

#[test]
fn the_same_inputs_are_not_built_again_whatever_the_tag_and_the_times() {
    let (pipe, record) = recorded(step());
    let pipe = pipe.file(".dockerignore", "relay.sock\n.ecr-pipe\n");
    let first = builds(&pipe, &none(&pipe)).says("\n  unchanged-").says(": the inputs of this build\n");
    assert!(record.holds(b"POST /v1.45/build"));
    let (plain, own) = tags(&pipe, "us-east-1");
    assert_eq!((plain, own.len()), (vec!["first".to_owned()], 1));
    // As another checkout of the same commit.
    output(Command::new("find").arg(pipe.path("src")).args(["-exec", "touch", "-d", "2001-01-01", "{}", ";"]));
    let pipe = pipe.var("TAG", "second third").var("BITBUCKET_BUILD_NUMBER", "2");
    let run = skips(&pipe, &record, &first).says(": retagged, nothing is built\n").says("\nTags\n");
    let uri = pipe.uri();
    run.says(&format!("  {uri}:second: {}\n", digest(&first)))
        .says(&format!("✔ tagged {uri}@{} in ", digest(&first)))
        .says("\n✔ tagged second, third, ")
        .does_not_say("cache ");
    assert_eq!(tags(&pipe, "us-east-1"), (["first", "second", "third"].map(str::to_owned).to_vec(), own));
}

#[test]
fn the_outputs_of_a_run_that_skips_are_those_of_one_that_builds() {
    let pipe = step();
    let first = pipe.run().exits(0);
    let run = pipe.run().exits(0).built_nothing().says("\n  all tags name that image already\n").says("✔ kept ");
    assert_eq!(run.image_env, first.image_env);
    let json = |run: &Run| serde_json::from_str::<Value>(run.result_json.as_ref().expect("result.json")).expect("JSON");
    let (before, after) = (json(&first), json(&run));
    for field in ["digest", "image_id", "media_type", "image_bytes"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(after["tags"][0]["previous_digest"], digest(&first));
}

/// Requests to AWS and to registries since the record's first `from`, of this run alone.
fn requests(pipe: &Pipe, own: &str) -> Vec<String> {
    let lines = pipe.lab.requests(&format!("{}|{own}", pipe.key));
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| {
            format!("{} {} {} {}", text(line, "method"), text(line, "host"), text(line, "path"), text(line, "target"))
        })
        .collect()
}

#[test]
fn a_run_that_skips_makes_five_requests_at_the_most() {
    let pipe = step();
    let base = format!("base-{}", pipe.key.to_lowercase());
    let lab = pipe.lab;
    lab.docker(&["pull", "--quiet", "busybox:1.36"]);
    let local = format!("localhost:5000/library/{base}:1");
    lab.docker(&["tag", "busybox:1.36", &local]);
    lab.docker(&["push", "--quiet", &local]);
    lab.docker(&["rmi", &local]);
    let pipe = pipe.dockerfile(&format!("FROM {base}:1\nCOPY src /src\n")).file("large", vec![7; 30 << 20]);
    pipe.run().exits(0);
    let mut pipe = pipe;
    // Docker Hub gives a token for each image, which is one of them; an age costs one more.
    for (skip, most) in [("true", 5), ("7d", 6)] {
        let before = requests(&pipe, &base).len();
        pipe = pipe.var("TAG", &format!("tag-{skip}")).var("SKIP_UNCHANGED", skip);
        let run = pipe.run().exits(0).built_nothing();
        let made = requests(&pipe, &base).split_off(before);
        assert!(made.len() <= most, "{skip}: {made:#?}\n{}", run.log);
    }
}

type Change = (&'static str, fn(Pipe) -> Pipe);

#[test]
fn each_input_that_changes_builds() {
    let pipe = step().var("BUILD_SECRETS", "id=pin,env=PIN").var("PIN", "1234").var("BUILD_ARGS", "WHO=me\nZ=1");
    let first = builds(&pipe, &none(&pipe));
    let changes: [Change; 9] = [
        ("a file", |pipe| pipe.file("src/other", "Other")),
        ("a mode", |pipe| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(pipe.path("src/other"), mode).unwrap();
            pipe
        }),
        ("a file that no step copies", |pipe| pipe.file("elsewhere", "")),
        ("the Dockerfile", |pipe| {
            let text = fs::read_to_string(pipe.path("Dockerfile")).unwrap();
            pipe.dockerfile(&format!("{text}ENV A=b\n"))
        }),
        ("an argument", |pipe| pipe.var("BUILD_ARGS", "WHO=you\nZ=1")),
        ("a secret", |pipe| pipe.var("PIN", "1235")),
        ("a label", |pipe| pipe.var("LABELS", "a=b")),
        ("a host", |pipe| pipe.var("ADD_HOSTS", "db:10.0.0.1")),
        ("the time", |pipe| pipe.var("SOURCE_DATE_EPOCH", "1700000000")),
    ];
    let mut pipe = pipe;
    for (what, change) in changes {
        pipe = change(pipe);
        let run = pipe.run().exits(0);
        assert!(run.log.contains("\nBuild\n"), "{what}: {}", run.log);
        pipe.run().exits(0).built_nothing();
    }
    // Back to the first inputs: the first image is still known.
    let pipe = with_inputs(pipe).var("BUILD_ARGS", "Z=1\nWHO=me").var("PIN", "1234");
    fs::remove_file(pipe.path("elsewhere")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(pipe.path("src/other"), mode).unwrap();
    let pipe = pipe.without("LABELS").without("ADD_HOSTS").without("SOURCE_DATE_EPOCH");
    let run = pipe.run().exits(0).built_nothing();
    assert_eq!(run.stdout, first.stdout);
}

#[test]
fn another_base_image_under_the_same_tag_builds() {
    let pipe = step();
    let base = |pipe: Pipe, content: &str| {
        let pipe = pipe.dockerfile(&format!("FROM busybox:1.36\nRUN echo {content} > /base\n"));
        let pipe = pipe.var("TAG", "base").var("SKIP_UNCHANGED", "false");
        pipe.run().exits(0);
        // As on the empty engine of a new step.
        pipe.lab.docker(&["rmi", "--force", &format!("{}:base", pipe.uri())]);
        let dockerfile = format!("FROM {}:base\nRUN cat /base > /copy\n", pipe.uri());
        pipe.dockerfile(&dockerfile).var("TAG", "main").var("SKIP_UNCHANGED", "true")
    };
    let pipe = base(pipe, "one");
    pipe.run().exits(0).says("\nBuild\n");
    pipe.run().exits(0).built_nothing();
    let pipe = base(pipe, "two");
    builds(&pipe, &none(&pipe));
    pipe.run().exits(0).built_nothing();
}

#[test]
fn what_the_engine_has_itself_must_be_what_the_registry_has() {
    let pipe = step();
    let name = format!("{}:base", pipe.uri());
    let text = "FROM busybox:1.36\nRUN echo base > /base\n";
    let pipe = pipe.dockerfile(text).var("TAG", "base").var("SKIP_UNCHANGED", "false");
    pipe.run().exits(0);
    pipe.lab.docker(&["pull", "--quiet", "busybox:1.36"]);
    pipe.lab.docker(&["tag", "busybox:1.36", &name]);
    let pipe = pipe.dockerfile(&format!("FROM {name}\n")).var("TAG", "main").var("SKIP_UNCHANGED", "true");
    let words = format!("the engine has another `{name}` than its registry, and `PULL` is not set\n");
    builds(&pipe, &words).does_not_say("the inputs of this build");
    pipe.var("PULL", "true").run().exits(0).says("the inputs of this build");
}

#[test]
fn doubts_build_and_mark_nothing() {
    for (dockerfile, because) in [
        (
            "FROM busybox:1.36\nADD http://127.0.0.1:1/x /x\n",
            "`ADD` on line 2 of the Dockerfile fetches what may change; `--checksum` would fix it\n",
        ),
        (
            "FROM nowhere.test/a:1\n",
            "nowhere.test does not tell what `nowhere.test/a:1` is: the connection was not made\n",
        ),
        (
            "FROM registry.lab.test/private/base:1\n",
            "registry.lab.test does not tell what `registry.lab.test/private/base:1` is: HTTP 401\n",
        ),
    ] {
        let pipe = step().dockerfile(dockerfile);
        let run = pipe.run();
        assert_ne!(run.code, 0, "{}", run.log);
        run.says(&format!("  unchanged   builds, because {because}")).says("\nBuild\n");
    }
}

#[test]
fn a_private_base_image_is_looked_up_with_its_login() {
    let pipe = step().dockerfile("FROM registry.lab.test/private/base:1\nCOPY src /src\n");
    let pipe = pipe.var("REGISTRY_LOGINS", "host=registry.lab.test,username=lab,password-env=LAB_PASSWORD");
    let pipe = pipe.var("LAB_PASSWORD", "lab-password");
    pipe.run().exits(0).says("\nBuild\n");
    pipe.run().exits(0).built_nothing();
    let pipe = pipe.dockerfile("FROM hub-user/base:1\nCOPY src /src\n").var("HUB_PASSWORD", "hub-password");
    let pipe = pipe.var("REGISTRY_LOGINS", "host=docker.io,username=hub-user,password-env=HUB_PASSWORD");
    pipe.run().exits(0).says("\nBuild\n");
    pipe.run().exits(0).built_nothing();
}

#[test]
fn a_registry_of_base_images_that_is_down_builds() {
    let pipe = step();
    pipe.run().exits(0);
    let lab = crate::lab::Lab::up(&["--engine", "26.1"]);
    let lab: &'static crate::lab::Lab = Box::leak(Box::new(lab));
    lab.fault(&json!({"host": "registry-1", "method": "HEAD", "times": 0, "answer": {"status": 503, "body": {}}}));
    let pipe = with_inputs(Pipe::new(lab));
    let words = "registry-1.docker.io does not tell what `docker.io/library/busybox:1.36` is: HTTP 503\n";
    builds(&pipe, words).does_not_say("the inputs of this build");
    lab.ask(&json!({"op": "clear", "id": null}));
    // The engine, which asks a mirror, gets another image than the registry names: nobody knows which one is the newer.
    let other = format!("sha256:{}", "1".repeat(64));
    lab.fault(&json!({"host": "registry-1", "method": "HEAD", "times": 0, "replace_header": {"Docker-Content-Digest": other}}));
    let run = builds(&pipe, &none(&pipe)).does_not_say("the inputs of this build");
    run.says("  warning: the engine built from `docker.io/library/busybox:1.36@sha256:")
        .says("`, which its registry has no more or not yet, so that the image is not marked: the next run with the same inputs builds again\n");
    lab.ask(&json!({"op": "clear", "id": null}));
    lab.fault(&json!({"host": "auth.docker.io", "times": 0, "cut": true}));
    let words =
        "registry-1.docker.io does not tell what `docker.io/library/busybox:1.36` is: the connection broke off\n";
    builds(&pipe, words);
}

/// Answers the look for the image's age as if it were so old.
fn aged(pipe: &Pipe, run: &Run, seconds: u64) {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    pipe.lab.fault(&json!({"target": "DescribeImages", "access_key": pipe.key, "times": 1, "answer": {"status": 200,
        "headers": {"Content-Type": "application/x-amz-json-1.1"},
        "body": {"imageDetails": [{"imageDigest": digest(run), "imagePushedAt": now - seconds}]}}}));
}

#[test]
fn an_image_that_is_too_old_is_built_anew_and_marked_instead() {
    let pipe = step().var("SKIP_UNCHANGED", "7d");
    let first = builds(&pipe, &none(&pipe));
    let pipe = pipe.var("TAG", "second");
    aged(&pipe, &first, 3 * 86_400);
    let words =
        format!("  unchanged   the same inputs as {}, pushed 3 days ago: retagged, nothing is built\n", digest(&first));
    pipe.run().exits(0).built_nothing().says(&words);
    // Of the same steps another image, so that it is seen which one is marked.
    pipe.lab.docker(&["builder", "prune", "--all", "--force"]);
    aged(&pipe, &first, 8 * 86_400 + 5);
    let words =
        format!("{}, which has the same inputs, was pushed 8 days ago, and `SKIP_UNCHANGED` is `7d`\n", digest(&first));
    let second = builds(&pipe, &words).says(": the inputs of this build\n");
    let run = pipe.run().exits(0).built_nothing().says("pushed just now: nothing is built\n");
    assert_eq!(run.stdout, second.stdout);
}

#[test]
fn a_repository_with_immutable_tags_keeps_the_mark_and_says_what_follows() {
    let pipe = with_inputs(Pipe::with_repository(usual(), &["--immutable"])).var("SKIP_UNCHANGED", "7d");
    let first = builds(&pipe, &none(&pipe));
    // The same step once more: its tag names the image already, which is no failure.
    let run = pipe.run().exits(0).built_nothing().says(": nothing is built\n");
    assert_eq!(run.stdout, first.stdout);
    let pipe = pipe
        .var("TAG", "second")
        .var("NO_CACHE", "true")
        .dockerfile("FROM busybox:1.36\nARG WHO\nCOPY src /src\nRUN cat /proc/sys/kernel/random/uuid > /who\n");
    let first = builds(&pipe, "`NO_CACHE` is set\n").says(": the inputs of this build\n");
    let pipe = pipe.without("NO_CACHE").var("TAG", "third");
    aged(&pipe, &first, 8 * 86_400);
    let pipe = pipe.var("CACHE", "none");
    pipe.lab.docker(&["builder", "prune", "--all", "--force"]);
    let run = builds(&pipe, &digest(&first)).says("\n  warning: `");
    run.says(
        "` stays with an older image, since tags are immutable there: the next run with the same inputs builds again\n",
    )
    .says("\n    hint: let `unchanged-*` be an exception (`TAG_MUTABILITY_EXCEPT`), or delete that tag\n");
    // A tag that names another image may not move.
    let pipe = pipe.var("TAG", "first fourth").var("SKIP_UNCHANGED", "true");
    let run = pipe.run().exits(4).reports_nothing().built_nothing();
    run.says(
        "  unchanged   not retagged, because a tag exists that by `IF_TAG_EXISTS` or the tag policy may not move\n",
    )
    .says("✖ tag `first` exists in ");
    assert_eq!(tags(&pipe, "us-east-1").0, ["first", "second", "third"]);
    let run = pipe.var("TAG", "first").run().exits(4).reports_nothing().built_nothing();
    run.says("and is immutable").says("; no tag has moved\n");
}

#[test]
fn the_rule_about_tags_that_exist_goes_first() {
    let pipe = step();
    let first = pipe.run().exits(0);
    let pipe = pipe.var("IF_TAG_EXISTS", "fail");
    pipe.run().exits(4).says("and `IF_TAG_EXISTS` is `fail`").reports_nothing();
    let run = pipe.var("TAG", "second").run().exits(0).built_nothing();
    assert_eq!(run.stdout, first.stdout);
    // `skip` gives a missing tag the image, and leaves one alone that names another.
    let pipe = step();
    let first = pipe.run().exits(0);
    let pipe = pipe.file("src/other", "new").var("TAG", "other");
    pipe.run().exits(0).says("\nBuild\n");
    let pipe = pipe.file("src/other", "other").var("IF_TAG_EXISTS", "skip").var("TAG", "first third");
    let run = pipe.run().exits(0).built_nothing();
    assert_eq!(run.stdout, first.stdout);
    let run = pipe.var("TAG", "other").run().exits(0).built_nothing();
    run.says("  unchanged   not retagged, because a tag exists").says("since `IF_TAG_EXISTS` is `skip`\n");
}

#[test]
fn a_tag_that_moves_names_what_the_inputs_say() {
    let pipe = step().var("TAG", "main");
    let first = pipe.run().exits(0);
    let pipe = pipe.file("src/other", "new");
    let second = pipe.run().exits(0).says("\nBuild\n");
    assert_ne!(first.stdout, second.stdout);
    // A commit that takes the one before back.
    let pipe = pipe.file("src/other", "other").var("DRY_RUN", "true");
    let from = pipe.lab.requests(&pipe.repository).len();
    let run = pipe.run().exits(0).built_nothing();
    run.says(&format!(
        "\nPlan\n  build nothing: {} has the same inputs, and `SKIP_UNCHANGED` is set\n",
        digest(&first)
    ))
    .says(&format!("\n  tag it as {}:main, instead of {}\n", pipe.uri(), digest(&second)));
    let puts = pipe.lab.requests(&pipe.repository).split_off(from);
    assert!(puts.iter().all(|request| request["method"] != "PUT"), "{puts:?}");
    let run = pipe.without("DRY_RUN").run().exits(0).built_nothing();
    assert_eq!(run.stdout, first.stdout);
}

#[test]
fn two_regions_must_both_have_the_image() {
    let pipe = step();
    pipe.lab.create_repository(&pipe.repository, &["--region", "eu-central-1"]);
    let other = format!("{}/{}", pipe.lab.host("eu-central-1"), pipe.repository);
    let both = format!("{} {other}", pipe.uri());
    let alone = pipe.run().exits(0);
    let pipe = pipe.var("IMAGE", &both);
    builds(&pipe, &format!("no image in `{other}` has the same inputs\n"));
    let pipe = pipe.var("TAG", "second");
    let run = pipe.run().exits(0).built_nothing().says("✔ tagged ");
    assert_eq!(run.stdout.lines().count(), 2);
    for region in ["us-east-1", "eu-central-1"] {
        assert_eq!(tags(&pipe, region).0, ["first", "second"], "{region}");
    }
    drop(alone);
}

#[test]
fn a_context_that_changes_while_the_image_is_built_is_not_marked() {
    let pipe = step().dockerfile("FROM busybox:1.36\nCOPY src /src\nRUN sleep 3\n").var("NO_CACHE", "true");
    let began = std::time::Instant::now();
    let child = pipe.start();
    let other = pipe.path("src/other");
    crate::pipe::until("the step runs", || {
        pipe.lab.docker(&["ps", "--quiet"]);
        began.elapsed() > std::time::Duration::from_secs(1) && pipe.lab.requests(&pipe.key).len() > 3
    });
    fs::write(other, "changed").unwrap();
    let run = pipe.finish(child, began).exits(0);
    run.says("warning: the build context changed while the image was built, so that the image is not marked: the next run with the same inputs builds again\n");
    assert_eq!(tags(&pipe, "us-east-1").1, Vec::<String>::new());
}

#[test]
fn the_gate_watches_an_image_that_was_not_built_too() {
    let pipe = step().var("SCAN_FAIL_ON", "HIGH").var("SCAN_TIMEOUT", "20s");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let clean = json!({"imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {"imageScanCompletedAt": now, "findings": []}});
    let severe = json!({"imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {"imageScanCompletedAt": now, "findings": [{"name": "CVE-1", "severity": "HIGH"}]}});
    let answers = |body: &Value, skip: u32, times: u32| {
        pipe.lab.fault(
            &json!({"target": "DescribeImageScanFindings", "access_key": pipe.key, "skip": skip, "times": times,
            "answer": {"status": 200, "headers": {"Content-Type": "application/x-amz-json-1.1"}, "body": body}}),
        );
    };
    answers(&clean, 1, 1);
    pipe.run().exits(0);
    answers(&severe, 0, 0);
    pipe.run().exits(8).built_nothing().says("\nScan\n").says("CVE-1");
}

#[test]
fn a_secret_and_its_digest_are_nowhere() {
    let secret = "canary-of-unchanged-4711";
    let pipe = step().var("BUILD_SECRETS", "id=pin,env=PIN").var("PIN", secret).var("DEBUG", "true");
    let first = pipe.run().exits(0);
    let run = pipe.run().exits(0).built_nothing();
    let digest = output(Command::new("sh").args(["-c", &format!("printf %s {secret} | sha256sum")]));
    let digest = &digest[..64];
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    let asked = format!("{:?}", pipe.lab.requests(&pipe.key));
    for text in [&first.log, &run.log, &listed, &asked, run.result_json.as_ref().unwrap()] {
        assert!(!text.contains(secret) && !text.contains(digest) && !text.contains(&digest[..40]), "{text}");
    }
    let (_, own) = tags(&pipe, "us-east-1");
    assert_eq!(own.len(), 1);
    // The same secret elsewhere gives another tag: nobody can compare two repositories.
    let other = step().var("BUILD_SECRETS", "id=pin,env=PIN").var("PIN", secret);
    let other = other.file("src/own", &pipe.repository);
    other.run().exits(0);
    assert_ne!(tags(&other, "us-east-1").1, own);
}
