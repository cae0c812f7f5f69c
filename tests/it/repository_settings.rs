//! The repository as it is wanted: created, compared, changed, and left alone.

use std::time::Instant;

use serde_json::{Value, json};

use crate::lab::usual;
use crate::pipe::Pipe;

const DOCKERFILE: &str = "FROM busybox:1.36\nRUN echo one\n";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const LIFECYCLE: &str = r#"{
  "rules": [
    {
      "rulePriority": 1,
      "description": "keep releases",
      "selection": {
        "tagStatus": "tagged",
        "tagPatternList": ["v*", "*-rc"],
        "countType": "imageCountMoreThan",
        "countNumber": 30
      },
      "action": {"type": "expire"}
    },
    {
      "rulePriority": 2,
      "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
      "action": {"type": "expire"}
    }
  ]
}
"#;
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": "123456789012"},
   "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}
]}"#;
/// Every call that changes something of a repository but its images.
const WRITES: [&str; 6] = [
    "CreateRepository",
    "PutImageTagMutability",
    "PutImageScanningConfiguration",
    "PutLifecyclePolicy",
    "SetRepositoryPolicy",
    "TagResource",
];

/// A run that wants everything that can be changed later.
fn wanting(pipe: Pipe) -> Pipe {
    pipe.dockerfile(DOCKERFILE)
        .file("ecr/lifecycle.json", LIFECYCLE)
        .var("TAG_MUTABILITY", "immutable")
        .var("TAG_MUTABILITY_EXCEPT", "main latest*")
        .var("SCAN_ON_PUSH", "true")
        .var("LIFECYCLE_POLICY", "ecr/lifecycle.json")
        .var("REPOSITORY_POLICY", POLICY)
        .var("REPOSITORY_TAGS", "team=shop\ntier=1")
}

fn denied(pipe: &Pipe, action: &str) {
    let error = json!({"__type": "AccessDeniedException", "message": "User: x is not authorized"});
    let answer = json!({"status": 400, "body": error});
    pipe.lab.fault(&json!({"target": action, "access_key": pipe.key, "times": 0, "answer": answer}));
}

fn api(pipe: &Pipe, action: &str, body: &Value) -> Value {
    serde_json::from_str(&pipe.lab.control("api", &[action, &body.to_string()])).unwrap()
}

fn arn(pipe: &Pipe) -> String {
    format!("arn:aws:ecr:us-east-1:{}:repository/{}", pipe.lab.facts.account, pipe.repository)
}

/// What the emulator keeps of the repository.
fn state(pipe: &Pipe) -> Value {
    let name = &pipe.repository;
    let described = api(pipe, "DescribeRepositories", &json!({ "repositoryNames": [name] }));
    let repository = &described["repositories"][0];
    let tags = api(pipe, "ListTagsForResource", &json!({ "resourceArn": arn(pipe) }));
    let lifecycle = api(pipe, "GetLifecyclePolicy", &json!({ "repositoryName": name }));
    let policy = api(pipe, "GetRepositoryPolicy", &json!({ "repositoryName": name }));
    json!({
        "mutability": repository["imageTagMutability"],
        "filters": repository["imageTagMutabilityExclusionFilters"],
        "scan": repository["imageScanningConfiguration"]["scanOnPush"],
        "encryption": repository["encryptionConfiguration"],
        "tags": tags["tags"],
        "lifecycle": lifecycle["lifecyclePolicyText"],
        "policy": policy["policyText"],
    })
}

fn as_wanted(pipe: &Pipe, encryption: &Value) {
    let filters =
        json!([{"filterType": "WILDCARD", "filter": "main"}, {"filterType": "WILDCARD", "filter": "latest*"}]);
    let tags = json!([{"Key": "team", "Value": "shop"}, {"Key": "tier", "Value": "1"}]);
    let wanted = json!({"mutability": "IMMUTABLE_WITH_EXCLUSION", "filters": filters, "scan": true,
        "encryption": encryption, "tags": tags, "lifecycle": LIFECYCLE, "policy": POLICY});
    assert_eq!(state(pipe), wanted);
}

