//! What the project says of itself in several places is the same in all of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use ecr_pipe::config::variables::{Default, variable};
use ecr_pipe::config::{HONOURED, VARIABLES, Variable};
use ecr_pipe::error::ExitCode;
use serde_json::Value;

use crate::examples::{Example, yaml};
use crate::house::files;
use crate::pipe::project;

fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).expect("a document")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|each| each.as_str().expect("a text")).collect()
}

#[test]
fn help_readme_and_pipe_yml_have_the_same_variables_and_exit_codes() {
    let help = Command::new(env!("CARGO_BIN_EXE_ecr-pipe")).arg("--help").output().expect("help");
    let help = String::from_utf8(help.stdout).expect("text");
    let of_help = |title: &str| -> BTreeSet<String> {
        let (_, rest) = help.split_once(title).expect(title);
        let section = rest.trim_start_matches('\n').split("\n\n").next().unwrap_or_default();
        let names = section.lines().filter(|line| !line.starts_with("   "));
        names
            .flat_map(|line| line.trim().split("  ").next().unwrap_or_default().split([' ', '/', ',']))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let readme = read("README.md");
    let of_readme = |heading: &str| -> BTreeSet<String> {
        let (_, rest) = readme.split_once(heading).expect(heading);
        let rows = rest.lines().skip(1).take_while(|line| line.starts_with('|')).skip(1);
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        cells
            .flat_map(|cell| cell.split([' ', '/', ',', '`']))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let variables: BTreeSet<String> =
        VARIABLES.iter().filter(|each| each.supported).flat_map(Variable::names).map(str::to_owned).collect();
    assert_eq!(of_help("where they are unset:"), variables);
    assert_eq!(of_readme("\n| variable | meaning | default |"), variables);
    let codes: BTreeSet<String> = ExitCode::ALL.iter().map(|code| (*code as u8).to_string()).collect();
    assert_eq!(of_help("Exit codes:"), codes);
    assert_eq!(of_readme("\n| exit code | meaning |"), codes);
    let pipe = yaml(&[read("pipe.yml")]).remove(0);
    let listed: BTreeSet<&str> = pipe["variables"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|each| each["name"].as_str().expect("a name"))
        .collect();
    let names: BTreeSet<&str> = VARIABLES.iter().filter(|each| each.supported).map(|each| each.name).collect();
    assert_eq!(listed, names);
}

/// What Bitbucket and its directory of pipes look for in a `pipe.yml`. No schema of it is public. The keys are those of the files of
/// pipes that are in the directory (Atlassian's own, Microsoft's, Debricked's, Aqua's), whose variables also have `description` and
/// `required`; `allowed-values` is what the schema of bitbucket-pipelines.yml calls the same of a pipeline's variables. The form of
/// `image` is what Atlassian's toolkit for pipes reads the version from.
#[test]
fn pipe_yml_is_what_the_directory_of_pipes_takes() {
    let pipe = yaml(&[read("pipe.yml")]).remove(0);
    let keys: BTreeSet<&str> = pipe.as_object().expect("a map").keys().map(String::as_str).collect();
    let expected =
        ["name", "image", "description", "category", "repository", "maintainer", "vendor", "tags", "variables"];
    assert_eq!(keys, expected.into_iter().collect());
    let text = |key: &str| pipe[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text")).to_owned();
    let image = text("image");
    let (name, version) = image.rsplit_once(':').expect("an image with a tag");
    assert_eq!(name.split('/').count(), 2, "{image}");
    assert!(version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok()), "{image}");
    assert!(!text("name").is_empty() && text("description").ends_with('.'));
    assert_eq!(text("category"), "Deployment");
    assert!(text("repository").starts_with("https://bitbucket.org/"));
    for who in ["maintainer", "vendor"] {
        assert!(pipe[who]["name"].is_string(), "{who}");
        assert!(pipe[who]["website"].as_str().is_some_and(|website| website.starts_with("https://")), "{who}");
    }
    assert!(!texts(&pipe["tags"]).is_empty());
    for entry in pipe["variables"].as_array().expect("a list") {
        let ours = variable(entry["name"].as_str().expect("a name")).expect("a variable of ours");
        assert_eq!(entry["description"], ours.meaning);
        assert_eq!(entry["required"] == "true", ours.default == Default::Required, "{entry}");
        let default = match ours.default {
            Default::Value(value) => Some(value),
            _ => None,
        };
        assert_eq!(entry["default"].as_str(), default, "{entry}");
        assert_eq!(texts(&entry["allowed-values"]), ours.choices, "{entry}");
        let known = ["name", "description", "required", "default", "allowed-values"];
        assert!(entry.as_object().expect("a map").keys().all(|key| known.contains(&key.as_str())), "{entry}");
    }
}

/// The variables of each pipe of an example.
fn pipes(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(pipes).collect(),
        Value::Object(entries) if entries.contains_key("pipe") => vec![value],
        Value::Object(entries) => entries.values().flat_map(pipes).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn examples_name_this_version_and_have_variables_that_there_are_as_texts() {
    let image = concat!("ecr-pipe/ecr-pipe:", env!("CARGO_PKG_VERSION"));
    let examples = Example::all();
    let whole: Vec<String> = examples
        .iter()
        .map(Example::whole)
        .chain(["bitbucket-pipelines.yml", "examples/hello-world/bitbucket-pipelines.yml"].map(read))
        .collect();
    // Atlassian's schema of bitbucket-pipelines.yml takes texts, and lists of them.
    let is_bare = |line: &str| {
        let value = line
            .split_once(": ")
            .filter(|(name, _)| name.trim().bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase()));
        value.is_some_and(|(_, value)| matches!(value, "true" | "false" | "yes" | "no") || value.parse::<f64>().is_ok())
    };
    let bare: Vec<&str> = whole.iter().flat_map(|text| text.lines()).filter(|line| is_bare(line)).collect();
    assert!(bare.is_empty(), "quotes are missing: {bare:?}");
    let read = Value::Array(yaml(&whole));
    for pipe in pipes(&read) {
        assert!([format!("docker://{image}"), image.to_owned()].iter().any(|name| pipe["pipe"] == **name), "{pipe}");
        let variables = pipe["variables"].as_object().expect("variables");
        for name in variables.keys() {
            let ours = variable(name).is_some()
                || HONOURED.iter().any(|honoured| honoured.name == name)
                // What a secret or a login names: `env=NPM_TOKEN`.
                || variables.values().any(|value| value.to_string().contains(&format!("env={name}")));
            assert!(ours, "`{name}` of {pipe}");
        }
    }
    assert!(pipes(&read).len() > 20, "{}", pipes(&read).len());
}

#[test]
fn a_document_that_a_text_of_the_pipe_names_exists() {
    for path in files(&project("src"), &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source");
        for (start, _) in text
            .match_indices("docs/")
            .filter(|(start, _)| !text[..*start].ends_with(|c: char| c.is_ascii_lowercase() || c == '/'))
        {
            let name: String =
                text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-._".contains(*c)).collect();
            let name = name.trim_end_matches('.');
            let is_page = Path::new(name).extension().is_some_and(|ending| ending == "md");
            // The matcher of patterns has made-up paths in its tests.
            let made_up = path.ends_with("context/pattern/tests.rs");
            assert!(!is_page || made_up || project(name).exists(), "{} names {name}", path.display());
        }
    }
}
