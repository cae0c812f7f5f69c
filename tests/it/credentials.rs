//! What AWS refuses, before anything is built.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::lab::usual;
use crate::pipe::{Pipe, Run};

/// A run whose calls of one action meet a fault.
fn run_with(target: &str, fault: Value) -> (Pipe, Run) {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n");
    let mut rule = json!({"target": target, "access_key": pipe.key, "times": 0});
    let (Some(rule_map), Value::Object(fault)) = (rule.as_object_mut(), fault) else { panic!("an object") };
    rule_map.extend(fault);
    pipe.lab.fault(&rule);
    let run = pipe.run();
    (pipe, run)
}

/// An error of the API in its JSON protocol.
fn error(status: u16, code: &str, message: &str) -> Value {
    json!({"answer": {"status": status, "body": {"__type": code, "message": message}}})
}

/// The token is refused: exit code 3, nothing built, nothing reported.
fn refused(fault: Value, message: &str, hint: &str) {
    let (_, run) = run_with("GetAuthorizationToken", fault);
    let run = run.exits(3).says(&format!("\n✖ {message}")).says(&format!("\n  hint: {hint}")).reports_nothing();
    run.built_nothing();
}

#[test]
fn an_unknown_key_is_named_by_its_variable() {
    let fault = error(400, "UnrecognizedClientException", "The security token included in the request is invalid.");
    refused(fault, "AWS does not know the access key in `AWS_KEY`", "check that the key is active in IAM");
}

#[test]
fn a_secret_that_does_not_belong_to_the_key_is_told_without_awss_words() {
    // AWS repeats the signed request in its message, the session token with it.
    let fault = error(400, "InvalidSignatureException", "The Canonical String should have been 'canary-session'");
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("AWS_SESSION_TOKEN", "canary-session");
    let mut rule = fault;
    rule["target"] = "GetAuthorizationToken".into();
    rule["access_key"] = pipe.key.as_str().into();
    rule["times"] = 0.into();
    pipe.lab.fault(&rule);
    let run = pipe.run().exits(3).reports_nothing();
    run.says("AWS refuses the signature: `AWS_SECRET` does not belong to `AWS_KEY`").does_not_say("canary-session");
}

#[test]
fn a_session_that_is_over_asks_for_new_credentials() {
    let fault = error(400, "ExpiredTokenException", "The security token included in the request is expired");
    refused(
        fault,
        "the session of `AWS_SESSION_TOKEN` has expired",
        "get new session credentials just before the step",
    );
}

#[test]
fn a_key_that_may_not_ask_for_a_token_gets_the_statement_for_its_policy() {
    let fault = error(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized");
    refused(
        fault,
        "the key may not do `ecr:GetAuthorizationToken` on `*`",
        "allow it in the key's policy: {\"Effect\": \"Allow\", \"Action\": \"ecr:GetAuthorizationToken\", \"Resource\": \"*\"}",
    );
}

#[test]
fn a_clock_that_is_wrong_is_told_by_how_much() {
    let mut fault = error(400, "InvalidSignatureException", "Signature expired: 1 is now earlier than 2");
    fault["date_skew"] = 3600.into();
    refused(fault, "AWS refuses the signature: this machine's clock is ", "set the clock of the machine");
}

#[test]
fn a_fault_of_aws_that_passes_is_waited_for() {
    for (status, code) in [(400, "ThrottlingException"), (500, "ServerException")] {
        let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n");
        let mut rule = error(status, code, "Rate exceeded");
        rule["target"] = "GetAuthorizationToken".into();
        rule["access_key"] = pipe.key.as_str().into();
        rule["times"] = 2.into();
        pipe.lab.fault(&rule);
        pipe.run().exits(0);
        let calls = pipe.lab.requests(&format!("GetAuthorizationToken.*{}", pipe.key));
        assert_eq!(calls.len(), 3, "two faults and an answer");
    }
}

#[test]
fn a_fault_of_aws_that_stays_is_told() {
    refused(
        error(500, "ServerException", "x"),
        "AWS answered ServerException to `ecr:GetAuthorizationToken` again and again",
        "run the step again in a few minutes",
    );
    refused(
        error(400, "ThrottlingException", "Rate exceeded"),
        "AWS answered ThrottlingException to `ecr:GetAuthorizationToken` again and again",
        "run the step again in a few minutes",
    );
    refused(json!({"cut": true}), "cannot reach the ECR API in us-east-1: the connection failed", "check `AWS_REGION`");
}

#[test]
fn a_token_of_another_region_is_told_after_a_second_one_was_asked_for() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n");
    let token = STANDARD.encode(format!("AWS:lab.eu-central-1.{}", pipe.key));
    let endpoint = format!("https://{}", pipe.lab.host("eu-central-1"));
    let data = json!({"authorizationToken": token, "expiresAt": 99_999_999_999_u64, "proxyEndpoint": endpoint});
    let body = json!({"authorizationData": [data]});
    pipe.lab.fault(&json!({"target": "GetAuthorizationToken", "access_key": pipe.key, "times": 0, "answer": {"status": 200, "body": body}}));
    let run = pipe.run().exits(3).reports_nothing();
    let run = run
        .says(
            "✖ the registry refuses the token: HTTP 401 DENIED `Your authorization token is not valid in this region`",
        )
        .says(
            "hint: check that `IMAGE` names a registry that the credentials may use, in the region the token was issued for\n",
        );
    run.built_nothing();
    let tokens = pipe.lab.requests(&format!("GetAuthorizationToken.*{}", pipe.key));
    assert_eq!(tokens.len(), 2, "the refused one and a fresh one");
}

