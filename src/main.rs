//! The binary: one run, one exit code.

fn main() -> std::process::ExitCode {
    // Before anything that could panic, the runtime included.
    ecr_pipe::fault::install_hook();
    run()
}

#[tokio::main(worker_threads = 2)]
async fn run() -> std::process::ExitCode {
    Box::pin(ecr_pipe::run::run(std::env::vars_os(), std::io::stdout(), std::io::stderr())).await.into()
}
