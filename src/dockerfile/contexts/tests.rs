#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// `name` is a folder, `name=ref` an image.
fn contexts(names: &[&str]) -> Vec<Named> {
    let all = names.iter().map(|name| match name.split_once('=') {
        Some((name, image)) => Named { name: name.to_owned(), source: Source::Image(image.to_owned()) },
        None => Named { name: (*name).to_owned(), source: Source::Folder },
    });
    all.collect()
}

fn rewrite(text: &str, names: &[&str]) -> Result<Rewritten, Error> {
    Dockerfile::parse(text.as_bytes()).with_contexts(&contexts(names), &Variables::of_platform("linux", "amd64"))
}

fn text(text: &str, names: &[&str]) -> String {
    String::from_utf8(rewrite(text, names).unwrap().text).unwrap()
}

/// One instruction in a stage of its own, with the folder `f` in use.
fn instruction(line: &str) -> String {
    let whole = format!("FROM a\nCOPY --from=f x /\n{line}");
    text(&whole, &["f"]).strip_prefix("FROM a\nCOPY .ecr-pipe/f/x /\n").unwrap().to_owned()
}

#[test]
fn an_image_takes_the_place_of_the_name() {
    let given = "ARG A=na\nFROM name AS b\nFROM ${A}me\nCOPY --chown=1 --from=docker.io/library/name:latest a b\n\
        RUN --mount=from=name,target=/x --mount=type=cache,target=/y,FROM=name z\nFROM name:2\nFROM scratch\nCOPY --from=0 a b";
    let served = "ARG A=na\nFROM r:1 AS b\nFROM r:1\nCOPY --chown=1 --from=r:1 a b\n\
        RUN --mount=from=r:1,target=/x --mount=type=cache,target=/y,FROM=r:1 z\nFROM name:2\nFROM scratch\nCOPY --from=0 a b";
    assert_eq!(text(given, &["name=r:1", "scratch=no", "context=no"]), served);
    let rewritten = rewrite(given, &["name=r:1", "other"]).unwrap();
    assert_eq!((rewritten.unused, rewritten.folders), (vec!["other".to_owned()], vec![]));
}

#[test]
fn a_stage_of_the_name_is_not_built() {
    let given = "FROM base\nFROM x AS Base\nRUN <<E \\\n y\nE\n\n# c\nCOPY a b\nFROM base\nCOPY --from=1 a b\nCOPY --from=BASE a b\n";
    let served = "FROM r\nFROM r AS Base\n# RUN <<E \\\n#  y\n# E\n\n# c\n# COPY a b\nFROM base\nCOPY --from=1 a b\nCOPY --from=r a b\n";
    assert_eq!(text(given, &["base=r"]), served);
    let served = "FROM scratch\nCOPY .ecr-pipe/base/ /\nFROM scratch AS Base\nCOPY .ecr-pipe/base/ /\n# RUN <<E \\\n#  y\n# E\n\n# c\n# COPY a b\nFROM base\n\
        COPY --from=1 a b\nCOPY .ecr-pipe/base/a b\n";
    assert_eq!(text(given, &["base"]), served);
}

#[test]
fn a_folder_is_a_path_of_the_context() {
    let given = "FROM a\nCOPY --link --from=f --chown=1 /x y*.md /z/\nCOPY \\\n  --from=f \\\n  x \\\n  # c\n  y\nRUN --mount=type=bind,from=f,target=/x \\\n \
        --mount=target=/y,source=../b,from=f z\nCOPY . /\n";
    let served = "FROM a\nCOPY --link --chown=1 .ecr-pipe/f//x .ecr-pipe/f/y*.md /z/\nCOPY \\\n  \\\n  .ecr-pipe/f/x \\\n  # c\n  y\n\
        RUN --mount=type=bind,source=.ecr-pipe/f,target=/x \\\n --mount=target=/y,source=.ecr-pipe/f/b z\nCOPY .ecr-pipe/context/. /\n";
    assert_eq!(text(given, &["f", "g"]), served);
    let rewritten = rewrite(given, &["g", "f"]).unwrap();
    assert_eq!(rewritten.unused, ["g"]);
    assert_eq!(rewritten.folders, [Folder { name: "f".into(), path: ".ecr-pipe/f".into() }]);
}

