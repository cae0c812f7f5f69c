//! `REGISTRY_LOGINS` and the pipe's own token, as BuildKit asks for them: each goes to its own registry and to no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::lab::{Engine, Lab, lab, output};
use crate::pipe::{Pipe, project};
use crate::variables::verdict;

const LOGINS: &str = "host=registry.lab.test,username=lab,password-env=LAB_PASSWORD\n\
                      host=docker.io,username=hub-user,password-env=HUB_PASSWORD\n\
                      host=unused.test,username=nobody,password-env=OTHER_PASSWORD";

/// A step with logins to two registries of the lab, and to one that is never asked.
fn step(lab: &'static Lab, dockerfile: &str) -> Pipe {
    Pipe::new(lab)
        .dockerfile(dockerfile)
        .var("REGISTRY_LOGINS", LOGINS)
        .var("LAB_PASSWORD", "lab-password")
        .var("HUB_PASSWORD", "hub-password")
        .var("OTHER_PASSWORD", "other-password")
}

/// The lab of 20.10 is the caged one: what is true there is true of the free one.
fn labs() -> [&'static Lab; 4] {
    [lab(Engine::V20, true), lab(Engine::V26, false), lab(Engine::V28, false), lab(Engine::V28Containerd, false)]
}

/// Who was named to which host, in the whole life of the lab.
fn users(lab: &Lab) -> BTreeSet<(String, String)> {
    let text = |request: &serde_json::Value, key: &str| request[key].as_str().unwrap_or_default().to_owned();
    let requests = lab.requests("").into_iter().map(|request| (text(&request, "user"), text(&request, "host")));
    requests.filter(|(user, _)| !user.is_empty()).collect()
}

#[test]
fn private_images_are_had_with_logins_and_each_login_goes_to_its_own_host() {
    for lab in labs() {
        let own = Pipe::new(lab).dockerfile("FROM busybox:1.36\nRUN echo own > /own\n");
        own.run().exits(0);
        let pipe = step(
            lab,
            &format!(
                "FROM registry.lab.test/private/base:1
COPY --from=hub-user/base:1 /bin/busybox /from-hub
COPY --from={}:main /own /from-ecr
RUN --mount=from=registry.lab.test/private/base:1,target=/mnt cmp /mnt/bin/busybox /from-hub
",
                own.uri()
            ),
        );
        let run = pipe.var("NO_CACHE", "true").var("DEBUG", "true").run().exits(0);
        for password in ["lab-password", "hub-password", "other-password"] {
            assert!(!run.log.contains(password), "{}", run.log);
        }
        for (user, host) in users(lab) {
            let is_own = match user.as_str() {
                // Other tests use the second region.
                "AWS" => host.contains(".dkr.ecr."),
                "lab" => host == "registry.lab.test",
                "hub-user" => host == "auth.docker.io",
                _ => false,
            };
            assert!(is_own, "{user} is named to {host}");
        }
        let asked: Vec<&str> = run
            .log
            .lines()
            .filter_map(|line| line.trim().strip_prefix("debug: the engine asks for a login to "))
            .collect();
        assert!(asked.contains(&"registry.lab.test: given"), "{asked:?}");
        assert!(asked.contains(&"registry-1.docker.io: given"), "{asked:?}");
    }
}

#[test]
fn a_base_image_from_the_repository_that_is_pushed_to_needs_no_login() {
    for lab in labs() {
        let pipe = Pipe::new(lab).dockerfile("FROM busybox:1.36\nRUN echo one > /one\n").var("TAG", "base");
        pipe.run().exits(0);
        // Gone from the engine, so that it has to be fetched.
        lab.docker(&["rmi", "--force", &format!("{}:base", pipe.uri())]);
        lab.docker(&["builder", "prune", "--all", "--force"]);
        let dockerfile = format!("FROM {}:base\nRUN cat /one && echo two > /two\n", pipe.uri());
        let pipe = pipe.dockerfile(&dockerfile).var("TAG", "next");
        pipe.run().exits(0);
    }
}

#[test]
fn images_of_docker_hub_are_had_without_a_login() {
    for lab in labs() {
        // The mirror has none of it, so the engine takes a token of Docker Hub.
        let rule = json!({"id": "no-mirror", "host": "mirror", "path": "/v2/library/busybox/", "times": 0, "answer": {"status": 404, "body": {}}});
        let own: &'static Lab =
            Box::leak(Box::new(Lab::up(&["--engine", lab.line["engine"].as_str().expect("a name")])));
        own.fault(&rule);
        let pipe = Pipe::new(own).dockerfile("FROM busybox:1.36\nRUN true\n").var("NO_CACHE", "true");
        pipe.run().exits(0);
        let tokens = own.requests("auth.docker.io");
        assert!(tokens.iter().any(|request| request["status"] == 200 && request["user"] == ""), "{tokens:?}");
        assert!(!own.requests("registry-1.docker.io.*manifests").is_empty());
    }
}

