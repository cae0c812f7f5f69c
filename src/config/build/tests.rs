use secrecy::ExposeSecret as _;

use crate::config::tests::{config, problems, warnings};
use crate::config::{Config, Ulimit};

fn arguments(config: &Config) -> Vec<(&str, &str)> {
    config.build.args.iter().map(|(key, value)| (key.as_str(), value.expose_secret())).collect()
}

#[test]
fn options_are_passed_on() {
    let config = config(&[
        ("CONTEXT", "app"),
        ("DOCKERFILE", "docker/Dockerfile"),
        ("TARGET", "production"),
        ("NETWORK", "host"),
        ("ADD_HOSTS", "db:10.0.0.1\ncache=::1"),
        ("SHM_SIZE", "1.5g"),
        ("ULIMITS", "nofile=1024:2048, nproc=64,nofile=1:2"),
    ]);
    let build = &config.build;
    assert_eq!(build.context, std::path::Path::new("app"));
    assert_eq!(build.dockerfile.as_deref(), Some(std::path::Path::new("docker/Dockerfile")));
    assert_eq!((build.target.as_deref(), build.network.as_deref()), (Some("production"), Some("host")));
    assert_eq!(build.add_hosts, ["db:10.0.0.1", "cache:::1"]);
    assert_eq!(build.shm_size, Some(1_610_612_736));
    let limit = |name: &str, soft, hard| Ulimit { name: name.to_owned(), soft, hard };
    assert_eq!(build.ulimits, [limit("nproc", 64, 64), limit("nofile", 1, 2)]);
}

#[test]
fn the_last_value_of_a_key_wins() {
    let config = config(&[("BUILD_ARGS", "A=1\nB=2=3\nA=4\nC="), ("LABELS", "a=1\na=2")]);
    assert_eq!(arguments(&config), [("A", "4"), ("B", "2=3"), ("C", "")]);
    assert_eq!(config.build.labels, [("a".to_owned(), "2".to_owned())]);
}

#[test]
fn a_key_alone_takes_its_value_from_the_environment() {
    let config = config(&[("BUILD_ARGS", "VERSION\nEMPTY"), ("VERSION", " 1.2\n"), ("EMPTY", "")]);
    assert_eq!(arguments(&config), [("VERSION", " 1.2\n"), ("EMPTY", "")]);
}

#[test]
fn a_key_alone_without_a_value_is_left_out_with_a_warning() {
    assert_eq!(arguments(&config(&[("BUILD_ARGS", "VERSION")])), []);
    insta::assert_snapshot!(warnings(&[("BUILD_ARGS", "VERSION")]), @r"
    `VERSION` of `BUILD_ARGS` is left out: it has no value and the environment has none either
      hint: a pipe sees only the variables listed under its `variables:`; add it there
    ");
}

#[test]
fn arguments_that_look_like_secrets_give_a_warning() {
    insta::assert_snapshot!(warnings(&[("BUILD_ARGS", "NPM_TOKEN=abcdef")]), @r"
    `NPM_TOKEN` of `BUILD_ARGS` looks like a secret: build arguments can be read in the image's history
      hint: keep secrets out of the image, or revoke this one after the build
    ");
    for name in ["password", "DB_PASSWORD", "CLIENT_SECRET", "SSH_KEY", "API_TOKEN", "GITHUB_PAT"] {
        assert!(super::is_secret_name(name), "{name}");
    }
    for name in ["VERSION", "KEYBOARD", "TOKENIZER_VERSION", "KEY_COUNT", "BYPASS", "PATH"] {
        assert!(!super::is_secret_name(name), "{name}");
    }
}

#[test]
fn arguments_that_hold_a_reference_give_a_warning_without_their_value() {
    insta::assert_snapshot!(warnings(&[("BUILD_ARGS", "VERSION=$VERSION_X"), ("LABELS", "a=${B}")]), @r"
    `VERSION` of `BUILD_ARGS` holds the literal text of a reference to a variable that is not defined
      hint: define it in the repository's, workspace's or deployment's settings
    label `a` of `LABELS` holds the literal text `${B}`: that variable is not defined
      hint: define it in the repository's, workspace's or deployment's settings
    ");
}

#[test]
fn a_line_that_strayed_from_a_secret_is_not_quoted() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nabc+/==\n-----END KEY-----";
    let text = problems(&[("BUILD_ARGS", &format!("SSH_KEY={key}"))]);
    assert!(!text.contains("MIIE") && !text.contains("abc"), "{text}");
}

#[test]
fn each_fault_of_an_option_is_named() {
    insta::assert_snapshot!(problems(&[("BUILD_ARGS", "A=1\n=2\nB C=3")]), @r"
    `BUILD_ARGS`: there is nothing before the `=` of entry 2, expected `KEY=value` or `KEY`
      hint: write it like `VERSION=1.2.3`
    `BUILD_ARGS`: there is white space in the name of entry 3, expected `KEY=value` or `KEY`
      hint: write it like `VERSION=1.2.3`
    ");
    insta::assert_snapshot!(problems(&[("LABELS", "a\nb c=1\n=2")]), @r"
    `LABELS`: entry 1 has no `=`, expected `key=value`
      hint: write it like `team=shop`
    `LABELS`: there is white space in the name of entry 2, expected `key=value`
      hint: write it like `team=shop`
    `LABELS`: there is nothing before the `=` of entry 3, expected `key=value`
      hint: write it like `team=shop`
    ");
    insta::assert_snapshot!(problems(&[("CONTEXT", "git@github.com:a/b.git"), ("DOCKERFILE", "-")]), @r"
    `CONTEXT`: it is an address or standard input, expected a folder
      hint: clone it in the step and name its folder
    `DOCKERFILE`: it is an address or standard input, expected the path of a file
      hint: write it like `docker/Dockerfile`
    ");
    insta::assert_snapshot!(problems(&[("SHM_SIZE", "64x"), ("SOURCE_DATE_EPOCH", "-1")]), @r"
    `SHM_SIZE`: `64x` is no size, expected a number and a unit: `b`, `k`, `m` or `g`
      hint: write it like `64m`
    `SOURCE_DATE_EPOCH`: `-1` is no time, expected a number of seconds since 1970
      hint: write it like `1700000000`
    ");
}
