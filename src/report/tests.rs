#![expect(clippy::unwrap_used, reason = "a test may")]

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::image::Name;

fn with_outcome<T>(look: impl FnOnce(&Outcome<'_>) -> T) -> T {
    let Ok(Name::Full(repository)) = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web".parse() else {
        panic!("a repository")
    };
    let digest = Digest::of(b"new");
    let tags = vec![("1.4.2".parse().unwrap(), None), ("latest".parse().unwrap(), Some(Digest::of(b"old")))];
    let bitbucket = Bitbucket {
        branch: Some("main".to_owned()),
        commit: Some("4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c".to_owned()),
        build_number: Some("128".to_owned()),
        repository: Some("shop/web".to_owned()),
        ..Bitbucket::default()
    };
    let repositories = [Delivery { repository, tags }];
    look(&Outcome {
        repositories: &repositories,
        digest: &digest,
        media_type: "application/vnd.docker.distribution.manifest.v2+json",
        image_id: Some("sha256:0cdbf38007b9f359645fb2d962819ee195e0de903800cd7d8aadae914608cba2"),
        image_bytes: Some(1_984_241),
        bitbucket: &bitbucket,
        engine: Some("26.1.5"),
        finished_at: "2026-11-24T11:30:00Z",
        took: Took {
            checks: Duration::from_millis(412),
            build: Duration::from_micros(8_120_400),
            push: Duration::from_millis(2_950),
        },
    })
}

#[test]
fn image_env_can_be_sourced_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let output = Folder::prepare(&folder.path().join("out")).unwrap();
    with_outcome(|outcome| output.write(outcome)).unwrap();
    let script = ". out/image.env; echo \"$IMAGE_URI|$IMAGE_DIGEST|$IMAGE_TAG|$IMAGE_TAGS\"";
    let shell = std::process::Command::new("sh").args(["-euc", script]).current_dir(folder.path()).output().unwrap();
    let digest = Digest::of(b"new");
    let expected =
        format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{digest}|{digest}|1.4.2|1.4.2,latest\n");
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), expected);
    let mode = std::fs::metadata(folder.path().join("out/image.env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".gitignore", "image.env", "result.json"], "nothing temporary stays");
}

#[test]
fn the_example_of_the_documentation_is_what_is_written() {
    let documentation = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/result.md")).unwrap();
    let text = with_outcome(json::text).unwrap();
    assert!(documentation.contains(&format!("```json\n{text}```\n")), "docs/result.md needs this example:\n{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in value.as_object().unwrap().keys() {
        assert!(documentation.contains(&format!("| `{field}` |")), "docs/result.md does not explain `{field}`");
    }
}

#[test]
fn what_an_earlier_run_left_is_gone_before_this_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("image.env"), "IMAGE_TAG=old\n").unwrap();
    std::fs::write(folder.path().join("theirs"), "").unwrap();
    Folder::prepare(folder.path()).unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["theirs"]);
}

#[test]
fn a_folder_that_is_a_file_is_refused_with_the_variable_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Folder::prepare(file.path()).unwrap_err().to_string();
    assert!(error.starts_with("`OUTPUT_DIR`: cannot use `/"), "{error}");
}

#[test]
fn the_variables_of_later_steps_are_appended_where_there_is_such_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("variables");
    with_outcome(|outcome| append_for_later_steps(&path, outcome));
    assert!(!path.exists(), "a file that is not there is not made");
    std::fs::write(&path, "A=1\n").unwrap();
    with_outcome(|outcome| append_for_later_steps(&path, outcome));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("A=1\nIMAGE_URI=123456789012.dkr"), "{text}");
    assert!(text.ends_with("IMAGE_TAG=1.4.2\nIMAGE_TAGS=1.4.2,latest\n"), "{text}");
}
