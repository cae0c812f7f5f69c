//! The examples of `docs/migrating.md` for `aws-ecr-push-image`: its own with only the pipe's name changed, and the two that follow.

use std::collections::BTreeMap;

use crate::lab::{output, usual};
use crate::pipe::{CANARY, Pipe, project};

const COMMIT: &str = "1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d";

/// An example: what the script does before the pipe, and the pipe's variables.
struct Example {
    commands: Vec<String>,
    pipe: String,
    variables: BTreeMap<String, String>,
}

/// The examples of a section, in order.
fn examples(heading: &str) -> Vec<Example> {
    let page = std::fs::read_to_string(project("docs/migrating.md")).unwrap();
    let section = page.split_once(&format!("\n{heading}\n")).expect("the section").1;
    let section = section.split("\n## ").next().unwrap();
    // `yml` is what belongs to another pipe, which the test of all examples passes over.
    let blocks = section.replace("```yml\n", "```yaml\n");
    blocks.split("```yaml\n").skip(1).map(|rest| example(rest.split("```").next().unwrap())).collect()
}

fn example(text: &str) -> Example {
    let mut example = Example { commands: Vec::new(), pipe: String::new(), variables: BTreeMap::new() };
    for line in text.lines().map(str::trim) {
        if let Some(pipe) = line.strip_prefix("- pipe: ") {
            pipe.clone_into(&mut example.pipe);
        } else if let Some(command) = line.strip_prefix("- ") {
            example.commands.push(command.to_owned());
        } else if let Some((name, value)) = line.split_once(": ") {
            let value = value.trim_matches(['\'', '"']);
            example.variables.insert(name.to_owned(), value.to_owned());
        }
    }
    example
}

#[test]
fn the_example_of_aws_ecr_push_image_runs_with_only_the_pipes_name_changed() {
    let lab = usual();
    let examples = examples("## `atlassian/aws-ecr-push-image`");
    assert_eq!(examples.len(), 3);
    assert_eq!(examples[0].pipe, "atlassian/aws-ecr-push-image:2.6.0");
    assert_eq!(examples[0].variables, examples[1].variables, "nothing but the name is another");
    lab.create_repository("my-docker-image", &[]);
    for (number, Example { commands, variables, .. }) in examples.into_iter().enumerate() {
        let mark = format!("example {number}");
        let pipe = Pipe::without_repository(lab);
        let mut pipe =
            pipe.dockerfile(&format!("FROM busybox:1.36\nRUN echo {mark} > /mark\nCMD [\"cat\", \"/mark\"]\n"));
        for command in commands {
            let words = command.strip_prefix("docker ").expect("a command of docker").split(' ');
            output(lab.docker_command(pipe.folder.path()).args(words));
        }
        let key = pipe.key.clone();
        for name in ["AWS_KEY", "AWS_SECRET", "IMAGE"] {
            pipe = pipe.without(name);
        }
        for (name, value) in variables {
            let value = value.replace("$AWS_ACCESS_KEY_ID", &key).replace("$AWS_SECRET_ACCESS_KEY", CANARY);
            let value = value.replace("$AWS_DEFAULT_REGION", "us-east-1").replace("$BITBUCKET_COMMIT", COMMIT);
            pipe = pipe.var(&name, &value);
        }
        let run = pipe.run().exits(0);
        assert_eq!(run.log.contains("\nBuild\n"), number < 2, "{}", run.log);
        let env = run.image_env.expect("image.env");
        assert!(env.contains(&format!("IMAGE_TAGS={COMMIT},latest\n")), "{env}");
        lab.docker(&["login", "--username", "AWS", "--password", "lab.us-east-1.AKIALAB", &lab.host("us-east-1")]);
        lab.docker(&["pull", "--quiet", run.stdout.trim()]);
        assert_eq!(lab.run(run.stdout.trim(), &[]), format!("{mark}\n"));
    }
}