/// The calls of a run that change something of a repository but its images.
fn writes(pipe: &Pipe) -> Vec<String> {
    let requests = pipe.lab.requests(&pipe.key);
    let targets = requests.iter().filter_map(|request| request["target"].as_str());
    targets.filter(|target| WRITES.contains(target)).map(str::to_owned).collect()
}

#[test]
fn a_missing_repository_is_created_with_everything_by_one_call_and_its_policies() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("KMS_KEY", KEY);
    let run = pipe.run().exits(0);
    let uri = pipe.uri();
    let run = run
        .says(&format!("\n  repository  {uri}, immutable tags but for main, latest*\n"))
        .says(&format!("\n  change      the repository does not exist and is created, with immutable tags but for main, latest*; scan on push; KMS key `{KEY}`; a lifecycle policy of 2 rules; a repository policy of 1 statement; 2 resource tags\n"))
        .says(&format!("\n  created     {uri}\n  changed     lifecycle policy, repository policy\n"));
    assert!(run.log.find("created ") < run.log.find("\nBuild\n"), "before the build:\n{}", run.log);
    as_wanted(&pipe, &json!({"encryptionType": "KMS", "kmsKey": KEY}));
    assert_eq!(writes(&pipe), ["CreateRepository", "PutLifecyclePolicy", "SetRepositoryPolicy"]);
    let run = pipe.dockerfile("FROM busybox:1.36\nRUN echo two\n").run().exits(0);
    run.does_not_say("change ").does_not_say("differs ");
}

#[test]
fn a_taken_tag_that_the_run_would_freeze_is_told_before_anything_changes() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("TAG", "1.0");
    pipe.run().exits(0);
    let pipe = pipe.var("RECONCILE_REPOSITORY", "true").var("TAG_MUTABILITY", "immutable");
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("\n✖ tag `1.0` exists in `{}` as sha256:", pipe.uri())).says(
        ", and the repository's tags are to be immutable\n  hint: choose a `TAG` that is new with each build, such as `$BITBUCKET_BUILD_NUMBER`, or name the tags that are to move in `TAG_MUTABILITY_EXCEPT`\n",
    ).built_nothing();
    assert_eq!(writes(&pipe), Vec::<String>::new());
}

#[test]
fn a_repository_is_created_as_aws_makes_it_when_nothing_else_is_wanted() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE).var("CREATE_REPOSITORY", "true");
    pipe.run().exits(0).says("\n  change      the repository does not exist and is created\n");
    assert_eq!(writes(&pipe), ["CreateRepository"]);
}

#[test]
fn a_dry_run_tells_what_would_be_created_and_creates_nothing() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("DRY_RUN", "true");
    pipe.run()
        .exits(0)
        .says("\n  change      the repository does not exist and is created, with ")
        .says(&format!("\nPlan\n  create {}\n  build Dockerfile (BuildKit)\n", pipe.uri()))
        .does_not_say("created    ");
    assert_eq!(writes(&pipe), Vec::<String>::new());
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true").var("DRY_RUN", "true");
    let run = pipe.run().exits(0).says("\n  change      scan on push: off → on\n").does_not_say("changed    ");
    run.says(&format!("\nPlan\n  change {}: resource tags, scan on push, ", pipe.uri()));
    assert_eq!(writes(&pipe), Vec::<String>::new());
}

#[test]
fn nothing_is_created_when_something_else_forbids_the_run() {
    let pipe = Pipe::without_repository(usual()).var("CREATE_REPOSITORY", "true");
    pipe.run().exits(2).says("`DOCKERFILE`").reports_nothing().built_nothing();
    assert_eq!(writes(&pipe), Vec::<String>::new());
}

#[test]
fn an_existing_repository_is_left_as_it_is_and_told_to_differ() {
    let pipe = wanting(Pipe::new(usual())).var("CREATE_REPOSITORY", "true").var("KMS_KEY", KEY);
    // An image in it shows that nobody was killed while creating it.
    pipe.run().exits(0);
    let pipe = pipe.dockerfile("FROM busybox:1.36\nRUN echo two\n");
    let run = pipe.run().exits(0);
    let run = run.says("\n  differs     resource tags, scan on push: off → on, ");
    run.says(
        "tag mutability: mutable → immutable but for main, latest*; `RECONCILE_REPOSITORY=true` brings it there\n",
    )
    .says(&format!("\n  differs     encryption: AES256, and not KMS key `{KEY}`; it cannot be changed any more\n"));
}

