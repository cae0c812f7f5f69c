//! The scan gate: what it makes of each answer of ECR's API, of moto's scans, of an index; and what is known before the build.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::lab::{output, usual};
use crate::pipe::{Pipe, Run, until};

const DOCKERFILE: &str = "FROM busybox:1.36\nRUN echo one\n";
const HOUR: u64 = 3_600;

/// A step with a gate at HIGH that waits for 20 s.
fn gated() -> Pipe {
    Pipe::new(usual()).dockerfile(DOCKERFILE).var("SCAN_FAIL_ON", "HIGH").var("SCAN_TIMEOUT", "20s")
}

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A state without findings.
fn state(status: &str) -> Value {
    json!({"imageScanStatus": {"status": status, "description": "as AWS says"}, "imageScanFindings": {"findings": []}})
}

/// A basic scan that is complete, with these findings.
fn complete(findings: &[(&str, &str)]) -> Value {
    let finding = |(severity, id): &(&str, &str)| {
        let attributes =
            json!([{"key": "package_name", "value": "zlib"}, {"key": "package_version", "value": "1:1.2.13"}]);
        json!({"name": id, "severity": severity, "attributes": attributes})
    };
    let listed: Vec<Value> = findings.iter().map(finding).collect();
    json!({"imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
        "imageScanFindings": {"imageScanCompletedAt": now(), "findings": listed}})
}

/// Answers one call of the gate, or all of them from then on; the check before the build, which comes first, is let through.
fn answers(pipe: &Pipe, target: &str, times: u32, status: u16, body: &Value) {
    let skip = i32::from(target != "GetRegistryScanningConfiguration");
    pipe.lab.fault(&json!({"target": target, "access_key": pipe.key, "times": times, "skip": skip,
        "answer": {"status": status, "headers": {"Content-Type": "application/x-amz-json-1.1"}, "body": body}}));
}

fn scans(pipe: &Pipe, times: u32, body: &Value) {
    answers(pipe, "DescribeImageScanFindings", times, 200, body);
}

fn refuses(pipe: &Pipe, target: &str, times: u32, code: &str) {
    answers(pipe, target, times, 400, &json!({"__type": code, "message": "as AWS says"}));
}

/// How often the gate called, without the check before the build.
fn calls(pipe: &Pipe, target: &str) -> usize {
    pipe.lab.requests(&format!("\"{target}\".*{}", pipe.key)).len() - 1
}

/// The image is there, and so is what says so.
#[track_caller]
fn stays(run: Run, pipe: &Pipe) -> Run {
    let listed = pipe.lab.control("images", &[&pipe.repository]);
    let digest = listed.split('"').find(|part| part.starts_with("sha256:")).expect("the image is pushed").to_owned();
    run.says(&format!("`{}@{digest}` is pushed and stays, but does not pass", pipe.uri())).reports_nothing()
}

#[test]
fn a_scan_without_severe_findings_passes() {
    let pipe = gated();
    scans(&pipe, 0, &complete(&[("MEDIUM", "CVE-1"), ("LOW", "CVE-2"), ("LOW", "CVE-3")]));
    let run = pipe.run().exits(0).says("  scan        fails at HIGH or above, and without a result after 20s\n");
    let run = run.says("\nScan\n").says(": 1 MEDIUM, 2 LOW\n").does_not_say("SEVERITY");
    assert!(run.image_env.is_some() && run.result_json.is_some());
    assert_eq!(calls(&pipe, "DescribeImageScanFindings"), 1, "the first look is at once");
}

#[test]
fn severe_findings_are_shown_in_a_table_and_the_image_stays() {
    let pipe = gated();
    scans(&pipe, 0, &complete(&[("LOW", "CVE-3"), ("HIGH", "CVE-2024-2"), ("CRITICAL", "CVE-2024-1")]));
    let run = stays(pipe.run().exits(8), &pipe).says("(`SCAN_FAIL_ON` HIGH): 1 CRITICAL, 1 HIGH\n");
    run.says(": 1 CRITICAL, 1 HIGH, 1 LOW\n")
        .says("  SEVERITY  ID          PACKAGE  INSTALLED  FIXED IN\n")
        .says("  CRITICAL  CVE-2024-1  zlib     1:1.2.13   -\n  HIGH      CVE-2024-2  zlib     1:1.2.13   -\n")
        .says("hint: update the packages in the table")
        .does_not_say("CVE-3");
}

