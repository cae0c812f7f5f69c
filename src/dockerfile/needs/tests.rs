use super::*;

fn needs(dockerfile: &str, target: Option<&str>) -> Option<String> {
    Dockerfile::parse(dockerfile.as_bytes()).needs_buildkit(target).map(|needs| needs.to_string())
}

fn found(dockerfile: &str) -> Option<String> {
    needs(dockerfile, None)
}

fn frontend(engine: &str, dockerfile: &str, target: Option<&str>) -> Option<String> {
    let checked = Dockerfile::parse(dockerfile.as_bytes()).check_frontend(engine, target, &Variables::default());
    checked.err().map(|error| error.to_string().split_once(": ").map(|(_, what)| what.to_owned()).unwrap_or_default())
}

#[test]
fn here_documents_and_flags_are_found_each_kind_with_its_first_line() {
    let text = "# syntax=docker/dockerfile:1\nFROM a\nRUN --mount=type=cache,target=/x \\\n  # why\n  make\n\nRUN <<EOF\nRUN --network=none x\nEOF\n\
        COPY --chown=1 --link . /\nrun --mount=type=ssh x\nADD --checksum=sha256:1 http://x /x\n";
    let all = "`RUN --mount` (line 3), a here-document (line 7), `ADD --checksum` (line 12)";
    assert_eq!(found(text).as_deref(), Some(all));
}

#[test]
fn here_documents_are_found_in_all_their_forms() {
    for text in [
        "RUN cat <<-\"E O\" > /x\n\tE O\n",
        "COPY <<'EOF' /x\nEOF\n",
        "RUN 3<<EOF x\na\nEOF\n",
        "ONBUILD RUN <<X\nX\n",
        "RUN a && \\\n cat <<EOF\nEOF\n",
    ] {
        assert!(found(text).is_some_and(|text| text.contains("a here-document (line 1)")), "{text}");
    }
}

