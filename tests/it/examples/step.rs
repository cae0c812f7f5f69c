//! A step of an example in the lab: what is there before, and what must be there after.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::found::Example;
use super::table::Fixture;
use crate::lab::{Lab, output};
use crate::pipe::{CANARY, project};

/// The account of the examples.
const ACCOUNT: &str = "123456789012";
/// Where the lab has the clone folders of steps.
const CLONES: &str = "/opt/atlassian/pipelines/agent/build";

/// The lab of the examples, as Bitbucket's runtime v2 or v3: it has the account that they name, and the image of the pipe.
pub(super) fn lab(caged: bool) -> &'static Lab {
    static LABS: [OnceLock<Lab>; 2] = [const { OnceLock::new() }; 2];
    LABS[usize::from(caged)].get_or_init(|| {
        let lab = Lab::up(&["--account", ACCOUNT, if caged { "--caged" } else { "--v3" }]);
        lab.control("image", &["--binary", env!("CARGO_BIN_EXE_ecr-pipe")]);
        lab
    })
}

/// A bitbucket-pipelines.yml with the folder that it is in.
pub(super) struct Step<'a> {
    pub(super) lab: &'static Lab,
    folder: TempDir,
    fixture: &'a Fixture,
    /// The access key id, by which the lab's rules tell steps apart.
    pub(super) key: String,
    clone: String,
}

/// What a run left.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) log: String,
    /// The most memory that the process of the pipe had, in bytes.
    pub(super) peak: u64,
}

impl<'a> Step<'a> {
    pub(super) fn new(example: &Example, fixture: &'a Fixture) -> Self {
        Self::of(&example.whole(), fixture)
    }

    pub(super) fn of(pipelines: &str, fixture: &'a Fixture) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let key = format!("AKIAEXAMPLE{number:09}");
        let step = Self {
            lab: lab(!fixture.v3),
            folder: TempDir::new().expect("a folder"),
            fixture,
            key,
            clone: format!("{CLONES}/{number}"),
        };
        // The same for all: what one example has built, the engine need not build again.
        step.file("Dockerfile", "FROM busybox:1.36\nRUN echo shop > /name\n");
        step.file("bitbucket-pipelines.yml", pipelines);
        for (path, content) in fixture.files {
            step.file(path, content);
        }
        step
    }

    pub(super) fn file(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Runs it and says what is not as it should be.
    pub(super) fn run(&self) -> Result<(), String> {
        for (region, name, options) in self.fixture.repositories {
            // Each example has the repositories for itself.
            let gone = json!({"repositoryName": name, "force": true});
            self.lab.ask(&json!({"op": "ecr", "region": region, "action": "DeleteRepository", "body": gone}));
            if let Some(options) = options {
                self.lab.create_repository(name, &[&["--region", region], *options].concat());
            }
        }
        (self.fixture.before)(self);
        let ran = self.pipeline(&[]);
        self.wrong(&ran).map_or(Ok(()), |why| Err(format!("{why}\n{}{}", ran.log, ran.stdout)))
    }

    /// Runs the pipeline; the words are for `docker run`.
    pub(super) fn pipeline(&self, docker_run: &[&str]) -> Ran {
        let peak = self.folder.path().join("../").join(format!("{}.peak", self.key));
        let mut command = Command::new(project("tests/lab/lab"));
        command.arg("pipeline").arg(self.lab.facts.pid.to_string()).arg(self.folder.path());
        command.args(["--clone", &self.clone, "--pipeline", self.fixture.pipeline]).arg("--peak").arg(&peak);
        command.args(docker_run.iter().map(|word| format!("--docker-run={word}")));
        if let Some(tag) = self.fixture.tag {
            command.args(["--tag", tag]);
        }
        let secrets = [
            ("AWS_KEY", self.key.as_str()),
            ("AWS_SECRET", CANARY),
            ("AWS_ACCESS_KEY_ID", self.key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", CANARY),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("NPM_TOKEN", "npm-canary"),
            ("HUB_PASSWORD", "hub-password"),
        ];
        command.args(secrets.map(|(name, value)| format!("--variable={name}={value}")));
        let ran = command.env("NO_COLOR", "1").output().expect("tests/lab/lab runs");
        let peaks: Value =
            std::fs::read(&peak).map_or(Value::Null, |text| serde_json::from_slice(&text).expect("JSON"));
        let _ = std::fs::remove_file(&peak);
        Ran {
            code: ran.status.code(),
            stdout: String::from_utf8_lossy(&ran.stdout).into_owned(),
            log: String::from_utf8_lossy(&ran.stderr).into_owned(),
            peak: peaks["process"].as_u64().unwrap_or_default(),
        }
    }

    fn wrong(&self, ran: &Ran) -> Option<String> {
        if ran.code != Some(self.fixture.code) {
            return Some(format!("it ended with {:?}, not with {}", ran.code, self.fixture.code));
        }
        if let Some(text) =
            self.fixture.says.iter().find(|text| !ran.log.contains(**text) && !ran.stdout.contains(**text))
        {
            return Some(format!("it does not say `{text}`"));
        }
        if let Some(secret) =
            [CANARY, "npm-canary", "hub-password", "canary-jwt"].iter().find(|secret| ran.log.contains(**secret))
        {
            return Some(format!("the log has the secret `{secret}`"));
        }
        for (region, name, tags) in self.fixture.pushed {
            let found = self.digests(region, name);
            let marks = |tag: &&str| tag.starts_with("unchanged-");
            let mut tagged: Vec<&str> = found.iter().map(|(tag, _)| tag.as_str()).filter(|tag| !marks(tag)).collect();
            tagged.sort_unstable();
            if tagged != *tags {
                return Some(format!("{name} in {region} has the tags {tagged:?}, not {tags:?}"));
            }
            let uri = format!("{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{name}");
            let lines: Vec<&str> =
                ran.stdout.lines().filter_map(|line| line.strip_prefix(&uri)?.strip_prefix('@')).collect();
            if lines.is_empty() != tags.is_empty()
                || !lines.iter().all(|line| found.iter().any(|(_, digest)| digest == line))
            {
                return Some(format!("stdout does not name what `{uri}` has: {found:?}"));
            }
        }
        None
    }

    /// Each tag with its digest.
    fn digests(&self, region: &str, name: &str) -> Vec<(String, String)> {
        let listed = self.lab.control("images", &[name, "--region", region]);
        let images = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
        let tags = |image: Value| {
            let digest = image["imageDigest"].as_str().expect("a digest").to_owned();
            let tags = image["imageTags"].as_array().cloned().unwrap_or_default();
            tags.into_iter()
                .map(move |tag| (tag.as_str().expect("a tag").to_owned(), digest.clone()))
                .collect::<Vec<_>>()
        };
        images.flat_map(tags).collect()
    }

    /// A file of the clone folder, when the step has ended.
    pub(super) fn left(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/root{}/{path}", self.lab.facts.pid, self.clone)).ok()
    }
}

/// YAML as JSON, every scalar a text.
pub(crate) fn yaml(texts: &[String]) -> Vec<Value> {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(project("tests/lab/lab"));
    command.arg("yaml");
    for (number, text) in texts.iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(&file, text).expect("it is written");
        command.arg(file);
    }
    output(&mut command).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}
