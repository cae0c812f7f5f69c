//! Whole environments.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use secrecy::ExposeSecret;

use super::*;
use crate::error::{ExitCode, exit_code};
use crate::image::Name;

#[test]
fn the_least_environment_gives_the_defaults_of_the_contract() {
    let config = config(&[]);
    assert!(config.push && config.color && !config.debug && !config.build.no_cache && !config.build.pull);
    assert_eq!(config.region.as_deref(), Some("eu-central-1"));
    assert_eq!(config.tags, ["v1".parse().unwrap()]);
    assert_eq!(config.build.context, PathBuf::from("."));
    assert_eq!(config.build.dockerfile, None);
    assert_eq!(config.output_dir, PathBuf::from(".ecr-pipe"));
    assert_eq!(config.engine, EngineAddress::Unix("/var/run/docker.sock".into()));
    assert_eq!(config.warnings, []);
}

#[test]
fn a_step_of_bitbucket_is_read() {
    let config = exactly(&[
        ("CI", "true"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE\n"),
        ("AWS_SECRET_ACCESS_KEY", " secret-access-key\n"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("IMAGE_NAME", "team/shop"),
        ("BITBUCKET_BRANCH", "feature/PROJ-1"),
        ("BITBUCKET_COMMIT", "0123456789012345678901234567890123456789"),
        ("BITBUCKET_BUILD_NUMBER", "17"),
        ("BITBUCKET_REPO_FULL_NAME", "team/shop"),
        ("BITBUCKET_CLONE_DIR", "/opt/atlassian/pipelines/agent/build"),
        ("BITBUCKET_PIPE_STORAGE_DIR", "/storage/own"),
        ("BITBUCKET_PIPE_SHARED_STORAGE_DIR", "/storage"),
        ("BITBUCKET_PIPELINES_VARIABLES_PATH", "/variables"),
        ("BITBUCKET_STEP_OIDC_TOKEN", "oidc-token"),
        ("PIPELINES_JWT_TOKEN", "jwt-token"),
        ("DOCKER_HOST", "tcp://host.docker.internal:2375"),
    ])
    .unwrap();
    let Some(Credentials { source: CredentialSource::Keys(keys), role: None, session_name }) = &config.credentials
    else {
        panic!("{:?}", config.credentials);
    };
    assert_eq!(session_name, "bitbucket-shop-17");
    assert_eq!((keys.id.as_str(), keys.secret.expose_secret()), ("AKIAIOSFODNN7EXAMPLE", "secret-access-key"));
    assert_eq!(config.images, [Name::Bare("team/shop".parse().unwrap())]);
    assert_eq!(config.region.as_deref(), Some("eu-west-1"));
    assert_eq!(config.tags, ["feature-PROJ-1".parse().unwrap()]);
    assert_eq!(config.engine, EngineAddress::Tcp { host: "host.docker.internal".to_owned(), port: 2375 });
    assert_eq!(config.bitbucket.storage_dirs, [PathBuf::from("/storage/own"), PathBuf::from("/storage")]);
    assert_eq!(config.bitbucket.variables_path, Some("/variables".into()));
    assert_eq!(config.bitbucket.build_number.as_deref(), Some("17"));
    assert_eq!(config.bitbucket.repository.as_deref(), Some("team/shop"));
    assert_eq!(config.warnings, []);
}

#[test]
fn an_empty_environment_lacks_three_things_and_says_so_at_once() {
    let problems = exactly(&[]).unwrap_err();
    insta::assert_snapshot!(explain(&problems), @r"
    no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor `AWS_OIDC_ROLE_ARN` and `BITBUCKET_STEP_OIDC_TOKEN` are set
      hint: define `AWS_KEY` and `AWS_SECRET` as secured repository variables and pass them under `variables:` of the pipe, or set `AWS_OIDC_ROLE_ARN` and add `oidc: true` to the step, or set `PUSH` to `false`
    `IMAGE` is missing: the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name
      hint: set `IMAGE` under `variables:` of the pipe
    `TAG` is missing, and neither `BITBUCKET_BRANCH` nor `BITBUCKET_TAG` is set to take it from
      hint: set `TAG`
    ");
    assert_eq!(exit_code(&problems.failures()), ExitCode::Variables);
}

#[test]
fn missing_credentials_alone_end_with_the_code_of_credentials() {
    let problems = exactly(&[("IMAGE", LEAST[2].1), ("TAG", "v1")]).unwrap_err();
    assert_eq!(exit_code(&problems.failures()), ExitCode::Credentials);
}

#[test]
fn a_thoroughly_wrong_environment_is_told_everything_at_once() {
    let problems = exactly(&[
        ("AWS_ACCESS_KEY_ID", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("AWS_SECRET", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-2"),
        ("AWS_ROLE_ARN", "role/x"),
        ("IMAGES", "shop"),
        ("TAGS", "feature/x latest -"),
        ("CONTEXT", "https://user:password@example.com/x.git"),
        ("PLATFORM_COUNT", "1"),
        ("PLATFORM_0", "linux/arm64"),
        ("BUILD_ARGS", "A B=1\n=2"),
        ("LABELS_COUNT", "3"),
        ("LABELS_0", "a=b"),
        ("LABELS_2", "c=d"),
        ("NO_CACHE", "maybe"),
        ("PULL", "$PULL_ALWAYS"),
        ("ADD_HOSTS", "db"),
        ("SHM_SIZE", "64 megs"),
        ("ULIMITS", "nofile=2:1, files=3"),
        ("REGISTRY_LOGINS", "host=docker.io,username=u,password=hunter2"),
        ("IF_TAG_EXISTS", "fail"),
        ("PUSH", "2"),
        ("SCAN_FAIL_ON", "SEVERE"),
        ("DEBUG_COUNT", "1"),
        ("DEBUG_0", "true"),
        ("DOCKER_HOST", "ssh://engine"),
        ("SOURCE_DATE_EPOCH", "yesterday"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
    ])
    .unwrap_err();
    let text = explain(&problems);
    insta::assert_snapshot!(text, @"
    `AWS_ACCESS_KEY_ID`: an access key id has letters and digits only, this has other characters
      hint: check that `AWS_KEY` and `AWS_SECRET` are not swapped
    `AWS_SECRET`: it holds an access key id, not the secret
      hint: check that `AWS_KEY` and `AWS_SECRET` are not swapped
    `AWS_ROLE_ARN`: `role/x` is no ARN of a role: expected `arn:aws:iam::<account>:role/<name>`
      hint: write it like `arn:aws:iam::123456789012:role/ecr-push`
    `AWS_REGION` and `AWS_DEFAULT_REGION` are two spellings of one variable and differ
      hint: keep `AWS_REGION` or `AWS_DEFAULT_REGION`
    `IMAGE` is missing: the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name
      hint: `IMAGES` is set; rename it to `IMAGE`
    `TAGS`: `feature/x` is no legal tag: it holds `/`; accepted are letters, digits, `.`, `_` and `-`
      hint: the nearest legal tag is `feature-x`
    `TAGS`: `-` is no legal tag: it begins with `-`; accepted there is a letter, a digit or `_`
      hint: write it like `v1.2.3`
    `CONTEXT`: it is an address or standard input, expected a folder
      hint: clone it in the step and name its folder
    `BUILD_ARGS`: there is white space in the name of entry 1, expected `KEY=value` or `KEY`
      hint: write it like `VERSION=1.2.3`
    `BUILD_ARGS`: there is nothing before the `=` of entry 2, expected `KEY=value` or `KEY`
      hint: write it like `VERSION=1.2.3`
    `LABELS_1` is missing, although `LABELS_COUNT` is 3
      hint: write the list under `variables:` as a YAML list or as one text
    `NO_CACHE`: `maybe` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    `PULL` holds the literal text `$PULL_ALWAYS`: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    `ADD_HOSTS`: `db` has no address, expected `<name>:<address>`
      hint: write it like `db:10.0.0.1`
    `SHM_SIZE`: `64 megs` is no size, expected a number and a unit: `b`, `k`, `m` or `g`
      hint: write it like `64m`
    `ULIMITS`: in `nofile=2:1` the soft limit is above the hard one
      hint: write it like `nofile=1024:2048`
    `ULIMITS`: `files` is no limit, accepted are core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack
      hint: write it like `nofile=1024:2048`
    `REGISTRY_LOGINS`: entry 1 gives the password itself, expected `host=…,username=…,password-env=VAR`
      hint: put the password in a secured variable and name that in `password-env`
    `PUSH`: `2` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    `SCAN_FAIL_ON`: `SEVERE` is no severity, expected one of `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `INFORMATIONAL`, `UNDEFINED`
      hint: write it like `HIGH`, or remove it for no gate
    `DEBUG`: it is an array, expected one value
      hint: write one value
    `SOURCE_DATE_EPOCH`: `yesterday` is no time, expected a number of seconds since 1970
      hint: write it like `1700000000`
    `DOCKER_HOST`: `ssh://` is not supported, expected `unix://<path>` or `tcp://<host>:<port>` (`http://` and `https://` are accepted too)
      hint: set `DOCKER_HOST` to one of them, or leave it to Bitbucket
    `AWS_ENDPOINT_URL`: it is no URL, expected `https://<host>` or `http://<host>:<port>`
      hint: write it like `https://localhost:4566`
    ");
    for secret in ["wJalr", "AKIA", "hunter2", "user:password"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn a_misspelt_name_explains_what_is_missing() {
    let problems = exactly(&[LEAST[0], LEAST[1], ("IMGAE", "shop"), ("TAG", "v1")]).unwrap_err();
    insta::assert_snapshot!(explain(&problems), @r"
    `IMAGE` is missing: the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name
      hint: `IMGAE` is set; rename it to `IMAGE`
    ");
    assert_eq!(problems.warnings().len(), 1);
}

#[test]
fn variables_that_are_no_text_are_problems_and_foreign_ones_are_ignored() {
    let bytes = || OsString::from_vec(vec![b'a', 0xff]);
    let least = LEAST.map(|(name, value)| (name.into(), value.into()));
    let names = ["TARGET", "BUILD_ARGS_0", "DOCKER_HOST", "LESSOPEN", "BITBUCKET_X"].map(|name| (name.into(), bytes()));
    let nameless = [(bytes(), bytes())];
    let array = [("BUILD_ARGS_COUNT".into(), "1".into())];
    let pairs = least.into_iter().chain(names).chain(nameless).chain(array);
    insta::assert_snapshot!(explain(&Config::read(pairs).unwrap_err()), @r"
    `TARGET` holds bytes that are not UTF-8
      hint: write the value as UTF-8 text
    `BUILD_ARGS_0` holds bytes that are not UTF-8
      hint: write the value as UTF-8 text
    `DOCKER_HOST` holds bytes that are not UTF-8
      hint: write the value as UTF-8 text
    ");
}

#[test]
fn everything_that_must_be_masked_is_among_the_secrets() {
    let config = config(&[
        ("AWS_SESSION_TOKEN", "session-token"),
        ("AWS_KEY", "ASIAIOSFODNN7EXAMPLE"),
        ("BITBUCKET_STEP_OIDC_TOKEN", "oidc-token"),
        ("PIPELINES_JWT_TOKEN", "jwt-token"),
        ("REGISTRY_LOGINS", "host=docker.io,username=u,password-env=HUB"),
        ("HUB", "registry-password"),
        ("HTTPS_PROXY", "http://u:proxy-password@proxy:3128"),
        ("BUILD_ARGS_COUNT", "3"),
        ("BUILD_ARGS_0", "NPM_TOKEN=npm-token"),
        ("BUILD_ARGS_1", "VERSION=version"),
        ("BUILD_ARGS_2", "SSH_KEY=-----BEGIN-----\nc2VjcmV0\n-----END-----"),
    ]);
    let secrets = &config.secrets;
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    for secret in [
        LEAST[1].1,
        "session-token",
        "oidc-token",
        "jwt-token",
        "registry-password",
        "proxy-password",
        "npm-token",
        "c2VjcmV0",
    ] {
        assert!(secrets.contains(&secret), "{secret}");
    }
    assert!(!secrets.contains(&"version"));
    let debug = format!("{config:?}");
    for secret in &secrets {
        assert!(!debug.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_honoured_is_passed_on() {
    let config = config(&[
        ("AWS_ENDPOINT_URL", "https://localhost:1"),
        ("AWS_ENDPOINT_URL_ECR", "https://localhost:2"),
        ("SSL_CERT_FILE", "/a.pem"),
        ("AWS_CA_BUNDLE", "/b.pem"),
        ("https_proxy", "http://proxy:1"),
        ("HTTP_PROXY", "http://proxy:2"),
        ("no_proxy", "localhost"),
        ("NO_COLOR", "0"),
        ("SOURCE_DATE_EPOCH", "1700000000"),
    ]);
    assert_eq!(config.ecr_endpoint.as_deref(), Some("https://localhost:2"));
    assert_eq!(config.network.ssl_cert_file, Some("/a.pem".into()));
    assert_eq!(config.network.aws_ca_bundle, Some("/b.pem".into()));
    assert_eq!(config.network.https_proxy.unwrap().expose_secret(), "http://proxy:1");
    assert_eq!(config.network.http_proxy.unwrap().expose_secret(), "http://proxy:2");
    assert_eq!(config.network.no_proxy.as_deref(), Some("localhost"));
    assert!(!config.color);
    assert_eq!(config.build.source_date_epoch, Some(1_700_000_000));
}