#[test]
fn settings_that_nobody_applies_are_warned_of() {
    let run = wanting(Pipe::new(usual())).run().exits(0);
    run.says("warning: `TAG_MUTABILITY`, `SCAN_ON_PUSH`, `LIFECYCLE_POLICY`, `REPOSITORY_POLICY` and `REPOSITORY_TAGS` change nothing: neither `CREATE_REPOSITORY` nor `RECONCILE_REPOSITORY` is on\n")
        .says("\n  differs     resource tags, scan on push: off → on, lifecycle policy: none → 2 rules, repository policy: none → 1 statement, tag mutability: mutable → immutable but for main, latest*; `RECONCILE_REPOSITORY=true` brings it there\n");
}

#[test]
fn every_setting_is_changed_after_the_differences_were_told_and_a_further_run_changes_nothing() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true");
    let older = LIFECYCLE.replace("30", "10").replace("\"*-rc\"", "\"dev-*\"");
    api(&pipe, "PutLifecyclePolicy", &json!({"repositoryName": pipe.repository, "lifecyclePolicyText": older}));
    let older = POLICY.replace("123456789012", "210987654321");
    api(&pipe, "SetRepositoryPolicy", &json!({"repositoryName": pipe.repository, "policyText": older}));
    let tags = json!([{"Key": "team", "Value": "web"}]);
    api(&pipe, "TagResource", &json!({"resourceArn": arn(&pipe), "tags": tags}));
    let run = pipe.run().exits(0);
    let diff = "
  change      resource tags:
              ~ team: web → shop
              + tier=1
  change      scan on push: off → on
  change      lifecycle policy:
              ~ rule 1: selection.countNumber 10 → 30, selection.tagPatternList -\"dev-*\" +\"*-rc\"
  change      repository policy:
              ~ statement \"pull\": Principal.AWS -\"arn:aws:iam::210987654321:root\" +\"arn:aws:iam::123456789012:root\"
  change      tag mutability: mutable → immutable but for main, latest*
";
    let run = run
        .says(diff)
        .says("\n  changed     resource tags, scan on push, lifecycle policy, repository policy, tag mutability\n");
    assert!(run.log.find("changed ") < run.log.find("\nBuild\n"), "before the build:\n{}", run.log);
    as_wanted(&pipe, &json!({"encryptionType": "AES256"}));
    let before = writes(&pipe);
    assert_eq!(before.len(), 5, "{before:?}");
    pipe.run().exits(0).does_not_say("change").does_not_say("differs");
    assert_eq!(writes(&pipe), before);
}

#[test]
fn a_scan_on_push_is_switched_off_again() {
    let pipe = Pipe::new(usual()).dockerfile(DOCKERFILE).var("RECONCILE_REPOSITORY", "true").var("SCAN_ON_PUSH", "on");
    pipe.run().exits(0).says("\n  change      scan on push: off → on\n");
    let pipe = pipe.var("SCAN_ON_PUSH", "off");
    pipe.run().exits(0).says("\n  change      scan on push: on → off\n");
    pipe.run().exits(0).does_not_say("change");
}

#[test]
fn what_means_the_same_is_left_as_it_is_written() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    pipe.run().exits(0);
    let before = writes(&pipe);
    let other = r#"{"Statement": {"Action": ["ECR:GetDownloadUrlForLayer", "ecr:batchgetimage"], "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}, "Sid": "pull"}, "Version": "2012-10-17"}"#;
    let rules = LIFECYCLE.replace("[\"v*\", \"*-rc\"]", "[\"*-rc\", \"v*\"]").replace('\n', "");
    let pipe = pipe.var("RECONCILE_REPOSITORY", "true").var("TAG_MUTABILITY_EXCEPT", "latest* main");
    let pipe = pipe.var("REPOSITORY_POLICY", other).var("LIFECYCLE_POLICY", &rules).var("REPOSITORY_TAGS", "tier=1");
    pipe.run().exits(0).does_not_say("change").does_not_say("differs");
    assert_eq!(writes(&pipe), before);
}

