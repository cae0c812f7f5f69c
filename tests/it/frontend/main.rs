//! A Dockerfile frontend in its smallest form: it hands everything to the engine's own, and adds a label so that it is known to
//! have run. An image of it stands for what `# syntax=` names.
//!
//! The engine runs it in a container and serves its calls over standard input and output (buildkit `frontend/gateway`).

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1::frontend::llb_bridge_client::LlbBridgeClient;
use bollard_buildkit_proto::moby::buildkit::v1::frontend::{PingRequest, ReturnRequest, SolveRequest};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response, Uri};

/// The connection to the engine, as tonic wants it.
struct Bridge(SendRequest<Body>);

impl Service<Request<Body>> for Bridge {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn file(stream: BorrowedFd<'_>) -> Result<tokio::fs::File, Box<dyn Error>> {
    Ok(tokio::fs::File::from_std(File::from(stream.try_clone_to_owned()?)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(serve());
    // A thread still reads the standard input, which the engine leaves open.
    runtime.shutdown_background();
    result
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let streams = tokio::io::join(file(std::io::stdin().as_fd())?, file(std::io::stdout().as_fd())?);
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(streams)).await?;
    tokio::spawn(connection);
    let mut bridge = LlbBridgeClient::with_origin(Bridge(sender), Uri::from_static("http://engine"));
    bridge.ping(PingRequest {}).await?;

    let options = std::env::vars().filter(|(name, _)| name.starts_with("BUILDKIT_FRONTEND_OPT_"));
    let options = options
        .filter_map(|(_, option)| Some(option.split_once('=')?).map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut options: HashMap<String, String> = options.collect();
    options.insert("label:frontend".to_owned(), "stand-in".to_owned());
    let solve = SolveRequest {
        frontend: "dockerfile.v0".to_owned(),
        frontend_opt: options,
        allow_result_return: true,
        allow_result_array_ref: true,
        ..SolveRequest::default()
    };
    let end = match bridge.solve(solve).await {
        Ok(solved) => ReturnRequest { result: solved.into_inner().result, error: None },
        Err(status) => {
            let error =
                rpc::Status { code: status.code().into(), message: status.message().to_owned(), details: Vec::new() };
            ReturnRequest { result: None, error: Some(error) }
        }
    };
    bridge.r#return(end).await?;
    Ok(())
}