#[test]
fn a_scan_is_waited_for_through_every_state_that_comes_before_its_end() {
    let pipe = gated();
    refuses(&pipe, "DescribeImageScanFindings", 1, "ImageNotFoundException");
    refuses(&pipe, "DescribeImageScanFindings", 1, "ScanNotFoundException");
    answers(&pipe, "StartImageScan", 0, 200, &json!({"imageScanStatus": {"status": "IN_PROGRESS"}}));
    for status in ["PENDING", "IN_PROGRESS", "ACTIVE"] {
        scans(&pipe, 1, &state(status));
    }
    scans(&pipe, 0, &complete(&[]));
    let run = pipe.run().exits(0).says("ECR does not know the image yet").says("a scan was started");
    run.says("  PENDING (`as AWS says`); waiting for up to 1")
        .says("IN_PROGRESS")
        .says("ACTIVE, but its findings are not there yet")
        .says(": no findings\n");
    assert_eq!(calls(&pipe, "StartImageScan"), 1);
}

#[test]
fn a_scan_that_ends_without_a_result_fails_at_once() {
    for (status, hint) in [
        ("FAILED", "run the step again"),
        ("UNSUPPORTED_IMAGE", "`SCAN_ON_MISSING: pass` lets such images go on"),
        ("SCAN_ELIGIBILITY_EXPIRED", "re-scan duration"),
        ("FINDINGS_UNAVAILABLE", "check that Amazon Inspector is active"),
        ("LIMIT_EXCEEDED", "tomorrow"),
        ("IMAGE_ARCHIVED", "restore the image"),
        ("IMAGE_SIZE_EXCEEDED", "make the image smaller"),
    ] {
        let pipe = gated();
        scans(&pipe, 0, &state(status));
        let run = stays(pipe.run().exits(8), &pipe);
        run.says(&format!("its scan ended as {status} (`as AWS says`)\n")).says(hint);
        assert_eq!(calls(&pipe, "DescribeImageScanFindings"), 1, "{status}");
    }
}

#[test]
fn no_result_passes_with_a_warning_where_that_is_asked_for_and_findings_do_not() {
    let pipe = gated().var("SCAN_ON_MISSING", "pass");
    scans(&pipe, 1, &state("UNSUPPORTED_IMAGE"));
    let run = pipe
        .run()
        .exits(0)
        .says("  warning: `")
        .says("passes without a result of its scan, since `SCAN_ON_MISSING` is pass: ");
    assert!(run.says("its scan ended as UNSUPPORTED_IMAGE").image_env.is_some());
    let pipe = gated().var("SCAN_ON_MISSING", "pass");
    scans(&pipe, 0, &complete(&[("HIGH", "CVE-1")]));
    stays(pipe.run().exits(8), &pipe);
}

#[test]
fn a_state_of_a_later_api_is_no_result() {
    let pipe = gated().var("SCAN_TIMEOUT", "2s");
    scans(&pipe, 0, &state("QUANTUM_SCAN"));
    let run = stays(pipe.run().exits(8), &pipe);
    run.says("no result after 2s: QUANTUM_SCAN (`as AWS says`), which this version does not know\n");
}

#[test]
fn a_scan_that_never_comes_fails_at_the_time_out() {
    let pipe = gated().var("SCAN_TIMEOUT", "2s");
    refuses(&pipe, "StartImageScan", 0, "LimitExceededException");
    let began = Instant::now();
    let run = stays(pipe.run().exits(8), &pipe);
    assert!(began.elapsed().as_secs() < 60);
    run.says("no result after 2s: there is no scan yet, and ECR starts none before 24 hours are over\n")
        .says("hint: run the step again tomorrow");
    assert!(calls(&pipe, "DescribeImageScanFindings") >= 2);
    assert_eq!(calls(&pipe, "StartImageScan"), 1, "a limit of 24 h is not tried again");
    let pipe = pipe.var("SCAN_ON_MISSING", "pass");
    pipe.run().exits(0).says("passes without a result after 2s\n").says("passes without a result of its scan");
}

#[test]
fn a_key_that_may_not_start_a_scan_is_warned_and_waits_for_one() {
    let pipe = gated();
    pipe.lab.fault(&json!({"target": "StartImageScan", "access_key": pipe.key, "times": 0,
        "answer": {"status": 400, "body": {"__type": "AccessDeniedException", "message": "no"}}}));
    refuses(&pipe, "DescribeImageScanFindings", 1, "ScanNotFoundException");
    scans(&pipe, 0, &complete(&[]));
    let run = pipe.run().exits(0).says("warning: the key may not do `ecr:StartImageScan` on `arn:aws:ecr:us-east-1:");
    run.says("without it there is a result only if the registry scans on push\n")
        .says("  there is no scan yet, and the key may not start one; waiting for up to");
}

