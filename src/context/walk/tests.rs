#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::super::sandbox::Sandbox;
use super::*;

/// The walk in words: paths, `(path)` for implied folders, `?path` for warnings, `!path` for problems.
fn walked(root: &Path, selection: &Selection) -> Vec<String> {
    viewed(root, selection, View::default())
}

fn viewed(root: &Path, selection: &Selection, view_of: View<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let _: ControlFlow<()> = view(root, selection, view_of, |finding| {
        words.push(match finding {
            Finding::Entry(Entry { path, node: Node::Folder { implied: true, .. }, .. }) => {
                format!("({})", String::from_utf8_lossy(path))
            }
            Finding::Entry(entry) => String::from_utf8_lossy(entry.path).into_owned(),
            Finding::Warning(Warning::Socket(path) | Warning::Unsearchable(path)) => format!("?{}", path.display()),
            Finding::Problem(Error::Device { path } | Error::Unreadable { path, .. } | Error::Vanished { path }) => {
                format!("!{}", path.display())
            }
            other => format!("{other:?}"),
        });
        ControlFlow::Continue(())
    });
    words
}

fn ignoring(text: &str) -> Selection {
    Selection { ignore: Ignore::parse(text.as_bytes()).unwrap(), ..Selection::default() }
}

#[test]
fn siblings_come_in_the_order_of_their_bytes_and_folders_before_their_content() {
    let tree = Sandbox::new();
    tree.file("b", "").file("a/z", "").file("a/B/x", "").file("a.txt", "").file("a-", "").folder("empty").file("ä", "");
    let found = walked(tree.root(), &Selection::default());
    assert_eq!(found, ["a", "a/B", "a/B/x", "a/z", "a-", "a.txt", "b", "empty", "ä"]);
}

#[test]
fn an_excluded_folder_appears_only_around_something_kept() {
    let tree = Sandbox::new();
    tree.file("a/b/keep", "").file("a/b/c/x", "").file("a/c/x", "").file("d/x", "").file("keep/a", "");
    assert_eq!(walked(tree.root(), &ignoring("*\n!**/keep")), ["(a)", "(a/b)", "a/b/keep", "keep", "keep/a"]);
    assert_eq!(walked(tree.root(), &ignoring("*\n!**/nothing")), Vec::<String>::new());
}

#[test]
fn barred_paths_are_left_out_whatever_the_ignore_file_says() {
    let tree = Sandbox::new();
    tree.file("out/x", "").file("a/out/x", "").file("outer", "").file("a/y", "");
    let barred = vec![b"out".to_vec(), b"a/out".to_vec()];
    let selection = Selection { barred, ..ignoring("*\n!**/x\n!out\n!a/y") };
    assert_eq!(walked(tree.root(), &selection), ["(a)", "a/y"]);
    assert!(!selection.includes(b"out/x"));
    assert!(!selection.includes(b"out"));
    assert!(!selection.includes(b"outer"));
    assert!(selection.includes(b"a/y"));
}

#[test]
fn a_required_path_is_sent_though_it_is_excluded() {
    let tree = Sandbox::new();
    tree.file("a", "").file("Dockerfile", "").file("x/Dockerfile", "");
    let selection = Selection { required: Some(b"Dockerfile".to_vec()), ..ignoring("*") };
    assert_eq!(walked(tree.root(), &selection), ["Dockerfile"]);
}

#[test]
fn symlinks_are_shown_and_not_followed() {
    let tree = Sandbox::new();
    tree.file("real/x", "")
        .symlink("link", "real")
        .symlink("dangling", "nowhere")
        .symlink("up", "..")
        .symlink("self", "self");
    assert_eq!(walked(tree.root(), &Selection::default()), ["dangling", "link", "real", "real/x", "self", "up"]);
}

#[test]
fn a_socket_is_a_warning_unless_it_is_excluded() {
    let tree = Sandbox::new();
    let _bound = std::os::unix::net::UnixListener::bind(tree.path("s")).unwrap();
    tree.file("t", "");
    assert_eq!(walked(tree.root(), &Selection::default()), ["?s", "t"]);
    assert_eq!(walked(tree.root(), &ignoring("s")), ["t"]);
}

