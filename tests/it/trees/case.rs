//! A whole build made up: a tree, an ignore file and a Dockerfile.

use std::fmt;
use std::fs;
use std::path::Path;

use super::random::Random;
use super::tree::{Kind, Node, Tree, set_mtime};

#[derive(Clone, Debug)]
pub(super) struct Case {
    seed: u64,
    pub(super) tree: Tree,
    /// The Dockerfile's path.
    pub(super) dockerfile: String,
    text: String,
    /// The ignore file's text, and whether it lies beside the Dockerfile, which only BuildKit knows.
    ignore: Option<(String, bool)>,
}

impl Case {
    pub(super) fn generate(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let dockerfile = (*random.pick(&["Dockerfile", "Dockerfile", "Dockerfile", "a/Dockerfile"])).to_owned();
        let beside = format!("{dockerfile}.dockerignore");
        let mut taken = vec![".dockerignore", "t1", "t2", "t3", &dockerfile, &beside];
        if dockerfile.contains('/') {
            taken.push("a");
        }
        let roots = ["", "t1/", "t2/", "t3/"];
        let trees: Vec<Tree> = roots.iter().map(|root| Tree::generate(&mut random, root, &taken)).collect();
        // What is excluded cannot be copied by its name, so that then most of such a Dockerfile would fail.
        let by_name = random.percent(35);
        let ignored = if by_name { &trees[random.below(3)..=3] } else { &trees };
        let ignore = random.percent(85).then(|| (ignore(&mut random, ignored, by_name), random.percent(8)));
        let mut tree = Tree(trees.into_iter().flat_map(|tree| tree.0).collect());
        if by_name {
            // The classic builder reads what is copied by its name, and waits for another end of a named pipe without end.
            tree.0.retain(|node| !matches!(node.kind, Kind::Fifo { .. }));
        }
        let text = if by_name { copy_by_name(&mut random, &tree) } else { copy_all(&mut random) };
        Self { seed, tree, dockerfile, text, ignore }
    }

    /// Whether only BuildKit takes this ignore file into account in the docker CLI.
    pub(super) fn only_buildkit(&self) -> bool {
        self.ignore.as_ref().is_some_and(|(_, beside)| *beside)
    }

    /// Whether files are copied by wildcards.
    pub(super) fn has_wildcard(&self) -> bool {
        self.text.contains(['*', '?'])
    }

    /// Writes all into an existing folder.
    pub(super) fn plant(&self, root: &Path) {
        const MTIME: (i64, i64) = (1_100_000_000, 0);
        let write = |path: &str, text: &str| {
            fs::write(root.join(path), text).unwrap();
            set_mtime(&root.join(path), MTIME);
        };
        let folder = self.dockerfile.rsplit_once('/').map(|(folder, _)| root.join(folder));
        if let Some(folder) = &folder {
            fs::create_dir(folder).unwrap();
        }
        write(&self.dockerfile, &self.text);
        match &self.ignore {
            Some((text, true)) => write(&format!("{}.dockerignore", self.dockerfile), text),
            Some((text, false)) => write(".dockerignore", text),
            None => {}
        }
        if let Some(folder) = &folder {
            set_mtime(folder, MTIME);
        }
        self.tree.plant(root);
        set_mtime(root, MTIME);
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        write!(f, "{}", self.tree)?;
        match &self.ignore {
            Some((text, true)) => writeln!(f, "{}.dockerignore: {text:?}", self.dockerfile)?,
            Some((text, false)) => writeln!(f, ".dockerignore: {text:?}")?,
            None => {}
        }
        write!(f, "{}: {:?}", self.dockerfile, self.text)
    }
}

/// A component as a pattern that meets it, and maybe others.
fn component(random: &mut Random, name: &str, wildcards: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if random.percent(wildcards) {
        return match random.below(8) {
            0 | 1 => "*".to_owned(),
            2 => "**".to_owned(),
            3 => "?".repeat(chars.len()),
            4 => format!("{}*", literal(&chars[..1])),
            5 => format!("*{}", literal(&chars[chars.len() - 1..])),
            6 => format!("[a-c]{}", literal(&chars[1..])),
            _ => format!("[^a]{}", literal(&chars[1..])),
        };
    }
    literal(&chars)
}

/// A pattern that means just this, as far as a line can.
fn literal(chars: &[char]) -> String {
    let mut text = String::new();
    for char in chars {
        match char {
            // A line feed ends the line, and other control characters no engine can ask BuildKit's client for.
            char if char.is_control() => text.push('?'),
            '*' | '?' | '[' | '\\' => text.extend(['\\', *char]),
            char => text.push(*char),
        }
    }
    text
}