#[test]
fn paths_into_the_context_get_its_folder() {
    for (given, served) in [
        ("COPY a ./b /c d", "COPY .ecr-pipe/context/a .ecr-pipe/context/./b .ecr-pipe/context//c d"),
        ("COPY . .", "COPY .ecr-pipe/context/. ."),
        ("COPY ../a/../b .", "COPY .ecr-pipe/context/b ."),
        ("COPY .\\\n./a b", "COPY .ecr-pipe/context/a\\\n b"),
        ("COPY [\"a b\", \"../c\", \"d\"]", "COPY [\".ecr-pipe/context/a b\", \".ecr-pipe/context/c\", \"d\"]"),
        ("COPY [ \\\n \"a\" \\\n , \"d\"]", "COPY [ \\\n \".ecr-pipe/context/a\" \\\n , \"d\"]"),
        ("copy --chmod=1 ${X}/a \"b\" c", "copy --chmod=1 .ecr-pipe/context/${X}/a .ecr-pipe/context/\"b\" c"),
        ("COPY --parents a/b c/./d /", "COPY --parents .ecr-pipe/context/./a/b .ecr-pipe/context/c/./d /"),
        ("COPY <<E a b\nx\nE\n", "COPY <<E .ecr-pipe/context/a b\nx\nE\n"),
        ("COPY --from=0 a b", "COPY --from=0 a b"),
        ("COPY --from=busybox a b", "COPY --from=busybox a b"),
        ("ADD a.tar https://x/$Y git@x:y.git /z", "ADD .ecr-pipe/context/a.tar https://x/$Y git@x:y.git /z"),
        ("ADD --checksum=x http://x /", "ADD --checksum=x http://x /"),
        ("RUN --mount=target=/x y", "RUN --mount=target=/x,source=.ecr-pipe/context y"),
        ("RUN --mount=target=\"/x\" y", "RUN --mount=target=/x,source=.ecr-pipe/context y"),
        ("RUN --mount=target='/x y' z", "RUN --mount=\"target=/x y,source=.ecr-pipe/context\" z"),
        ("RUN --mount=from=\"f\",source=a,\\\ntarget=/x z", "RUN --mount=source=.ecr-pipe/f/a,target=/x\\\n z"),
        ("ADD --from=f a b", "ADD --from=f .ecr-pipe/context/a b"),
        ("RUN --mount=type=bind,SRC=a,target=/x,rw y", "RUN --mount=type=bind,SRC=.ecr-pipe/context/a,target=/x,rw y"),
        ("RUN --mount=type=bind,source=,target=/x y", "RUN --mount=type=bind,source=.ecr-pipe/context/,target=/x y"),
        ("RUN --mount=type=cache,source=a,target=/x y", "RUN --mount=type=cache,source=a,target=/x y"),
        (
            "RUN --mount=type=secret,id=a --mount=type=tmpfs,target=/b y",
            "RUN --mount=type=secret,id=a --mount=type=tmpfs,target=/b y",
        ),
        ("ONBUILD COPY . /", "ONBUILD COPY . /"),
        ("WORKDIR a\nENV a=b", "WORKDIR a\nENV a=b"),
    ] {
        assert_eq!(instruction(given), served);
    }
}

#[test]
fn the_escape_character_is_that_of_the_directive() {
    let given = "# escape=`\nFROM a\nCOPY `\n--from=f c:\\x `\n y\n";
    assert_eq!(text(given, &["f"]), "# escape=`\nFROM a\nCOPY `\n.ecr-pipe/f/c:\\x `\n y\n");
}

#[test]
fn a_large_dockerfile_takes_no_long_time() {
    let paths: String = (0..20_000).map(|number| format!(" ../a{number} \\\n")).collect();
    let stages = "FROM ${A#x}\nCOPY --from=f a /\n".repeat(20_000);
    let rewritten = rewrite(&format!("FROM f\nCOPY{paths} /\n{stages}"), &["f"]).unwrap();
    assert!(rewritten.served.reachable(None, &Variables::default()).into_iter().all(|reached| reached));
}

