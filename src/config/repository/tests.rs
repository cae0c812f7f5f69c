#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::tests::{config, exactly, problems, warnings};
use super::*;

#[test]
fn without_a_variable_nothing_is_wanted() {
    assert_eq!(config(&[]).repository, RepositorySettings::default());
}

#[test]
fn a_whole_group_is_read() {
    let settings = config(&[
        ("CREATE_REPOSITORY", "yes"),
        ("RECONCILE_REPOSITORY", "TRUE"),
        ("TAG_MUTABILITY", "IMMUTABLE"),
        ("TAG_MUTABILITY_EXCEPT", "latest, dev-* latest"),
        ("SCAN_ON_PUSH", "off"),
        ("KMS_KEY", "alias/team/images"),
        ("LIFECYCLE_POLICY", " {\"rules\": []}\n"),
        ("REPOSITORY_POLICY", "ecr/policy.json"),
        ("REPOSITORY_TAGS", "team=shop\nowner = Jo Doe = me@example.com\nempty="),
    ])
    .repository;
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let wanted = RepositorySettings {
        create: true,
        reconcile: true,
        mutability: Some(TagMutability { immutable: true, except: vec!["latest".to_owned(), "dev-*".to_owned()] }),
        scan_on_push: Some(false),
        encryption: Some(Encryption::Kms("alias/team/images".to_owned())),
        lifecycle_policy: Some(PolicySource::Inline("{\"rules\": []}".to_owned())),
        repository_policy: Some(PolicySource::File("ecr/policy.json".into())),
        tags: vec![tag("team", "shop"), tag("owner", "Jo Doe = me@example.com"), tag("empty", "")],
    };
    assert_eq!(settings, wanted);
}

#[test]
fn keys_of_kms_are_named_in_four_ways_or_by_aes256() {
    for key in [
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "alias/aws/ecr",
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-cn:kms:cn-north-1:123456789012:alias/images",
    ] {
        let found = config(&[("CREATE_REPOSITORY", "1"), ("KMS_KEY", key)]).repository.encryption;
        assert_eq!(found, Some(Encryption::Kms(key.to_owned())));
    }
    let aes = config(&[("CREATE_REPOSITORY", "1"), ("KMS_KEY", "aes256")]).repository.encryption;
    assert_eq!(aes, Some(Encryption::Aes256));
    for key in ["images", "alias/", "alias/a b", "key/1234", "arn:aws:s3:::bucket", "arn:aws:kms:eu-central-1:1:key/x"]
    {
        let text = problems(&[("KMS_KEY", key)]);
        assert!(text.starts_with(&format!("`KMS_KEY`: `{key}` names no key of KMS, expected a key id")), "{text}");
    }
}

#[test]
fn settings_that_change_nothing_are_told() {
    insta::assert_snapshot!(warnings(&[("TAG_MUTABILITY", "mutable")]), @r"
    `TAG_MUTABILITY` changes nothing: neither `CREATE_REPOSITORY` nor `RECONCILE_REPOSITORY` is on
      hint: set `RECONCILE_REPOSITORY` to `true` to bring an existing repository there
    ");
    insta::assert_snapshot!(
        warnings(&[("SCAN_ON_PUSH", "true"), ("KMS_KEY", "AES256"), ("REPOSITORY_TAGS", "a=b")]), @r"
    `SCAN_ON_PUSH`, `KMS_KEY` and `REPOSITORY_TAGS` change nothing: neither `CREATE_REPOSITORY` nor `RECONCILE_REPOSITORY` is on
      hint: set `RECONCILE_REPOSITORY` to `true` to bring an existing repository there
    ");
    assert_eq!(warnings(&[("SCAN_ON_PUSH", "true"), ("CREATE_REPOSITORY", "true")]), "");
    assert_eq!(warnings(&[("SCAN_ON_PUSH", "true"), ("RECONCILE_REPOSITORY", "true")]), "");
}

#[test]
fn what_is_not_accepted_is_told_with_what_is() {
    let long = format!("{}=x", "k".repeat(129));
    insta::assert_snapshot!(problems(&[
        ("CREATE_REPOSITORY", "maybe"),
        ("TAG_MUTABILITY", "IMMUTABLE_WITH_EXCLUSION"),
        ("TAG_MUTABILITY_EXCEPT", "v1/x a b c d e f"),
        ("SCAN_ON_PUSH", "always"),
        ("KMS_KEY", "images"),
        ("REPOSITORY_TAGS", &format!("team\n=x\naws:x=y\na=b\na=c\nx=1,2\n{long}")),
    ]), @r"
    `CREATE_REPOSITORY`: `maybe` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    `TAG_MUTABILITY`: `IMMUTABLE_WITH_EXCLUSION` is no rule for tags, expected `mutable` or `immutable`
      hint: tags under the opposite rule are listed in `TAG_MUTABILITY_EXCEPT`
    `TAG_MUTABILITY_EXCEPT`: the filter `v1/x` holds `/`; accepted are letters, digits, `.`, `_`, `-`, and `*` for any text
      hint: write it like `latest*`
    `TAG_MUTABILITY_EXCEPT`: it has 6 filters, ECR takes 5 at the most
      hint: join some of them by a `*`
    `SCAN_ON_PUSH`: `always` is no boolean, expected `true`, `false`, `yes`, `no`, `on`, `off`, `1` or `0`
      hint: write it like `true`
    `KMS_KEY`: `images` names no key of KMS, expected a key id, a key's ARN, `alias/<name>`, or `AES256` for encryption without KMS
      hint: write it like `alias/images`
    `REPOSITORY_TAGS`: entry 1 has no `=`, expected `key=value`
      hint: write it like `team=shop`
    `REPOSITORY_TAGS`: entry 2 has nothing before the `=`, expected `key=value`
      hint: write it like `team=shop`
    `REPOSITORY_TAGS`: entry 3 has the key `aws:x`; keys that begin with `aws:` are AWS's own
      hint: write it like `team=shop`
    `REPOSITORY_TAGS`: entry 5 has the key `a` once more, expected each key once
      hint: write it like `team=shop`
    `REPOSITORY_TAGS`: entry 6 holds `,` in its value; accepted are letters, digits, spaces and `+ - = . _ : / @`, and one tag a line
      hint: write it like `team=shop`
    `REPOSITORY_TAGS`: entry 7 has a key of 129 characters, accepted are 128 at the most
      hint: write it like `team=shop`
    ");
    insta::assert_snapshot!(problems(&[("TAG_MUTABILITY_EXCEPT", "latest")]), @r"
    `TAG_MUTABILITY_EXCEPT`: it makes exceptions from a rule, and `TAG_MUTABILITY` is not set
      hint: set `TAG_MUTABILITY` to `immutable` if only the tags listed here may move
    ");
}

#[test]
fn fifty_one_tags_are_too_many() {
    let entries: Vec<String> = (0..51).map(|number| format!("k{number}=v")).collect();
    let text = problems(&[("CREATE_REPOSITORY", "1"), ("REPOSITORY_TAGS", &entries.join("\n"))]);
    assert!(text.starts_with("`REPOSITORY_TAGS`: it has 51 tags, ECR takes 50 at the most"), "{text}");
    let array: Vec<(String, String)> = std::iter::once(("REPOSITORY_TAGS_COUNT".to_owned(), "50".to_owned()))
        .chain((0..50).map(|number| (format!("REPOSITORY_TAGS_{number}"), entries[number].clone())))
        .chain(super::super::tests::LEAST.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let pairs: Vec<(&str, &str)> = array.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(exactly(&pairs).unwrap().repository.tags.len(), 50);
}
