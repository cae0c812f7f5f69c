//! Blocks of code in the documents.

use crate::pipe::project;

/// A block in a document.
#[derive(Debug)]
pub(crate) struct Example {
    document: String,
    heading: String,
    /// Which one it is below its heading.
    number: usize,
    /// Its text, without the indentation of the list that it may stand in.
    pub(crate) text: String,
}

impl Example {
    /// Every block of YAML that has a pipe.
    pub(crate) fn all() -> Vec<Self> {
        let pages = std::fs::read_dir(project("docs")).expect("docs");
        let mut documents: Vec<String> =
            pages.map(|page| format!("docs/{}", page.expect("a page").file_name().display())).collect();
        documents.sort();
        documents.insert(0, "README.md".to_owned());
        documents.iter().flat_map(|document| Self::of(document, "yaml", "pipe: ")).collect()
    }

    /// The blocks of a document that are in this language and hold this text.
    pub(crate) fn of(document: &str, language: &str, with: &str) -> Vec<Self> {
        let text = std::fs::read_to_string(project(document)).expect("a document");
        let (mut found, mut heading, mut number) = (Vec::<Self>::new(), String::new(), 0);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                (heading, number) = (line.trim_start_matches('#').trim().to_owned(), 0);
            }
            let Some(opened) = line.trim_start().strip_prefix("```") else { continue };
            let indentation = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let text: String = block.map(|line| format!("{}\n", line.get(indentation..).unwrap_or_default())).collect();
            if opened == language && text.contains(with) {
                number += 1;
                let (document, heading) = (document.to_owned(), heading.clone());
                found.push(Self { document, heading, number, text });
            }
        }
        found
    }

    /// Where it is: the name of its row in the table.
    pub(crate) fn at(&self) -> String {
        let number = if self.number > 1 { format!(" ({})", self.number) } else { String::new() };
        format!("{}: {}{number}", self.document, self.heading)
    }

    /// As a whole bitbucket-pipelines.yml: what stands in a script, or is a step, is put where it belongs.
    pub(crate) fn whole(&self) -> String {
        let below = |frame: &str, spaces: usize| {
            let lines = self.text.lines().map(|line| format!("{}{line}\n", " ".repeat(spaces)));
            format!("{frame}{}", lines.collect::<String>())
        };
        match self.text.trim_start() {
            text if text.starts_with("- ") && !text.starts_with("- step:") => {
                below("pipelines:\n  default:\n    - step:\n        services: [docker]\n        script:\n", 10)
            }
            text if text.starts_with("- step:") => below("pipelines:\n  default:\n", 4),
            _ => self.text.clone(),
        }
    }
}