#[test]
fn a_key_that_may_not_look_at_a_scan_fails_before_the_build() {
    let pipe = gated();
    pipe.lab.fault(&json!({"target": "DescribeImageScanFindings", "access_key": pipe.key, "times": 0,
        "answer": {"status": 400, "body": {"__type": "AccessDeniedException", "message": "no"}}}));
    let run = pipe.run().exits(3).reports_nothing();
    let run = run.says("✖ the key may not do `ecr:DescribeImageScanFindings` on `arn:aws:ecr:us-east-1:");
    run.says("\"Action\": \"ecr:DescribeImageScanFindings\"").built_nothing();
    let pipe = pipe.var("SCAN_ON_MISSING", "pass");
    let run = pipe.run().exits(0).says("the image will pass unscanned, since `SCAN_ON_MISSING` is pass");
    run.says("passes without a result of its scan");
}

#[test]
fn a_key_that_may_not_ask_inspector_is_told_which_action_it_lacks() {
    let pipe = gated();
    let message = "User: x is not authorized to perform: inspector2:ListFindings on resource: y";
    answers(
        &pipe,
        "DescribeImageScanFindings",
        0,
        400,
        &json!({"__type": "AccessDeniedException", "message": message}),
    );
    let run = stays(pipe.run().exits(8), &pipe);
    run.says("the key may not do `inspector2:ListFindings` on `*`").says("\"Action\": \"inspector2:ListFindings\"");
}

#[test]
fn faults_that_pass_are_waited_out() {
    let pipe = gated();
    refuses(&pipe, "DescribeImageScanFindings", 2, "ThrottlingException");
    answers(&pipe, "DescribeImageScanFindings", 1, 500, &json!({"__type": "ServerException", "message": "x"}));
    pipe.lab.fault(&json!({"target": "DescribeImageScanFindings", "access_key": pipe.key, "skip": 1, "cut": true}));
    scans(&pipe, 0, &complete(&[]));
    pipe.run().exits(0).says("ThrottlingException").says("ServerException").says(": no findings\n");
    assert_eq!(calls(&pipe, "DescribeImageScanFindings"), 5);
}

#[test]
fn faults_that_do_not_pass_are_no_result() {
    let pipe = gated().var("SCAN_TIMEOUT", "2s");
    refuses(&pipe, "DescribeImageScanFindings", 0, "ThrottlingException");
    stays(pipe.run().exits(8), &pipe).says("no result after 2s: AWS answered ThrottlingException");
    let pipe = gated();
    refuses(&pipe, "DescribeImageScanFindings", 0, "InvalidParameterException");
    stays(pipe.run().exits(8), &pipe)
        .says("AWS refused `ecr:DescribeImageScanFindings` with InvalidParameterException");
}

#[test]
fn images_that_are_not_scanned_or_archived_have_no_result() {
    for (code, words) in [
        ("UnsupportedImageTypeException", "ECR does not scan images of this kind"),
        ("ImageArchivedException", "it is archived"),
    ] {
        let pipe = gated();
        refuses(&pipe, "StartImageScan", 0, code);
        stays(pipe.run().exits(8), &pipe).says(words);
    }
}

/// A page of findings of Amazon Inspector.
fn enhanced(from: usize, to: usize, next: Option<&str>) -> Value {
    let finding = |number: usize| {
        json!({"severity": if number == 150 { "CRITICAL" } else { "HIGH" }, "title": format!("CVE-{number:04} - openssl"), "status": "ACTIVE",
            "type": "PACKAGE_VULNERABILITY", "fixAvailable": "YES", "score": 7.5,
            "packageVulnerabilityDetails": {"vulnerabilityId": format!("CVE-{number:04}"), "vulnerablePackages": [
                {"name": "openssl", "version": "3.0.2", "release": "1", "epoch": 0, "fixedInVersion": "0:3.0.9-1"}]}})
    };
    let findings: Vec<Value> = (from..to).map(finding).collect();
    json!({"nextToken": next, "imageScanStatus": {"status": "ACTIVE", "description": "Continuous scan is selected for image."},
        "imageScanFindings": {"imageScanCompletedAt": now(), "enhancedFindings": findings,
            "findingSeverityCounts": {"HIGH": 199, "CRITICAL": 1, "UNTRIAGED": 3}}})
}

