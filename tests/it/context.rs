//! Dockerfiles and contexts that cannot be used, that are odd, that are large, and that change while they are sent.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::Mutex;

use crate::lab::{Engine, Lab, lab, output, usual};
use crate::pipe::Pipe;
use crate::relay::{Passage, Relay, relay};
use crate::variables::{UNPUSHED, as_nobody, verdict};

/// A run that must fail before the build, for one reason.
#[track_caller]
fn refused(pipe: &Pipe, message: &str, hint: &str) {
    let run = pipe.run().exits(2).reports_nothing().built_nothing();
    assert_eq!(verdict(pipe, &run), format!("✖ {message}\n  hint: {hint}\nexit code 2 after [TIME]"));
    assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "no tag was moved");
}

fn step() -> Pipe {
    Pipe::new(usual())
}

/// The name under which `unpushed` builds.
fn name(pipe: &Pipe) -> String {
    format!("context-{}", pipe.repository)
}

/// A step that builds and pushes nothing.
fn unpushed(lab: &'static Lab) -> Pipe {
    let pipe = Pipe::without_repository(lab).var("PUSH", "false").without("AWS_KEY").without("AWS_SECRET");
    let name = name(&pipe);
    pipe.var("IMAGE", &name)
}

/// What a command prints in the image that was built.
fn in_image(pipe: &Pipe, command: &str) -> String {
    let image = format!("{}:main", name(pipe));
    pipe.lab.run(&image, &["sh", "-c", command])
}

#[test]
fn a_missing_dockerfile_is_told_with_those_that_there_are() {
    let message = "`DOCKERFILE`: there is no file `Dockerfile`";
    refused(&step(), message, "set `DOCKERFILE` to its path, relative to the root of the repository");
    let pipe = step().file("docker/Dockerfile", "FROM busybox:1.36\n");
    refused(&pipe, message, "did you mean `DOCKERFILE=docker/Dockerfile`");
    let pipe = step().file("Dockerfile.web", "").file("api.dockerfile", "").file("Dockerfile.web.dockerignore", "");
    refused(&pipe, message, "set `DOCKERFILE` to one of `Dockerfile.web`, `api.dockerfile`");
    let pipe = step().file("docker/Dockerfile", "").var("DOCKERFILE", "docker/Dokerfile");
    refused(&pipe, "`DOCKERFILE`: there is no file `docker/Dokerfile`", "did you mean `DOCKERFILE=docker/Dockerfile`");
}

#[test]
fn a_dockerfile_without_an_instruction_is_refused() {
    for text in ["", "\n  \n", "# syntax=docker/dockerfile:1\n# nothing yet\n"] {
        let message = "`DOCKERFILE`: `Dockerfile` has no instruction";
        refused(&step().dockerfile(text), message, "begin it with a `FROM` instruction");
    }
}

#[test]
fn a_dockerfile_that_is_a_folder_or_no_file_is_refused() {
    let pipe = step().file("docker/Dockerfile", "FROM busybox:1.36\n").var("DOCKERFILE", "docker");
    refused(&pipe, "`DOCKERFILE`: `docker` is a folder, expected a file", "set `DOCKERFILE=docker/Dockerfile`");
    let pipe = step().file("docker/web", "FROM busybox:1.36\n").var("DOCKERFILE", "docker");
    refused(&pipe, "`DOCKERFILE`: `docker` is a folder, expected a file", "set `DOCKERFILE` to a file");
    let pipe = step();
    output(std::process::Command::new("mkfifo").arg(pipe.path("Dockerfile")));
    refused(&pipe, "`DOCKERFILE`: `Dockerfile` is not a regular file", "set `DOCKERFILE` to a file");
}

#[test]
fn a_context_that_is_missing_or_no_folder_is_refused() {
    refused(
        &step().dockerfile("FROM busybox:1.36\n").var("CONTEXT", "app"),
        "`CONTEXT`: there is no folder `app`",
        "set `CONTEXT` to a folder, relative to the root of the repository",
    );
    refused(
        &step().dockerfile("FROM busybox:1.36\n").var("CONTEXT", "Dockerfile"),
        "`CONTEXT`: `Dockerfile` is not a folder",
        "set `CONTEXT` to the folder to send, and `DOCKERFILE` to the Dockerfile if it lies elsewhere",
    );
    refused(
        &step().dockerfile("FROM busybox:1.36\n").var("CONTEXT", "https://example.com/app.git"),
        "`CONTEXT`: it is an address or standard input, expected a folder",
        "clone it in the step and name its folder",
    );
}