fn ignore(random: &mut Random, trees: &[Tree], few: bool) -> String {
    const WHOLE: [&str; 20] = [
        "*",
        "**",
        "*/*",
        "# comment",
        " # no comment",
        "",
        "  \t",
        ".",
        "/",
        "..",
        "!.dockerignore",
        ".dockerignore",
        "Dockerfile",
        "!Dockerfile",
        "**/.*",
        "!**",
        "!*",
        "**/a",
        "!**/*.md",
        "*/",
    ];
    let mut lines: Vec<String> = trees.iter().flat_map(|tree| lines(random, tree)).collect();
    if few {
        lines.truncate(2);
    }
    for _ in 0..random.below(if few { 1 } else { 3 }) {
        lines.insert(random.below(lines.len() + 1), (*random.pick(&WHOLE)).to_owned());
    }
    let mark = if random.percent(4) { "\u{feff}" } else { "" };
    let end = *random.pick(&["\n", "\n", "\n", "\n", "\r\n"]);
    format!("{mark}{}{}", lines.join(end), *random.pick(&["", end]))
}

/// Lines about the files of a tree.
fn lines(random: &mut Random, tree: &Tree) -> Vec<String> {
    const BEFORE: [&str; 14] = ["", "", "", "", "", "", "/", "./", "**/", "//", "a/../", "../", " ", "**/*/"];
    const BEHIND: [&str; 14] = ["", "", "", "", "", "", "", "/", "/.", "/**", "/*", " ", "//", "/../b"];
    let mut lines = Vec::new();
    if tree.0.is_empty() {
        return lines;
    }
    for _ in 0..random.below(5) {
        let path = &random.pick(&tree.0).path;
        let all: Vec<&str> = path.split('/').collect();
        let depth = 1 + random.below(all.len());
        let parts: Vec<String> = all[..depth].iter().map(|name| component(random, name, 25)).collect();
        let exception = match random.below(20) {
            0..13 => "",
            13..19 => "!",
            _ => "! ",
        };
        lines.push(format!("{exception}{}{}{}", random.pick(&BEFORE), parts.join("/"), random.pick(&BEHIND)));
    }
    lines
}

/// A path as a source of COPY: what a Dockerfile or a shell could take for something else becomes a wildcard.
fn source(random: &mut Random, path: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "._-, +~|%(){}☃!#".contains(char);
    let parts: Vec<String> = path
        .split('/')
        .map(|name| match random.below(10) {
            0 => "*".to_owned(),
            1 => format!("{}*", name.chars().take_while(|char| plain(*char)).take(1).collect::<String>()),
            _ => name.chars().map(|char| if plain(char) { char } else { '?' }).collect(),
        })
        .collect();
    parts.join("/")
}

/// A Dockerfile that takes the whole context.
fn copy_all(random: &mut Random) -> String {
    let all = ["COPY . /tree/", "COPY . /tree/", "COPY . .", "COPY --chown=7:8 ./ tree", "ADD . /tree/"];
    format!("FROM scratch\n{}\n", random.pick(&all))
}

/// A Dockerfile that names what it takes, so that an engine asks for that only.
fn copy_by_name(random: &mut Random, tree: &Tree) -> String {
    let mut text = "FROM scratch\n".to_owned();
    for number in 0..=random.below(2) {
        let mut words = Vec::new();
        for _ in 0..=random.below(2) {
            let path = name(random, tree);
            words.push(source(random, &path));
        }
        words.push(format!("/to-{number}/"));
        let flag = *random.pick(&["", "", "", "--chown=7:8 "]);
        text.push_str(&format!("COPY {flag}{}\n", serde_json::to_string(&words).unwrap()));
    }
    text
}

/// A path that is there, now and then through a symlink.
fn name(random: &mut Random, tree: &Tree) -> String {
    let Node { path, kind, .. } = random.pick(&tree.0);
    let Kind::Symlink { target } = kind else { return path.clone() };
    let target = target.trim_start_matches("../").trim_matches('/');
    let inside: Vec<&str> =
        tree.0.iter().filter_map(|node| node.path.strip_prefix(target)?.strip_prefix('/')).collect();
    if inside.is_empty() { path.clone() } else { format!("{path}/{}", random.pick(&inside)) }
}
