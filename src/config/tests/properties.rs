//! What holds for every environment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::*;
use crate::config::variables::Kind;

/// A name of ours, a part of an array of ours, one nearly ours, or any bytes.
fn name() -> impl Strategy<Value = OsString> {
    let names: Vec<&'static str> = VARIABLES
        .iter()
        .flat_map(Variable::names)
        .chain(HONOURED.iter().map(|honoured| honoured.name))
        .chain(["BITBUCKET_BRANCH", "BITBUCKET_TAG", "BITBUCKET_STEP_OIDC_TOKEN", "V"])
        .collect();
    let ours = proptest::sample::select(names);
    prop_oneof![
        4 => ours.clone().prop_map(OsString::from),
        2 => (ours.clone(), prop_oneof![Just("_COUNT"), Just("_0"), Just("_1")]).prop_map(|(a, b)| format!("{a}{b}").into()),
        1 => (ours, "[A-Za-z_]").prop_map(|(a, b)| format!("{a}{b}").into()),
        1 => proptest::collection::vec(any::<u8>(), 0..12).prop_map(OsString::from_vec),
    ]
}

/// Values near what the parsers look for, or any bytes.
fn value() -> impl Strategy<Value = OsString> {
    let likely = [
        "",
        " ",
        "0",
        "1",
        "3",
        "true",
        "no",
        "v1",
        "$X",
        "${V}",
        "a=b",
        "a=",
        "=b",
        "KEY",
        "64m",
        "-1",
        "nofile=1:2",
        "db:::1",
        "unix://",
        "tcp://[::1]:1",
        "https://h",
        "tcp://h:0",
        "eu-central-1",
        "eu-central-1a",
        "arn:aws:iam::123456789012:role/ci",
        "arn:aws-cn:iam::123456789012:role/ci",
        "ASIA",
        "é…\u{7f}",
        "host=docker.io,username=u,password-env=V",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop",
        "4294967296",
    ];
    prop_oneof![
        4 => proptest::sample::select(likely.to_vec()).prop_map(OsString::from),
        2 => "[ -~\n]{0,30}".prop_map(OsString::from),
        1 => "\\PC{0,30}".prop_map(OsString::from),
        1 => proptest::collection::vec(any::<u8>(), 0..30).prop_map(OsString::from_vec),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_environment_panics_and_no_message_shows_a_secret(
        pairs in proptest::collection::vec((name(), value()), 0..30),
        complete in any::<bool>(),
    ) {
        let secret = "CanarySecret42";
        let least = LEAST.iter().take(if complete { 4 } else { 0 });
        let least = least.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let canaries = ["AWS_SECRET", "AWS_SESSION_TOKEN", "PIPELINES_JWT_TOKEN"];
        let canaries = canaries.map(|name| (OsString::from(name), OsString::from(secret)));
        let result = Config::read(least.chain(pairs).chain(canaries));
        let text = match &result {
            Ok(config) => format!("{config:?}"),
            Err(problems) => {
                prop_assert!(!problems.failures().is_empty());
                prop_assert!(problems.iter().all(|problem| *problem != Problem::Table));
                format!("{problems:?} {}", explain(problems))
            }
        };
        prop_assert!(!text.contains(secret), "{}", text);
        if let Ok(config) = result {
            prop_assert!(!config.tags.is_empty());
            prop_assert!(!config.push || (config.credentials.is_some() && config.region.is_some()));
        }
    }

    #[test]
    fn an_array_of_tags_equals_the_joined_list(
        tags in proptest::collection::vec("[A-Za-z0-9_][A-Za-z0-9._-]{0,10}", 1..6),
        separator in "[ ,\n]{1,3}",
    ) {
        let joined = config(&[("TAG", &tags.join(&separator))]).tags;
        prop_assert_eq!(array("TAG", &tags).tags, joined);
    }

    #[test]
    fn an_array_of_build_arguments_equals_the_joined_lines(
        arguments in proptest::collection::vec("[A-Z]{1,3}=([!-~]([ -~]{0,10}[!-~])?)?", 1..6),
    ) {
        let of = |config: Config| -> Vec<(String, String)> {
            config.build.args.into_iter().map(|(key, value)| (key, value.expose_secret().to_owned())).collect()
        };
        let joined = config(&[("BUILD_ARGS", &arguments.join("\n"))]);
        prop_assert_eq!(of(array("BUILD_ARGS", &arguments)), of(joined));
    }
}

/// Reads what every run needs and one array.
fn array(name: &str, entries: &[String]) -> Config {
    let mut pairs = vec![(format!("{name}_COUNT"), entries.len().to_string())];
    pairs.extend(entries.iter().enumerate().map(|(index, entry)| (format!("{name}_{index}"), entry.clone())));
    let least = LEAST.iter().filter(|(other, _)| *other != name);
    let least = least.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(pairs.into_iter().chain(least).map(|(name, value)| (name.into(), value.into()))).unwrap()
}

#[test]
fn every_supported_variable_reaches_its_reader() {
    // A scalar without a field in `Scalars`, or a reader that does not know a list, would go unnoticed otherwise.
    for variable in VARIABLES.iter().filter(|variable| variable.supported) {
        for spelling in variable.names() {
            let value = match variable.kind {
                Kind::Boolean => "false",
                Kind::Size => "64m",
                Kind::Lines => match variable.name {
                    "ADD_HOSTS" => "a:::1",
                    "REGISTRY_LOGINS" => "host=a,username=b,password-env=TAG",
                    "BUILD_SECRETS" => "id=a,env=TAG",
                    _ => "a=b",
                },
                _ => match variable.name {
                    "AWS_OIDC_ROLE_ARN" | "AWS_ROLE_ARN" => "arn:aws:iam::123456789012:role/ci",
                    "ALLOWED_ACCOUNT_IDS" => "123456789012",
                    "AWS_REGION" => "eu-central-1",
                    "PLATFORM" => "linux/arm64",
                    "ULIMITS" => "core=1",
                    "BUILD_CONTEXTS" => "a=b",
                    "BUILDER" => "classic",
                    "CACHE" => "none",
                    "TAG_MUTABILITY" => "immutable",
                    "KMS_KEY" => "alias/a",
                    "SCAN_FAIL_ON" => "high",
                    "SCAN_TIMEOUT" => "90s",
                    "SCAN_ON_MISSING" => "pass",
                    "SKIP_UNCHANGED" => "7d",
                    "IF_TAG_EXISTS" => "skip",
                    "COMPRESSION" => "zstd",
                    "PUSH_MODE" => "direct",
                    _ => "abc",
                },
            };
            let pairs: Vec<_> = LEAST.into_iter().filter(|(name, _)| *name != variable.name).collect();
            // Exceptions need a rule.
            let rule = (variable.name == "TAG_MUTABILITY_EXCEPT").then_some(("TAG_MUTABILITY", "mutable"));
            let region = ("AWS_REGION", "eu-central-1");
            let region = (variable.name != "AWS_REGION").then_some(region);
            let pairs: Vec<_> = pairs
                .into_iter()
                .chain(region)
                .chain(rule)
                .chain([(spelling, value), ("BITBUCKET_STEP_OIDC_TOKEN", "a.b.c")])
                .collect();
            let result = exactly(&pairs);
            assert!(
                result.is_ok(),
                "{spelling}: {}",
                result.map_or_else(|problems| explain(&problems), |_| String::new())
            );
        }
    }
}

#[test]
fn a_choice_takes_the_words_of_the_table_and_no_other() {
    for variable in VARIABLES.iter().filter(|variable| variable.supported && !variable.choices.is_empty()) {
        let with = |word| {
            // `immutable` and the like need nothing else, and nothing else is given.
            let pairs: Vec<_> = LEAST.into_iter().chain([(variable.name, word)]).collect();
            exactly(&pairs).map_err(|problems| explain(&problems))
        };
        for choice in variable.choices {
            assert!(with(choice).is_ok(), "{}: {choice}: {:?}", variable.name, with(choice).err());
        }
        assert!(with("elsewhere").is_err(), "{}", variable.name);
    }
}
