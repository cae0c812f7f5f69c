//! The build against an engine that behaves as told.

#![expect(clippy::unwrap_used, reason = "tests")]

use futures_util::stream;

use super::super::fake::{Fake, Script, plain};
use super::*;
use crate::progress::End;

fn options() -> Build {
    Build { args: vec![("TOKEN".to_owned(), "hunter22".to_owned().into())], ..plain() }
}

fn chunked(pieces: &[&str]) -> String {
    let chunks: Vec<_> = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunks.concat())
}

async fn built(
    script: Script,
    context: Vec<io::Result<Bytes>>,
) -> (Result<ImageId, BuildError>, Vec<Event>, Vec<String>) {
    let fake = Fake::start(script).await;
    let engine = Engine::connect(&fake.address).await.unwrap();
    let trace = Trace::empty();
    let (log, mut recording) = Log::recorded();
    let (options, logins) = (options(), Vec::new());
    let request = ClassicRequest { dockerfile: "Dockerfile", options: &options, logins: &logins };
    let result = engine.build_classic(&request, stream::iter(context), &trace, &log).await;
    (result, recording.events(), fake.heads())
}

fn small() -> Vec<io::Result<Bytes>> {
    vec![Ok(Bytes::from_static(b"tar"))]
}

#[tokio::test]
async fn the_image_of_the_last_stage_is_the_result_however_the_lines_are_cut() {
    let answer = chunked(&[
        "{\"stream\":\"Step 1/1 : FROM a\"}\r\n{\"stream\":\"\\n\"}\r\n{\"aux\":{\"ID\":\"sha256:11\"}}\r\n{\"au",
        "x\":{\"ID\":\"sha256:22\"}}\r\n{\"stream\":\"Successfully built 0123456789ab\\n\"}",
    ]) + "0\r\n\r\n";
    let (result, events, heads) = built(Script::answering(answer), small()).await;
    assert_eq!(result.unwrap().as_str(), "sha256:22");
    assert!(matches!(events[..], [Event::StepStarted(_), Event::StepEnded { end: End::Done, .. }]), "{events:?}");
    let head = heads[0].to_lowercase();
    assert!(head.starts_with("post /v1.45/build?version=1&rm=1&forcerm=1&dockerfile=dockerfile&buildargs="), "{head}");
    assert_eq!(head.matches("content-type").count(), 1);
    assert!(head.contains("content-type: application/x-tar"), "{head}");
    assert!(!head.contains("platform"));
}

#[tokio::test]
async fn an_answer_that_ends_without_an_image_is_a_failure() {
    let (result, ..) = built(Script::answering(chunked(&["{\"stream\":\"x\"}\n"]) + "0\r\n\r\n"), small()).await;
    assert!(matches!(result, Err(BuildError::NoImage)));
}

#[tokio::test]
async fn an_engine_that_goes_away_in_the_middle_is_not_taken_for_one_that_is_done() {
    let answer = chunked(&["{\"stream\":\"Step 1/1 : FROM a\"}\n"]);
    let (result, events, _) = built(Script::answering(answer), small()).await;
    assert!(matches!(result, Err(BuildError::Engine(Error::Dropped { .. }))), "{result:?}");
    assert!(
        matches!(events[..], [Event::StepStarted(_), Event::StepEnded { end: End::Failed(None), .. }]),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_engine_that_refuses_before_the_context_is_read_is_heard() {
    let body = r#"{"message":"target stage \"nope\" could not be found"}"#;
    let answer = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let script = Script { reads_body: false, ..Script::answering(answer) };
    let context = (0..200).map(|_| Ok(Bytes::from(vec![7; 65_536]))).collect();
    let (result, ..) = built(script, context).await;
    assert!(matches!(&result, Err(BuildError::TargetMissing { target }) if target == "nope"), "{result:?}");
}

#[tokio::test]
async fn the_error_of_the_context_is_handed_back_as_it_was() {
    let context = vec![Ok(Bytes::from_static(b"tar")), Err(io::Error::other("`a.txt` shrank"))];
    let (result, ..) = built(Script::answering(""), context).await;
    let Err(BuildError::Context(error)) = result else { panic!("{result:?}") };
    assert_eq!(error.to_string(), "`a.txt` shrank");
}

#[tokio::test]
async fn a_line_without_end_is_skipped_and_not_kept() {
    let long = format!("{{\"stream\":\"{}", "x".repeat(3 << 20));
    let answer = chunked(&[&long, "more\"}\n", "{\"aux\":{\"ID\":\"sha256:22\"}}\n"]) + "0\r\n\r\n";
    let (result, ..) = built(Script::answering(answer), small()).await;
    assert_eq!(result.unwrap().as_str(), "sha256:22");
}

#[tokio::test]
async fn the_failing_step_is_named_with_its_code() {
    let answer = chunked(&[
        "{\"stream\":\"Step 1/2 : FROM a\"}\n{\"stream\":\"Step 2/2 : RUN make\"}\n",
        "{\"errorDetail\":{\"code\":17,\"message\":\"The command\"},\"error\":\"The command\"}\n",
    ]) + "0\r\n\r\n";
    let (result, events, _) = built(Script::answering(answer), small()).await;
    assert_eq!(result.unwrap_err().to_string(), "step 2 of 2 failed with exit code 17: `RUN make`");
    assert!(matches!(events.last(), Some(Event::StepEnded { end: End::Failed(Some(17)), .. })));
}

#[tokio::test]
async fn the_plugin_of_bitbucket_is_heard() {
    let body = r#"{"message":"authorization denied by plugin pipelines: Command not supported."}"#;
    let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (result, ..) = built(Script::answering(answer), small()).await;
    assert!(matches!(result, Err(BuildError::Engine(Error::Plugin { .. }))), "{result:?}");
}

#[tokio::test]
async fn a_dropped_build_hangs_up_and_still_hears_what_the_engine_made() {
    let words = "{\"stream\":\" ---> 0f28463a483f\\n\"}\n";
    let script = Script {
        last_words: Some(format!("{:x}\r\n{words}\r\n0\r\n\r\n", words.len())),
        ..Script::answering(chunked(&["{\"stream\":\" ---> Running in 151d357ae2d6\\n\"}\n"]))
    };
    let fake = Fake::start(script).await;
    let engine = Engine::connect(&fake.address).await.unwrap();
    let trace = Trace::empty();
    let (log, _recording) = Log::recorded();
    let options = options();
    let request = ClassicRequest { dockerfile: "Dockerfile", options: &options, logins: &[] };
    {
        let build = engine.build_classic(&request, stream::iter(small()), &trace, &log);
        let started = async {
            while trace.made().containers.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = build => panic!("{result:?}"),
            () = started => {}
        }
    }
    trace.settled(std::time::Duration::from_secs(5)).await;
    assert_eq!(trace.made().containers, ["151d357ae2d6"]);
    assert_eq!(trace.made().images, ["0f28463a483f"]);
}
