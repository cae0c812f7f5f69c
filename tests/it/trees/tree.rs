//! A tree of files: made up, written to disk, and told so that it can be made again.

use std::fmt;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

use super::random::Random;

/// Something at a path.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Seconds and nanoseconds.
    mtime: (i64, i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File {
        size: usize,
        mode: u32,
        /// Whether it may bind low ports, an attribute that images keep.
        capable: bool,
    },
    Folder {
        mode: u32,
    },
    Symlink {
        target: String,
    },
    HardLink {
        first: String,
    },
    Fifo {
        mode: u32,
    },
}

/// All of them, folders before what lies in them.
#[derive(Clone, Debug)]
pub(super) struct Tree(pub(super) Vec<Node>);

/// Few, so that the lines of an ignore file meet many files.
const NAMES: [&str; 10] = ["a", "b", "c", "ab", "abc", "d", "x.md", "y.md", "a.c", "b.log"];

const ODD_NAMES: [&str; 44] = [
    " lead",
    "trail ",
    "x y",
    "ü",
    "漢字",
    "☃",
    "e\u{301}",
    "!a",
    "#a",
    "a\\b",
    "\\",
    "[a]",
    "[",
    "]",
    "a*",
    "a?",
    "*",
    "?",
    "new\nline",
    "tab\t",
    "cr\r",
    "nbsp\u{a0}",
    "-",
    "--x",
    ".a",
    ".git",
    "...",
    "..a",
    "a-b",
    "a.b",
    "a+b",
    "A",
    "'q\"",
    "$HOME",
    "{a,b}",
    "~",
    "%41",
    "|",
    "^a",
    "(a)",
    ",",
    "Dockerfile",
    ".dockerignore",
    ".wha",
];

fn name(random: &mut Random) -> String {
    match random.below(20) {
        0 => "long".repeat(1 + random.below(60)),
        1..6 => (*random.pick(&ODD_NAMES)).to_owned(),
        _ => (*random.pick(&NAMES)).to_owned(),
    }
}

fn mode(random: &mut Random, usual: u32, others: &[u32]) -> u32 {
    if random.percent(60) { usual } else { *random.pick(others) }
}

fn mtime(random: &mut Random) -> (i64, i64) {
    let seconds = match random.below(12) {
        0 => 0,
        1 => -1,
        2 => 4_000_000_000,
        3 => 9_000_000_000,
        _ => 1_000_000_000 + i64::try_from(random.below(1000)).unwrap(),
    };
    (seconds, if random.percent(70) { 0 } else { i64::try_from(random.below(1_000_000_000)).unwrap() })
}

/// Where a symlink leads.
fn target(random: &mut Random, nodes: &[Node], from: &str) -> String {
    const OTHERS: [&str; 12] =
        [".", "..", "../..", "/", "nowhere", "/etc/passwd", "./a", "a/", "a//b", "../../../../a", "/a/../b", "a/../c"];
    if nodes.is_empty() || random.percent(30) {
        return match random.below(OTHERS.len() + 2) {
            0 => from.rsplit('/').next().unwrap().to_owned(),
            1 => "far/".repeat(40),
            other => OTHERS[other - 2].to_owned(),
        };
    }
    let path = &random.pick(nodes).path;
    match random.below(3) {
        0 => format!("/{path}"),
        1 => path.rsplit('/').next().unwrap().to_owned(),
        _ => format!("{}{path}", "../".repeat(from.matches('/').count())),
    }
}

impl Tree {
    /// Makes one up below a path that is empty or ends in a slash; at some paths lies something else.
    pub(super) fn generate(random: &mut Random, root: &str, taken: &[&str]) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut folders = vec![root.to_owned()];
        if let Some(path) = root.strip_suffix('/') {
            nodes.push(Node { path: path.to_owned(), kind: Kind::Folder { mode: 0o755 }, mtime: mtime(random) });
        }
        for _ in 0..2 + random.below(26) {
            let path = format!("{}{}", random.pick(&folders), name(random));
            if taken.contains(&path.as_str()) || nodes.iter().any(|node| node.path == path) {
                continue;
            }
            let files: Vec<&Node> =
                nodes.iter().filter(|node| matches!(node.kind, Kind::File { .. } | Kind::Symlink { .. })).collect();
            let kind = match random.below(100) {
                0..30 => {
                    folders.push(format!("{path}/"));
                    Kind::Folder { mode: mode(random, 0o755, &[0o700, 0, 0o1777, 0o2755, 0o555, 0o711, 0o4755]) }
                }
                30..42 => Kind::Symlink { target: target(random, &nodes, &path) },
                42..50 if !files.is_empty() => Kind::HardLink { first: random.pick(&files).path.clone() },
                50..53 => Kind::Fifo { mode: mode(random, 0o644, &[0o600, 0o1666]) },
                _ => Kind::File {
                    size: if random.percent(90) {
                        random.below(40)
                    } else {
                        32 * 1024 * random.below(4) + random.below(2)
                    },
                    mode: mode(random, 0o644, &[0o600, 0o755, 0, 0o4755, 0o2755, 0o1644, 0o777, 0o444, 0o6711, 0o2644]),
                    capable: random.percent(3),
                },
            };
            nodes.push(Node { path, kind, mtime: mtime(random) });
        }
        Self(nodes)
    }

    /// Writes it into an existing folder.
    pub(super) fn plant(&self, root: &Path) {
        for Node { path, kind, .. } in &self.0 {
            let place = root.join(path);
            match kind {
                Kind::File { size, mode, capable } => {
                    let content: Vec<u8> = path.bytes().chain([b'\n']).cycle().take(*size).collect();
                    fs::write(&place, content).unwrap();
                    permit(&place, *mode);
                    if *capable {
                        // The second revision of `vfs_cap_data` with cap_net_bind_service.
                        let value = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                        rustix::fs::setxattr(&place, c"security.capability", &value, XattrFlags::empty()).unwrap();
                    }
                }
                Kind::Folder { mode } => {
                    fs::create_dir(&place).unwrap();
                    permit(&place, *mode);
                }
                Kind::Symlink { target } => symlink(target, &place).unwrap(),
                Kind::HardLink { first } => fs::hard_link(root.join(first), &place).unwrap(),
                Kind::Fifo { mode } => {
                    rustix::fs::mknodat(CWD, &place, FileType::Fifo, Mode::RUSR, 0).unwrap();
                    permit(&place, *mode);
                }
            }
        }
        // Last, and from below, since what is made in a folder changes its time.
        for Node { path, mtime, .. } in self.0.iter().rev() {
            set_mtime(&root.join(path), *mtime);
        }
    }
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn set_mtime(path: &Path, (seconds, nanoseconds): (i64, i64)) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Node { path, kind, mtime } in &self.0 {
            writeln!(f, "  {path:?} {kind:?} {mtime:?}")?;
        }
        Ok(())
    }
}
