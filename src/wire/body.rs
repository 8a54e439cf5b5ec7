use super::Failure;
use bytes::Bytes;
use futures::Stream;
use http_body::Frame;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, tower::BoxError>> + Send>>;

/// A response body: whole, or a stream of chunks for a watch.
pub struct Body(Inner);

enum Inner {
    Full(Option<Bytes>),
    Stream(Chunks),
}

impl Body {
    /// A body that is known whole.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Full(Some(bytes.into())))
    }

    /// A body whose chunks come over time. Dropping the body drops the stream.
    pub fn stream(chunks: impl Stream<Item = Result<Bytes, tower::BoxError>> + Send + 'static) -> Self {
        Self(Inner::Stream(Box::pin(chunks)))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Full(_) => "Body(full)",
            Inner::Stream(_) => "Body(stream)",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = tower::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Inner::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Stream(chunks) => chunks.as_mut().poll_next(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Inner::Full(None))
    }
}

/// The largest body that a server of Kubernetes takes, in bytes.
const LARGEST: usize = 3 * 1024 * 1024;

/// The whole of a request's body, when it is not too large.
///
/// # Errors
/// 413 in the server's words, and 400 when the body breaks off.
pub async fn collect_limited<B>(body: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<tower::BoxError>,
{
    match Limited::new(body, LARGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Request entity too large: limit is {LARGEST}");
            Err(Failure::new(413, "RequestEntityTooLarge", message))
        }
        Err(error) => Err(Failure::new(400, "BadRequest", error.to_string())),
    }
}

/// The whole of a request or response body. Never use it on a watch.
///
/// # Errors
/// What the body's own stream fails with.
pub async fn collect<B>(body: B) -> Result<Bytes, B::Error>
where
    B: http_body::Body<Data = Bytes>,
{
    Ok(body.collect().await?.to_bytes())
}
