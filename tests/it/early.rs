//! What other tools find out after the build is told before it, and soon.

use std::time::Duration;

use serde_json::json;

use crate::lab::usual;
use crate::pipe::Pipe;

const SOON: Duration = Duration::from_secs(2);
/// The machine is shared with all other tests: one quick run of these shows that the pipe is not what takes long.
const TRIES: usize = 3;

fn fails_soon(pipe: &Pipe, code: i32, message: &str) {
    let took = (0..TRIES).map(|_| {
        let run = pipe.run().exits(code).says(message).says("\n  hint: ").does_not_say("\nBuild\n").reports_nothing();
        run.took
    });
    let took: Vec<Duration> = took.collect();
    assert!(took.iter().any(|took| *took <= SOON), "{message}: told after {took:?}");
}

/// A build that takes longer than anybody wants to wait for a failure.
fn step(pipe: Pipe) -> Pipe {
    pipe.dockerfile("FROM busybox:1.36\nRUN sleep 60\n")
}

#[test]
fn a_missing_permission_is_told_soon() {
    let pipe = step(Pipe::new(usual()));
    let statement = json!({"Effect": "Allow", "Resource": "*",
        "Action": ["ecr:GetAuthorizationToken", "ecr:Batch*", "ecr:Describe*", "ecr:*LayerUpload", "ecr:UploadLayerPart"]});
    pipe.lab.ask(&json!({"op": "iam", "key": pipe.key, "policy": {"Statement": [statement]}}));
    fails_soon(&pipe, 3, "✖ the key may not do `ecr:PutImage` on `arn:aws:ecr:us-east-1:");
}

#[test]
fn a_taken_tag_is_told_soon() {
    let pipe = Pipe::with_repository(usual(), &["--immutable"]).dockerfile("FROM busybox:1.36\nRUN echo taken\n");
    pipe.run().exits(0);
    fails_soon(&step(pipe), 4, "✖ tag `main` exists in `");
}

#[test]
fn a_missing_repository_is_told_soon() {
    fails_soon(&step(Pipe::without_repository(usual())), 4, "does not exist in account 000000000000");
}

#[test]
fn a_wrong_account_is_told_soon() {
    let pipe = step(Pipe::new(usual())).var("ALLOWED_ACCOUNT_IDS", "123456789012");
    fails_soon(&pipe, 3, "000000000000");
}
