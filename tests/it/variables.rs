//! What is wrong with the variables: told at once, all together, and before anything is done.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::lab::{output, usual};
use crate::pipe::{Pipe, Run};

/// The last lines of a log: what failed, the hints and the exit code, without what varies between runs.
pub(crate) fn verdict(pipe: &Pipe, run: &Run) -> String {
    let last = run.log.rsplit_once("\n\n").map_or(run.log.as_str(), |(_, last)| last);
    pipe.filter(&timeless(last))
}

/// A text with its durations (`0.3s`, `2m 05s`) replaced.
pub(crate) fn timeless(text: &str) -> String {
    let is_time = |word: &str| {
        let digits = word.trim_end_matches(['s', 'm', 'h']);
        digits.len() + 1 == word.len()
            && digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.parse::<f32>().is_ok()
    };
    let line = |line: &str| {
        line.split(' ').map(|word| if is_time(word) { "[TIME]" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Runs as a user without any rights, in a clone folder that everybody may enter: exit code and log. The words come before
/// the program's name.
pub(crate) fn as_nobody(pipe: &Pipe, words: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = pipe.folder.path();
    fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("the folder is ours");
    // The build's own folder may be closed to others.
    let binary = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(binary.path(), PermissionsExt::from_mode(0o755)).expect("the folder is ours");
    let program = binary.path().join("ecr-pipe");
    fs::copy(env!("CARGO_BIN_EXE_ecr-pipe"), &program).expect("a copy that anybody can run");
    let mut command = pipe.lab.command("setpriv", folder);
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(words).arg(&program);
    let ended = command.envs(variables.iter().copied()).output().expect("the pipe starts");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// What a build that is not pushed needs.
pub(crate) const UNPUSHED: [(&str, &str); 4] = [("IMAGE", "shop"), ("TAG", "x"), ("PUSH", "false"), ("NO_COLOR", "1")];

/// A step that would succeed.
fn step() -> Pipe {
    Pipe::without_repository(usual()).dockerfile("FROM busybox:1.36\n")
}

/// Runs with one variable changed, and expects that nothing is done for this reason.
#[track_caller]
fn refused(name: &str, value: &str, message: &str, hint: &str) {
    let pipe = step().var(name, value);
    let run = pipe.run().exits(2).reports_nothing();
    assert_eq!(
        verdict(&pipe, &run),
        format!("✖ {message}\n  hint: {hint}\nexit code 2 after [TIME]"),
        "{name}={value}"
    );
    assert!(!pipe.path(".ecr-pipe").exists(), "nothing is written");
}

#[test]
fn everything_that_is_missing_empty_or_contradicting_is_told_in_one_list() {
    let pipe = step()
        .without("IMAGE")
        .var("IMGAE", "shop")
        .var("AWS_SECRET", "")
        .var("AWS_REGION", "eu-central-1")
        .var("AWS_DEFAULT_REGION", "us-east-1")
        .var("TAG", "feature/login")
        .var("NO_CACHE", "maybe")
        .var("SHM_SIZE", "64q")
        .var("BUILD_ARGS_COUNT", "2")
        .var("BUILD_ARGS_0", "A=1")
        .var("ULIMITS", "files=10")
        .var("REGISTRY_LOGINS", "host=docker.io,username=me,password-env=HUB_PASSWORD")
        .var("BUILDER", "kaniko")
        .var("SOURCE_DATE_EPOCH", "yesterday")
        .var("DOCKER_HOST", "docker:2375");
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(timeless(&run.log), @r"
    ecr-pipe 0.1.0

      warning: `IMGAE` is no variable of this pipe and is ignored
        hint: rename it if `IMAGE` was meant

    ✖ `AWS_KEY` is set but `AWS_SECRET` is not
      hint: set `AWS_SECRET` too; a pipe sees only what is listed under its `variables:`
    ✖ `AWS_REGION` and `AWS_DEFAULT_REGION` are two spellings of one variable and differ
      hint: keep `AWS_REGION` or `AWS_DEFAULT_REGION`
    ✖ `IMAGE` is missing: the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name
      hint: `IMGAE` is set; rename it to `IMAGE`
    ✖ `TAG`: `feature/login` is no legal tag: it holds `/`; accepted are letters, digits, `.`, `_` and `-`
      hint: the nearest legal tag is `feature-login`
    ✖ `BUILD_ARGS_1` is missing, although `BUILD_ARGS_COUNT` is 2
      hint: write the list under `variables:` as a YAML list or as one text
    ✖ `NO_CACHE`: `maybe` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    ✖ `SHM_SIZE`: `64q` is no size, expected a number and a unit: `b`, `k`, `m` or `g`
      hint: write it like `64m`
    ✖ `ULIMITS`: `files` is no limit, accepted are core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack
      hint: write it like `nofile=1024:2048`
    ✖ `REGISTRY_LOGINS`: entry 1 names `HUB_PASSWORD` in `password-env`, which is not set
      hint: pass `HUB_PASSWORD` under `variables:` of the pipe too
    ✖ `BUILDER`: `kaniko` is no builder, expected `auto`, `buildkit` or `classic`
      hint: write it like `buildkit`
    ✖ `SOURCE_DATE_EPOCH`: `yesterday` is no time, expected a number of seconds since 1970
      hint: write it like `1700000000`
    ✖ `DOCKER_HOST`: it has no scheme, expected `unix://<path>` or `tcp://<host>:<port>` (`http://` and `https://` are accepted too)
      hint: set `DOCKER_HOST` to one of them, or leave it to Bitbucket
    exit code 2 after [TIME]
    ");
}

#[test]
fn a_missing_image_is_told_with_its_form() {
    let message = "`IMAGE` is missing: the repository to push to, `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` or its bare name";
    refused("IMAGE", "", message, "set `IMAGE` under `variables:` of the pipe");
}

#[test]
fn missing_credentials_have_an_exit_code_of_their_own() {
    let pipe = step().without("AWS_KEY").var("AWS_SECRET", "  ");
    pipe.run()
        .exits(3)
        .reports_nothing()
        .says("✖ no AWS credentials: neither `AWS_KEY` and `AWS_SECRET` (or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`) nor `AWS_OIDC_ROLE_ARN` and `BITBUCKET_STEP_OIDC_TOKEN` are set")
        .says("hint: define `AWS_KEY` and `AWS_SECRET` as secured repository variables");
}

#[test]
fn one_half_of_a_key_asks_for_the_other() {
    refused(
        "AWS_SECRET",
        "",
        "`AWS_KEY` is set but `AWS_SECRET` is not",
        "set `AWS_SECRET` too; a pipe sees only what is listed under its `variables:`",
    );
}

#[test]
fn two_spellings_must_agree() {
    refused(
        "IMAGE_NAME",
        "shop",
        "`IMAGE` and `IMAGE_NAME` are two spellings of one variable and differ",
        "keep `IMAGE` or `IMAGE_NAME`",
    );
}

#[test]
fn a_name_that_is_one_letter_off_gets_a_warning_with_the_right_one() {
    let near = [
        ("IMGAE", "IMAGE"),
        ("DOCKER_FILE", "DOCKERFILE"),
        ("BUILD_ARG", "BUILD_ARGS"),
        ("CONTXT", "CONTEXT"),
        ("AWS_SECERT", "AWS_SECRET"),
        ("TAGSS", "TAGS"),
        ("Debug", "DEBUG"),
    ];
    let pipe = near.iter().fold(step(), |pipe, (name, _)| pipe.var(name, "value-of-a-misspelt-one"));
    let pipe = pipe.var("PUSH", "false").var("IMAGE", "misspelt").without("AWS_KEY").without("AWS_SECRET");
    let mut run = pipe.run().exits(0).does_not_say("value-of-a-misspelt-one");
    for (name, meant) in near {
        let warning = format!(
            "  warning: `{name}` is no variable of this pipe and is ignored\n    hint: rename it if `{meant}` was meant\n"
        );
        run = run.says(&warning);
    }
}

#[test]
fn the_nearest_legal_tag_is_offered_for_an_illegal_one() {
    for (tag, reason, nearest) in [
        ("feature/login", "it holds `/`; accepted are letters, digits, `.`, `_` and `-`", "feature-login"),
        ("-rc1", "it begins with `-`; accepted there is a letter, a digit or `_`", "rc1"),
        ("v1+build", "it holds `+`; accepted are letters, digits, `.`, `_` and `-`", "v1-build"),
        ("größe", "it holds `ö`; accepted are letters, digits, `.`, `_` and `-`", "gr-e"),
    ] {
        let message = format!("`TAG`: `{tag}` is no legal tag: {reason}");
        refused("TAG", tag, &message, &format!("the nearest legal tag is `{nearest}`"));
    }
}

#[test]
fn a_host_that_is_not_a_registry_of_ecr_is_refused() {
    let hint = "write the repository's URI as the ECR console shows it, or its bare name together with `AWS_REGION`";
    for (host, reason) in [
        ("docker.io", "expected `<account>.dkr.ecr.<region>.amazonaws.com`"),
        (
            "localhost:5000",
            "a registry of ECR is named without a port, expected `<account>.dkr.ecr.<region>.amazonaws.com`",
        ),
        (
            "public.ecr.aws",
            "it is the public gallery, and this version pushes to private registries only, expected `<account>.dkr.ecr.<region>.amazonaws.com`",
        ),
        (
            "12345678901.dkr.ecr.us-east-1.amazonaws.com",
            "the account id `12345678901` has 11 of 12 digits; YAML drops leading zeros of a number, put it in quotes",
        ),
        (
            "123456789012.dkr.ecr.us-east.amazonaws.com",
            "`us-east` is no AWS region, expected a name like `eu-central-1`",
        ),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.org", "it ends in `.amazonaws.org`, expected `.amazonaws.com`"),
    ] {
        refused(
            "IMAGE",
            &format!("{host}/shop"),
            &format!("`IMAGE`: `{host}` is no ECR registry host: {reason}"),
            hint,
        );
    }
}

#[test]
fn an_image_with_more_or_less_than_a_repository_is_refused() {
    let uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let hint = "write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`";
    for (image, reason) in [
        (format!("https://{uri}/shop"), format!("it is written without `https://`: `{uri}/shop`")),
        (format!("{uri}/shop:v1"), format!("the tag belongs in `TAG`: `IMAGE` is `{uri}/shop`, `TAG` is `v1`")),
        (uri.to_owned(), "the name of the repository after the host is missing".to_owned()),
    ] {
        refused("IMAGE", &image, &format!("`IMAGE`: `{image}` is no repository name: {reason}"), hint);
    }
    let message = "`IMAGE`: `Shop` is no repository name: it has upper case letters; accepted is lower case, `shop`";
    refused("IMAGE", &format!("{uri}/Shop"), message, hint);
}

#[test]
fn the_region_must_be_that_of_the_image() {
    refused(
        "AWS_REGION",
        "eu-central-1",
        "`AWS_REGION`: it is `eu-central-1`, but the region in `IMAGE` is `us-east-1`",
        "remove `AWS_REGION` or correct one of the two",
    );
    refused(
        "AWS_DEFAULT_REGION",
        "us-east-1a",
        "`AWS_DEFAULT_REGION`: `us-east-1a` is no AWS region, but an availability zone; its region is `us-east-1`",
        "write it like `eu-central-1`",
    );
}

#[test]
fn a_bare_image_needs_a_region() {
    refused(
        "IMAGE",
        "shop",
        "`AWS_REGION`: it is missing, and `shop` in `IMAGE` is a bare name without a region",
        "set `AWS_REGION`, or write the repository's URI as the ECR console shows it",
    );
}

#[test]
fn what_is_no_number_or_boolean_is_refused() {
    let boolean = "is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`";
    for name in ["NO_CACHE", "PULL", "PUSH", "DEBUG"] {
        refused(name, "ja", &format!("`{name}`: `ja` {boolean}"), "write it like `true`");
    }
    refused(
        "SHM_SIZE",
        "-1m",
        "`SHM_SIZE`: `-1m` is no size, expected a number and a unit: `b`, `k`, `m` or `g`",
        "write it like `64m`",
    );
    refused(
        "ULIMITS",
        "nofile=many",
        "`ULIMITS`: `many` in `nofile=many` is no limit, expected a number or -1",
        "write it like `nofile=1024:2048`",
    );
    let message = "`SOURCE_DATE_EPOCH`: `2026-01-01` is no time, expected a number of seconds since 1970";
    refused("SOURCE_DATE_EPOCH", "2026-01-01", message, "write it like `1700000000`");
}

#[test]
fn a_hole_in_an_array_is_told_by_its_name() {
    let hint = "write the list under `variables:` as a YAML list or as one text";
    let pipe = step().var("TAG_COUNT", "3").var("TAG_0", "one").var("TAG_2", "three");
    let run = pipe.run().exits(2).reports_nothing();
    let message = "✖ `TAG_1` is missing, although `TAG_COUNT` is 3";
    assert_eq!(verdict(&pipe, &run), format!("{message}\n  hint: {hint}\nexit code 2 after [TIME]"));
    refused("TAG_COUNT", "two", "`TAG_COUNT` is `two`, expected the number of entries", hint);
}

#[test]
fn a_variable_of_a_later_version_is_refused_by_name_unless_it_asks_for_nothing() {
    refused(
        "CODE_INSIGHTS",
        "true",
        "`CODE_INSIGHTS` is not supported in this version",
        "remove `CODE_INSIGHTS` or set it to `false`",
    );
    refused(
        "BUILDER",
        "tcp://buildkit:1234",
        "`BUILDER` is not supported in this version",
        "remove `BUILDER` or set it to `auto` or `buildkit` or `classic`",
    );
    let pipe = step().var("BUILDER", "classic").var("CREATE_REPOSITORY", "no").var("CACHE", "none");
    let pipe = pipe.var("PUSH", "false").var("IMAGE", "harmless").without("AWS_KEY").without("AWS_SECRET");
    pipe.run().exits(0);
}

#[test]
fn a_repository_of_several_that_is_none_is_told() {
    refused(
        "IMAGE",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/one, 000000000000.dkr.ecr.us-east-1.amazonaws.com/Two",
        "`IMAGE`: `Two` is no repository name: it has upper case letters; accepted is lower case, `two`",
        "write it like `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`",
    );
}

#[test]
fn an_undefined_variable_that_arrives_as_its_name_is_told() {
    refused(
        "TAG",
        "$RELEASE",
        "`TAG` holds the literal text `$RELEASE`: that variable is not defined in this repository or deployment",
        "define it in the repository's, workspace's or deployment's settings",
    );
    refused(
        "AWS_SECRET",
        "${AWS_SECRET_ACCESS_KEY}",
        "`AWS_SECRET` holds the literal text of a reference: that variable is not defined in this repository or deployment",
        "define it in the repository's, workspace's or deployment's settings",
    );
}

/// A run whose output folder cannot be used, with the system's reason.
#[track_caller]
fn output_refused(pipe: Pipe, folder: &str, reason: &str) -> Pipe {
    let pipe = pipe.var("OUTPUT_DIR", folder);
    let run = pipe.run().exits(2).reports_nothing();
    let verdict = verdict(&pipe, &run);
    let message = format!("✖ `OUTPUT_DIR`: cannot use `{}` as a folder to write to: {reason}", pipe.filter(folder));
    let hint = "  hint: name a folder in `OUTPUT_DIR` that can be created or written to";
    assert_eq!(verdict, format!("{message}\n{hint}\nexit code 2 after [TIME]"));
    pipe
}

fn pushed_step() -> Pipe {
    Pipe::new(usual()).dockerfile("FROM busybox:1.36\n")
}

#[test]
fn an_output_folder_that_is_a_file_is_refused_and_the_file_kept() {
    let pipe = output_refused(pushed_step().file("out", "mine"), "out", "Not a directory");
    let pipe = output_refused(pipe, "out/below", "Not a directory");
    assert_eq!(std::fs::read_to_string(pipe.path("out")).expect("the file"), "mine");
}

#[test]
fn an_output_folder_in_a_read_only_place_is_refused() {
    let pipe = pushed_step().file("sealed/kept", "");
    let folder = pipe.path("sealed");
    // Mounted in the lab's own namespace, and gone with it.
    let folder_text = folder.display().to_string();
    output(usual().command("mount", pipe.folder.path()).args(["-t", "tmpfs", "-o", "ro", "none", &folder_text]));
    let pipe = output_refused(pipe, "sealed/out", "Read-only file system");
    output_refused(pipe, &folder_text, "Read-only file system");
}

#[test]
fn an_output_folder_that_this_user_may_not_write_to_is_refused() {
    let pipe = step();
    for (folder, place) in [("out", "out"), ("", ".ecr-pipe")] {
        if !folder.is_empty() {
            fs::create_dir(pipe.path(folder)).expect("a folder");
        }
        let (code, log) = as_nobody(&pipe, &[], &[&UNPUSHED[..], &[("OUTPUT_DIR", folder)]].concat());
        assert_eq!(code, Some(2), "{log}");
        let message = format!("✖ `OUTPUT_DIR`: cannot use `{place}` as a folder to write to: Permission denied\n");
        assert!(log.contains(&message), "{log}");
    }
}

/// What an earlier run left.
fn with_stale_output(pipe: Pipe) -> Pipe {
    pipe.file(".ecr-pipe/image.env", "IMAGE_DIGEST=sha256:old\n")
        .file(".ecr-pipe/result.json", "{}")
        .file(".ecr-pipe/mine", "")
}

#[test]
fn the_output_of_an_earlier_run_is_gone_when_this_one_fails_whatever_the_reason() {
    let failures: [(i32, Pipe); 4] = [
        (2, pushed_step().var("SHM_SIZE", "much")),
        (5, pushed_step().var("DOCKER_HOST", "unix:///nowhere.sock")),
        (4, step()),
        (6, pushed_step().dockerfile("FROM busybox:1.36\nRUN exit 1\n")),
    ];
    for (code, pipe) in failures {
        let pipe = with_stale_output(pipe);
        pipe.run().exits(code).reports_nothing();
        assert!(pipe.path(".ecr-pipe/mine").exists(), "other files stay");
    }
}