#[test]
fn findings_of_enhanced_scanning_are_read_to_the_last_page_and_shown_to_the_fiftieth() {
    let pipe = gated();
    refuses(&pipe, "DescribeImageScanFindings", 1, "ScanNotFoundException");
    refuses(&pipe, "StartImageScan", 0, "ValidationException");
    scans(&pipe, 1, &enhanced(0, 100, Some("more")));
    scans(&pipe, 0, &enhanced(100, 200, None));
    let run = stays(pipe.run().exits(8), &pipe).says("(`SCAN_FAIL_ON` HIGH): 1 CRITICAL, 199 HIGH\n");
    let run = run
        .says("there is no scan yet, and the registry starts its scans by itself")
        .says(": 1 CRITICAL, 199 HIGH, 3 UNDEFINED\n")
        .says("  CRITICAL  CVE-0150  openssl  3.0.2-1    0:3.0.9-1\n  HIGH      CVE-0000  openssl")
        .says("  and 150 more at HIGH or above\n");
    assert_eq!(run.log.lines().filter(|line| line.contains("  openssl  ")).count(), 50);
}

#[test]
fn a_result_of_the_day_before_is_replaced_where_that_is_possible_and_used_where_not() {
    let mut old = complete(&[("HIGH", "CVE-OLD")]);
    old["imageScanFindings"]["imageScanCompletedAt"] = json!(now() - 48 * HOUR);
    let pipe = gated();
    answers(&pipe, "StartImageScan", 0, 200, &json!({"imageScanStatus": {"status": "IN_PROGRESS"}}));
    scans(&pipe, 2, &old);
    scans(&pipe, 0, &complete(&[]));
    pipe.run().exits(0).says("a scan was started").says("the result is older than the scan").does_not_say("CVE-OLD");
    let pipe = gated();
    refuses(&pipe, "StartImageScan", 0, "ValidationException");
    scans(&pipe, 0, &old);
    stays(pipe.run().exits(8), &pipe).says("CVE-OLD");
}

#[test]
fn enhanced_scanning_that_does_not_cover_the_repository_is_told_before_the_build() {
    let pipe = gated().var("SCAN_TIMEOUT", "1s");
    let account = &pipe.lab.facts.account;
    let of_registry = json!({"registryId": account, "scanningConfiguration": {"scanType": "ENHANCED", "rules": []}});
    answers(&pipe, "GetRegistryScanningConfiguration", 0, 200, &of_registry);
    let name = pipe.repository.clone();
    let arn = format!("arn:aws:ecr:us-east-1:{account}:repository/{name}");
    pipe.lab.fault(&json!({"target": "BatchGetRepositoryScanningConfiguration", "access_key": pipe.key, "times": 0,
        "answer": {"status": 200, "body": {"failures": [], "scanningConfigurations": [{"repositoryArn": arn, "repositoryName": name,
            "scanOnPush": true, "scanFrequency": "MANUAL", "appliedScanFilters": []}]}}}));
    let run = stays(pipe.run().exits(8), &pipe).says("enhanced scanning, fails at HIGH");
    run.says(&format!("warning: enhanced scanning does not cover `{}`", pipe.uri()))
        .says("no result will come, and the gate will not be passed\n")
        .says("hint: add the repository to a filter");
}

#[test]
fn an_interrupt_ends_the_wait() {
    let pipe = gated().var("SCAN_TIMEOUT", "1h");
    scans(&pipe, 0, &state("PENDING"));
    let began = Instant::now();
    let child = pipe.start();
    until("the gate has looked", || calls(&pipe, "DescribeImageScanFindings") > 0);
    output(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]));
    let run = pipe.finish(child, began).exits(143).reports_nothing();
    assert!(run.took.as_secs() < 60);
}

#[test]
fn nothing_is_scanned_where_nothing_is_pushed() {
    let pipe = gated().var("PUSH", "false");
    pipe.run().exits(0).says("warning: `SCAN_FAIL_ON` does nothing while `PUSH` is `false`").does_not_say("\nScan\n");
    assert_eq!(pipe.lab.requests(&format!("ImageScan.*{}", pipe.key)).len(), 0);
}

#[test]
fn a_dry_run_tells_of_the_gate_and_scans_nothing() {
    let pipe = gated().var("DRY_RUN", "true");
    let run = pipe.run().exits(0).says("  wait for the scan, and fail at HIGH or above\n");
    run.does_not_say("\nScan\n").reports_nothing();
}

