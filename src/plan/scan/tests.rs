#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::aws::Finding;
use crate::error::Failure;

const GATE: ScanGate =
    ScanGate { fail_on: Severity::High, timeout: Duration::from_mins(5), on_missing: OnMissing::Fail };
const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e";

fn findings(of: &[Severity]) -> Findings {
    let mut findings = Findings::new(GATE.fail_on);
    for severity in of {
        let (id, package, installed) = ("CVE-2024-1".to_owned(), "zlib".to_owned(), "1.2".to_owned());
        findings.add(Finding { severity: *severity, id, package, installed, fixed_in: None });
    }
    findings
}

fn report(word: &str, completed: bool, of: &[Severity]) -> Scan {
    let completed_at = completed.then_some(SystemTime::UNIX_EPOCH);
    let (status, description) = (ScanStatus::of(word), "in AWS's words".to_owned());
    Scan::Known(Box::new(ScanReport { status, description, completed_at, findings: findings(of) }))
}

const FINAL: [&str; 2] = ["COMPLETE", "ACTIVE"];
const WAITING: [&str; 4] = ["IN_PROGRESS", "PENDING", "A_LATER_STATE", ""];
const WITHOUT: [&str; 7] = [
    "FAILED",
    "UNSUPPORTED_IMAGE",
    "SCAN_ELIGIBILITY_EXPIRED",
    "FINDINGS_UNAVAILABLE",
    "LIMIT_EXCEEDED",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
];

#[test]
fn a_scan_that_is_complete_passes_or_fails_by_the_severity_of_its_findings() {
    for word in FINAL {
        assert_eq!(judge(&report(word, true, &[]), GATE.fail_on), Verdict::Pass, "{word}");
        assert_eq!(judge(&report(word, true, &[Severity::Medium]), GATE.fail_on), Verdict::Pass, "{word}");
        assert_eq!(judge(&report(word, true, &[Severity::Low, Severity::High]), GATE.fail_on), Verdict::Fail, "{word}");
        assert_eq!(judge(&report(word, true, &[Severity::Critical]), GATE.fail_on), Verdict::Fail, "{word}");
        assert_eq!(judge(&report(word, true, &[Severity::Undefined]), Severity::Undefined), Verdict::Fail, "{word}");
    }
}

#[test]
fn a_state_without_its_findings_is_waited_for() {
    for word in FINAL {
        let verdict = judge(&report(word, false, &[]), GATE.fail_on);
        assert_eq!(verdict, Verdict::Wait(format!("{word}, but its findings are not there yet")));
        assert_eq!(judge(&report(word, false, &[Severity::High]), GATE.fail_on), Verdict::Fail, "they are bad enough");
    }
}

#[test]
fn a_scan_that_has_not_ended_is_waited_for_whatever_it_has_found() {
    for word in WAITING {
        for of in [&[][..], &[Severity::Critical]] {
            let verdict = judge(&report(word, true, of), GATE.fail_on);
            assert!(matches!(verdict, Verdict::Wait(_)), "{word}: {verdict:?}");
        }
    }
    for scan in [Scan::NoImage, Scan::Absent] {
        assert!(matches!(judge(&scan, GATE.fail_on), Verdict::Wait(_)));
    }
}

#[test]
fn a_scan_that_ended_without_a_result_has_none_whatever_it_lists() {
    for word in WITHOUT {
        let verdict = judge(&report(word, true, &[]), GATE.fail_on);
        let Verdict::Missing(reason) = verdict else { panic!("{word}: {verdict:?}") };
        assert_eq!(reason.to_string(), format!("its scan ended as {word} (`in AWS's words`)"));
        assert!(!reason.hint().is_empty());
    }
}

proptest! {
    #[test]
    fn only_a_complete_scan_without_findings_at_the_gate_passes(
        word in prop_oneof![
            proptest::sample::select([&FINAL[..], &WAITING, &WITHOUT].concat()).prop_map(str::to_owned),
            "[A-Z_]{1,20}",
        ],
        completed in any::<bool>(),
        of in proptest::collection::vec(proptest::sample::select(Severity::ALL.to_vec()), 0..5),
        fail_on in proptest::sample::select(Severity::ALL.to_vec()),
    ) {
        let passes = judge(&report(&word, completed, &of), fail_on) == Verdict::Pass;
        let clean = of.iter().all(|severity| *severity < fail_on);
        prop_assert_eq!(passes, FINAL.contains(&word.as_str()) && completed && clean);
    }
}

