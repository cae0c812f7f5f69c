//! The main job: what the people who asked for the pipe do every day.

use serde_json::Value;

use crate::lab::{Engine, lab, usual};
use crate::pipe::{Pipe, project};

/// The digest that ECR has for a tag of the run's repository.
fn digest_in_ecr(pipe: &Pipe, tag: &str) -> Option<String> {
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    let images = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    images
        .filter(|image| image["imageTags"].as_array().is_some_and(|tags| tags.iter().any(|each| each == tag)))
        .map(|image| image["imageDigest"].as_str().expect("a digest").to_owned())
        .next()
}

/// Builds `examples/hello-world`, looks at everything the run left, and runs it again.
fn hello_world(engine: Engine, caged: bool) {
    let dockerfile = std::fs::read(project("examples/hello-world/Dockerfile")).expect("the example");
    let pipe =
        Pipe::new(lab(engine, caged)).file("Dockerfile", dockerfile).var("BITBUCKET_BRANCH", "feature/Hello-World");
    let run = pipe.run().exits(0);

    let digest = digest_in_ecr(&pipe, "feature-Hello-World").expect("the image is in ECR");
    assert_eq!(run.stdout, format!("{}@{digest}\n", pipe.uri()));
    let env = run.image_env.expect("image.env");
    assert!(env.contains(&format!("IMAGE_DIGEST={digest}\n")), "{env}");
    assert!(env.contains("IMAGE_TAG=feature-Hello-World\n"), "{env}");
    let result: Value = serde_json::from_str(&run.result_json.expect("result.json")).expect("JSON");
    assert!(result.to_string().contains(&digest), "{result}");

    // What the image does is what the Dockerfile says.
    let image = format!("{}:feature-Hello-World", pipe.uri());
    assert_eq!(pipe.lab.run(&image, &["cat", "/var/www/html/index.html"]), "Hello World!\n");

    let layers = || pipe.lab.docker(&["image", "inspect", "--format", "{{json .RootFS.Layers}}", &image]);
    let first = layers();
    // An engine that lives on may compress anew what the pipe has pushed, so that it must not depend on the times of this machine who does.
    let pipe = pipe.var("PUSH_MODE", "engine");
    let second = pipe.run().exits(0).says("cached");
    assert_eq!(layers(), first, "the same tree gives the same layers");
    // Between the first and the second run the records of the cache within the image may change: they tell when a layer was made.
    let third = pipe.run().exits(0).says("cached");
    assert_eq!(third.stdout, second.stdout, "the same tree gives the same image");
    assert_eq!(layers(), first, "the same tree gives the same layers");
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_20_10() {
    hello_world(Engine::V20, false);
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_20_10_in_the_cage() {
    hello_world(Engine::V20, true);
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_26_1() {
    hello_world(Engine::V26, false);
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_26_1_in_the_cage() {
    hello_world(Engine::V26, true);
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_28_5() {
    hello_world(Engine::V28, false);
}

#[test]
fn hello_world_is_built_and_pushed_by_engine_28_5_in_the_cage() {
    hello_world(Engine::V28, true);
}

#[test]
fn hello_world_is_built_and_pushed_by_the_containerd_store() {
    hello_world(Engine::V28Containerd, false);
}

#[test]
fn a_tag_build_pushes_under_the_name_of_the_git_tag() {
    let pipe =
        Pipe::new(usual()).without("BITBUCKET_BRANCH").var("BITBUCKET_TAG", "v1.2.3").dockerfile("FROM busybox:1.36\n");
    pipe.run().exits(0);
    assert!(digest_in_ecr(&pipe, "v1.2.3").is_some());
}

#[test]
fn several_tags_in_an_array_name_one_image() {
    let pipe = Pipe::new(usual())
        .dockerfile("FROM busybox:1.36\nRUN echo several\n")
        .var("TAG_COUNT", "3")
        .var("TAG_0", "latest")
        .var("TAG_1", "1.0")
        .var("TAG_2", "build-7");
    let run = pipe.run().exits(0);
    let digest = digest_in_ecr(&pipe, "latest").expect("latest");
    assert_eq!(digest_in_ecr(&pipe, "1.0").as_ref(), Some(&digest));
    assert_eq!(digest_in_ecr(&pipe, "build-7").as_ref(), Some(&digest));
    assert_eq!(run.stdout, format!("{}@{digest}\n", pipe.uri()), "one line, however many tags");
    assert!(run.image_env.expect("image.env").contains("IMAGE_TAGS=latest,1.0,build-7\n"));
}

#[test]
fn a_bare_name_means_the_account_of_the_credentials_and_the_region() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("AWS_REGION", "us-east-1");
    let bare = pipe.repository.clone();
    let pipe = pipe.var("IMAGE", &bare);
    let run = pipe.run().exits(0);
    assert!(run.stdout.starts_with(&format!("{}@sha256:", pipe.uri())), "{}", run.stdout);
}

#[test]
fn the_second_region_is_another_registry() {
    let pipe = Pipe::without_repository(usual()).dockerfile("FROM busybox:1.36\n");
    pipe.lab.create_repository(&pipe.repository, &["--region", "eu-central-1"]);
    let uri = format!("{}/{}", pipe.lab.host("eu-central-1"), pipe.repository);
    let pipe = pipe.var("IMAGE", &uri);
    let run = pipe.run().exits(0);
    assert!(run.stdout.starts_with(&format!("{uri}@sha256:")), "{}", run.stdout);
}

#[test]
fn the_aws_spellings_of_the_variables_do_the_same() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n");
    let (key, uri) = (pipe.key.clone(), pipe.uri());
    let pipe = pipe.without("AWS_KEY").without("AWS_SECRET").without("IMAGE").without("BITBUCKET_BRANCH");
    pipe.var("AWS_ACCESS_KEY_ID", &key)
        .var("AWS_SECRET_ACCESS_KEY", crate::pipe::CANARY)
        .var("AWS_DEFAULT_REGION", "us-east-1")
        .var("IMAGE_NAME", &uri)
        .var("TAGS", "one two")
        .run()
        .exits(0);
}

#[test]
fn push_false_builds_and_sends_nothing() {
    let pipe = Pipe::without_repository(usual())
        .without("AWS_KEY")
        .without("AWS_SECRET")
        .var("PUSH", "false")
        .dockerfile("FROM busybox:1.36\nRUN echo built > /proof\n");
    let name = pipe.repository.clone();
    let pipe = pipe.var("IMAGE", &name);
    pipe.run().exits(0).reports_nothing();
    let proof = pipe.lab.run(&format!("{name}:main"), &["cat", "/proof"]);
    assert_eq!(proof, "built\n");
}

#[test]
fn the_variables_of_later_steps_get_the_digest() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").file("later.env", "EXISTING=1\n");
    let path = pipe.path("later.env").display().to_string();
    let pipe = pipe.var("BITBUCKET_PIPELINES_VARIABLES_PATH", &path);
    pipe.run().exits(0);
    let later = std::fs::read_to_string(path).expect("the file");
    assert!(later.starts_with("EXISTING=1\nIMAGE_"), "{later}");
    assert!(later.contains("\nIMAGE_DIGEST=sha256:"), "{later}");
}

#[test]
fn the_engine_may_be_reached_by_tls() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n");
    let fact = |name: &str| pipe.lab.line[name].as_str().expect("a fact of the lab").to_owned();
    let (host, certificates) = (fact("docker_tls_host"), fact("docker_cert_path"));
    pipe.var("DOCKER_HOST", &host).var("DOCKER_TLS_VERIFY", "1").var("DOCKER_CERT_PATH", &certificates).run().exits(0);
}
