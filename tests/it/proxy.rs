//! The way to AWS leads through a proxy.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::{Pipe, project};

const PASSWORD: &str = "canary-proxy";

/// A proxy in the lab's network.
struct Proxy {
    child: Child,
    output: BufReader<ChildStdout>,
    port: String,
}

impl Proxy {
    fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let mut command = lab.command("python3", Path::new("/"));
        command.arg(project("tests/it/connect_proxy.py")).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the proxy starts");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut port = String::new();
        output.read_line(&mut port).expect("a port");
        Self { child, output, port: port.trim().to_owned() }
    }

    fn url(&self) -> String {
        format!("http://user:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Ends it; the targets that it was asked for, each once.
    fn asked(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        let mut lines = String::new();
        self.output.read_to_string(&mut lines).expect("lines");
        self.child.wait().expect("the proxy ends");
        let mut asked: Vec<String> = lines.lines().map(str::to_owned).collect();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn step(lab: &'static Lab) -> Pipe {
    Pipe::new(lab).dockerfile("FROM busybox:1.36\n")
}

#[test]
fn api_and_registry_are_reached_through_the_proxy_with_its_password() {
    let proxy = Proxy::start(usual(), &[PASSWORD]);
    let pipe = step(usual()).var("HTTPS_PROXY", &proxy.url());
    pipe.run().exits(0).does_not_say(PASSWORD);
    let registry = format!("CONNECT {}:443", pipe.lab.host("us-east-1"));
    assert_eq!(proxy.asked(), [registry.as_str(), "CONNECT api.ecr.us-east-1.amazonaws.com:443"]);
}

#[test]
fn what_no_proxy_names_is_reached_directly() {
    for (rule, asked) in [
        (".dkr.ecr.us-east-1.amazonaws.com", vec!["CONNECT api.ecr.us-east-1.amazonaws.com:443"]),
        ("localhost, amazonaws.com", vec![]),
        ("*", vec![]),
    ] {
        let proxy = Proxy::start(usual(), &[PASSWORD]);
        step(usual()).var("https_proxy", &proxy.url()).var("NO_PROXY", rule).run().exits(0);
        assert_eq!(proxy.asked(), asked, "{rule}");
    }
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_password() {
    let proxy = Proxy::start(usual(), &[]);
    let run = step(usual()).var("HTTPS_PROXY", &proxy.url()).run().exits(3).reports_nothing();
    run.says("✖ cannot reach the ECR API in us-east-1: the proxy did not make the connection\n")
        .says("`HTTPS_PROXY`")
        .does_not_say(PASSWORD);
    assert_eq!(proxy.asked(), ["CONNECT api.ecr.us-east-1.amazonaws.com:443"]);
}

#[test]
fn the_engine_is_never_asked_through_a_proxy() {
    let caged = lab(Engine::V26, true);
    let proxy = Proxy::start(caged, &[PASSWORD]);
    assert!(caged.facts.docker_host.starts_with("tcp://"));
    let pipe = step(caged).var("HTTP_PROXY", &proxy.url()).var("HTTPS_PROXY", &proxy.url());
    pipe.run().exits(0);
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|target| target.ends_with(".amazonaws.com:443")), "{asked:?}");
}