fn watched(name: &str, result: Result<&[Severity], NoResult>) -> Watched {
    Watched { name: name.to_owned(), result: result.map(findings) }
}

fn timed_out(last: &str, late: Late) -> NoResult {
    NoResult::TimedOut { after: GATE.timeout, last: last.to_owned(), late }
}

fn ended(word: &str) -> NoResult {
    NoResult::Ended { status: ScanStatus::of(word), description: String::new() }
}

fn text(result: Result<Vec<Warning>, Stopped>) -> String {
    match result {
        Ok(warnings) => {
            let lines =
                warnings.into_iter().map(|Warning { message, hint }| format!("{message}\nhint: {}", hint.unwrap()));
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(stopped) => Failure::from(stopped).to_string(),
    }
}

#[test]
fn what_stops_the_run_says_that_the_image_stays() {
    let one = [watched("sha256:11507a0e", Ok(&[Severity::High, Severity::Critical, Severity::Low]))];
    insta::assert_snapshot!(text(conclude(IMAGE, &GATE, &one)), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e` is pushed and stays, but does not pass the scan gate (`SCAN_FAIL_ON` HIGH): 1 CRITICAL, 1 HIGH
    hint: update the packages in the table, or the base image that brings them, or raise `SCAN_FAIL_ON`
    ");
    let several = [
        watched("linux/amd64", Ok(&[Severity::Low])),
        watched("linux/arm64", Ok(&[Severity::High])),
        watched("linux/arm/v7", Err(ended("UNSUPPORTED_IMAGE"))),
    ];
    insta::assert_snapshot!(text(conclude(IMAGE, &GATE, &several)), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e` is pushed and stays, but does not pass the scan gate (`SCAN_FAIL_ON` HIGH): linux/arm64: 1 HIGH; linux/arm/v7: its scan ended as UNSUPPORTED_IMAGE
    hint: update the packages in the table, or the base image that brings them, or raise `SCAN_FAIL_ON`
    ");
    insta::assert_snapshot!(text(conclude(IMAGE, &GATE, &[watched("x", Err(timed_out("the key may not start a scan", Late::Permission)))])), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e` is pushed and stays, but does not pass the scan gate (`SCAN_FAIL_ON` HIGH): no result after 5m: the key may not start a scan
    hint: allow `ecr:StartImageScan`, or turn on scan on push in the registry's scanning configuration
    ");
    insta::assert_snapshot!(text(conclude(IMAGE, &GATE, &[watched("x", Err(timed_out("PENDING", Late::End)))])), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e` is pushed and stays, but does not pass the scan gate (`SCAN_FAIL_ON` HIGH): no result after 5m: PENDING
    hint: raise `SCAN_TIMEOUT`, or run the step again
    ");
}

#[test]
fn no_result_passes_with_a_warning_only_where_that_is_asked_for_and_findings_never_do() {
    let pass = ScanGate { on_missing: OnMissing::Pass, ..GATE };
    let missing = watched("linux/arm64", Err(ended("FAILED")));
    insta::assert_snapshot!(text(conclude(IMAGE, &pass, std::slice::from_ref(&missing))), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:11507a0e` passes without a result of its scan, since `SCAN_ON_MISSING` is pass: its scan ended as FAILED
    hint: run the step again; if it stays, see the image's scan in the ECR console
    ");
    assert!(conclude(IMAGE, &GATE, std::slice::from_ref(&missing)).is_err());
    let bad = watched("linux/amd64", Ok(&[Severity::High]));
    assert!(conclude(IMAGE, &pass, &[missing, bad]).is_err());
    assert_eq!(conclude(IMAGE, &GATE, &[watched("x", Ok(&[Severity::Medium]))]), Ok(Vec::new()));
}