#[test]
fn an_encryption_that_differs_is_told_before_the_build() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true").var("KMS_KEY", "alias/images");
    let run = pipe.run().exits(4).reports_nothing();
    let told = format!(
        "\n✖ `{}` is encrypted with AES256, and `KMS_KEY` asks for KMS key `alias/images`: that is set when a repository is created and cannot be changed\n",
        pipe.uri()
    );
    run.says(&told)
        .says("\n  hint: remove `KMS_KEY`, or push to a repository with another name, which `CREATE_REPOSITORY` set to `true` creates with this key\n").built_nothing();
    assert_eq!(writes(&pipe), Vec::<String>::new(), "nothing else is changed either");
}

#[test]
fn a_key_of_another_region_is_told_before_anything_is_created() {
    let key = format!("arn:aws:kms:eu-central-1:123456789012:key/{KEY}");
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("KMS_KEY", &key);
    let run = pipe.run().exits(2).reports_nothing();
    let message = format!(
        "\n✖ `KMS_KEY`: it is a key in eu-central-1, and `{}` is to be created in us-east-1\n",
        pipe.repository
    );
    run.says(&message).built_nothing();
    assert_eq!(writes(&pipe), Vec::<String>::new());
}

#[test]
fn a_policy_that_is_none_is_told_before_the_build_with_line_and_column() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    let pipe = pipe.file("ecr/lifecycle.json", LIFECYCLE.replace("\"imageCountMoreThan\",", "\"imageCountMoreThan\""));
    let run = pipe.var("REPOSITORY_POLICY", "ecr/none.json").run().exits(2).reports_nothing();
    run.says("\n✖ `LIFECYCLE_POLICY`: `ecr/lifecycle.json` is no JSON at line 10, column 9: expected `,` or `}`\n")
        .says("\n✖ `REPOSITORY_POLICY`: cannot read `ecr/none.json`: No such file or directory\n")
        .built_nothing();
}

#[test]
fn what_may_not_be_read_is_left_alone_with_a_warning_for_each_action() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true");
    for action in ["GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource"] {
        denied(&pipe, action);
    }
    let run = pipe.run().exits(0);
    let arn = arn(&pipe);
    let run = run
        .says(&format!("warning: the key may not do `ecr:GetLifecyclePolicy` on `{arn}`: the lifecycle policy is not compared, and stays as now\n"))
        .says(&format!("hint: allow it in the key's policy: {{\"Effect\": \"Allow\", \"Action\": \"ecr:GetLifecyclePolicy\", \"Resource\": \"{arn}\"}}\n"))
        .says(&format!("warning: the key may not do `ecr:GetRepositoryPolicy` on `{arn}`: the repository policy is not compared, and stays as now\n"))
        .says(&format!("warning: the key may not do `ecr:ListTagsForResource` on `{arn}`: the resource tags are not compared, and stay as now\n"));
    run.says("\n  changed     scan on push, tag mutability\n");
    assert_eq!(writes(&pipe), ["PutImageScanningConfiguration", "PutImageTagMutability"]);
}

#[test]
fn a_repository_that_may_not_be_described_is_neither_created_nor_changed() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true").var("CREATE_REPOSITORY", "true");
    denied(&pipe, "DescribeRepositories");
    let run = pipe.run().exits(0);
    run.says(&format!("warning: the key may not do `ecr:DescribeRepositories` on `{}`: whether a tag may be moved is seen at the push only, and the repository is left as it is\n", arn(&pipe)));
    assert_eq!(writes(&pipe), Vec::<String>::new());
}