#[test]
fn a_wrong_password_is_told_with_what_to_look_at() {
    for lab in labs() {
        let pipe = step(lab, "FROM registry.lab.test/private/other:1\n").var("LAB_PASSWORD", "wrong-password");
        let run = pipe.run().exits(6).reports_nothing().does_not_say("wrong-password");
        let verdict = verdict(&pipe, &run);
        assert!(
            verdict.starts_with("✖ base image `registry.lab.test/private/other:1`: the registry denies access ("),
            "{verdict}"
        );
        assert!(verdict.contains("\n  hint: check its name; if it is private, "), "{verdict}");

        let pipe =
            step(lab, "FROM busybox:1.36\nCOPY --from=hub-user/other:1 /x /\n").var("HUB_PASSWORD", "wrong-password");
        let run = pipe.run().exits(6).reports_nothing().does_not_say("wrong-password");
        let verdict = crate::variables::verdict(&pipe, &run);
        // The mirror, which is asked first, has no such image, and of several reasons an engine tells the first.
        let (message, hint) =
            (verdict.starts_with("✖ base image `hub-user/other:1`"), verdict.contains("`REGISTRY_LOGINS`"));
        assert!(message && hint, "{verdict}");
    }
}

#[test]
fn the_classic_builder_gives_a_login_to_docker_hub_under_the_name_that_the_engine_has_for_it() {
    for lab in labs() {
        let pipe = step(lab, "FROM hub-user/base:1\nRUN echo classic > /x\n").var("BUILDER", "classic");
        pipe.var("PULL", "true").run().exits(0).says("  builder     classic, as `BUILDER` says\n");
    }
}

#[test]
fn a_private_image_without_a_login_asks_for_one() {
    for lab in labs() {
        let pipe =
            Pipe::new(lab).dockerfile("FROM busybox:1.36\nCOPY --from=registry.lab.test/private/another:1 /x /\n");
        let run = pipe.run().exits(6).reports_nothing();
        let verdict = verdict(&pipe, &run);
        assert!(
            verdict.starts_with("✖ base image `registry.lab.test/private/another:1`: the registry denies access ("),
            "{verdict}"
        );
        assert!(verdict.contains("`host=…,username=…,password-env=VAR`"), "{verdict}");
    }
}

#[test]
fn the_frontend_of_a_syntax_line_that_cannot_be_had_is_named() {
    for lab in labs() {
        let pipe = Pipe::new(lab).dockerfile("# syntax=registry.lab.test/private/frontend:1\nFROM busybox:1.36\n");
        let run = pipe.run().exits(6).reports_nothing();
        let verdict = verdict(&pipe, &run);
        assert!(
            verdict.starts_with("✖ the Dockerfile frontend `registry.lab.test/private/frontend:1` of the `# syntax=` line cannot be had: "),
            "{verdict}"
        );
    }
}

/// Builds an image of `tests/it/frontend` and pushes it to a registry of the lab, past login and record; the engine forgets it.
fn push_frontend(lab: &Lab, names: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "frontend", "--manifest-path"]).arg(project("Cargo.toml"));
    // What cargo tells this test of its own package would make it build some dependencies anew, now and the next time.
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        cargo.env_remove(name);
    }
    output(&mut cargo);
    let tests = std::env::current_exe().expect("a path");
    let program = tests.parent().and_then(Path::parent).expect("the folder of the profile").join("examples/frontend");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(program, folder.path().join("frontend")).expect("a static program");
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\nCOPY frontend /\nENTRYPOINT [\"/frontend\"]\n")
        .expect("a file");
    let mut build = lab.docker_command(folder.path());
    build.env("DOCKER_BUILDKIT", "0").args(["build", "--quiet", "--tag", names[0], "."]);
    output(&mut build);
    for name in names {
        lab.docker(&["tag", names[0], name]);
        lab.docker(&["push", name]);
    }
    for name in names {
        lab.docker(&["rmi", "--force", name]);
    }
}

#[test]
fn the_frontend_of_a_syntax_line_comes_from_the_mirror_or_with_a_login_and_is_run() {
    for lab in labs() {
        // The stores of the lab's mirror and of its private registry.
        push_frontend(lab, &["localhost:5001/library/frontend:1", "localhost:5002/private/stand-in:1"]);
        for (image, host) in
            [("frontend:1", "mirror.lab.test"), ("registry.lab.test/private/stand-in:1", "registry.lab.test")]
        {
            let path = image.split(':').next().and_then(|path| path.rsplit('/').next()).expect("a name");
            let pipe = step(lab, &format!("# syntax={image}\nFROM busybox:1.36\nRUN echo by {path}\nRUN exit 3\n"));
            let run = pipe.run().exits(6).reports_nothing();
            assert!(
                verdict(&pipe, &run).contains("(Dockerfile:4) failed with exit code 3: `RUN exit 3`"),
                "{}",
                run.log
            );
            let pipe = pipe.dockerfile(&format!("# syntax={image}\nFROM busybox:1.36\nRUN echo by {path}\n"));
            pipe.run().exits(0);
            let labels =
                lab.docker(&["inspect", "--format", "{{json .Config.Labels}}", &format!("{}:main", pipe.uri())]);
            assert!(labels.contains(r#""frontend":"stand-in""#), "{image}: {labels}");
            // The blobs of both are the same, so they are fetched but once.
            let fetched = lab.requests(&format!("{path}/manifests/"));
            assert!(fetched.iter().any(|request| request["host"] == host && request["status"] == 200), "{fetched:?}");
        }
    }
}
