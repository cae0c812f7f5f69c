//! `GET /images/{id}/get`: an image out of the engine, as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use hyper::Method;
use hyper::body::Body as _;

use super::connect::empty;
use super::transport::{Answer, Transport};
use super::{Engine, Error, ImageId, denial};
use crate::progress::sanitize::one_line;

const CALL: &str = "GET /images/…/get";

/// An archive on its way, see [`crate::archive`]. Dropping it ends the export.
#[derive(Debug)]
pub struct Export {
    transport: Arc<Transport>,
    answer: Answer,
}

impl Engine {
    /// Begins to export an image. An engine with the graphdriver store first writes all of it to its disk, which may take
    /// seconds.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached, has no such image or no room, or a plugin forbids it.
    pub async fn export(&self, image: &ImageId) -> Result<Export, Error> {
        let request = empty(Method::GET, &format!("/images/{image}/get"));
        match self.ask(CALL, request).await? {
            Ok(answer) => Ok(Export { transport: Arc::clone(&self.transport), answer }),
            Err((_, message)) if denial::is_no_space(&message) => Err(Error::NoSpace { reason: one_line(&message) }),
            Err((_, message)) if denial::is_empty_export(&message) => Err(Error::NoLayers),
            Err((status, message)) => Err(Error::Answer { call: CALL.to_owned(), status, message }),
        }
    }
}

impl Stream for Export {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = ready!(Pin::new(self.answer.response.body_mut()).poll_frame(context));
            return Poll::Ready(match frame {
                None => None,
                Some(Err(error)) => Some(Err(self.transport.dropped(&error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    Err(_) => continue,
                },
            });
        }
    }
}
