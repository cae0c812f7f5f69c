//! The image itself, and the pipe as a container outside Bitbucket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::found::Example;
use super::step::lab;
use crate::lab::Lab;
use crate::pipe::CANARY;

const IMAGE: &str = concat!("ecr-pipe/ecr-pipe:", env!("CARGO_PKG_VERSION"));

/// The lines from `docker run` to where the command ends, one command for each block of README that has one.
fn commands() -> Vec<String> {
    let blocks =
        Example::of("README.md", "sh", "docker run").into_iter().chain(Example::of("README.md", "yaml", "docker run"));
    let command = |block: Example| {
        let lines = block.text.lines().skip_while(|line| !line.trim_start().starts_with("docker run"));
        let mut command = String::new();
        for line in lines {
            command.push_str(line.trim());
            command.push('\n');
            if !line.ends_with('\\') {
                break;
            }
        }
        command
    };
    blocks.map(command).collect()
}

/// A folder with a docker command that gives each container what a name server would: the lab's hosts are in a file.
fn docker(lab: &Lab) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let root = PathBuf::from(format!("/proc/{}/root", lab.facts.pid));
    let hosts = std::fs::read_to_string(root.join("etc/hosts")).expect("hosts");
    let names = hosts.lines().filter_map(|line| line.split_whitespace().nth(1)).filter(|name| *name != "localhost");
    let hosts: String = names.map(|name| format!(" --add-host={name}:172.17.0.1")).collect();
    let script = format!("#!/bin/sh\nverb=$1; shift\nexec {} \"$verb\"{hosts} \"$@\"\n", lab.facts.docker_cli);
    let path = folder.path().join("docker");
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    folder
}

/// Runs a command line in a folder of the lab.
fn sh(lab: &Lab, command: &str, folder: &TempDir, variables: &[(&str, &str)]) -> Output {
    let docker = docker(lab);
    let mut shell: Command = lab.command("sh", folder.path());
    shell.args(["-c", command]).envs(variables.iter().copied());
    shell.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", docker.path().display()));
    shell.output().expect("sh")
}

#[test]
fn the_docker_run_of_the_documents_pushes_with_a_read_only_root() {
    let lab = lab(false);
    let commands = commands();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (number, command) in commands.iter().enumerate() {
        assert!(command.contains(" --read-only "), "{command}");
        let name = format!("elsewhere/{number}");
        lab.create_repository(&name, &[]);
        let image = format!("{}/{name}", lab.host("us-east-1"));
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("Dockerfile"), "FROM busybox:1.36\nRUN echo elsewhere > /name\n")
            .expect("a file");
        let variables =
            [("AWS_KEY", "AKIAELSEWHERE0000000"), ("AWS_SECRET", CANARY), ("IMAGE", &image), ("TAG", "1.4.2")];
        let ran = sh(lab, command, &folder, &variables);
        let log = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{command}: {log}");
        let digest = lab.control("images", &[&name]);
        let digest = digest.split('"').find(|part| part.starts_with("sha256:")).expect("it is pushed");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), format!("{image}@{digest}\n"), "{log}");
        let env = std::fs::read_to_string(folder.path().join(".ecr-pipe/image.env")).expect("image.env");
        assert!(env.contains("IMAGE_TAG=1.4.2\n"), "{env}");
    }
}

#[test]
fn the_image_answers_questions_about_itself() {
    let lab = lab(false);
    let folder = TempDir::new().expect("a folder");
    let ask = |word: &str| sh(lab, &format!("docker run --rm --network none {IMAGE} {word}"), &folder, &[]);
    assert_eq!(
        String::from_utf8_lossy(&ask("--version").stdout),
        concat!("ecr-pipe ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(String::from_utf8_lossy(&ask("--help").stdout).contains("\n  IMAGE / IMAGE_NAME "));
    let refused = ask("push");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("✖ `push`: ecr-pipe takes no argument but"));
}

#[test]
fn the_image_holds_the_binary_and_the_roots_and_no_other_file() {
    let lab = lab(false);
    let container = lab.docker(&["create", IMAGE]);
    let mut export = lab.docker_command(std::path::Path::new("/"));
    let export = export.args(["export", container.trim()]).output().expect("an export");
    lab.docker(&["rm", container.trim()]);
    let mut archive = tar::Archive::new(&export.stdout[..]);
    // What the engine makes in every container.
    let engine = ["dev/", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc/", "sys/", ".dockerenv"];
    let mut files: Vec<String> = archive
        .entries()
        .expect("an archive")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| !entry.header().entry_type().is_dir())
        .map(|entry| entry.path().expect("a path").display().to_string())
        .filter(|path| !engine.iter().any(|made| path.starts_with(made)))
        .collect();
    files.sort();
    assert_eq!(files, ["ecr-pipe", "etc/ssl/certs/ca-certificates.crt"]);
    let settings = lab.docker(&[
        "image",
        "inspect",
        "--format",
        "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.User}}",
        IMAGE,
    ]);
    assert_eq!(settings, "[\"/ecr-pipe\"] null \"\"\n");
}
