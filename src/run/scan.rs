//! The scan gate: after the push, each image of it is watched until its scan has a result, or there will be none.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::job::Done;
use super::preflight::Destination;
use super::{grouped, warn};
use crate::aws::{Ecr, Findings, Scan, ScanReport, Started};
use crate::config::duration::written;
use crate::config::{Config, ScanGate, Severity};
use crate::error::Failure;
use crate::image::{Digest, Repository};
use crate::plan::{Late, NoResult, Verdict, Watched, conclude, judge, summary, table};
use crate::progress::{Event, Log};
use crate::registry::{Manifest, PlatformImage};

/// The pause between two looks, which grows: most scans take seconds, some minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often an unchanged state is told again.
const TELL: Duration = Duration::from_secs(30);
const STARTED: &str = "a scan was started";
/// What a look may take even when the time is nearly up: so one always comes to its end.
const LOOK: Duration = Duration::from_secs(10);
/// Basic scanning scans an image once in this time (ECR user guide, "Basic scanning"), so that a result which is older can be
/// replaced by one that knows the vulnerabilities of today.
const FRESH: Duration = Duration::from_hours(24);

/// The gate of every repository after the push, if there is one.
///
/// # Errors
/// What the job says, or each repository whose image does not pass.
pub(super) async fn gated(
    job: impl Future<Output = Result<Done, Failure>>,
    config: &Config,
    all: &[Destination],
    log: &Log,
) -> Result<Done, Vec<Failure>> {
    let done = job.await.map_err(|failure| vec![failure])?;
    if let (Some(gate), Done::Pushed(pushed)) = (&config.scan, &done) {
        let is_one_of_several = all.len() > 1;
        let gates = all.iter().map(|Destination { repository, tokens, .. }| {
            let place = if is_one_of_several { repository.to_string() } else { String::new() };
            self::gate(gate, tokens.ecr(), repository, &pushed.manifest, place, log)
        });
        let all_pass = async {
            let failures: Vec<Failure> = join_all(gates).await.into_iter().filter_map(Result::err).collect();
            if failures.is_empty() { Ok(()) } else { Err(failures) }
        };
        grouped("Scan", log, &mut Duration::default(), all_pass).await?;
    }
    Ok(done)
}

/// Waits for the scan of everything that was pushed under a digest, tells what it found, and decides.
///
/// # Errors
/// Findings that are too severe; no result, unless that counts as passed.
async fn gate(
    gate: &ScanGate,
    ecr: &Ecr,
    repository: &Repository,
    pushed: &Manifest,
    place: String,
    log: &Log,
) -> Result<(), Failure> {
    let until = Instant::now() + gate.timeout;
    let images = pushed.images();
    let waits = images.into_iter().map(|PlatformImage { digest, platform }| {
        let platform = platform.map(|platform| platform.to_string()).unwrap_or_default();
        let label = joined([&place, &platform]);
        let name = joined([&platform, digest.as_str()]);
        Watch { gate, ecr, repository, digest, label, name, log, until, told: None, asked: Asked::Not }
    });
    let mut watched: Vec<Watched> = join_all(waits.map(Watch::end)).await;
    for Watched { name, result } in &watched {
        if let Ok(findings) = result {
            tell(&joined([&place, name]), findings, gate.fail_on, log).await;
        }
    }
    if watched.is_empty() {
        watched.push(Watched { name: pushed.digest.to_string(), result: Err(NoResult::Nothing) });
    }
    let warnings = conclude(&repository.at(&pushed.digest), gate, &watched)?;
    warn(log, warnings).await;
    Ok(())
}

/// The parts that there are, with spaces between them.
fn joined<const N: usize>(parts: [&str; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The table of what matters to the gate, and how many findings there are of each severity.
async fn tell(name: &str, findings: &Findings, fail_on: Severity, log: &Log) {
    log.send(Event::Note(format!("{name}: {}", summary(findings, Severity::Undefined)))).await;
    for line in table(findings, fail_on) {
        log.send(Event::Note(line)).await;
    }
}

/// The wait for one image.
struct Watch<'a> {
    gate: &'a ScanGate,
    ecr: &'a Ecr,
    repository: &'a Repository,
    digest: Digest,
    /// What tells it apart in the log while it is waited for; nothing when it is the only one.
    label: String,
    /// What it is called afterwards.
    name: String,
    log: &'a Log,
    until: Instant,
    /// What was told last, and when.
    told: Option<(String, Instant)>,
    asked: Asked,
}

/// What became of the wish to start a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing has asked yet, or the answer said nothing.
    Not,
    /// It cannot be started by us, for these reasons.
    InVain(String, Late),
    /// It runs; what was complete at this time, if anything, is the result of one before.
    Started(Option<SystemTime>),
}