/// A gate with two repositories: each is waited for and told by its name.
#[test]
fn with_several_repositories_each_that_does_not_pass_is_told() {
    let pipe = gated();
    pipe.lab.create_repository(&pipe.repository, &["--region", "eu-central-1"]);
    let other = format!("{}/{}", pipe.lab.host("eu-central-1"), pipe.repository);
    let both = format!("{} {other}", pipe.uri());
    let pipe = pipe.var("IMAGE", &both);
    for host in ["us-east-1", "eu-central-1"] {
        pipe.lab.fault(
            &json!({"target": "DescribeImageScanFindings", "access_key": pipe.key, "host": host, "times": 0, "skip": 1,
            "answer": {"status": 200, "body": complete(&[("HIGH", "CVE-1")])}}),
        );
    }
    let run = pipe.run().exits(8).reports_nothing();
    let run = run.says(&format!("  {} sha256:", pipe.uri())).says(&format!("  {other} sha256:"));
    run.says(&format!("✖ `{}@sha256:", pipe.uri())).says(&format!("✖ `{other}@sha256:"));
}

/// Sends the calls about scans to moto, whose findings are its own.
fn by_moto(pipe: &Pipe) {
    let targets = [
        "StartImageScan",
        "DescribeImageScanFindings",
        "GetRegistryScanningConfiguration",
        "BatchGetRepositoryScanningConfiguration",
    ];
    pipe.lab.fault(&json!({"target": targets, "access_key": pipe.key, "times": 0, "to": "moto"}));
}

#[test]
fn a_scan_of_moto_is_started_and_its_finding_is_shown() {
    let pipe = gated();
    by_moto(&pipe);
    let run =
        stays(pipe.run().exits(8), &pipe).says("basic scanning, fails at HIGH").says("(`SCAN_FAIL_ON` HIGH): 1 HIGH\n");
    run.says("a scan was started")
        .says("  SEVERITY  ID             PACKAGE    INSTALLED  FIXED IN\n  HIGH      CVE-9999-9999  moto_fake  9.9.9      -\n");
    assert_eq!(calls(&pipe, "StartImageScan"), 1);
    let pipe = pipe.var("SCAN_FAIL_ON", "CRITICAL");
    pipe.run().exits(0).says(": 1 HIGH\n").does_not_say("a scan was started");
}

/// Pushes an image of its own under a tag.
fn image(pipe: Pipe, tag: &str) -> (Pipe, String) {
    let pipe = pipe.dockerfile(&format!("FROM busybox:1.36\nRUN echo {tag}\n")).var("TAG", tag);
    let run = pipe.run().exits(0);
    let digest = run.stdout.trim().split_once('@').expect("a digest").1.to_owned();
    (pipe, digest)
}

#[test]
fn of_an_index_each_platform_is_scanned_and_no_attestation() {
    let (pipe, amd) = image(Pipe::new(usual()), "amd");
    let (pipe, arm) = image(pipe, "arm");
    let (pipe, proof) = image(pipe, "proof");
    let child = |digest: &str, architecture: &str| {
        let os = if architecture == "unknown" { "unknown" } else { "linux" };
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 1, "digest": digest,
            "platform": {"os": os, "architecture": architecture}})
    };
    let manifests = [child(&amd, "amd64"), child(&arm, "arm64"), child(&proof, "unknown")];
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests});
    let pipe = pipe.file("index.json", index.to_string());
    let registry = pipe.lab.host("us-east-1");
    output(
        pipe.lab
            .command("curl", pipe.folder.path())
            .args(["--silent", "--show-error", "--fail", "--request", "PUT"])
            .args([
                "--cacert",
                &pipe.lab.facts.ca,
                "--user",
                &format!("AWS:lab.us-east-1.{}", pipe.key),
                "--header",
                &format!("Content-Type: {kind}"),
                "--data-binary",
                "@index.json",
                &format!("https://{registry}/v2/{}/manifests/index", pipe.repository),
            ]),
    );
    scans(&pipe, 0, &complete(&[("HIGH", "CVE-1")]));
    let pipe = pipe.var("TAG", "index").var("IF_TAG_EXISTS", "skip").var("SCAN_FAIL_ON", "HIGH");
    let run =
        pipe.run().exits(8).says(&format!("linux/amd64 {amd}: 1 HIGH\n")).says(&format!("linux/arm64 {arm}: 1 HIGH\n"));
    let run = run.says(&format!("linux/amd64 {amd}: 1 HIGH; linux/arm64 {arm}: 1 HIGH\n")).does_not_say(&proof);
    run.reports_nothing().built_nothing();
    assert_eq!(calls(&pipe, "DescribeImageScanFindings"), 2);
}
