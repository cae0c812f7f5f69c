//! `SCAN_FAIL_ON`, `SCAN_TIMEOUT` and `SCAN_ON_MISSING`.

use std::time::Duration;

use super::duration::duration;
use super::problem::Findings;
use super::raw::Raw;
use super::severity::Severity;

/// A scan that must be clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanGate {
    /// `SCAN_FAIL_ON`: findings at this severity or above fail the run.
    pub fail_on: Severity,
    /// `SCAN_TIMEOUT`: how long to wait for the result.
    pub timeout: Duration,
    /// `SCAN_ON_MISSING`: what it counts as when there is none.
    pub on_missing: OnMissing,
}

/// What no result of a scan counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// The run fails.
    Fail,
    /// The run goes on, with a warning.
    Pass,
}

/// The default of `SCAN_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Below this no scan has ever ended; above this no step of a pipeline goes on waiting.
const BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(12);

/// The gate; `None` when `SCAN_FAIL_ON` is unset or not accepted, or nothing is pushed that could be scanned.
pub(super) fn gate(raw: &Raw, push: bool, findings: &mut Findings) -> Option<ScanGate> {
    let fail_on = fail_on(raw, findings);
    let timeout = timeout(raw, findings);
    let on_missing = on_missing(raw, findings);
    let scalars = &raw.scalars;
    if scalars.scan_fail_on.is_none() && !raw.is_faulty("SCAN_FAIL_ON") {
        for (name, value) in [("SCAN_TIMEOUT", &scalars.scan_timeout), ("SCAN_ON_MISSING", &scalars.scan_on_missing)] {
            if value.is_some() {
                let hint = "set `SCAN_FAIL_ON` to the severity that fails the run, such as `HIGH`".to_owned();
                findings
                    .warn(format!("`{name}` does nothing without `SCAN_FAIL_ON`: no scan is waited for"), Some(hint));
            }
        }
    }
    let fail_on = fail_on?;
    if !push {
        let hint = "remove `SCAN_FAIL_ON` where `PUSH` is `false`".to_owned();
        findings.warn("`SCAN_FAIL_ON` does nothing while `PUSH` is `false`: ECR scans only what is pushed", Some(hint));
        return None;
    }
    Some(ScanGate { fail_on, timeout, on_missing })
}

fn fail_on(raw: &Raw, findings: &mut Findings) -> Option<Severity> {
    let text = raw.scalars.scan_fail_on.as_deref()?;
    let severity = Severity::parse(text);
    if severity.is_none() {
        let words: Vec<String> = Severity::ALL.iter().map(|severity| format!("`{severity}`")).collect();
        let reason = format!("`{text}` is no severity, expected one of {}", words.join(", "));
        findings.value("SCAN_FAIL_ON", reason, Some("write it like `HIGH`, or remove it for no gate".to_owned()));
    }
    severity
}

fn timeout(raw: &Raw, findings: &mut Findings) -> Duration {
    let Some(text) = raw.scalars.scan_timeout.as_deref() else { return TIMEOUT };
    match duration(text) {
        Some(span) if BOUNDS.contains(&span) => return span,
        Some(_) => {
            findings.value("SCAN_TIMEOUT", format!("`{text}` is out of range, expected `1s` to `12h`"), None);
        }
        None => {
            findings.value("SCAN_TIMEOUT", format!("`{text}` is no span of time, expected `90s`, `5m` or `1h`"), None);
        }
    }
    TIMEOUT
}

fn on_missing(raw: &Raw, findings: &mut Findings) -> OnMissing {
    match raw.scalars.scan_on_missing.as_deref() {
        None => OnMissing::Fail,
        Some(word) if word.eq_ignore_ascii_case("fail") => OnMissing::Fail,
        Some(word) if word.eq_ignore_ascii_case("pass") => OnMissing::Pass,
        Some(word) => {
            findings.value("SCAN_ON_MISSING", format!("`{word}` is not accepted, expected `fail` or `pass`"), None);
            OnMissing::Fail
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, problems};
    use super::*;

    #[test]
    fn without_a_severity_there_is_no_gate() {
        let found = config(&[]);
        assert_eq!(found.scan, None);
        assert_eq!(found.warnings, []);
    }

    #[test]
    fn a_severity_alone_waits_five_minutes_and_fails_closed() {
        let gate = ScanGate { fail_on: Severity::High, timeout: Duration::from_mins(5), on_missing: OnMissing::Fail };
        assert_eq!(config(&[("SCAN_FAIL_ON", "High")]).scan, Some(gate));
    }

    #[test]
    fn all_three_are_read_in_any_case() {
        let found = config(&[("SCAN_FAIL_ON", "undefined"), ("SCAN_TIMEOUT", "90S"), ("SCAN_ON_MISSING", "Pass")]);
        let gate =
            ScanGate { fail_on: Severity::Undefined, timeout: Duration::from_secs(90), on_missing: OnMissing::Pass };
        assert_eq!(found.scan, Some(gate));
    }

    #[test]
    fn what_is_set_in_vain_is_told() {
        let found = config(&[("SCAN_TIMEOUT", "10m"), ("SCAN_ON_MISSING", "pass")]);
        let told: Vec<&str> = found.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "`SCAN_TIMEOUT` does nothing without `SCAN_FAIL_ON`: no scan is waited for",
                "`SCAN_ON_MISSING` does nothing without `SCAN_FAIL_ON`: no scan is waited for",
            ]
        );
        let found = config(&[("SCAN_FAIL_ON", "HIGH"), ("PUSH", "false")]);
        assert_eq!(found.scan, None);
        assert_eq!(
            found.warnings[0].message,
            "`SCAN_FAIL_ON` does nothing while `PUSH` is `false`: ECR scans only what is pushed"
        );
    }

    #[test]
    fn what_is_not_accepted_is_told_with_what_is() {
        let all = [("SCAN_FAIL_ON", "BAD"), ("SCAN_TIMEOUT", "300"), ("SCAN_ON_MISSING", "ignore")];
        insta::assert_snapshot!(problems(&all), @r"
        `SCAN_FAIL_ON`: `BAD` is no severity, expected one of `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `INFORMATIONAL`, `UNDEFINED`
          hint: write it like `HIGH`, or remove it for no gate
        `SCAN_TIMEOUT`: `300` is no span of time, expected `90s`, `5m` or `1h`
          hint: write it like `5m`
        `SCAN_ON_MISSING`: `ignore` is not accepted, expected `fail` or `pass`
          hint: write it like `fail`
        ");
        insta::assert_snapshot!(problems(&[("SCAN_FAIL_ON", "LOW"), ("SCAN_TIMEOUT", "1d")]), @r"
        `SCAN_TIMEOUT`: `1d` is out of range, expected `1s` to `12h`
          hint: write it like `5m`
        ");
    }
}
