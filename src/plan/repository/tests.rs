#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::aws::{EncryptionState, Principal, Template};
use crate::error::{ExitCode, Explain as _};

const POLICY: &str =
    r#"{"Statement": [{"Sid": "a", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}"#;
const RULES: &str = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}"#;

fn immutable(except: &[&str]) -> Mutability {
    Mutability::new(true, except.iter().map(|&filter| filter.to_owned()).collect())
}

fn everything() -> Wanted {
    Wanted {
        reconcile: true,
        mutability: Some(immutable(&["latest*", "dev-*"])),
        scan_on_push: Some(true),
        encryption: Some(Encryption::Aes256),
        lifecycle_policy: Some(Policy::parse(Kind::Lifecycle, RULES, None).unwrap()),
        repository_policy: Some(Policy::parse(Kind::Repository, POLICY, None).unwrap()),
        tags: vec![("team".to_owned(), "shop".to_owned()), ("tier".to_owned(), "1".to_owned())],
        ..Wanted::default()
    }
}

fn actual() -> Actual {
    Actual {
        state: RepositoryState {
            mutability: Mutability::new(false, Vec::new()),
            scan_on_push: false,
            encryption: EncryptionState::Aes256,
        },
        lifecycle_policy: Reading::Absent,
        repository_policy: Reading::Present(POLICY.replace("\"a\"", "\"b\"")),
        tags: Reading::Present(vec![("team".to_owned(), "web".to_owned()), ("other".to_owned(), "x".to_owned())]),
        is_empty: None,
    }
}

