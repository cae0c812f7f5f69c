//! `SOURCE_DATE_EPOCH`: the same files give the same digest, whenever, wherever and by which engine they are built.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::{Pipe, Run};
use crate::relay::{Passage, relay};

/// 14 November 2023: later than the files of the base image, earlier than everything else.
const EPOCH: u64 = 1_700_000_000;

/// Whatever a layer can hold: names that need more than a header, links, holes, what goes away, what only the step writes.
const DOCKERFILE: &str = "FROM busybox:1.36 AS build\n\
    RUN date > /made && echo built > /built\n\
    FROM busybox:1.36\n\
    WORKDIR /srv/app\n\
    COPY . .\n\
    COPY --from=build /built /srv/built\n\
    RUN mkdir -p /srv/logs && echo x > /srv/logs/a && ln /srv/logs/a /srv/logs/b && ln -s a /srv/logs/c && chmod 4755 /srv/logs/a\n\
    RUN rm /bin/vi && rm -r /srv/logs && mkdir /srv/logs && touch -d @86400 /srv/logs/old && truncate -s 3000000 /srv/hole\n\
    ENV A=1\n\
    CMD [\"cat\", \"/srv/built\"]\n";

/// A clone that was made so many seconds ago.
fn clone(lab: &'static Lab, ago: u64) -> Pipe {
    let long = "a-name-that-is-longer-than-a-header-has-room-for/".repeat(3);
    let pipe = Pipe::new(lab)
        .dockerfile(DOCKERFILE)
        .file(".dockerignore", "Dockerfile\n.ecr-pipe\n")
        .file("é/text", "the same")
        .file(&format!("{long}file"), "x".repeat(70_000))
        .var("SOURCE_DATE_EPOCH", &EPOCH.to_string());
    let then = SystemTime::now() - Duration::from_secs(ago) + Duration::from_nanos(ago);
    date(pipe.folder.path(), then);
    pipe
}

fn date(path: &Path, then: SystemTime) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            date(&entry.unwrap().path(), then);
        }
    }
    std::fs::File::open(path).unwrap().set_modified(then).unwrap();
}

fn digest(run: &Run) -> String {
    run.stdout.lines().next().expect("a line on stdout").split_once('@').expect("a digest").1.to_owned()
}

/// The configuration behind a tag.
fn config(pipe: &Pipe, tag: &str) -> Value {
    let uri = pipe.uri();
    let (host, name) = uri.split_once('/').unwrap();
    let get = |path: String| {
        let mut curl = pipe.lab.command("curl", Path::new("/"));
        curl.args(["-sSL", "--fail", "--cacert", &pipe.lab.facts.ca, "--user", "AWS:lab.us-east-1.AKIALAB"]);
        curl.args([
            "-H",
            "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json",
        ]);
        let answer = curl.arg(format!("https://{host}/v2/{name}/{path}")).output().unwrap();
        serde_json::from_slice::<Value>(&answer.stdout).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    };
    let manifest = get(format!("manifests/{tag}"));
    get(format!("blobs/{}", manifest["config"]["digest"].as_str().unwrap()))
}

/// The engine's id of the image that the registry has.
fn lab_id(pipe: &Pipe, run: &Run) -> String {
    pipe.lab.docker(&["inspect", "--format", "{{.Id}}", run.stdout.lines().next().unwrap()]).trim().to_owned()
}

/// What the pushed image prints, once the engine has it from the registry.
fn pulled(pipe: &Pipe, run: &Run, command: &[&str]) -> String {
    let (lab, reference) = (pipe.lab, run.stdout.lines().next().unwrap());
    let id = lab.docker(&["images", "--quiet", "--no-trunc", &format!("{}:main", pipe.uri())]);
    if !id.is_empty() {
        lab.docker(&["rmi", "--force", id.trim()]);
    }
    lab.docker(&["login", "--username", "AWS", "--password", "lab.us-east-1.AKIALAB", &lab.host("us-east-1")]);
    lab.docker(&["pull", "--quiet", reference]);
    lab.run(reference, command)
}

#[test]
fn two_clones_at_two_times_on_two_engines_give_one_digest() {
    let first = clone(usual(), 5_000);
    let one = first
        .run()
        .exits(0)
        .says("\n  pushed by the pipe: `SOURCE_DATE_EPOCH` is set, and an engine keeps the times of the build\n");
    let another_lab: &'static Lab = Box::leak(Box::new(Lab::up(&["--engine", Engine::V26.name()])));
    let second = clone(another_lab, 10);
    let two = second.run().exits(0);
    assert_eq!(config(&first, "main"), config(&second, "main"));
    assert_eq!(digest(&one), digest(&two));
    let command = "stat -c '%Y %n' /srv /srv/built /srv/app/é/text /srv/logs/old; ls /bin/vi; wc -c /srv/hole";
    let printed = pulled(&second, &two, &["sh", "-c", &format!("{command} || true")]);
    let expected = format!("{EPOCH} /srv\n{EPOCH} /srv/built\n{EPOCH} /srv/app/é/text\n86400 /srv/logs/old\n");
    assert!(printed.starts_with(&expected) && printed.ends_with("3000000 /srv/hole\n"), "{printed}");
    assert_eq!(pulled(&second, &two, &[]), "built\n");
    let result: Value = serde_json::from_str(two.result_json.as_ref().unwrap()).unwrap();
    let config = config(&second, "main");
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    assert_eq!(config["history"][0]["created"], "2023-11-14T22:13:20Z", "of the base image, which is later as well");
    // What the engine has under the repository's name now comes from the registry.
    assert_eq!(result["image_id"], lab_id(&second, &two));
}

