//! Generated trees arrive through the pipe as they do through the docker CLI, by either builder.
//!
//! A tree follows from its seed alone. A failure tells the seed and the tree; `ECR_PIPE_TREES_SEED=<seed> ECR_PIPE_TREES=1`
//! makes it again, and a greater number goes on from there.

mod case;
mod image;
mod random;
mod tree;

use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use self::case::Case;
use self::image::{Facts, Layer, Layers, layers};
use crate::lab::{Engine, Lab, lab};

/// How many contexts each engine gets, with four trees each: one at the top, three in folders of it.
const CONTEXTS: u64 = 75;
/// Two cores and an engine that waits for its disk.
const WORKERS: usize = 3;

/// What comes of a build.
enum Outcome {
    Image(Layers),
    Refused(String),
}

#[derive(Clone, Copy, Debug)]
enum Builder {
    Buildkit,
    Classic,
}

/// The docker CLI of engine 28.5, for both engines: what CLI 20.10 makes of an ignore file was corrected since
/// (moby/patternmatcher tries exceptions component by component, fsutil sends no excluded folder in which nothing is kept).
struct Cli {
    program: String,
    config: TempDir,
}

impl Cli {
    fn new() -> Self {
        let lab = lab(Engine::V28, false);
        let config = tempfile::tempdir().expect("a temporary folder");
        // It says where buildx is.
        let theirs =
            lab.command("cat", Path::new("/")).arg(format!("{}/config.json", lab.facts.docker_config)).output();
        std::fs::write(config.path().join("config.json"), theirs.expect("the lab's configuration").stdout).unwrap();
        Self { program: lab.facts.docker_cli.clone(), config }
    }
}

/// A case in a folder of its own.
struct Build<'a> {
    lab: &'a Lab,
    cli: &'a Cli,
    case: &'a Case,
    folder: TempDir,
    name: String,
    began: SystemTime,
}

impl<'a> Build<'a> {
    fn new(lab: &'a Lab, cli: &'a Cli, case: &'a Case, name: String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Of folders with the same name the engine takes one for an earlier state of the other, as it is told by the CLI.
        let root = folder.path().join(&name);
        std::fs::create_dir(&root).unwrap();
        case.plant(&root);
        // Files of the build are told apart from the tree's by whole seconds.
        Self { lab, cli, case, folder, name, began: SystemTime::now() - Duration::from_secs(1) }
    }