#[test]
fn what_the_classic_builder_does_is_let_pass() {
    for text in [
        "FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:1 x /\n",
        "RUN echo $((1 <<3)) \"a <<EOF\nEOF\n",
        "RUN echo 'x <<EOF y'\nCMD <<EOF\nEOF\n",
        "RUN make --mount=x\nENV A=--link\nCOPY --link=false a /\n",
        "# RUN --mount=x\nRUN a \\\n# --mount\n b\n",
        "ADD https://github.com/a/b.git.tar /\nCOPY --link a b\n",
        "# escape=`\nRUN dir c:\\\nRUN x\n",
        "",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn a_stage_after_the_target_may_need_what_it_wants() {
    let text = "FROM a AS one\nRUN x\nFROM b AS two\nRUN --mount=x y\n";
    assert!(needs(text, Some("ONE")).is_none());
    assert!(needs(text, Some("0")).is_none());
    assert!(needs(text, Some("two")).is_some());
    assert!(needs(text, None).is_some());
}

#[test]
fn a_git_repository_is_no_web_page() {
    for source in ["https://github.com/a/b.git#v1", "git@github.com:a/b", "git://a/b"] {
        let text = format!("FROM a\nADD {source} /\n");
        assert_eq!(found(&text).as_deref(), Some("`ADD` of a git repository (line 2)"));
    }
}

#[test]
fn automatic_variables_that_are_declared_get_their_values() {
    let parsed = Dockerfile::parse(b"ARG BUILDPLATFORM\nFROM a\nARG TARGETARCH=x OTHER TARGETOS=x\nARG TARGETARCH\n");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [pair("BUILDPLATFORM", "linux/arm64"), pair("TARGETARCH", "arm64")];
    assert_eq!(parsed.automatic_args(None, "linux", "arm64"), expected);
}

#[test]
fn each_frontend_lacks_what_came_after_it() {
    let text = "FROM a\nRUN <<X\nX\nCOPY --link a b\nADD --checksum=x http://x /\nRUN --mount=type=cache,target=/x y\nCOPY --exclude=x a b\n\
        COPY --parents a b\nCOPY --chmod=u+x a b\nRUN --device=x y\nADD https://github.com/a/b.git /\n";
    let all = "a here-document (line 2), `COPY --link` (line 4), `ADD --checksum` (line 5), `COPY --exclude` (line 7), \
        `COPY --parents` (line 8), `RUN --device` (line 10), `ADD` of a git repository (line 11), \
        `COPY --chmod` with something else than a number (line 9)";
    let sorted = |text: &str| {
        let mut parts: Vec<String> = text.split(", ").map(str::to_owned).collect();
        parts.sort();
        parts
    };
    assert_eq!(frontend("20.10.24", text, None).map(|text| sorted(&text)), Some(sorted(all)));
    let newer = "`COPY --exclude` (line 7), `COPY --parents` (line 8), `RUN --device` (line 10), \
        `COPY --chmod` with something else than a number (line 9)";
    assert_eq!(frontend("26.1.5+dfsg1", text, None).as_deref(), Some(newer));
    assert_eq!(frontend("28.5.2", text, None).as_deref(), Some("`COPY --parents` (line 8), `RUN --device` (line 10)"));
    assert_eq!(frontend("29.1.0", text, None).as_deref(), Some("`RUN --device` (line 10)"));
    for (version, text) in [("of unknown version", text), ("20.10.24", &format!("# syntax=x\n{text}"))] {
        assert_eq!(frontend(version, text, None), None);
    }
    let given = Variables::default().with([("BUILDKIT_SYNTAX".to_owned(), "x".to_owned())]);
    assert_eq!(Dockerfile::parse(text.as_bytes()).check_frontend("20.10.24", None, &given), Ok(()));
}

#[test]
fn an_unknown_flag_counts_in_every_stage_and_a_git_repository_only_where_it_is_built() {
    let text = "FROM a AS one\nFROM b AS two\nADD git://x /\nCOPY --link=false a b\n";
    assert_eq!(frontend("20.10.24", text, Some("one")).as_deref(), Some("`COPY --link` (line 4)"));
    let both = "`COPY --link` (line 4), `ADD` of a git repository (line 3)";
    assert_eq!(frontend("20.10.24", text, None).as_deref(), Some(both));
}

#[test]
fn what_a_frontend_would_misread_is_named() {
    let one = |version: &str, line: &str| frontend(version, &format!("FROM a\n{line}\n"), None);
    for (line, what, last, first) in [
        ("COPY --chmod=$M a /", "`COPY --chmod` with a variable (line 2)", "27.2.1", "27.3.0"),
        ("ADD --chmod=u+x a /", "`ADD --chmod` with something else than a number (line 2)", "27.5.1", "28.0.0"),
        ("RUN --mount=target=$X y", "`RUN --mount` with a variable (line 2)", "20.10.24", "23.0.0"),
        ("RUN --mount=type=tmpfs,size=1m,target=/x y", "`size=` of `RUN --mount` (line 2)", "20.10.24", "23.0.0"),
        ("RUN --mount=type=secret,id=x,env=X y", "`env=` of `RUN --mount` (line 2)", "27.2.1", "27.3.0"),
        ("RUN cat << E\nE", "a here-document with a space after `<<` (line 2)", "28.1.1", "28.2.0"),
    ] {
        assert_eq!(one(last, line).as_deref(), Some(what), "{line}");
        assert_eq!(one(first, line), None, "{line}");
    }
    for line in ["COPY --chmod=0755 a /", "RUN --mount=type=cache,target=/size=1 y"] {
        assert_eq!(one("20.10.24", line), None, "{line}");
    }
}

#[test]
fn the_message_says_what_to_write() {
    let error = Dockerfile::parse(b"FROM a\n\n\n\n\n\nRUN <<EOF\nEOF\n")
        .check_frontend("20.10.24", None, &Variables::default())
        .map_err(|error| crate::error::Failure::from(error).to_string());
    insta::assert_snapshot!(error.err().unwrap_or_default(), @r"
    the Dockerfile needs a newer Dockerfile frontend than the one inside engine 20.10: a here-document (line 7)
    hint: write `# syntax=docker/dockerfile:1` as its first line: the engine then takes that frontend from Docker Hub
    ");
}
