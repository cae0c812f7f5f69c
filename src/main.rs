//! The binary: one run, one exit code.

#[tokio::main(worker_threads = 2)]
async fn main() -> std::process::ExitCode {
    ecr_pipe::fault::install_hook();
    Box::pin(ecr_pipe::run::run(std::env::vars_os(), std::io::stdout(), std::io::stderr())).await.into()
}
