#![expect(clippy::unwrap_used, reason = "tests")]

use secrecy::ExposeSecret as _;

use crate::config::tests::{LEAST, config, exactly, explain, problems, read, warnings};

#[test]
fn two_spellings_that_agree_are_one_variable() {
    let config = config(&[("TAG", "a b"), ("TAGS", "a,\nb")]);
    assert_eq!(config.tags, ["a".parse().unwrap(), "b".parse().unwrap()]);
}

#[test]
fn two_spellings_that_differ_are_both_named() {
    insta::assert_snapshot!(problems(&[("AWS_REGION", "eu-central-1"), ("AWS_DEFAULT_REGION", "us-east-1")]), @r"
    `AWS_REGION` and `AWS_DEFAULT_REGION` are two spellings of one variable and differ
      hint: keep `AWS_REGION` or `AWS_DEFAULT_REGION`
    ");
}

#[test]
fn an_empty_spelling_gives_way_to_the_other() {
    assert_eq!(config(&[("TAG", " \n"), ("TAGS", "a")]).tags, ["a".parse().unwrap()]);
}

#[test]
fn lists_split_on_newlines_commas_and_spaces() {
    let tags = config(&[("TAG", " a,b c\n\td,,\r\n")]).tags;
    assert_eq!(tags.iter().map(crate::image::Tag::as_str).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn entries_with_spaces_and_commas_split_on_newlines_only() {
    let config = config(&[("LABELS", "a=1, 2\n\n  b=3 4\r\n")]);
    assert_eq!(config.build.labels, [("a".to_owned(), "1, 2".to_owned()), ("b".to_owned(), "3 4".to_owned())]);
}

#[test]
fn entries_of_an_array_are_taken_to_the_letter() {
    let config = config(&[("BUILD_ARGS_COUNT", "2"), ("BUILD_ARGS_0", "A= 1\n2 "), ("BUILD_ARGS_1", "B=$1 \\ \"")]);
    let values: Vec<&str> = config.build.args.iter().map(|(_, value)| value.expose_secret()).collect();
    assert_eq!(values, [" 1\n2 ", "$1 \\ \""]);
}

#[test]
fn empty_entries_of_an_array_are_left_out() {
    let config = config(&[("TAG", ""), ("TAG_COUNT", "3"), ("TAG_0", "a"), ("TAG_1", ""), ("TAG_2", "b")]);
    assert_eq!(config.tags.len(), 2);
}

#[test]
fn an_array_of_nothing_is_unset() {
    let config = config(&[("TAG", ""), ("TAG_COUNT", "0"), ("BITBUCKET_BRANCH", "main")]);
    assert_eq!(config.tags, ["main".parse().unwrap()]);
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    insta::assert_snapshot!(problems(&[("TAG", ""), ("TAG_COUNT", "3"), ("TAG_0", "a"), ("TAG_2", "b")]), @r"
    `TAG_1` is missing, although `TAG_COUNT` is 3
      hint: write the list under `variables:` as a YAML list or as one text
    ");
    insta::assert_snapshot!(problems(&[("TAG", ""), ("TAG_COUNT", "many")]), @r"
    `TAG_COUNT` is `many`, expected the number of entries
      hint: write the list under `variables:` as a YAML list or as one text
    ");
    insta::assert_snapshot!(problems(&[("TAG", "a"), ("TAG_COUNT", "1"), ("TAG_0", "a")]), @r"
    `TAG` is set both as one text and as an array by `TAG_COUNT`
      hint: write the list under `variables:` as a YAML list or as one text
    ");
    insta::assert_snapshot!(problems(&[("TAG", ""), ("TAG_COUNT", "4294967295")]), @r"
    `TAG_0` is missing, although `TAG_COUNT` is 4294967295
      hint: write the list under `variables:` as a YAML list or as one text
    ");
    insta::assert_snapshot!(problems(&[("CONTEXT_COUNT", "1"), ("CONTEXT_0", "a")]), @r"
    `CONTEXT`: it is an array, expected one value
      hint: write one value
    ");
}

#[test]
fn a_count_of_something_else_is_not_ours() {
    assert!(read(&[("BUILD_COUNT", "17"), ("PUSH_COUNT", "x")]).is_ok());
}

#[test]
fn variables_of_later_versions_are_refused_by_name() {
    insta::assert_snapshot!(problems(&[("CODE_INSIGHTS", "yes")]), @r"
    `CODE_INSIGHTS` is not supported in this version
      hint: remove `CODE_INSIGHTS` or set it to `false`
    ");
}

#[test]
fn variables_of_later_versions_that_ask_for_nothing_are_accepted() {
    for (name, value) in [
        ("CREATE_REPOSITORY", "No"),
        ("BUILD", "true"),
        ("PUSH_MODE", "engine"),
        ("PUSH_MODE", "AUTO"),
        ("SCAN_FAIL_ON", ""),
        ("PLATFORM_COUNT", "0"),
    ] {
        assert!(read(&[(name, value)]).is_ok(), "{name}={value}");
    }
}

#[test]
fn a_value_that_is_a_reference_is_an_undefined_variable() {
    insta::assert_snapshot!(problems(&[("AWS_KEY", "$AWS_KEY"), ("AWS_SECRET", "${AWS_SECRET}")]), @r"
    `AWS_KEY` holds the literal text `$AWS_KEY`: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    `AWS_SECRET` holds the literal text of a reference: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    ");
    insta::assert_snapshot!(problems(&[("TAG", "latest $BITBUCKET_TAG"), ("NO_CACHE", "$NC")]), @r"
    `TAG` holds the literal text `$BITBUCKET_TAG`: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    `NO_CACHE` holds the literal text `$NC`: that variable is not defined in this repository or deployment
      hint: define it in the repository's, workspace's or deployment's settings
    ");
    insta::assert_snapshot!(warnings(&[("TARGET", "$STAGE"), ("CONTEXT", "${DIR}")]), @r"
    `CONTEXT` holds the literal text `${DIR}`: that variable is not defined in this repository or deployment
      hint: define it or remove `CONTEXT`
    `TARGET` holds the literal text `$STAGE`: that variable is not defined in this repository or deployment
      hint: define it or remove `TARGET`
    ");
}

#[test]
fn booleans_are_read_in_any_case() {
    let config = config(&[("NO_CACHE", "YES"), ("PULL", "On\n"), ("DEBUG", "1"), ("PUSH", "oFF")]);
    assert!(config.build.no_cache && config.build.pull && config.debug && !config.push);
    insta::assert_snapshot!(problems(&[("PULL", "maybe")]), @r"
    `PULL`: `maybe` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    ");
}

#[test]
fn names_that_differ_in_case_only_do_not_collide() {
    let pairs: Vec<_> = LEAST.into_iter().chain([("tag", "other"), ("Aws_Key", "other")]).collect();
    let config = exactly(&pairs).map_err(|problems| explain(&problems)).unwrap();
    assert_eq!(config.tags, ["v1".parse().unwrap()]);
    assert_eq!(config.warnings.len(), 2);
}