#[test]
fn a_creation_that_is_denied_is_told_before_the_build_with_all_that_it_needs() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    denied(&pipe, "CreateRepository");
    let run = pipe.run().exits(3).reports_nothing();
    let arn = arn(&pipe);
    run.says(&format!("\n✖ the key may not do `ecr:CreateRepository`, `ecr:TagResource` on `{arn}`\n"))
            .says(&format!("hint: allow them in the key's policy: {{\"Effect\": \"Allow\", \"Action\": [\"ecr:CreateRepository\", \"ecr:TagResource\"], \"Resource\": \"{arn}\"}}\n")).built_nothing();
}

#[test]
fn every_change_that_is_denied_is_told_before_the_build() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true");
    denied(&pipe, "PutLifecyclePolicy");
    denied(&pipe, "PutImageTagMutability");
    let run = pipe.run().exits(3).reports_nothing();
    let arn = arn(&pipe);
    run.says(&format!("\n✖ the key may not do `ecr:PutLifecyclePolicy` on `{arn}`\n"))
        .says(&format!("\n✖ the key may not do `ecr:PutImageTagMutability` on `{arn}`\n"))
        .says("\n  changed     resource tags, scan on push, repository policy\n")
        .built_nothing();
}

#[test]
fn a_creation_that_is_cut_short_is_finished_by_a_further_run() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    let error = json!({"__type": "InvalidParameterException", "message": "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint"});
    pipe.lab.fault(
        &json!({"target": "PutLifecyclePolicy", "access_key": pipe.key, "answer": {"status": 400, "body": error}}),
    );
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("\n✖ `{}` is created and not finished, which a further run does: AWS does not accept `LIFECYCLE_POLICY` (InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint", pipe.uri()))
            .says("\n  hint: correct the variable by what AWS says of it\n").built_nothing();
    pipe.run()
        .exits(0)
        .says("\n  change      lifecycle policy: none → 2 rules\n")
        .says("\n  changed     lifecycle policy\n");
    as_wanted(&pipe, &json!({"encryptionType": "AES256"}));
}

#[test]
fn a_lost_answer_to_the_creation_counts_as_done() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    pipe.lab.fault(&json!({"target": "CreateRepository", "access_key": pipe.key, "cut": {"response": 0}}));
    let run = pipe.run().exits(0);
    run.says(&format!("\n  created     {}, meanwhile: it is there now\n", pipe.uri()));
    as_wanted(&pipe, &json!({"encryptionType": "AES256"}));
}

#[test]
fn a_creation_whose_answers_are_all_lost_counts_as_done_when_the_repository_is_there() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true");
    pipe.lab.fault(&json!({"target": "CreateRepository", "access_key": pipe.key, "times": 0, "cut": {"response": 0}}));
    pipe.run().exits(0);
    as_wanted(&pipe, &json!({"encryptionType": "AES256"}));
}

#[test]
fn two_runs_create_one_repository_at_the_same_time() {
    let one = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("TAG", "latest-1");
    let mut other = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("TAG", "latest-2");
    other = other.var("IMAGE", &one.uri());
    // Both look before either creates.
    for pipe in [&one, &other] {
        pipe.lab.fault(&json!({"target": "CreateRepository", "access_key": pipe.key, "delay": 2}));
    }
    let began = Instant::now();
    let children = [one.start(), other.start()];
    let [first, second] = children;
    let runs = [one.finish(first, began).exits(0), other.finish(second, began).exits(0)];
    let created = runs.iter().filter(|run| run.log.contains(&format!("created     {}\n", one.uri()))).count();
    let found = runs.iter().filter(|run| run.log.contains(", meanwhile: it is there now\n")).count();
    assert_eq!((created, found), (1, 1), "{runs:?}");
    as_wanted(&one, &json!({"encryptionType": "AES256"}));
}

