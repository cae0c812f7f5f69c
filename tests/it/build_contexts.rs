//! `BUILD_CONTEXTS`: folders and images by names of one's own, as `docker buildx build --build-context` gives them, although
//! the engine's build API knows none.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::equivalence::{differences, listing};
use crate::lab::{Engine, Lab, lab, usual};
use crate::pipe::{Pipe, Run};
use crate::variables::verdict;

/// A step with a folder beside the context, of which the ignore files leave something out.
fn step(lab: &'static Lab) -> Pipe {
    let pipe = Pipe::new(lab)
        .file("app/Dockerfile", "")
        .file("app/main.txt", "of the context")
        .file("app/same.txt", "of the context")
        .file("app/sub/deep.txt", "deep in the context")
        .file("app/left-out.txt", "must not be sent")
        .file("app/.dockerignore", "left-out.txt\n")
        .file("shared/lib.txt", "of the folder")
        .file("shared/same.txt", "of the folder")
        .file("shared/left-out.txt", "only the context leaves this out")
        .file("shared/secret.pem", "must not be sent")
        .file("shared/.dockerignore", "*.pem\n")
        .file("shared/bin/tool", "#!/bin/sh\necho a tool\n")
        .file("shared/a b/ü.txt", "a name with a space")
        .var("CONTEXT", "app")
        .var("BUILD_CONTEXTS", "shared=shared");
    fs::set_permissions(pipe.path("shared/bin/tool"), fs::Permissions::from_mode(0o4750)).expect("a file of ours");
    symlink("bin/tool", pipe.path("shared/link")).expect("a link");
    fs::create_dir(pipe.path("shared/empty")).expect("a folder");
    pipe
}

/// No word of how it is done.
#[track_caller]
fn in_users_words(run: Run) -> Run {
    // The pipe's own folder has the same name as the virtual one, and no log of these tests names it.
    run.does_not_say(".ecr-pipe")
}

fn cat(pipe: &Pipe, script: &str) -> String {
    pipe.lab.run(&format!("{}:main", pipe.uri()), &["sh", "-c", script])
}

/// The four engines on which this is shown, the oldest in the cage.
fn labs() -> [&'static Lab; 4] {
    [lab(Engine::V20, true), lab(Engine::V26, false), lab(Engine::V28, false), lab(Engine::V28Containerd, false)]
}