fn told(changes: &[Change]) -> String {
    changes.iter().flat_map(Change::lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_difference_is_told_before_and_after() {
    let changes = everything().compare(&actual(), "aws");
    assert!(changes.left.is_empty() && changes.unchangeable.is_none() && changes.unclear.is_none());
    insta::assert_snapshot!(told(&changes.made), @r#"
    resource tags:
    ~ team: web → shop
    + tier=1
    scan on push: off → on
    lifecycle policy: none → 1 rule
    repository policy:
    - statement "b": {"Action":["ecr:BatchGetImage"],"Effect":"Allow","Principal":{"AWS":["*"]},"Sid":"b"}
    + statement "a": {"Action":["ecr:BatchGetImage"],"Effect":"Allow","Principal":{"AWS":["*"]},"Sid":"a"}
    tag mutability: mutable → immutable but for latest*, dev-*
    "#);
}

#[test]
fn what_is_as_wanted_or_not_wanted_or_not_known_is_no_change() {
    let wanted = everything();
    let mut same = actual();
    same.state.mutability = immutable(&["dev-*", "latest*"]);
    same.state.scan_on_push = true;
    same.lifecycle_policy = Reading::Present(RULES.replace(' ', ""));
    same.repository_policy = Reading::Present(POLICY.replace("ecr:B", "ECR:b"));
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    same.tags = Reading::Present(vec![tag("tier", "1"), tag("x", "y"), tag("team", "shop")]);
    let changes = wanted.compare(&same, "aws");
    assert_eq!((changes.made, changes.left), (Vec::new(), Vec::new()));
    let changes = Wanted { reconcile: true, ..Wanted::default() }.compare(&actual(), "aws");
    assert_eq!(changes.made, []);
    let unknown = Actual {
        lifecycle_policy: Reading::Unknown,
        repository_policy: Reading::Unknown,
        tags: Reading::Unknown,
        ..actual()
    };
    let subjects: Vec<_> = wanted.compare(&unknown, "aws").made.iter().map(Change::subject).collect();
    assert_eq!(subjects, ["scan on push", "tag mutability"]);
}

#[test]
fn without_reconcile_everything_is_left() {
    let wanted = Wanted { reconcile: false, create: true, ..everything() };
    let changes = wanted.compare(&Actual { is_empty: Some(false), ..actual() }, "aws");
    assert_eq!((changes.made.len(), changes.left.len()), (0, 5));
}

#[test]
fn a_creation_that_was_not_finished_is_finished_and_nothing_else_is_changed() {
    let wanted = Wanted { reconcile: false, create: true, ..everything() };
    assert!(wanted.depends_on_emptiness(&actual()));
    assert!(!everything().depends_on_emptiness(&actual()), "all is changed anyway");
    let there = Actual { lifecycle_policy: Reading::Present(RULES.to_owned()), ..actual() };
    assert!(!wanted.depends_on_emptiness(&there), "no policy is missing");
    let changes = wanted.compare(&Actual { is_empty: Some(true), ..actual() }, "aws");
    let subjects: Vec<_> = changes.made.iter().map(Change::subject).collect();
    assert_eq!(subjects, ["lifecycle policy"], "the one that is missing, and not the one that differs");
    assert_eq!(changes.left.len(), 4);
    let changes = Wanted { create: false, ..wanted }.compare(&Actual { is_empty: Some(true), ..actual() }, "aws");
    assert_eq!(changes.made, [], "it was not asked for");
}

#[test]
fn keys_are_compared_by_what_is_known_of_them() {
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = format!("arn:aws:kms:eu-central-1:123456789012:key/{id}");
    let kms = |key: Option<&str>| EncryptionState::Kms { key: key.map(str::to_owned), double: false };
    let compare = |wanted: &str, found: EncryptionState| {
        let wanted = Wanted { encryption: Some(Encryption::Kms(wanted.to_owned())), ..Wanted::default() };
        let state = RepositoryState { encryption: found, ..actual().state };
        let changes = wanted.compare(&Actual { state, ..actual() }, "aws");
        match (changes.unchangeable, changes.unclear) {
            (None, None) => "same",
            (Some(_), None) => "different",
            _ => "unclear",
        }
    };
    for (wanted, found, how) in [
        (id, kms(Some(&arn)), "same"),
        (arn.as_str(), kms(Some(&arn)), "same"),
        (arn.as_str(), kms(Some(id)), "same"),
        (arn.as_str(), kms(Some(&arn.replace("eu-central", "eu-west"))), "different"),
        ("00000000-12ab-34cd-56ef-1234567890ab", kms(Some(&arn)), "different"),
        (id, EncryptionState::Aes256, "different"),
        ("alias/a", kms(Some("alias/a")), "same"),
        ("alias/a", kms(Some("arn:aws:kms:eu-central-1:123456789012:alias/a")), "same"),
        ("alias/a", kms(Some("alias/b")), "different"),
        ("alias/a", kms(Some(&arn)), "unclear"),
        (id, kms(None), "unclear"),
        ("alias/aws/ecr", kms(None), "same"),
        (id, EncryptionState::Other("KMS_NEW".to_owned()), "unclear"),
    ] {
        assert_eq!(compare(wanted, found.clone()), how, "{wanted} {found:?}");
    }
    let wanted = Wanted { encryption: Some(Encryption::Kms(arn)), ..Wanted::default() };
    let elsewhere = wanted.key_elsewhere(&repository("eu-west-1")).unwrap();
    assert_eq!(
        elsewhere.to_string(),
        "`KMS_KEY`: it is a key in eu-central-1, and `shop/web` is to be created in eu-west-1"
    );
    assert_eq!(wanted.key_elsewhere(&repository("eu-central-1")), None);
    let alias = Wanted { encryption: Some(Encryption::Kms("alias/a".to_owned())), ..Wanted::default() };
    assert_eq!(alias.key_elsewhere(&repository("eu-west-1")), None);
}

#[test]
fn an_encryption_that_differs_says_the_way_out() {
    let wanted = Wanted { encryption: Some(Encryption::Kms("alias/a".to_owned())), ..Wanted::default() };
    let encryption = wanted.compare(&actual(), "aws").unchangeable.unwrap();
    let other = OtherEncryption { repository: repository("eu-central-1"), encryption };
    assert_eq!(other.exit_code(), ExitCode::Repository);
    insta::assert_snapshot!(format!("{other}\nhint: {}", other.hint().unwrap()), @r"
    `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web` is encrypted with AES256, and `KMS_KEY` asks for KMS key `alias/a`: that is set when a repository is created and cannot be changed
    hint: remove `KMS_KEY`, or push to a repository with another name, which `CREATE_REPOSITORY` set to `true` creates with this key
    ");
}

#[test]
fn what_a_repository_is_created_with_is_told_in_one_line() {
    insta::assert_snapshot!(everything().words(), @"immutable tags but for latest*, dev-*; scan on push; AES256; a lifecycle policy of 1 rule; a repository policy of 1 statement; 2 resource tags");
    assert_eq!(Wanted::default().words(), "");
}

#[test]
fn the_template_with_the_longest_prefix_covers_a_name() {
    let template = |prefix: &str| Template { prefix: prefix.to_owned(), mutability: immutable(&[]) };
    let covered = |prefixes: &[&str], name: &str| {
        let templates: Vec<Template> = prefixes.iter().map(|prefix| template(prefix)).collect();
        covering(&templates, &name.parse().unwrap()).map(|template| template.prefix.clone())
    };
    let all = ["ROOT", "team", "team/shop/", "team/s"];
    assert_eq!(covered(&all, "team/shop/web").as_deref(), Some("team/shop/"));
    assert_eq!(covered(&all, "team/shop").as_deref(), Some("team"), "a prefix is a whole namespace");
    assert_eq!(covered(&all, "teams/shop").as_deref(), Some("ROOT"));
    assert_eq!(covered(&["team"], "other/shop"), None);
    assert_eq!(covered(&["team"], "team"), None);
    assert_eq!(covered(&[], "team/shop"), None);
}

fn repository(region: &str) -> Repository {
    let name = "shop/web".parse().unwrap();
    Repository { host: crate::image::EcrHost::of("123456789012", region), name }
}

#[test]
fn a_missing_repository_says_why_nothing_creates_it() {
    let repository = repository("eu-central-1");
    let each = [Why::NotAsked, Why::TemplatesUnknown, Why::OtherAccount("210987654321".to_owned())].map(|why| {
        let missing = Missing { repository: repository.clone(), principal: Principal::Key, why };
        format!("{missing}\n  hint: {}", missing.hint().unwrap())
    });
    insta::assert_snapshot!(each.join("\n"), @r"
    repository `shop/web` does not exist in account 123456789012, region eu-central-1
      hint: create it with `aws ecr create-repository --repository-name shop/web --region eu-central-1`, set `CREATE_REPOSITORY` to `true`, or correct `IMAGE`
    repository `shop/web` does not exist in account 123456789012, region eu-central-1, and whether a creation template has the push create it is not known: the key may not do `ecr:DescribeRepositoryCreationTemplates`
      hint: create it with `aws ecr create-repository --repository-name shop/web --region eu-central-1`, set `CREATE_REPOSITORY` to `true`, or correct `IMAGE`
    repository `shop/web` does not exist in account 123456789012, region eu-central-1, and the key is of account 210987654321: only there it can create repositories
      hint: create it with `aws ecr create-repository --repository-name shop/web --region eu-central-1` in account 123456789012, or correct `IMAGE`
    ");
}
