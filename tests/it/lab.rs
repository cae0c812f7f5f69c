//! Labs for the tests: one of each kind at the most, brought up when a test first asks, gone when this process ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};

/// The engines of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Engine 20.10, the oldest that is supported.
    V20,
    /// Engine 26.1, nearest to what runs on Bitbucket.
    V26,
    /// Engine 28.5 with the graphdriver store.
    V28,
    /// Engine 28.5 with the containerd image store.
    V28Containerd,
}

impl Engine {
    /// All four.
    pub(crate) const ALL: [Self; 4] = [Self::V20, Self::V26, Self::V28, Self::V28Containerd];

    /// What `lab up --engine` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V20 => "20.10",
            Self::V26 => "26.1",
            Self::V28 => "28.5",
            Self::V28Containerd => "28.5-containerd",
        }
    }
}

/// What `lab up` says of itself, as far as the tests use it.
#[derive(Debug, Deserialize)]
pub(crate) struct Facts {
    pub(crate) pid: u32,
    pub(crate) docker_host: String,
    pub(crate) admin_docker_host: String,
    pub(crate) ca: String,
    pub(crate) account: String,
    pub(crate) docker_cli: String,
    pub(crate) step_cli: String,
    /// The CLI's configuration; it names the lab's administrator, whom the cage lets pass.
    pub(crate) docker_config: String,
}

/// A running lab.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) facts: Facts,
    /// The whole line, for what only one test needs.
    pub(crate) line: Value,
    /// The lab lives as long as this pipe is open, thus as long as this process.
    _stdin: ChildStdin,
    _child: Child,
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab")
}

/// The lab of this kind, brought up if it is not there yet.
pub(crate) fn lab(engine: Engine, caged: bool) -> &'static Lab {
    static LABS: [OnceLock<Lab>; 8] = [const { OnceLock::new() }; 8];
    // Two cores bring labs up faster one after the other than all at once.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let place = engine as usize * 2 + usize::from(caged);
    LABS[place].get_or_init(|| {
        let _turn = ONE_AT_A_TIME.lock();
        let mut arguments = vec!["--engine", engine.name()];
        if caged {
            arguments.push("--caged");
        }
        Lab::up(&arguments)
    })
}

/// The lab that most tests use: the engine nearest to Bitbucket's, without the cage.
pub(crate) fn usual() -> &'static Lab {
    lab(Engine::V26, false)
}

impl Lab {
    /// Brings up a lab of one's own.
    pub(crate) fn up(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .arg("up")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/lab starts; `make test` installs what it needs");
        let stdin = child.stdin.take().expect("stdin is a pipe");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is a pipe")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("lab up {arguments:?} did not come up ({error}): {line:?}"));
        let facts = serde_json::from_value(line.clone()).expect("the line has the facts the tests use");
        Self { facts, line, _stdin: stdin, _child: child }
    }

    /// A command that will run in the lab's network and mounts, with an empty environment.
    /// It is no member of the lab's pid namespace, so that its pid here is its own.
    pub(crate) fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.facts.pid.to_string(), "--mount", "--net"]);
        // Entering the mounts moves the working folder to their root, so it is named again.
        command.arg(format!("--wdns={}", folder.display())).arg("--").arg(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs the docker CLI that belongs to the lab's engine, past the cage.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        output(self.docker_command(Path::new("/")).args(arguments))
    }

    /// What a command prints in a container of an image. Not attached, since old CLIs lose the output of a container that has
    /// ended before they listen.
    pub(crate) fn run(&self, image: &str, command: &[&str]) -> String {
        let container = self.docker(&[&["run", "--detach", "--network", "none", image], command].concat());
        let container = container.trim();
        assert_eq!(self.docker(&["wait", container]), "0\n", "{command:?}: {}", self.docker(&["logs", container]));
        let printed = self.docker(&["logs", container]);
        self.docker(&["rm", container]);
        printed
    }

    /// The docker CLI that belongs to the lab's engine, in a folder, past the cage.
    pub(crate) fn docker_command(&self, folder: &Path) -> Command {
        let mut command = self.command(&self.facts.docker_cli, folder);
        command.args(["--config", &self.facts.docker_config, "--host", &self.facts.admin_docker_host]);
        command
    }

    /// The docker CLI of a step in Bitbucket, 20.10, in a folder, past the cage.
    pub(crate) fn step_cli_command(&self, folder: &Path) -> Command {
        let mut command = self.command(&self.facts.step_cli, folder);
        command.args(["--config", &self.facts.docker_config, "--host", &self.facts.admin_docker_host]);
        command
    }

    /// The engine's socket, as it is reached from outside the lab.
    pub(crate) fn engine_socket(&self) -> PathBuf {
        // `/var/run` is an absolute link to `/run`, which from outside would lead to this machine's own.
        let inside = self.facts.docker_host.strip_prefix("unix:///var/").expect("a lab without the cage");
        // A process's own view of the file system: proc(5), `root`.
        let lab = Path::new("/proc").join(self.facts.pid.to_string()).join("root");
        lab.join(inside)
    }

    /// Runs `lab VERB PID …`.
    pub(crate) fn control(&self, verb: &str, arguments: &[&str]) -> String {
        output(Command::new(program()).arg(verb).arg(self.facts.pid.to_string()).args(arguments))
    }

    /// Asks the fault proxy by its socket: quicker than the program, where much is asked.
    pub(crate) fn ask(&self, request: &Value) -> Vec<Value> {
        let control = self.line["control"].as_str().expect("the control socket");
        let socket = Path::new("/proc").join(self.facts.pid.to_string()).join("root").join(&control[1..]);
        let mut stream = UnixStream::connect(socket).expect("the lab listens");
        stream.write_all(format!("{request}\n").as_bytes()).expect("the lab reads");
        let lines = BufReader::new(stream).lines();
        lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("a JSON line")).collect()
    }

    /// A call of ECR's API past rules, policies and record.
    pub(crate) fn ecr(&self, region: &str, action: &str, body: &Value) -> Value {
        let answer = self.ask(&json!({"op": "ecr", "region": region, "action": action, "body": body})).remove(0);
        assert!(answer["status"] == 200, "{action}: {answer}");
        answer["body"].clone()
    }

    /// Creates a repository in `us-east-1`.
    pub(crate) fn create_repository(&self, name: &str, options: &[&str]) {
        self.control("repository", &[&["create", name], options].concat());
    }

    /// Puts a fault between the pipe or the engine and what they speak to.
    pub(crate) fn fault(&self, rule: &Value) {
        let answer = self.ask(&json!({"op": "add", "rule": rule}));
        assert!(answer[0]["id"].is_string(), "{rule}: {answer:?}");
    }

    /// The requests of which the recorded line matches.
    pub(crate) fn requests(&self, pattern: &str) -> Vec<Value> {
        let lines = self.control("requests", &["--match", pattern]);
        lines.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }

    /// The registry host of a region.
    pub(crate) fn host(&self, region: &str) -> String {
        format!("{}.dkr.ecr.{region}.amazonaws.com", self.facts.account)
    }
}

/// Runs a command that must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
