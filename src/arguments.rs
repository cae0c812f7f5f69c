//! What the binary says when it is asked about itself. A run takes no argument: all its settings are variables.

use std::ffi::OsString;
use std::io::{self, Write};

use crate::config::variables::{Default, VARIABLES, Variable};
use crate::error::ExitCode;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How wide the column of names is.
const NAMES: usize = 24;

/// Answers the arguments and says with which code to exit; nothing when there are none, which means a run.
pub fn answer(
    mut arguments: impl Iterator<Item = OsString>,
    mut stdout: impl Write,
    mut stderr: impl Write,
) -> Option<ExitCode> {
    let first = arguments.next()?;
    // Whoever closed the other end does not want to read on.
    let _ = match (first.to_str(), arguments.next()) {
        (Some("--help" | "-h" | "help"), None) => help(&mut stdout),
        (Some("--version" | "-V"), None) => writeln!(stdout, "ecr-pipe {VERSION}"),
        _ => {
            let _ = writeln!(
                stderr,
                "✖ `{}`: ecr-pipe takes no argument but `--help` and `--version`\n  hint: set variables in the environment, and see \
                 `--help` for their names",
                first.to_string_lossy().escape_debug()
            );
            return Some(ExitCode::Variables);
        }
    };
    Some(ExitCode::Done)
}

fn help(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "ecr-pipe {VERSION}: builds a Dockerfile and pushes the image to Amazon ECR\n")?;
    writeln!(out, "It takes no arguments. In bitbucket-pipelines.yml:\n")?;
    writeln!(out, "  - pipe: docker://ecr-pipe/ecr-pipe:{VERSION}\n    variables:")?;
    for (name, value) in [("AWS_KEY", "$AWS_KEY"), ("AWS_SECRET", "$AWS_SECRET"), ("IMAGE", example("IMAGE"))] {
        writeln!(out, "      {name}: {value}")?;
    }
    writeln!(out, "\nVariables, and what holds where they are unset:\n")?;
    for variable in VARIABLES.iter().filter(|variable| variable.supported) {
        let names: Vec<&str> = variable.names().collect();
        row(out, &names.join(" / "), &described(variable))?;
    }
    writeln!(out, "\nExit codes:\n")?;
    for (codes, meaning) in ExitCode::table() {
        row(out, &codes, meaning)?;
    }
    Ok(())
}

fn described(variable: &Variable) -> String {
    let meaning = variable.meaning.replace('`', "");
    match variable.default {
        Default::Nothing => meaning,
        Default::Required => format!("{meaning} [required]"),
        Default::Value(value) => format!("{meaning} [{value}]"),
        Default::Derived(words) => format!("{meaning} [{}]", words.replace('`', "")),
    }
}

/// Names that are longer than their column have a line of their own.
fn row(out: &mut impl Write, names: &str, text: &str) -> io::Result<()> {
    if names.len() > NAMES {
        writeln!(out, "  {names}\n  {:NAMES$} {text}", "")
    } else {
        writeln!(out, "  {names:NAMES$} {text}")
    }
}

fn example(name: &str) -> &'static str {
    VARIABLES.iter().find(|variable| variable.name == name).map_or("", |variable| variable.example)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn asked(arguments: &[&str]) -> (Option<ExitCode>, String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = answer(arguments.iter().map(OsString::from), &mut stdout, &mut stderr);
        (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    #[test]
    fn without_arguments_the_pipe_runs() {
        assert_eq!(asked(&[]), (None, String::new(), String::new()));
    }

    #[test]
    fn it_tells_its_version() {
        for word in ["--version", "-V"] {
            let expected = (Some(ExitCode::Done), format!("ecr-pipe {}\n", env!("CARGO_PKG_VERSION")), String::new());
            assert_eq!(asked(&[word]), expected);
        }
    }

    #[test]
    fn help_has_every_variable_with_its_default_and_every_exit_code() {
        let (code, help, stderr) = asked(&["--help"]);
        assert_eq!((code, stderr.as_str()), (Some(ExitCode::Done), ""));
        for variable in VARIABLES {
            for name in variable.names() {
                let listed = help
                    .lines()
                    .any(|line| line.starts_with("  ") && line.trim_start().split(['/', ' ']).any(|word| word == name));
                assert_eq!(listed, variable.supported, "{name}");
            }
        }
        assert!(
            help.contains(
                "\n  IF_TAG_EXISTS            overwrite, skip (all tags exist: no build), fail [overwrite]\n"
            )
        );
        assert!(help.contains("\n  IMAGE / IMAGE_NAME       list of repositories: full URIs, or bare names"), "{help}");
        assert!(help.contains("\n  130, 143                 interrupted\n"), "{help}");
    }

    #[test]
    fn any_other_argument_is_refused_with_the_way_out() {
        for arguments in [&["push"][..], &["--help", "IMAGE"], &["-e"], &[""], &["\u{1b}[2J"]] {
            let (code, stdout, stderr) = asked(arguments);
            assert_eq!((code, stdout.as_str()), (Some(ExitCode::Variables), ""));
            assert!(
                stderr.contains("takes no argument but `--help` and `--version`\n  hint: set variables"),
                "{stderr}"
            );
            assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
        }
    }
}
