//! The binary: one run, one exit code.

use std::io::{stderr, stdout};

fn main() -> std::process::ExitCode {
    // Before anything that could panic, the runtime included.
    ecr_pipe::fault::install_hook();
    ecr_pipe::arguments::answer(std::env::args_os().skip(1), stdout(), stderr()).map_or_else(run, Into::into)
}

#[tokio::main(worker_threads = 2)]
async fn run() -> std::process::ExitCode {
    Box::pin(ecr_pipe::run::run(std::env::vars_os(), stdout(), stderr())).await.into()
}
