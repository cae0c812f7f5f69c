//! The order of a run: read, check, build, push, read back, report. And what an interrupt undoes.

mod build;
mod dry_run;
mod interrupt;
mod job;
mod join;
mod preflight;
mod push;
mod report;
mod scan;

use std::ffi::OsString;
use std::io::Write;
use std::time::{Duration, Instant};

use backon::ExponentialBuilder;

use crate::config::{Config, Problems, Warning};
use crate::error::{ExitCode, Failure, exit_code};
use crate::net::install_crypto_provider;
use crate::progress::{Event, Log, Style, diagnostics};
use crate::report::{Folder, Took};

use interrupt::{Interrupted, Interrupts};
use job::{Done, job};
use preflight::Ready;

/// How long the clean-up after an interrupt may take: Bitbucket and `docker stop` kill after 10 s.
const CLEAN_UP: Duration = Duration::from_secs(9);

/// How long to wait before each further try of something temporary: 0.5 s and doubling, with jitter so that parallel steps do
/// not return together, about half a minute in all.
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(5)
        .with_jitter()
}

/// Runs the pipe with these pairs of the environment.
pub async fn run(
    pairs: impl IntoIterator<Item = (OsString, OsString)>,
    stdout: impl Write,
    stderr: impl Write + Send + 'static,
) -> ExitCode {
    let began = Instant::now();
    let read = Config::read(pairs);
    let Ok(log) = Log::start(stderr, style(&read)) else { return ExitCode::Bug };
    log.send(Event::Title(concat!("ecr-pipe ", env!("CARGO_PKG_VERSION")).to_owned())).await;
    let secrets = read.as_ref().map_or_else(Problems::secrets, |config| &config.secrets);
    for secret in secrets {
        log.mask(secret.clone()).await;
    }
    let ended = match &read {
        Ok(config) => whole(config, &log, stdout).await,
        Err(problems) => {
            // A folder that cannot be used is no news beside what is wrong already.
            let _ = Folder::clear(problems.output_dir());
            warn(&log, problems.warnings().iter().cloned()).await;
            Err(problems.failures())
        }
    };
    let code = match ended {
        Ok(lines) => {
            log.done(lines, began.elapsed()).await;
            ExitCode::Done
        }
        Err(failures) => {
            log.failed(&failures, began.elapsed()).await;
            exit_code(&failures)
        }
    };
    log.flush().await;
    code
}

fn style(read: &Result<Config, Problems>) -> Style {
    match read {
        Ok(config) => Style { color: config.color, debug: config.debug },
        // What the variables say of it may be among the problems.
        Err(_) => Style { color: false, debug: false },
    }
}

async fn warn(log: &Log, warnings: impl IntoIterator<Item = impl Into<Warning>>) {
    for warning in warnings {
        let Warning { message, hint } = warning.into();
        log.send(Event::Warning { message, hint }).await;
    }
}

/// A run with a configuration; the last lines of the log, or why there are none.
async fn whole(config: &Config, log: &Log, stdout: impl Write) -> Result<Vec<String>, Vec<Failure>> {
    let mut interrupts = Interrupts::listen().map_err(|error| vec![bug(&format!("no signal handlers: {error}"))])?;
    if config.debug {
        diagnostics::install(log.clone());
    }
    install_crypto_provider();
    warn(log, config.warnings.iter().cloned()).await;
    if !config.index_from.is_empty() {
        return Box::pin(join::whole(config, log, &mut interrupts, stdout)).await;
    }

    let mut took = Took::default();
    let checks = grouped("Checks", log, &mut took.checks, preflight::check(config, log));
    let ready = tokio::select! {
        ready = checks => ready?,
        interrupted = interrupts.next() => return Err(vec![interrupted.into()]),
    };
    // The branch that loses is dropped at once, and with it the connection by which the engine works.
    if config.dry_run {
        dry_run::tell(config, &ready, log).await;
        return Ok(["dry run", "nothing was built, pushed or changed"].map(str::to_owned).to_vec());
    }
    let ended = tokio::select! {
        ended = scan::gated(job(config, &ready, log, &mut took), config, &ready.destinations.all, log) => Ok(ended),
        interrupted = interrupts.next() => Err(interrupted),
    };
    match ended {
        Ok(Ok(Done::Built(images))) => {
            Ok(images.iter().map(|image| format!("built {}", build::told(image, &images))).collect())
        }
        Ok(Ok(Done::Pushed(pushed))) => {
            let engine = ready.engine.facts().version.as_str();
            let place = (&ready.destinations, Some(engine), ready.output.as_ref());
            report::report(config, place, &pushed, took, stdout)
        }
        Ok(Err(failures)) => Err(failures),
        Err(interrupted) => {
            undo(interrupted, &ready, &mut interrupts, log).await;
            Err(vec![interrupted.into()])
        }
    }
}

/// A part of the run as a group of the log.
async fn grouped<T, E>(
    name: &'static str,
    log: &Log,
    took: &mut Duration,
    part: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let began = Instant::now();
    log.send(Event::GroupStarted(name)).await;
    let result = part.await;
    *took = began.elapsed();
    log.send(if result.is_ok() { Event::GroupFinished(*took) } else { Event::GroupFailed(*took) }).await;
    result
}

/// Takes what the run made out of the engine. A second signal ends the wait.
async fn undo(interrupted: Interrupted, ready: &Ready, interrupts: &mut Interrupts, log: &Log) {
    log.send(Event::Note(format!("{interrupted}: taking out of the engine what this run made"))).await;
    let forgotten = tokio::select! {
        forgotten = tokio::time::timeout(CLEAN_UP, ready.engine.forget(&ready.trace)) => forgotten,
        _ = interrupts.next() => return,
    };
    if !matches!(forgotten, Ok(Ok(()))) {
        let hint = Some("`docker image prune` removes what is left".to_owned());
        log.send(Event::Warning { message: "not everything could be taken out of the engine".to_owned(), hint }).await;
    }
}

fn bug(message: &str) -> Failure {
    Failure { code: ExitCode::Bug, message: message.to_owned(), hint: None }
}