#[test]
fn a_device_is_a_problem_unless_it_is_excluded() {
    let devices = Path::new("/dev");
    assert_eq!(walked(devices, &ignoring("*\n!null\n!zero")), ["!null", "!zero"]);
    assert_eq!(walked(devices, &ignoring("*\n!null\nnull")), Vec::<String>::new());
}

#[test]
fn a_named_pipe_is_shown_without_opening_it() {
    let tree = Sandbox::new();
    tree.fifo("p");
    assert_eq!(walked(tree.root(), &Selection::default()), ["p"]);
}

#[test]
fn what_cannot_be_read_is_a_problem_only_where_it_is_wanted() {
    super::super::sandbox::drop_privileges();
    let tree = Sandbox::new();
    tree.file("file", "").file("folder/x", "").file("z", "").mode("file", 0o000).mode("folder", 0o000);
    assert_eq!(walked(tree.root(), &Selection::default()), ["!file", "!folder", "z"]);
    assert_eq!(walked(tree.root(), &ignoring("file\nfolder")), ["z"]);
    assert_eq!(walked(tree.root(), &ignoring("*\n!z")), ["z"]);
    assert_eq!(walked(tree.root(), &ignoring("*\n!folder/x\n!z")), ["?folder", "z"]);
    tree.mode("folder", 0o700);
}

#[test]
fn folders_that_cannot_hold_what_is_asked_for_are_not_entered() {
    super::super::sandbox::drop_privileges();
    let tree = Sandbox::new();
    tree.file("in/a/x", "").file("in/b/x", "").file("out/x", "").mode("in/b", 0o000).mode("out", 0o000);
    let at = |at: &'static str, include: &[&str], exclude: &[&str]| {
        let bytes = |patterns: &[&str]| patterns.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        let (include, exclude) = (bytes(include), bytes(exclude));
        let include = Some(include.iter().map(Vec::as_slice)).filter(|include| include.len() > 0);
        let filter = Filter::new(include, exclude.iter().map(Vec::as_slice)).unwrap();
        viewed(tree.root(), &Selection::default(), View { at: at.as_bytes(), filter: Some(&filter) })
    };
    let found = ["(in)", "in/a", "in/a/x"];
    assert_eq!(at("", &["in/a"], &[]), found);
    assert_eq!(at("", &["in/a/x", "none/*"], &[]), ["(in)", "(in/a)", "in/a/x"]);
    assert_eq!(at("", &["*/a"], &[]), ["(in)", "in/a", "in/a/x", "?out"]);
    assert_eq!(at("", &["*"], &["out", "in/b"]), ["in", "in/a", "in/a/x"]);
    assert_eq!(at("v/w", &["v/w/in/a"], &[]), ["(v/w/in)", "v/w/in/a", "v/w/in/a/x"]);
    assert_eq!(at("v/w", &["v"], &["v/w"]), Vec::<String>::new());
    assert_eq!(at("v/w", &["w"], &[]), Vec::<String>::new());
    tree.mode("in/b", 0o700).mode("out", 0o700);
}

#[test]
fn a_tree_deeper_than_a_path_may_be_long_is_walked() {
    let tree = Sandbox::new();
    let mut folder = rustix::fs::openat(CWD, tree.root(), FOLDER, Mode::empty()).unwrap();
    let name = "x".repeat(200);
    for _ in 0..30 {
        rustix::fs::mkdirat(&folder, &name, Mode::from_raw_mode(0o755)).unwrap();
        folder = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty()).unwrap();
    }
    assert_eq!(walked(tree.root(), &Selection::default()).last().unwrap().len(), 30 * 201 - 1);
}

#[test]
fn the_walk_stops_where_the_visitor_breaks() {
    let tree = Sandbox::new();
    tree.file("a", "").file("b", "");
    let mut seen = 0;
    let end = walk(tree.root(), &Selection::default(), |_| {
        seen += 1;
        ControlFlow::Break("enough")
    });
    assert_eq!((end, seen), (ControlFlow::Break("enough"), 1));
}