#[test]
fn a_build_that_repeats_every_step_gives_the_same_digest_on_each_engine_and_by_each_builder() {
    let mut digests = Vec::new();
    for (engine, builder) in
        [(Engine::V20, "buildkit"), (Engine::V26, "buildkit"), (Engine::V28, "buildkit"), (Engine::V26, "classic")]
    {
        let lab = lab(engine, false);
        let one = clone(lab, 9_000).var("BUILDER", builder);
        let run = one.run().exits(0);
        let two = clone(lab, 60).var("BUILDER", builder).var("NO_CACHE", "true");
        let again = two.run().exits(0);
        assert_eq!(config(&one, "main"), config(&two, "main"), "{engine:?}, {builder}");
        assert_eq!(digest(&run), digest(&again), "{engine:?}, {builder}");
        digests.push(digest(&run));
    }
    // 20.10 writes other headers, and the classic builder another history.
    assert_eq!(digests[1], digests[2], "26.1 and 28.5");
}

#[test]
fn several_repositories_and_other_compression_have_digests_of_their_own_that_stay() {
    let both = |pipe: Pipe| {
        let (uri, name) = (pipe.uri(), pipe.repository.clone());
        let other = format!("{}/{name}", pipe.lab.host("eu-central-1"));
        pipe.lab.control("repository", &["create", &name, "--region", "eu-central-1"]);
        pipe.var("IMAGE", &format!("{uri} {other}"))
    };
    let one = digest(&clone(usual(), 700).run().exits(0));
    let two = both(clone(usual(), 40).var("NO_CACHE", "true")).run().exits(0);
    assert_eq!(digest(&two), one);
    assert!(two.stdout.lines().all(|line| line.ends_with(&one)), "{}", two.stdout);
    let zstd = |ago| digest(&clone(usual(), ago).var("NO_CACHE", "true").var("COMPRESSION", "zstd").run().exits(0));
    assert_eq!(zstd(500), zstd(3));
}

#[test]
fn a_tag_that_is_missing_gets_the_image_that_was_built_again() {
    let pipe = clone(usual(), 800).var("TAG", "1");
    let first = pipe.run().exits(0);
    let pipe = pipe.var("TAG", "1 2").var("IF_TAG_EXISTS", "skip").var("NO_CACHE", "true");
    let run = pipe.run().exits(0).says("\nBuild\n");
    assert_eq!(run.stdout, first.stdout);
    let other = pipe.var("TAG", "1 3").file("é/text", "another");
    let reason = "which is not what was built: its layer";
    other.run().exits(4).says(reason).reports_nothing();
}

#[test]
fn the_same_inputs_are_retagged_and_another_epoch_is_another_input() {
    let pipe = clone(usual(), 900).var("SKIP_UNCHANGED", "true").var("TAG", "1");
    let first = pipe.run().exits(0);
    let pipe = pipe.var("TAG", "2");
    let second = pipe.run().exits(0).built_nothing();
    assert_eq!(second.stdout, first.stdout);
    let later = pipe.var("SOURCE_DATE_EPOCH", "1700000001").run().exits(0);
    assert_ne!(later.stdout, first.stdout);
}

#[test]
fn where_the_engine_keeps_the_times_of_the_build_it_is_told_before_the_build() {
    let engine = clone(usual(), 30).var("PUSH_MODE", "engine");
    engine.run().exits(0).says("\n  warning: `SOURCE_DATE_EPOCH` is set, and `PUSH_MODE` is `engine`, which keeps the times of the build: the digest is another with each build\n").says(
        "\n    hint: leave out `PUSH_MODE`, so that the pipe sets the times while it pushes\n");
    let containerd = clone(lab(Engine::V28Containerd, false), 30);
    let run = containerd.run().exits(0);
    let run = run.says("  warning: `SOURCE_DATE_EPOCH` is set, and this engine's containerd store packs the layers with the times of the build: the digest is another with each build\n");
    assert!(run.log.find("containerd store packs") < run.log.find("\nBuild\n"), "{}", run.log);
}

#[test]
fn an_image_that_the_engine_does_not_give_is_not_pushed_with_other_times() {
    let body = r#"{"message":"authorization denied by plugin lab: no exports"}"#;
    let head = format!("HTTP/1.1 403 X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let (pipe, seen) = relay(clone(usual(), 30), move |request| {
        let is_export = request.starts_with("GET ") && request.contains("/get HTTP/1.1");
        if is_export { Passage::Answer(format!("{head}{body}")) } else { Passage::Through }
    });
    let run = pipe.run().exits(5).reports_nothing().says("no exports").says("; no tag has moved\n");
    assert_eq!(seen.seen("/push?"), 0, "{}", run.log);
}

#[test]
fn a_base_layer_that_the_registry_has_is_not_sent_again() {
    let pipe = clone(usual(), 77).dockerfile("FROM busybox:1.36\nCOPY . /app\nENV A=2\n");
    let uploads = |from: usize| {
        let requests = pipe.lab.requests(&pipe.repository);
        let is_end =
            |request: &&Value| request["method"] == "PUT" && request["path"].as_str().unwrap().contains("/blobs/");
        (requests[from..].iter().filter(is_end).count(), requests.len())
    };
    let first = pipe.run().exits(0);
    let (sent, from) = uploads(0);
    assert_eq!(sent, 3, "{}", first.log);
    let second = pipe.run().exits(0).says(" already there\n");
    assert_eq!(uploads(from).0, 0, "{}", second.log);
    assert_eq!(second.stdout, first.stdout);
}