#[test]
fn a_missing_repository_that_a_template_covers_is_created_by_the_push() {
    let mut pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE);
    pipe.repository = pipe.repository.replace("team/", "templated/ns/");
    let uri = pipe.uri();
    let pipe = pipe.var("IMAGE", &uri);
    for (prefix, applied, mutability) in [
        ("templated", "CREATE_ON_PUSH", "IMMUTABLE"),
        ("templated/n", "CREATE_ON_PUSH", "MUTABLE"),
        ("templated/ns", "REPLICATION", "MUTABLE"),
        ("templates", "CREATE_ON_PUSH", "MUTABLE"),
    ] {
        let body = json!({"prefix": prefix, "appliedFor": [applied], "imageTagMutability": mutability});
        api(&pipe, "CreateRepositoryCreationTemplate", &body);
    }
    let run = pipe.run().exits(0);
    run.says(&format!("\n  repository  {}, immutable tags\n", pipe.uri())).says(
        "\n  template    the repository does not exist, and the push creates it by the creation template `templated`\n",
    );
    assert_eq!(writes(&pipe), Vec::<String>::new());
    let described = api(&pipe, "DescribeRepositories", &json!({ "repositoryNames": [pipe.repository] }));
    assert_eq!(described["repositories"][0]["imageTagMutability"], "IMMUTABLE");
}

#[test]
fn templates_that_may_not_be_read_are_told_with_the_missing_repository() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE);
    denied(&pipe, "DescribeRepositoryCreationTemplates");
    let run = pipe.run().exits(4).reports_nothing();
    run.says(&format!("\n✖ repository `{}` does not exist in account 000000000000, region us-east-1, and whether a creation template has the push create it is not known: the key may not do `ecr:DescribeRepositoryCreationTemplates`\n", pipe.repository))
        .says("set `CREATE_REPOSITORY` to `true`").built_nothing();
}

#[test]
fn a_repository_of_another_account_is_not_created() {
    let pipe = Pipe::without_repository(usual()).dockerfile(DOCKERFILE).var("CREATE_REPOSITORY", "true");
    let answer = json!({"__type": "RepositoryNotFoundException", "message": "x"});
    pipe.lab.fault(&json!({"target": "DescribeRepositories", "access_key": pipe.key, "times": 0, "answer": {"status": 400, "body": answer}}));
    let uri = pipe.uri().replace("000000000000", "123456789012");
    let run = pipe.var("IMAGE", &uri).run().exits(4).reports_nothing();
    run.says(", and the key is of account 000000000000: only there it can create repositories\n")
        .says(" in account 123456789012, or correct `IMAGE`\n")
        .built_nothing();
}

#[test]
fn moto_is_brought_to_what_is_wanted_and_left_there() {
    let pipe = wanting(Pipe::without_repository(usual())).var("CREATE_REPOSITORY", "true").var("KMS_KEY", KEY);
    pipe.lab.fault(&json!({"host": "^api\\.ecr", "access_key": pipe.key, "times": 0, "to": "moto"}));
    pipe.run().exits(0).says("\n  changed     lifecycle policy, repository policy\n");
    let pipe = pipe.var("RECONCILE_REPOSITORY", "true").dockerfile("FROM busybox:1.36\nRUN echo two\n");
    pipe.run().exits(0).does_not_say("change").does_not_say("differs");
    let pipe = pipe.var("TAG_MUTABILITY", "mutable").var("TAG_MUTABILITY_EXCEPT", "v*");
    let pipe = pipe.file("ecr/lifecycle.json", LIFECYCLE.replace("30", "31")).var("REPOSITORY_TAGS", "tier=2");
    let run = pipe.run().exits(0);
    run.says("\n  changed     resource tags, lifecycle policy, tag mutability\n");
    let before = writes(&pipe).len();
    pipe.run().exits(0).says("mutable tags but for v*\n").does_not_say("change").does_not_say("differs");
    assert_eq!(writes(&pipe).len(), before);
}

#[test]
fn a_policy_that_moto_does_not_accept_is_told_by_its_variable() {
    let pipe = wanting(Pipe::new(usual())).var("RECONCILE_REPOSITORY", "true");
    pipe.lab.fault(&json!({"host": "^api\\.ecr", "access_key": pipe.key, "times": 0, "to": "moto"}));
    let pipe = pipe.file("ecr/lifecycle.json", LIFECYCLE.replace("\"untagged\"", "\"without\""));
    let run = pipe.run().exits(4).reports_nothing();
    run.says("\n✖ AWS does not accept `LIFECYCLE_POLICY` (InvalidParameterException: ")
        .says("\n  hint: correct the variable")
        .built_nothing();
}