#[test]
fn a_bad_pattern_of_an_ignore_file_is_told_with_its_line() {
    let pipe = step().dockerfile("FROM busybox:1.36\n").file(".dockerignore", "# logs\n*.log\n[a-\n!\n");
    let run = pipe.run().exits(2).reports_nothing();
    let verdict = verdict(&pipe, &run);
    insta::assert_snapshot!(verdict, @r"
    ✖ `.dockerignore`, line 3: bad pattern `[a-`: a `[` needs a `]`
      hint: correct line 3 of `.dockerignore`
    ✖ `.dockerignore`, line 4: bad pattern `!`: a `!` needs a pattern behind it
      hint: correct line 4 of `.dockerignore`
    exit code 2 after [TIME]
    ");
}

#[test]
fn a_device_file_is_refused_unless_it_is_ignored() {
    let device = |pipe: Pipe| {
        fs::create_dir(pipe.path("dev")).expect("a folder");
        output(std::process::Command::new("mknod").arg(pipe.path("dev/null")).args(["c", "1", "3"]));
        pipe
    };
    let (message, hint) = ("`dev/null` in the context is a device file", "add `dev/null` to `.dockerignore`");
    let pipe = device(step().dockerfile("FROM busybox:1.36\n").var("BUILDER", "classic"));
    refused(&pipe, message, hint);
    // BuildKit is sent only what a step copies.
    let warning = format!("  warning: {message}: the build fails if it copies that\n    hint: {hint}\n");
    device(unpushed(usual()).dockerfile("FROM busybox:1.36\nCOPY Dockerfile /tree/\n")).run().exits(0).says(&warning);
    let pipe = device(step().dockerfile("FROM busybox:1.36\nCOPY . /tree\n"));
    let run = pipe.run().exits(2).says(&warning).reports_nothing();
    assert_eq!(verdict(&pipe, &run), format!("✖ {message}\n  hint: {hint}\nexit code 2 after [TIME]"));
    let pipe =
        device(unpushed(usual()).dockerfile("FROM busybox:1.36\nCOPY . /tree\n").file(".dockerignore", "dev/null\n"));
    pipe.run().exits(0);
    assert_eq!(in_image(&pipe, "ls -A /tree/dev"), "");
}

#[test]
fn files_that_this_user_may_not_read_are_told_one_by_one() {
    let pipe = step().dockerfile("FROM busybox:1.36\n").file("app/key.pem", "").file("cache/x", "").file("ci/web", "");
    for (path, mode) in [("app/key.pem", 0o600), ("cache", 0o700), ("ci/web", 0o600)] {
        fs::set_permissions(pipe.path(path), PermissionsExt::from_mode(mode)).expect("it is ours");
    }
    let (code, log) = as_nobody(&pipe, &[], &UNPUSHED);
    assert_eq!(code, Some(2), "{log}");
    for path in ["app/key.pem", "cache", "ci/web"] {
        let message = format!(
            "✖ cannot read `{path}` in the context: Permission denied\n  hint: make it readable, or add `{path}` to `.dockerignore`\n"
        );
        assert!(log.contains(&message), "{path}: {log}");
    }
    let (code, log) = as_nobody(&pipe, &[], &[&UNPUSHED[..], &[("DOCKERFILE", "ci/web")]].concat());
    assert_eq!(code, Some(2), "{log}");
    let message = "✖ `DOCKERFILE`: cannot read `ci/web`: Permission denied\n  hint: give the user that the pipe runs as the right to read it\n";
    assert!(log.contains(message), "{log}");
}

#[test]
fn a_socket_is_left_out_with_a_warning() {
    let pipe = unpushed(usual()).dockerfile("FROM busybox:1.36\nCOPY . /tree\n").file("run/app", "");
    let _listener = UnixListener::bind(pipe.path("run/app.sock")).expect("a socket");
    let warning = "  warning: `run/app.sock` in the context is a socket and was left out\n    hint: add `run/app.sock` to `.dockerignore`\n";
    let run = pipe.run().exits(0).says(warning);
    assert_eq!(run.log.matches("app.sock` in the context").count(), 1, "once: {}", run.log);
    assert_eq!(in_image(&pipe, "ls -A /tree/run"), "app\n");
}

#[test]
fn symlinks_that_lead_in_a_circle_or_out_are_sent_as_they_are() {
    let pipe = unpushed(usual()).dockerfile("FROM busybox:1.36\nCOPY . /tree\n").file("app/file", "");
    for (target, link) in [(".", "loop"), ("b", "a"), ("a", "b"), ("/etc/passwd", "out"), ("../..", "app/up")] {
        symlink(target, pipe.path(link)).expect("a symlink");
    }
    pipe.run().exits(0);
    let links = in_image(&pipe, "cd /tree; for link in loop a b out app/up; do readlink $link; done");
    assert_eq!(links, ".\nb\na\n/etc/passwd\n../..\n");
}

#[test]
fn twenty_thousand_small_files_arrive() {
    // The engine unpacks them in a second, and takes ten to copy them all into an image.
    let pipe = unpushed(usual()).dockerfile("FROM busybox:1.36\nCOPY files/0 /first\nCOPY files/99 /last\n");
    let files = pipe.path("files");
    fs::create_dir(&files).expect("a folder");
    // In memory, since disks take as long to make the files as all the rest; seen in the lab only.
    let mut mount = pipe.lab.command("mount", pipe.folder.path());
    output(mount.args(["-t", "tmpfs", "none"]).arg(&files));
    let files = format!("/proc/{}/root{}", pipe.lab.facts.pid, files.display());
    for folder in 0..100 {
        fs::create_dir(format!("{files}/{folder}")).expect("a folder");
        for file in 0..200 {
            fs::write(format!("{files}/{folder}/{file}"), [b'x']).expect("a file");
        }
    }
    pipe.run().exits(0).says("20,001 files, 20.1 kB");
    assert_eq!(in_image(&pipe, "cat /first/* /last/* | wc -c").trim(), "400");
}

#[test]
fn two_gigabytes_are_sent_in_less_than_64_mebibytes_of_memory() {
    let pipe = unpushed(lab(Engine::V28, false)).dockerfile("FROM busybox:1.36\n");
    let large = File::create(pipe.path("large")).expect("a file");
    large.set_len(2_000_000_000).expect("a sparse file");
    let (run, peak) = pipe.run_watched();
    run.exits(0).says("2 files, 2.0 GB");
    assert!((1_000..=64 * 1024).contains(&peak), "{peak} KiB");
}

/// Does something once, when a mebibyte of the context has gone to the engine.
fn in_mid_context(pipe: Pipe, builder: &str, act: impl FnOnce() + Send + 'static) -> (Pipe, Relay) {
    // BuildKit asks for files by the session, to the classic builder they are the body.
    let call = if builder == "buildkit" { "/session" } else { "/build?" };
    let act = Mutex::new(Some(act));
    let (pipe, relay) = relay(pipe, move |head| {
        let act = if head.contains(call) { act.lock().expect("no panic").take() } else { None };
        act.map_or(Passage::Through, |act| Passage::Until(1 << 20, Box::new(act)))
    });
    (pipe.var("BUILDER", builder), relay)
}

const LARGE: u64 = 64 << 20;

/// A context in which one file is much larger than all buffers on the way to the engine.
fn with_large_file() -> Pipe {
    let pipe = step().dockerfile("FROM busybox:1.36\nCOPY . /tree\n").file("large", "").file("later/file", "");
    File::create(pipe.path("large")).expect("a file").set_len(LARGE).expect("a sparse file");
    pipe
}

const LEAVE: &str = "let nothing else write to the context while the pipe runs, or add the file to `.dockerignore`";

const BUILDERS: [&str; 2] = ["buildkit", "classic"];

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_build() {
    for builder in BUILDERS {
        let pipe = with_large_file();
        let large = pipe.path("large");
        let (pipe, _relay) = in_mid_context(pipe, builder, move || {
            OpenOptions::new().write(true).open(large).expect("the file").set_len(9).expect("it shrinks");
        });
        let run = pipe.run().exits(6).reports_nothing();
        let verdict = verdict(&pipe, &run);
        let (message, rest) = verdict.split_once(" bytes while it was sent\n").expect("the message");
        assert!(message.starts_with("✖ `large` shrank from 67108864 to "), "{builder}: {message}");
        assert_eq!(rest, format!("  hint: {LEAVE}\nexit code 6 after [TIME]"), "{builder}");
        assert_eq!(pipe.lab.control("images", &[&pipe.repository]), "", "{builder}: no tag was moved");
    }
}

#[test]
fn a_file_that_is_removed_before_it_is_sent_ends_the_build() {
    for builder in BUILDERS {
        let pipe = with_large_file().file("zone", "z");
        let zone = pipe.path("zone");
        let (pipe, _relay) = in_mid_context(pipe, builder, move || fs::remove_file(zone).expect("the file"));
        let run = pipe.run().exits(6).reports_nothing();
        let message = "✖ `zone` was removed or replaced while the context was read";
        let expected = format!("{message}\n  hint: {LEAVE}\nexit code 6 after [TIME]");
        assert_eq!(verdict(&pipe, &run), expected, "{builder}");
    }
}

#[test]
fn a_file_that_grows_while_it_is_sent_is_cut_with_a_warning() {
    for builder in BUILDERS {
        let pipe = with_large_file();
        let large = pipe.path("large");
        let (pipe, _relay) = in_mid_context(pipe, builder, move || {
            OpenOptions::new().append(true).open(large).expect("the file").write_all(b"more").expect("it grows");
        });
        let warning = "  warning: `large` grew while it was sent; its first bytes were sent\n    hint: let nothing else write to the context while the pipe runs\n";
        pipe.run().exits(0).says(warning);
        let image = format!("{}:main", pipe.uri());
        let size = pipe.lab.run(&image, &["stat", "-c", "%s", "/tree/large"]);
        assert_eq!(size.trim(), LARGE.to_string(), "{builder}");
    }
}