#[test]
fn every_use_of_a_folder_gives_what_a_stage_with_its_files_gives() {
    let uses = "FROM busybox:1.36 AS zero
RUN echo zero > /zero
FROM busybox:1.36 AS last
WORKDIR /tree
COPY . /tree/context/
COPY --from=shared . /tree/all/
COPY --from=shared lib.txt bin/tool /tree/some/
COPY --from=shared --chown=7:8 /*.txt /tree/owned/
COPY --from=shared [\"a b/ü.txt\", \"/tree/spaced/\"]
COPY --from=0 /zero /tree/by-number
COPY --from=zero /zero /tree/by-name
COPY main.txt sub /tree/main/
ADD same.txt /tree/added
RUN --mount=type=bind,from=shared,target=/mnt cp /mnt/lib.txt /tree/mounted && ls -A /mnt > /tree/mount-list
RUN --mount=from=shared,source=bin,target=/mnt ls -A /mnt > /tree/mount-of-bin
RUN --mount=target=/mnt ls -A /mnt > /tree/mount-of-context
";
    let plain =
        uses.replace("FROM busybox:1.36 AS last", "FROM scratch AS shared\nCOPY shared /\nFROM busybox:1.36 AS last");
    for lab in labs() {
        let pipe = step(lab).file("app/Dockerfile", uses);
        in_users_words(pipe.run().exits(0));
        let mut named = listing(lab, &format!("{}:main", pipe.uri()));

        // The same files in the same places, without any named context.
        let pipe = step(lab).file("app/Dockerfile", plain.as_str());
        fs::rename(pipe.path("shared"), pipe.path("app/shared")).expect("a folder of ours");
        fs::remove_file(pipe.path("app/shared/secret.pem")).expect("a file of ours");
        let pipe = pipe.without("BUILD_CONTEXTS");
        pipe.run().exits(0);
        let mut staged = listing(lab, &format!("{}:main", pipe.uri()));
        // There the folder is a part of the context, too.
        staged.retain(|path, _| !path.starts_with("tree/context/shared"));
        let list = staged.get_mut("tree/mount-of-context").expect("a file");
        list.5 = String::from_utf8_lossy(&list.5).replace("shared\n", "").into_bytes();

        // It is not the same file.
        let named_dockerfile = named.remove("tree/context/Dockerfile");
        assert_eq!(staged.remove("tree/context/Dockerfile").is_some(), named_dockerfile.is_some());
        assert!(named.len() > 30, "{named:?}");
        assert_eq!(differences(&named, &staged), Vec::<String>::new(), "{}", lab.line["engine"]);
        let list = |path: &str| String::from_utf8_lossy(&named[path].5).into_owned();
        assert_eq!(list("tree/mount-list"), ".dockerignore\na b\nbin\nempty\nleft-out.txt\nlib.txt\nlink\nsame.txt\n");
        assert_eq!(list("tree/mount-of-context"), ".dockerignore\nDockerfile\nmain.txt\nsame.txt\nsub\n");
        assert!(named.contains_key("tree/all/left-out.txt") && !named.contains_key("tree/all/secret.pem"));
        assert!(!named.contains_key("tree/context/left-out.txt"), "each folder has an ignore file of its own");
    }
}

#[test]
fn a_folder_may_be_the_base_of_a_stage() {
    for lab in labs() {
        let pipe = step(lab).file(
            "app/Dockerfile",
            "FROM shared AS files
COPY main.txt /from-the-context
FROM busybox:1.36
COPY --from=files / /files/
COPY --from=1 /bin/busybox /never-mind
",
        );
        // A stage cannot copy from itself: the number stays that of the user's own stage.
        let run = in_users_words(pipe.run().exits(2).reports_nothing());
        assert!(verdict(&pipe, &run).contains("✖ the Dockerfile is not valid: "), "{}", run.log);
        let pipe = pipe.file(
            "app/Dockerfile",
            "FROM shared AS files
COPY main.txt /from-the-context
FROM busybox:1.36
COPY --from=0 / /files/
",
        );
        in_users_words(pipe.run().exits(0));
        assert_eq!(
            cat(&pipe, "cat /files/lib.txt /files/from-the-context; ls -A /files"),
            "of the folderof the context.dockerignore\na b\nbin\nempty\nfrom-the-context\nleft-out.txt\nlib.txt\nlink\nsame.txt\n"
        );
    }
}

#[test]
fn a_name_goes_before_a_stage_and_an_image_of_the_same_name() {
    let dockerfile = "FROM busybox:1.36 AS shared
RUN echo this stage is not built; exit 9
FROM busybox:1.36 AS base
COPY --from=shared lib.txt /
COPY --from=library/nothing-such:1 same.txt /from-image
";
    for lab in labs() {
        let pipe = step(lab)
            .file("app/Dockerfile", dockerfile)
            .file("fake/same.txt", "in place of an image")
            .var("BUILD_CONTEXTS", "shared=./shared nothing-such:1=fake");
        let run = in_users_words(pipe.run().exits(0));
        assert!(!run.log.contains("is not built"), "{}", run.log);
        assert_eq!(cat(&pipe, "cat /lib.txt /from-image"), "of the folderin place of an image");
        for target in ["base", "1"] {
            in_users_words(
                step(lab)
                    .file("app/Dockerfile", dockerfile)
                    .file("fake/same.txt", "")
                    .var("BUILD_CONTEXTS", "shared=./shared nothing-such:1=fake")
                    .var("TARGET", target)
                    .run()
                    .exits(0),
            );
        }
    }
}

#[test]
fn a_target_that_is_nearly_a_name_is_no_stage() {
    for lab in labs() {
        let pipe = step(lab)
            .file("app/Dockerfile", "FROM busybox:1.36 AS base\nFROM busybox:1.36\n")
            .without("BUILD_CONTEXTS");
        for target in ["bases", "1", "2"] {
            let pipe = step(lab)
                .file("app/Dockerfile", fs::read(pipe.path("app/Dockerfile")).expect("a file"))
                .var("TARGET", target);
            let run = pipe.run().exits(2).reports_nothing();
            assert!(
                verdict(&pipe, &run).starts_with(&format!("✖ `TARGET`: the Dockerfile has no stage `{target}`\n")),
                "{}",
                run.log
            );
        }
    }
}

#[test]
fn an_image_takes_the_place_of_a_name() {
    for lab in labs() {
        for pull in ["false", "true"] {
            let pipe = Pipe::new(lab)
                .var("PULL", pull)
                .var("BUILD_CONTEXTS", "alpine:3.20=docker-image://busybox:1.36 tools=docker-image://busybox:1.36")
                .dockerfile("FROM alpine:3.20\nCOPY --from=tools /bin/busybox /tool\nRUN --mount=from=tools,target=/mnt test -x /mnt/bin/busybox\n");
            pipe.run().exits(0).does_not_say("alpine");
            assert_eq!(cat(&pipe, "cmp /tool /bin/busybox && echo same"), "same\n");
        }
    }
}

#[test]
fn pull_asks_only_for_the_images_that_are_used() {
    for lab in labs() {
        let pipe =
            step(lab).var("PULL", "true").file("app/Dockerfile", "FROM busybox:1.36\nCOPY --from=shared lib.txt /\n");
        in_users_words(pipe.run().exits(0));
        assert!(
            lab.requests("shared").iter().all(|request| request["host"] != "mirror.lab.test"),
            "no image of that name is looked for"
        );
    }
}

#[test]
fn a_parse_error_has_the_line_and_the_words_of_the_user() {
    for lab in labs() {
        let on = if lab.line["engine"] == "20.10" { "" } else { "on " };
        let pipe = step(lab).file("app/Dockerfile", "FROM shared AS files\n\nFROM shared\nRUN true\nCOPYY a b\n");
        let run = in_users_words(pipe.run().exits(2).reports_nothing());
        let message =
            format!("✖ the Dockerfile is not valid: dockerfile parse error {on}line 5: unknown instruction: COPYY");
        assert!(verdict(&pipe, &run).starts_with(&message), "{}", run.log);
    }
}

#[test]
fn a_failing_step_has_the_line_and_the_words_of_the_user() {
    for lab in labs() {
        let name = &lab.line["engine"];
        let pipe = step(lab).file(
            "app/Dockerfile",
            "FROM shared AS files\nFROM busybox:1.36\nCOPY --from=files / /x/\nCOPY --from=shared . /y/\n\nRUN --mount=from=shared,target=/mnt \\\n  cat /mnt/lib.txt; exit 3\n",
        );
        let run = in_users_words(pipe.run().exits(6).reports_nothing());
        let verdict = verdict(&pipe, &run);
        assert!(
            verdict.contains("(app/Dockerfile:6) failed with exit code 3: `RUN --mount=from=shared,target=/mnt "),
            "{name}: {verdict}"
        );
        assert!(run.log.contains("COPY --from=shared . /y/"), "{name}: {}", run.log);

        let pipe = step(lab).file("app/Dockerfile", "FROM shared\nFROM busybox:1.36\nCOPY --from=shared nothing /x/\n");
        let run = in_users_words(pipe.run().exits(6).reports_nothing());
        let verdict = crate::variables::verdict(&pipe, &run);
        assert!(verdict.contains("(app/Dockerfile:3): `COPY --from=shared nothing /x/`: `"), "{name}: {verdict}");

        let pipe = step(lab)
            .file("app/Dockerfile", "FROM busybox:1.36\nCOPY --from=shared lib.txt /\nCOPY left-out.txt /x/\n");
        let run = in_users_words(pipe.run().exits(6).reports_nothing());
        let verdict = crate::variables::verdict(&pipe, &run);
        assert!(
            verdict.contains("(app/Dockerfile:3): `COPY left-out.txt /x/`: `/left-out.txt` is not in the context"),
            "{name}: {verdict}"
        );
    }
}

#[test]
fn debug_tells_it_in_the_words_of_the_user_too() {
    for lab in labs() {
        let pipe = step(lab).var("DEBUG", "true").file(
            "app/Dockerfile",
            "FROM shared AS files\nFROM busybox:1.36\nCOPY --from=files . /\nCOPY --from=shared . /\nCOPY . /\n",
        );
        in_users_words(pipe.run().exits(0));
    }
}

#[test]
fn a_name_that_nothing_uses_is_a_warning() {
    let pipe = step(usual())
        .file("app/Dockerfile", "FROM busybox:1.36\nCOPY . /x/\n")
        .var("BUILD_CONTEXTS", "shared=shared tools=docker-image://busybox:1.36");
    let run = pipe
        .run()
        .exits(0)
        .says("  warning: `BUILD_CONTEXTS`: nothing in the Dockerfile uses `shared`\n    hint: it is used by `FROM`, `COPY --from=` or `RUN --mount=from=`\n")
        .says("  warning: `BUILD_CONTEXTS`: nothing in the Dockerfile uses `tools`\n");
    in_users_words(run);
    assert_eq!(cat(&pipe, "ls -A /x"), ".dockerignore\nDockerfile\nmain.txt\nsame.txt\nsub\n");
}

#[test]
fn folders_that_cannot_be_had_end_the_run_before_the_build_all_at_once() {
    let pipe = step(usual())
        .file("app/Dockerfile", "FROM busybox:1.36\n")
        .file("file", "")
        .var("BUILD_CONTEXTS", "a=nowhere b=file c=https://x.test/y.git");
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_CONTEXTS`: `c=https://x.test/y.git` has a source of a kind that is not supported, expected `name=path` or `name=docker-image://ref`
      hint: write it like `shared=../shared`
    exit code 2 after [TIME]
    ");
    let pipe = pipe.var("BUILD_CONTEXTS", "a=nowhere b=file");
    let run = pipe.run().exits(2).reports_nothing();
    let run = run.built_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_CONTEXTS`: `a`: there is no folder `nowhere`
      hint: give `a` a folder, relative to the root of the repository
    ✖ `BUILD_CONTEXTS`: `b`: `file` is not a folder
      hint: give `b` a folder, relative to the root of the repository
    exit code 2 after [TIME]
    ");
}

#[test]
fn an_image_that_does_not_exist_is_named_as_it_was_given() {
    for lab in labs() {
        let pipe = step(lab)
            .file("app/Dockerfile", "FROM busybox:1.36\nCOPY --from=tools /bin/x /\n")
            .var("BUILD_CONTEXTS", "tools=docker-image://library/nothing-such:2");
        let run = in_users_words(pipe.run().exits(6).reports_nothing());
        let verdict = verdict(&pipe, &run);
        assert!(verdict.starts_with("✖ base image `nothing-such:2` does not exist ("), "{verdict}");
    }
}

#[test]
fn what_cannot_be_done_with_a_folder_is_told_before_the_build() {
    let pipe = step(usual()).file(
        "app/Dockerfile",
        "ARG FROM_WHERE=x\nFROM busybox:1.36\nCOPY --from=shared lib.txt /\nARG FROM_WHERE\nADD $FROM_WHERE /\n",
    );
    let run = pipe.run().exits(2).reports_nothing();
    let run = run.built_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `ADD` (line 5): with a folder in `BUILD_CONTEXTS` the source `$FROM_WHERE` must not begin with a variable: it may be a URL
      hint: write how it begins, `https://` or `./`, or use `COPY` for a path
    exit code 2 after [TIME]
    ");
    let pipe = pipe.var("BUILDER", "classic");
    let run = pipe.run().exits(2).reports_nothing();
    insta::assert_snapshot!(verdict(&pipe, &run), @r"
    ✖ `BUILD_CONTEXTS` needs BuildKit, and `BUILDER` is `classic`
      hint: remove `BUILDER`, or set it to `auto`
    exit code 2 after [TIME]
    ");
}

#[test]
fn the_history_shows_the_folders_as_the_engine_was_served_them() {
    for lab in labs() {
        let pipe =
            step(lab).file("app/Dockerfile", "FROM busybox:1.36\nCOPY --from=shared lib.txt /\nCOPY main.txt /\n");
        pipe.run().exits(0);
        let image = format!("{}:main", pipe.uri());
        let history = lab.docker(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", &image]);
        let lines: Vec<&str> = history.lines().take(2).collect();
        // Nothing that the engine could be told makes it write others.
        assert_eq!(
            lines,
            ["COPY .ecr-pipe/context/main.txt / # buildkit", "COPY .ecr-pipe/shared/lib.txt / # buildkit"]
        );
    }
}

#[test]
fn a_folder_above_and_one_by_its_whole_path_are_found() {
    let pipe = step(usual())
        .file("app/Dockerfile", "FROM busybox:1.36\nCOPY --from=shared lib.txt /\nCOPY --from=whole same.txt /\n");
    let whole = pipe.path("shared").display().to_string();
    assert!(Path::new(&whole).is_absolute());
    let pipe = pipe.var("BUILD_CONTEXTS", &format!("shared=app/../shared whole={whole}"));
    in_users_words(pipe.run().exits(0));
    assert_eq!(cat(&pipe, "cat /lib.txt /same.txt"), "of the folderof the folder");
}
