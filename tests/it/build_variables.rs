//! Each variable of the build does what `docker build` does with it.

use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::Pipe;

/// A run that is not pushed, and what a command prints in the image.
fn built(pipe: Pipe, command: &str) -> String {
    let (lab, name) = (pipe.lab, format!("built-{}", pipe.repository));
    let pipe = pipe.var("PUSH", "false").var("IMAGE", &name).var("AWS_REGION", "us-east-1");
    let pipe = pipe.without("AWS_KEY").without("AWS_SECRET");
    pipe.run().exits(0);
    lab.run(&format!("{name}:main"), &["sh", "-c", command])
}

fn step(lab: &'static Lab) -> Pipe {
    Pipe::without_repository(lab)
}

#[test]
fn a_build_argument_has_its_value_and_a_bare_one_that_of_the_environment() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nARG ONE\nARG TWO\nRUN echo \"$ONE $TWO\" > /args\n")
        .var("BUILD_ARGS_COUNT", "2")
        .var("BUILD_ARGS_0", "ONE=a b, c&d=e+%20")
        .var("BUILD_ARGS_1", "TWO")
        .var("TWO", "from the environment");
    assert_eq!(built(pipe, "cat /args"), "a b, c&d=e+%20 from the environment\n");
}

#[test]
fn the_target_stage_is_built_and_no_later_one() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36 AS first\nRUN echo first > /stage\nFROM first AS second\nRUN exit 3\n")
        .var("TARGET", "first");
    assert_eq!(built(pipe, "cat /stage"), "first\n");
}

#[test]
fn labels_are_on_the_image() {
    let pipe = Pipe::new(usual())
        .dockerfile("FROM busybox:1.36\n")
        .var("LABELS", "team=shop\norg.opencontainers.image.title=Web, with spaces");
    pipe.run().exits(0);
    let format = "{{.Config.Labels.team}}|{{index .Config.Labels \"org.opencontainers.image.title\"}}";
    let labels = pipe.lab.docker(&["image", "inspect", "--format", format, &format!("{}:main", pipe.uri())]);
    assert_eq!(labels, "shop|Web, with spaces\n");
}

#[test]
fn no_cache_runs_each_step_again() {
    let pipe = step(usual()).dockerfile("FROM busybox:1.36\nRUN cat /proc/sys/kernel/random/uuid > /once\n");
    let pipe = pipe.var("NO_CACHE", "true");
    let first = built(pipe, "cat /once");
    let pipe = step(usual()).dockerfile("FROM busybox:1.36\nRUN cat /proc/sys/kernel/random/uuid > /once\n");
    let second = built(pipe.var("NO_CACHE", "yes"), "cat /once");
    assert_ne!(first, second);
}

#[test]
fn added_hosts_are_known_in_each_step() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nRUN cat /etc/hosts > /hosts\n")
        .var("ADD_HOSTS", "one.test:10.1.2.3\ntwo.test:10.1.2.4");
    let hosts = built(pipe, "cat /hosts");
    assert!(hosts.contains("10.1.2.3\tone.test") && hosts.contains("10.1.2.4\ttwo.test"), "{hosts}");
}

#[test]
fn the_network_of_a_step_is_the_one_asked_for() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nRUN tail -n +3 /proc/net/dev | cut -d: -f1 > /net\n")
        .var("NETWORK", "none");
    assert_eq!(built(pipe, "cat /net").trim(), "lo");
}

fn limits(lab: &'static Lab) {
    let pipe = step(lab)
        .dockerfile(
            "FROM busybox:1.36\nRUN ulimit -n > /limits && df -k /dev/shm | tail -1 | awk '{print $2}' >> /limits\n",
        )
        .var("ULIMITS", "nofile=777:888")
        .var("SHM_SIZE", "80m");
    assert_eq!(built(pipe, "cat /limits"), "777\n81920\n");
}

#[test]
fn ulimits_and_the_size_of_shared_memory_hold_on_engine_20_10() {
    limits(lab(Engine::V20, false));
}

#[test]
fn ulimits_and_the_size_of_shared_memory_hold_on_engine_28_5() {
    limits(lab(Engine::V28, false));
}

#[test]
fn a_dockerfile_beside_the_context_or_in_a_folder_of_it_is_found() {
    let text = "FROM busybox:1.36\nCOPY . /tree\n";
    for (path, seen) in [("ci/web.Dockerfile", "app\n"), ("app/deep/Dockerfile.web", "app\ndeep\n")] {
        let pipe = step(usual()).file("app/app", "app").file(path, text).var("CONTEXT", "app").var("DOCKERFILE", path);
        assert_eq!(built(pipe, "ls /tree"), seen, "{path}");
    }
}

#[test]
fn the_ignore_file_of_a_dockerfile_comes_before_that_of_the_context() {
    let pipe = step(usual())
        .file("ci/web", "FROM busybox:1.36\nCOPY . /tree\n")
        .file("ci/web.dockerignore", "secret*\nci\n.dockerignore\n")
        .file(".dockerignore", "*\n")
        .file("secret.txt", "")
        .file("public.txt", "")
        .var("DOCKERFILE", "ci/web");
    assert_eq!(built(pipe, "ls -A /tree"), "public.txt\n");
}

#[test]
fn the_pipes_own_folders_never_reach_the_image() {
    let storage = ".bitbucket/pipelines/generated/pipeline/pipes/other/secrets.env";
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nCOPY . /tree\n")
        .file(storage, "OTHER_PIPES_SECRET=1")
        .file(".ecr-pipe/result.json", "{}")
        .file(".bitbucket/mine", "kept")
        .file("app", "app");
    let seen = built(pipe, "cd /tree && find . -type f | sort");
    assert_eq!(seen, "./.bitbucket/mine\n./Dockerfile\n./app\n");
}

#[test]
fn an_output_folder_that_is_the_context_keeps_only_its_files_from_the_image() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nCOPY . /tree\n")
        .file("image.env", "IMAGE_TAG=old")
        .file("app", "app")
        .var("OUTPUT_DIR", ".");
    assert_eq!(built(pipe, "ls -A /tree"), "Dockerfile\napp\n");
}

#[test]
fn a_private_base_image_is_pulled_with_its_login() {
    let pipe = step(usual())
        .dockerfile("FROM registry.lab.test/private/base:1\n")
        .var("REGISTRY_LOGINS", "host=registry.lab.test,username=lab,password-env=BASE_PASSWORD")
        .var("BASE_PASSWORD", "lab-password");
    built(pipe, "true");
}

#[test]
fn the_time_of_files_is_bounded_by_source_date_epoch() {
    let pipe = step(usual())
        .dockerfile("FROM busybox:1.36\nCOPY app /app\n")
        .file("app", "")
        .var("SOURCE_DATE_EPOCH", "86400");
    assert_eq!(built(pipe, "stat -c %Y /app"), "86400\n");
}

#[test]
fn the_platform_arguments_are_set_for_a_dockerfile_that_declares_them() {
    let text = "FROM busybox:1.36\nARG TARGETARCH\nARG TARGETOS=none\nRUN echo \"$TARGETOS/$TARGETARCH\" > /platform\n";
    for builder in ["buildkit", "classic"] {
        let own = step(usual()).dockerfile(text).var("BUILDER", builder);
        assert_eq!(built(own, "cat /platform"), "none/amd64\n", "{builder}: a default goes before");
        let own = step(usual()).dockerfile(text).var("BUILDER", builder).var("BUILD_ARGS", "TARGETARCH=mine");
        assert_eq!(built(own, "cat /platform"), "none/mine\n", "{builder}");
    }
}
