//! Runs the pipe in a lab as a user's step would, and looks at everything it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lab::Lab;

/// A run that is being prepared: a step's clone folder, its variables and a repository of its own.
pub(crate) struct Pipe {
    pub(crate) lab: &'static Lab,
    pub(crate) folder: TempDir,
    /// The repository's bare name, unique to the test.
    pub(crate) repository: String,
    /// The access key id, unique to the test, so that faults of the API meet no other.
    pub(crate) key: String,
    variables: BTreeMap<String, String>,
}

/// Everything a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) log: String,
    /// `.ecr-pipe/image.env`, if there is one.
    pub(crate) image_env: Option<String>,
    /// `.ecr-pipe/result.json`, if there is one.
    pub(crate) result_json: Option<String>,
    pub(crate) took: Duration,
}

/// The secret that must appear nowhere.
pub(crate) const CANARY: &str = "canary-wJalrXUtnFEMI-K7MDENG";

impl Pipe {
    /// A step with the three variables of the smallest case, an existing repository and no files yet.
    pub(crate) fn new(lab: &'static Lab) -> Self {
        Self::with_repository(lab, &[])
    }

    /// The same with options for the repository: `--immutable`, …
    pub(crate) fn with_repository(lab: &'static Lab, options: &[&str]) -> Self {
        let pipe = Self::without_repository(lab);
        lab.create_repository(&pipe.repository, options);
        pipe
    }

    /// The same with no such repository.
    pub(crate) fn without_repository(lab: &'static Lab) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let repository = format!("team/app-{number}");
        let key = format!("AKIA{number:016}");
        let folder = TempDir::new().expect("a temporary folder");
        let mut pipe = Self { lab, folder, repository, key, variables: BTreeMap::new() };
        let uri = pipe.uri();
        let (key, folder) = (pipe.key.clone(), pipe.folder.path().display().to_string());
        for (name, value) in [
            ("AWS_KEY", key.as_str()),
            ("AWS_SECRET", CANARY),
            ("IMAGE", &uri),
            ("DOCKER_HOST", &lab.facts.docker_host),
            ("SSL_CERT_FILE", &lab.facts.ca),
            ("NO_COLOR", "1"),
            ("BITBUCKET_BRANCH", "main"),
            ("BITBUCKET_CLONE_DIR", &folder),
        ] {
            pipe.variables.insert(name.to_owned(), value.to_owned());
        }
        pipe
    }

    /// The repository's full URI.
    pub(crate) fn uri(&self) -> String {
        format!("{}/{}", self.lab.host("us-east-1"), self.repository)
    }

    /// Sets a variable.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Writes a file of the clone folder, with its parents.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders are made");
        std::fs::write(path, content).expect("a file is written");
        self
    }

    /// Writes the Dockerfile.
    pub(crate) fn dockerfile(self, lines: &str) -> Self {
        self.file("Dockerfile", lines)
    }

    /// A path in the clone folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Starts the pipe and leaves it running.
    pub(crate) fn start(&self) -> Child {
        self.command().spawn().expect("the pipe starts")
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.lab.command(env!("CARGO_BIN_EXE_ecr-pipe"), self.folder.path());
        command.envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the pipe to its end.
    pub(crate) fn run(&self) -> Run {
        let began = Instant::now();
        self.finish(self.start(), began)
    }

    /// Runs the pipe to its end with one variable more.
    pub(crate) fn run_with(&self, name: &str, value: &str) -> Run {
        let began = Instant::now();
        let mut command = self.command();
        command.env(name, value);
        self.finish(command.spawn().expect("the pipe starts"), began)
    }

    /// Runs the pipe to its end; with the run comes the peak of its memory in KiB (proc(5), `VmHWM`).
    pub(crate) fn run_watched(&self) -> (Run, u64) {
        let began = Instant::now();
        let mut child = self.start();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        until("the pipe ends", || {
            // One that has ended and was not yet waited for has no memory.
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(kibibytes.unwrap_or_default());
            child.try_wait().expect("a child").is_some()
        });
        (self.finish(child, began), peak)
    }

    /// Waits for a started pipe.
    pub(crate) fn finish(&self, child: Child, began: Instant) -> Run {
        let output = child.wait_with_output().expect("the pipe ends");
        let read = |name: &str| std::fs::read_to_string(self.path(".ecr-pipe").join(name)).ok();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
            image_env: read("image.env"),
            result_json: read("result.json"),
            took: began.elapsed(),
        }
    }

    /// Replaces what varies between runs, for snapshots.
    pub(crate) fn filter(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace(&folder, "[FOLDER]").replace(&self.repository, "[REPOSITORY]").replace(&self.key, "[KEY]")
    }
}

impl Run {
    /// Asserts the exit code, and shows the log when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; the log was:\n{}\nstdout: {}", self.log, self.stdout);
        self.without_canary()
    }

    /// Asserts that the log has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "`{text}` is not in the log:\n{}", self.log);
        self
    }

    /// Asserts that the log does not have this text.
    #[track_caller]
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        assert!(!self.log.contains(text), "`{text}` is in the log:\n{}", self.log);
        self
    }

    /// Asserts that the run ended before a build began.
    #[track_caller]
    pub(crate) fn built_nothing(self) -> Self {
        self.does_not_say("\nBuild\n")
    }

    /// Asserts that nothing was reported as pushed.
    #[track_caller]
    pub(crate) fn reports_nothing(self) -> Self {
        assert_eq!(self.stdout, "");
        assert_eq!(self.image_env, None, "image.env");
        assert_eq!(self.result_json, None, "result.json");
        self
    }

    /// Asserts that no output holds the secret key: true of every run.
    #[track_caller]
    fn without_canary(self) -> Self {
        let outputs = [Some(&self.log), Some(&self.stdout), self.image_env.as_ref(), self.result_json.as_ref()];
        for text in outputs.into_iter().flatten() {
            assert!(!text.contains(CANARY), "the secret key is in:\n{text}");
        }
        self
    }
}

/// Polls until something holds, and says what did not within the deadline. The pause is only the time between two looks: no
/// test counts on its length.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The name of a file of the repository.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