impl Watch<'_> {
    async fn end(mut self) -> Watched {
        let result = self.result().await;
        Watched { name: self.name, result }
    }

    async fn result(&mut self) -> Result<Findings, NoResult> {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut late = Late::End;
            let last = match self.look().await {
                Ok((scan, verdict)) => {
                    match (scan, verdict) {
                        (_, Verdict::Missing(reason)) => return Err(reason),
                        (Scan::Known(report), Verdict::Pass | Verdict::Fail) => match self.superseded(&report).await {
                            None => return Ok(report.findings),
                            Some(words) => words,
                        },
                        (Scan::Absent, Verdict::Wait(words)) => {
                            self.ask_for(None).await?;
                            match &self.asked {
                                Asked::Not => words,
                                Asked::Started(_) => STARTED.to_owned(),
                                Asked::InVain(why, cause) => {
                                    late = *cause;
                                    format!("{words}, and {why}")
                                }
                            }
                        }
                        (_, Verdict::Wait(words)) => words,
                        // Without a scan there is nothing to pass or to fail.
                        (Scan::NoImage | Scan::Absent, Verdict::Pass | Verdict::Fail) => String::new(),
                    }
                }
                Err(words) => words,
            };
            let now = Instant::now();
            if now >= self.until {
                return Err(NoResult::TimedOut { after: self.gate.timeout, last, late });
            }
            self.tell(&last, now).await;
            sleep(pause.min(self.until - now)).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// One look. An error that may pass is words.
    async fn look(&self) -> Result<(Scan, Verdict), String> {
        let room = self.until.saturating_duration_since(Instant::now()).max(LOOK);
        let looked = timeout(room, self.ecr.scan(self.repository, &self.digest, self.gate.fail_on)).await;
        match looked {
            Ok(Ok(scan)) => {
                let verdict = judge(&scan, self.gate.fail_on);
                Ok((scan, verdict))
            }
            Ok(Err(error)) if error.is_temporary() => Err(error.to_string()),
            Ok(Err(error)) => Ok((Scan::Absent, Verdict::Missing(NoResult::Refused(error)))),
            Err(_) => Err("AWS does not answer in time".to_owned()),
        }
    }

    /// Asks for a scan, until something is known of the answer.
    async fn ask_for(&mut self, before: Option<SystemTime>) -> Result<(), NoResult> {
        if self.asked != Asked::Not {
            return Ok(());
        }
        let in_vain = |why: &str, late| Asked::InVain(why.to_owned(), late);
        self.asked = match timeout(LOOK, self.ecr.start_scan(self.repository, &self.digest)).await {
            Ok(Ok(Started::Started)) => Asked::Started(before),
            Ok(Ok(Started::Unsupported)) => return Err(NoResult::Unsupported),
            Ok(Ok(Started::Archived)) => return Err(NoResult::Archived),
            Ok(Ok(Started::NoImage)) | Err(_) => Asked::Not,
            Ok(Ok(Started::Limit)) => in_vain("ECR starts none before 24 hours are over", Late::Tomorrow),
            Ok(Ok(Started::NotOnDemand)) => in_vain("the registry starts its scans by itself", Late::Registry),
            Ok(Err(error)) if error.is_temporary() => Asked::Not,
            Ok(Err(error)) if error.is_denied() => {
                in_vain(&format!("{} may not start one", self.ecr.principal()), Late::Permission)
            }
            Ok(Err(error)) => in_vain(&error.to_string(), Late::End),
        };
        Ok(())
    }

    /// Words when the result is not to be used, since there will be a newer one.
    async fn superseded(&mut self, report: &ScanReport) -> Option<String> {
        let at = report.completed_at?;
        if let Asked::Started(Some(before)) = self.asked {
            return (at <= before).then(|| "the result is older than the scan".to_owned());
        }
        let is_old = at.elapsed().is_ok_and(|age| age > FRESH);
        if self.asked != Asked::Not || !is_old {
            return None;
        }
        // Whoever cannot start another scan takes the result that there is.
        let asked = self.ask_for(Some(at)).await;
        (asked.is_ok() && matches!(self.asked, Asked::Started(_))).then(|| STARTED.to_owned())
    }

    /// Tells what is new, and from time to time that nothing is.
    async fn tell(&mut self, words: &str, now: Instant) {
        let is_due = self.told.as_ref().is_none_or(|(told, at)| told != words || now - *at >= TELL);
        if is_due {
            let left = written(Duration::from_secs((self.until - now).as_secs() + 1));
            let label = if self.label.is_empty() { String::new() } else { format!("{}: ", self.label) };
            self.log.send(Event::Note(format!("{label}{words}; waiting for up to {left}"))).await;
            self.told = Some((words.to_owned(), now));
        }
    }
}
