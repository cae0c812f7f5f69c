#![expect(clippy::unwrap_used, reason = "tests")]

use crate::config::EngineAddress;
use crate::config::tests::{config, problems, read};

fn tcp(host: &str, port: u16) -> EngineAddress {
    EngineAddress::Tcp { host: host.to_owned(), port }
}

#[test]
fn addresses_are_read_as_docker_reads_them() {
    for (text, address) in [
        ("", EngineAddress::Unix("/var/run/docker.sock".into())),
        ("unix://", EngineAddress::Unix("/var/run/docker.sock".into())),
        ("unix:///run/user/1000/docker.sock", EngineAddress::Unix("/run/user/1000/docker.sock".into())),
        ("tcp://host.docker.internal:2375", tcp("host.docker.internal", 2375)),
        ("tcp://host", tcp("host", 2375)),
        ("tcp://host:80/", tcp("host", 80)),
        ("http://10.0.0.1:1234", tcp("10.0.0.1", 1234)),
        ("tcp://[::1]:2375", tcp("::1", 2375)),
        ("tcp://[::1]", tcp("::1", 2375)),
    ] {
        assert_eq!(config(&[("DOCKER_HOST", text)]).engine, address, "{text}");
    }
}

#[test]
fn tls_needs_the_folder_of_certificates() {
    let tls = |host: &str, port| EngineAddress::Tls { host: host.to_owned(), port, certificates: "/certs".into() };
    let certificates = ("DOCKER_CERT_PATH", "/certs");
    let verify = ("DOCKER_TLS_VERIFY", "1");
    assert_eq!(config(&[("DOCKER_HOST", "tcp://h"), verify, certificates]).engine, tls("h", 2376));
    assert_eq!(config(&[("DOCKER_HOST", "tcp://h:1"), certificates]).engine, tls("h", 1));
    assert_eq!(config(&[("DOCKER_HOST", "https://h"), certificates]).engine, tls("h", 2376));
    insta::assert_snapshot!(problems(&[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "0")]), @r"
    `DOCKER_CERT_PATH`: it is missing, but `DOCKER_TLS_VERIFY` is set: expected the folder that holds `ca.pem`, `cert.pem` and `key.pem`
      hint: set it, or unset `DOCKER_TLS_VERIFY` (any value turns TLS on)
    ");
    insta::assert_snapshot!(problems(&[("DOCKER_HOST", "https://h")]), @r"
    `DOCKER_CERT_PATH`: it is missing, but `DOCKER_HOST` is `https://`: expected the folder that holds `ca.pem`, `cert.pem` and `key.pem`
      hint: set it
    ");
    assert!(read(&[verify]).is_ok(), "a socket needs no TLS");
}

#[test]
fn other_schemes_are_told_what_is_accepted() {
    insta::assert_snapshot!(problems(&[("DOCKER_HOST", "ssh://user:pass@h")]), @r"
    `DOCKER_HOST`: `ssh://` is not supported, expected `unix://<path>` or `tcp://<host>:<port>` (`http://` and `https://` are accepted too)
      hint: set `DOCKER_HOST` to one of them, or leave it to Bitbucket
    ");
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "host:2375",
        "tcp://",
        "tcp://:1",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:x",
        "tcp://::1:1",
        "tcp://[::1",
        "tcp://[::g]",
        "tcp://[::1]x",
        "tcp://h/x",
        "tcp://h h",
        "npipe:////./pipe/docker_engine",
        "fd://",
        "/var/run/docker.sock",
    ] {
        assert!(problems(&[("DOCKER_HOST", text)]).starts_with("`DOCKER_HOST`: "), "{text}");
    }
    let text = problems(&[("DOCKER_HOST", "tcp://user:hunter2@h:1")]);
    assert!(text.contains("user and password are not supported") && !text.contains("hunter2"));
    read(&[]).unwrap();
}