    fn outcome(&self, output: &Output, image: &str) -> Outcome {
        if output.status.success() {
            return Outcome::Image(layers(self.lab, image, self.began));
        }
        Outcome::Refused(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn pipe(&self, builder: Builder) -> Outcome {
        let root = self.folder.path();
        let mut command = self.lab.command(env!("CARGO_BIN_EXE_ecr-pipe"), root);
        let image = format!("pipe-{}", self.name);
        let builder = if matches!(builder, Builder::Buildkit) { "buildkit" } else { "classic" };
        let dockerfile = format!("{}/{}", self.name, self.case.dockerfile);
        let variables = [
            ("IMAGE", image.as_str()),
            ("TAGS", "1"),
            ("PUSH", "false"),
            ("NO_CACHE", "true"),
            ("CONTEXT", &self.name),
            ("DOCKERFILE", &dockerfile),
            ("BUILDER", builder),
            ("DOCKER_HOST", &self.lab.facts.docker_host),
        ];
        let output = command.envs(variables).output().expect("the pipe starts");
        self.outcome(&output, &format!("{image}:1"))
    }

    fn cli(&self, builder: Builder) -> Outcome {
        let mut command = self.lab.command(&self.cli.program, self.folder.path());
        command.arg("--config").arg(self.cli.config.path()).args(["--host", &self.lab.facts.admin_docker_host]);
        let image = format!("cli-{}:1", self.name);
        let file = Path::new(&self.name).join(&self.case.dockerfile);
        command.args(["build", "--quiet", "--no-cache", "--tag", &image, "--file"]).arg(file).arg(&self.name);
        command.env("DOCKER_BUILDKIT", if matches!(builder, Builder::Buildkit) { "1" } else { "0" });
        let output = command.output().expect("the CLI starts");
        self.outcome(&output, &image)
    }
}

/// How the pipe's image differs. The classic builder's is also held against what the CLI gives by BuildKit.
fn differences(case: &Case, ours: &Outcome, theirs: &Outcome, by_buildkit: Option<&Outcome>) -> Vec<String> {
    let by_buildkit =
        by_buildkit.map(|outcome| if let Outcome::Image(layers) = outcome { layers.as_slice() } else { &[] });
    let (ours, theirs) = match (ours, theirs) {
        (Outcome::Image(ours), Outcome::Image(theirs)) => (ours, theirs),
        (Outcome::Refused(_), Outcome::Refused(_)) => return Vec::new(),
        // It did not send what is copied; see `is_wanted`.
        (Outcome::Image(ours), Outcome::Refused(_)) if by_buildkit.is_some_and(|theirs| theirs.len() == ours.len()) => {
            return Vec::new();
        }
        // By the CLI a symlink in a folder that a wildcard found is not followed (`src/session/filesync/follow.rs`).
        (Outcome::Image(_), Outcome::Refused(log))
            if case.has_wildcard() && log.contains("failed to compute cache key") =>
        {
            return Vec::new();
        }
        (Outcome::Refused(log), Outcome::Image(_)) => return vec![format!("only the docker CLI builds it:\n{log}")],
        (Outcome::Image(_), Outcome::Refused(log)) => return vec![format!("only the pipe builds it:\n{log}")],
    };
    let mut found = Vec::new();
    for number in 0..ours.len().max(theirs.len()) {
        let empty = Layer::new();
        let (ours, theirs) = (ours.get(number).unwrap_or(&empty), theirs.get(number).unwrap_or(&empty));
        let mut paths: Vec<_> = ours.keys().chain(theirs.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let (one, other) = (ours.get(path), theirs.get(path));
            let wanted = by_buildkit.map_or_else(
                || is_wanted(one, other),
                |layers| {
                    let third = layers.get(number).and_then(|layer| layer.get(path));
                    is_wanted_by_classic(case, path, one, other, third)
                },
            );
            if one != other && !wanted {
                let shown = |facts: Option<&Facts>| facts.map_or("nothing".to_owned(), ToString::to_string);
                let path = String::from_utf8_lossy(path);
                found.push(format!("layer {number}, {path:?}:\n    pipe {}\n    CLI  {}", shown(one), shown(other)));
            }
        }
    }
    found
}

/// Whether the pipe differs on purpose by BuildKit.
fn is_wanted(ours: Option<&Facts>, theirs: Option<&Facts>) -> bool {
    match (ours, theirs) {
        // Where an exclusion behind an exception would change nothing for the folder, the CLI lists a file in it and opens it by
        // another rule (fsutil `filterFS`), so that an empty file arrives. By the classic builder its content does.
        (Some(ours), Some(theirs)) => {
            theirs.content.is_empty() && *theirs == Facts { content: Vec::new(), ..ours.clone() }
        }
        _ => false,
    }
}

/// Whether the pipe differs on purpose by the classic builder; `by_buildkit` is what the CLI gives by the other one.
fn is_wanted_by_classic(
    case: &Case,
    path: &[u8],
    ours: Option<&Facts>,
    theirs: Option<&Facts>,
    by_buildkit: Option<&Facts>,
) -> bool {
    let path = path.strip_prefix(b"tree/").unwrap_or(path);
    match (ours, theirs, by_buildkit) {
        // The CLI enters an excluded folder only for an exception that begins with its path, so that it loses what `!**/x` or
        // `!a/*/x` keep (moby/go-archive `TarWithOptions`); by BuildKit it does not.
        (Some(_), None, Some(_)) => true,
        // The same of a named pipe, which BuildKit of engine 20.10 copies for no client.
        (Some(ours), None, None) => ours.kind.is_fifo(),
        // The path that ours links to is lost so.
        (Some(ours), Some(theirs), Some(by_buildkit)) if ours.kind.is_hard_link() && theirs.kind.is_file() => {
            ours.link == by_buildkit.link
        }
        // It does not send an excluded folder around something kept, so that the builder makes it anew, each time with another
        // time.
        (Some(ours), Some(theirs), _) if ours.kind.is_dir() => {
            theirs.mtime.is_none() && *theirs == Facts { mtime: None, ..ours.clone() }
        }
        // A line more has the builder remove the Dockerfile (`src/context/placement.rs`).
        (Some(ours), Some(theirs), _) => {
            let plain = Facts { content: theirs.content.clone(), ..ours.clone() };
            path == b".dockerignore" && ours.content.starts_with(&theirs.content) && *theirs == plain
        }
        // It leaves behind the excluded folder that the removed Dockerfile lay in.
        (None, Some(_), None) => {
            case.dockerfile.as_bytes().strip_prefix(path).is_some_and(|rest| rest.starts_with(b"/"))
        }
        _ => false,
    }
}

#[derive(Default)]
struct Tally {
    compared: u64,
    refused: u64,
    failures: Vec<String>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[expect(clippy::print_stdout, reason = "the seed is told")]
fn compare(engine: Engine) {
    let lab = lab(engine, false);
    let cli = Cli::new();
    let began = Instant::now();
    let first = number("ECR_PIPE_TREES_SEED", 1);
    let trees = number("ECR_PIPE_TREES", CONTEXTS);
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + trees || tally.lock().unwrap().failures.len() >= 8 {
                        break;
                    }
                    let case = Case::generate(seed);
                    let build = Build::new(lab, &cli, &case, format!("trees-{seed}"));
                    let mut by_buildkit = None;
                    for builder in [Builder::Buildkit, Builder::Classic] {
                        if matches!(builder, Builder::Classic) && case.only_buildkit() {
                            continue;
                        }
                        let (ours, theirs) = (build.pipe(builder), build.cli(builder));
                        let found = differences(&case, &ours, &theirs, by_buildkit.as_ref());
                        let mut tally = tally.lock().unwrap();
                        tally.compared += 1;
                        tally.refused += u64::from(matches!(ours, Outcome::Refused(_)));
                        if !found.is_empty() {
                            tally.failures.push(format!("{builder:?}, {case}\n  {}", found.join("\n  ")));
                        }
                        by_buildkit = Some(theirs);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    let told = format!(
        "engine {}: {trees} contexts from seed {first}, {} builds compared, {} refused by both, {:?}",
        lab.line["engine"],
        tally.compared,
        tally.refused,
        began.elapsed()
    );
    println!("{told}");
    assert!(tally.failures.is_empty(), "{told}\n\n{}", tally.failures.join("\n\n"));
    assert!(tally.refused * 4 <= tally.compared, "most builds work: {told}");
}

#[test]
fn generated_trees_arrive_as_the_docker_cli_sends_them_on_engine_20_10() {
    compare(Engine::V20);
}

#[test]
fn generated_trees_arrive_as_the_docker_cli_sends_them_on_engine_28_5() {
    compare(Engine::V28);
}