#[test]
fn what_cannot_be_rewritten_is_named_with_its_line() {
    let error = |line: &str| {
        let whole = format!("FROM a AS one\nCOPY --from=f x /\n{line}");
        rewrite(&whole, &["f"]).map_err(|error| crate::error::Failure::from(error).to_string()).unwrap_err()
    };
    let all = [
        "ADD \"$X\" /",
        "RUN --mount=type=$T,target=/x y",
        "RUN --mount=type=cache,from=f,target=/x y",
        "RUN --mount='target=/x,\"source=a,b\"' y",
        "ONBUILD COPY . /\nFROM one\n",
    ];
    insta::assert_snapshot!(all.map(error).join("\n"), @r#"
    `ADD` (line 3): with a folder in `BUILD_CONTEXTS` the source `"$X"` must not begin with a variable: it may be a URL
    hint: write how it begins, `https://` or `./`, or use `COPY` for a path
    `RUN --mount` (line 3): with a folder in `BUILD_CONTEXTS` it must not have a variable as its type
    hint: write the mount out, without them
    `RUN --mount=type=cache` (line 3): the folder `f` of `BUILD_CONTEXTS` cannot fill a cache
    hint: make a stage of it, `FROM f AS …`, and take the cache from that
    `RUN --mount` (line 3): with a folder in `BUILD_CONTEXTS` it must not have quotes inside
    hint: write the mount out, without them
    `ONBUILD` (line 3): with `BUILD_CONTEXTS` a later stage must not be based on a stage with such a trigger
    hint: write the instruction into the later stage
    "#);
    assert!(rewrite("FROM a\nADD $X /", &["f"]).is_ok());
}

#[test]
fn lines_are_those_of_the_user() {
    let given = "ARG X\nFROM f AS one\nRUN a\nFROM f\nRUN b\n";
    let rewritten = rewrite(given, &["f"]).unwrap();
    let served = "ARG X\nFROM scratch AS one\nCOPY .ecr-pipe/f/ /\nRUN a\nFROM scratch\nCOPY .ecr-pipe/f/ /\nRUN b\n";
    assert_eq!(String::from_utf8(rewritten.text.clone()).unwrap(), served);
    let lines: Vec<_> = (1..=7).map(|line| rewritten.wording.line(line)).collect();
    assert_eq!(lines, [1, 2, 2, 3, 4, 4, 5]);
    let step = |vertex| rewritten.line_of(&Step::of_vertex(vertex).unwrap(), &Variables::default());
    assert_eq!(step("[one 2/2] RUN a"), Some(3));
    assert_eq!(step("[stage-1 1/2] COPY --from=f . /"), Some(4));
    assert_eq!(text("FROM f", &["f"]), "FROM scratch\nCOPY .ecr-pipe/f/ /");
}

#[test]
fn texts_are_put_back_into_the_words_of_the_user() {
    let rewritten = rewrite("FROM f\nCOPY --from=f a b\nRUN --mount=from=f,target=/x y\nCOPY . /\n", &["f"]).unwrap();
    for (engine, user) in [
        ("[2/4] COPY .ecr-pipe/f/a .ecr-pipe/f/b c", "[2/4] COPY --from=f a b c"),
        ("[1/4] COPY .ecr-pipe/f/ /", "[1/4] COPY --from=f . /"),
        ("[3/4] RUN --mount=source=.ecr-pipe/f,target=/x y", "[3/4] RUN --mount=from=f,target=/x y"),
        ("[3/4] RUN --mount=src=.ecr-pipe/f/a,target=/x y", "[3/4] RUN --mount=from=f,src=a,target=/x y"),
        ("[3/4] RUN --mount=src=.ecr-pipe/foo,target=/x y", "[3/4] RUN --mount=src=.ecr-pipe/foo,target=/x y"),
        ("[3/4] RUN --mount=target=/x,source=.ecr-pipe/context y", "[3/4] RUN --mount=target=/x y"),
        ("[4/4] COPY .ecr-pipe/context/. /", "[4/4] COPY . /"),
        ("[4/4] COPY .ecr-pipe/context//a .ecr-pipe/context/./b /", "[4/4] COPY /a ./b /"),
        ("\"/.ecr-pipe/context/no\": not found", "\"/no\": not found"),
        ("\"/.ecr-pipe/context\": not found", "\"/\": not found"),
        ("\"/.ecr-pipe/f/no\": not found", "\"/no\": not found"),
        ("dockerfile parse error on line 3: unknown flag: x", "dockerfile parse error on line 2: unknown flag: x"),
        ("parse error line 5", "parse error line 4"),
        ("see .ecr-pipe/image.env and .ecr-pipe/files", "see .ecr-pipe/image.env and .ecr-pipe/files"),
    ] {
        assert_eq!(rewritten.wording.restore(engine), user);
    }
}

fn dockerfile() -> impl Strategy<Value = String> {
    let path = || prop::sample::select(vec!["a", "./a", "../b", "/c/", ".", "*.md", "$X/a", "a b", "\"q\"", "<<EOF"]);
    let name = || prop::sample::select(vec!["f", "F", "i", "0", "busybox", "one", "x"]);
    let line = prop_oneof![
        (name(), prop::sample::select(vec!["", " AS f", " AS i", " AS one", " as x"]))
            .prop_map(|(a, b)| format!("FROM {a}{b}")),
        (path(), path()).prop_map(|(a, b)| format!("COPY {a} \\\n  # c\n {b} /z/")),
        (name(), path()).prop_map(|(a, b)| format!("COPY --link --from={a} {b} /z")),
        (name(), path()).prop_map(|(a, b)| format!("COPY --from={a} [\"{b}\", \"/z\"]")),
        (name(), path()).prop_map(|(a, b)| format!("RUN --mount=from={a},target=/x,source={b} x")),
        name().prop_map(|a| format!("RUN --mount=type=bind,target=/x,from={a} \\\n x")),
        path().prop_map(|a| format!("ADD {a} https://x/y /z")),
        prop::sample::select(vec!["EOF", "# c", "", "ONBUILD COPY . /", "RUN --mount=type=cache,target=/c x"])
            .prop_map(String::from),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn nothing_changes_without_use_of_a_name(text in dockerfile()) {
        let rewritten = rewrite(&text, &["unheard", "of=image"]).unwrap();
        prop_assert_eq!(rewritten.text, text.into_bytes());
        prop_assert_eq!(rewritten.unused, ["unheard", "of"]);
    }

    #[test]
    fn any_text_is_rewritten_or_refused(text in "(FROM |COPY |--from=f |--mount=from=f,|\\\\\n|\"|\\[|\\]|'|\\.\\./|\n|f |a |\\PC){0,40}") {
        if let Ok(rewritten) = rewrite(&text, &["f", "a=b"]) {
            let _ = rewritten.wording.restore(&text);
        }
    }

    #[test]
    fn every_instruction_keeps_its_line_and_meaning(text in dockerfile()) {
        let parsed = Dockerfile::parse(text.as_bytes());
        let Ok(rewritten) = rewrite(&text, &["f", "i=image:1"]) else { return Ok(()) };
        let above = parsed.stages().first().map_or(parsed.instructions().len(), |stage| stage.from);
        let mut served = rewritten.served.instructions().iter().skip(above).peekable();
        for stage in parsed.stages() {
            let overridden = stage.name.as_deref().is_some_and(|name| ["f", "i"].contains(&name));
            let from = served.next().unwrap();
            prop_assert_eq!((&*from.command.keyword, rewritten.wording.line(from.line)), ("FROM", stage.line));
            let served_stage = rewritten.served.stages().iter().find(|served| served.line == from.line).unwrap();
            prop_assert_eq!(&served_stage.name, &stage.name);
            if served.peek().is_some_and(|next| rewritten.wording.line(next.line) == stage.line) {
                prop_assert_eq!(served.next().unwrap().arguments(), ".ecr-pipe/f/ /");
            }
            for instruction in parsed.body(stage).iter().filter(|_| !overridden) {
                let served = served.next().unwrap();
                prop_assert_eq!(rewritten.wording.line(served.line), instruction.line);
                prop_assert_eq!(&served.command.keyword, &instruction.command.keyword);
                prop_assert_eq!(served.paths().len(), instruction.paths().len());
                prop_assert_eq!(served.last_line - served.line, instruction.last_line - instruction.line);
            }
        }
        prop_assert!(served.next().is_none());
    }
}