#[test]
fn an_api_that_is_not_there_is_told() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    pipe.run().exits(3).says("✖ cannot reach the ECR API at http://127.0.0.1:1: connection refused").reports_nothing();
    let elsewhere = pipe.uri().replace("us-east-1", "us-west-2");
    let pipe = pipe.without("AWS_ENDPOINT_URL").var("IMAGE", &elsewhere);
    pipe.run().exits(3).says("✖ cannot reach the ECR API in us-west-2: its name is not known").reports_nothing();
}

#[test]
fn what_is_no_answer_of_the_api_is_told() {
    refused(
        json!({"answer": {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>a login page</html>"}}),
        "AWS answered `ecr:GetAuthorizationToken` with something that is no answer of its API",
        "check `AWS_ENDPOINT_URL` and `HTTPS_PROXY`",
    );
}

#[test]
fn an_authority_that_is_not_trusted_is_told_and_aws_ca_bundle_makes_it_trusted() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").without("SSL_CERT_FILE");
    let ca = pipe.lab.facts.ca.clone();
    pipe.run()
        .exits(3)
        .says("✖ cannot reach the ECR API in us-east-1: its certificate is not signed by an authority that is trusted here")
        .says("hint: if a proxy inspects TLS here, name its certificate in `AWS_CA_BUNDLE`")
        .reports_nothing();
    pipe.var("AWS_CA_BUNDLE", &ca).run().exits(0);
}

#[test]
fn a_file_of_certificates_that_is_none_is_told_by_its_variable() {
    let pipe = Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").file("ca.pem", "no certificate");
    let path = pipe.path("ca.pem").display().to_string();
    let run = pipe.var("AWS_CA_BUNDLE", &path).run().exits(2).reports_nothing();
    run.says("✖ `AWS_CA_BUNDLE`: `").says("` holds no certificate in PEM form");
}

#[test]
fn a_key_that_may_not_describe_repositories_pushes_with_a_warning() {
    let (_, run) = run_with("DescribeRepositories", error(400, "AccessDeniedException", "not authorized"));
    run.exits(0)
        .says("warning: the key may not do `ecr:DescribeRepositories` on `arn:aws:ecr:us-east-1:000000000000:repository/team/")
        .says("whether a tag may be moved is seen at the push only");
}

#[test]
fn a_proxy_is_used_but_for_the_hosts_that_need_none() {
    let pipe =
        Pipe::new(usual()).dockerfile("FROM busybox:1.36\n").var("HTTPS_PROXY", "http://user:canary-proxy@127.0.0.1:1");
    let run = pipe.run().exits(3).reports_nothing();
    run.says("✖ cannot reach the ECR API in us-east-1: ").does_not_say("canary-proxy");
    pipe.var("NO_PROXY", "amazonaws.com").run().exits(0);
}

#[test]
fn problems_of_all_kinds_are_told_in_one_list() {
    let pipe = Pipe::without_repository(usual()).var("DOCKER_HOST", "tcp://127.0.0.1:1");
    let run = pipe.run().exits(2).reports_nothing();
    run.says("✖ repository `team/").says("✖ no engine: nothing listens at").says("✖ `DOCKERFILE`");
}
