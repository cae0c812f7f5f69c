use std::collections::HashSet;
use std::fmt::Write as _;

use super::*;

/// The text between two lines of a file.
fn between<'a>(text: &'a str, first: &str, last: Option<&str>) -> &'a str {
    let start = text.find(first).map_or(text.len(), |start| start + first.len());
    let end = last.and_then(|last| text[start..].find(last)).map_or(text.len(), |length| start + length);
    text[start..end].trim()
}

fn readme_table() -> String {
    let mut table = "| variable | meaning | default |\n| --- | --- | --- |\n".to_owned();
    for variable in VARIABLES.iter().filter(|variable| variable.supported) {
        let names: Vec<String> = variable.names().map(|name| format!("`{name}`")).collect();
        let default = match variable.default {
            Default::Nothing => String::new(),
            Default::Required => "required".to_owned(),
            Default::Value(value) => format!("`{value}`"),
            Default::Derived(words) => words.to_owned(),
        };
        let line = format!("| {} | {} | {default} |\n", names.join(" / "), variable.meaning);
        table.push_str(&line.replace("|  |", "| |"));
    }
    table.trim_end().to_owned()
}

fn honoured_table() -> String {
    let lines = HONOURED.iter().map(|honoured| format!("\n| `{}` | {} |", honoured.name, honoured.meaning));
    "| variable | meaning |\n| --- | --- |".chars().chain(lines.collect::<String>().chars()).collect()
}

fn pipe_yml_variables() -> String {
    let mut list = String::new();
    for variable in VARIABLES.iter().filter(|variable| variable.supported) {
        let _ = writeln!(list, "  - name: {}", variable.name);
        let _ = writeln!(list, "    description: '{}'", variable.meaning.replace('\'', "''"));
        if variable.default == Default::Required {
            let _ = writeln!(list, "    required: true");
        }
        if let Default::Value(value) = variable.default {
            let _ = writeln!(list, "    default: '{value}'");
        }
        if !variable.choices.is_empty() {
            let choices: Vec<String> = variable.choices.iter().map(|choice| format!("'{choice}'")).collect();
            let _ = writeln!(list, "    allowed-values: [{}]", choices.join(", "));
        }
    }
    list.trim().to_owned()
}

/// The section of the README under a heading must hold the table, whole; words may stand before and after it.
fn readme_holds(heading: &str, table: &str) {
    let readme = include_str!("../../../README.md");
    let found = between(readme, &format!("\n{heading}\n"), Some("\n#"));
    let holds = format!("\n\n{found}\n\n").contains(&format!("\n\n{table}\n\n"));
    assert!(holds, "put this under `{heading}` of README.md:\n{table}\n\nfound:\n{found}");
}

#[test]
fn the_readme_has_the_table_of_variables() {
    readme_holds("## Variables", &readme_table());
}

#[test]
fn the_readme_has_the_table_of_what_is_honoured() {
    readme_holds("### Also honoured", &honoured_table());
}

#[test]
fn the_pipe_definition_lists_the_variables() {
    let pipe = include_str!("../../../pipe.yml");
    let found = between(pipe, "\nvariables:\n", None);
    let expected = pipe_yml_variables();
    assert!(found == expected, "put this under `variables:` of pipe.yml:\n  {expected}\n\nfound:\n  {found}");
}

#[test]
fn the_pipe_definition_names_the_version_of_the_crate() {
    let image = format!("\nimage: ecr-pipe/ecr-pipe:{}\n", env!("CARGO_PKG_VERSION"));
    assert!(include_str!("../../../pipe.yml").contains(&image), "pipe.yml lacks the line `{}`", image.trim());
}

#[test]
fn no_two_variables_share_a_name() {
    let mut seen = HashSet::new();
    let shared = HONOURED.iter().map(|honoured| honoured.name);
    for name in VARIABLES.iter().flat_map(Variable::names).chain(shared) {
        assert!(seen.insert(name), "{name}");
    }
}

#[test]
fn a_default_of_a_later_variable_that_is_not_harmless_is_known() {
    // The defaults of later versions which ask for something that this one does not do.
    let asking: Vec<&str> = VARIABLES
        .iter()
        .filter(|variable| !variable.supported)
        .filter(|variable| matches!(variable.default, Default::Value(value) if !variable.harmless.contains(&value)))
        .map(|variable| variable.name)
        .collect();
    assert_eq!(asking, ["CODE_INSIGHTS"]);
}

#[test]
fn the_words_that_a_choice_accepts_are_listed() {
    for variable in VARIABLES.iter().filter(|variable| variable.supported) {
        assert!(variable.kind != Kind::Choice || !variable.choices.is_empty(), "{} has no choices", variable.name);
        for choice in variable.choices.iter().filter(|_| variable.kind != Kind::Boolean) {
            assert!(
                variable.meaning.contains(&format!("`{choice}`")),
                "{}: `{choice}` is not explained",
                variable.name
            );
        }
        if let (Default::Value(default), [_, ..]) = (variable.default, variable.choices) {
            assert!(variable.choices.contains(&default), "{}: {default}", variable.name);
        }
    }
}
