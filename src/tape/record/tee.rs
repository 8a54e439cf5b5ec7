use super::{DROPPED, Recorder};
use crate::{
    tape::Event,
    wire::{Frame, LineSplitter, causes},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::BodyDataStream;
use tower::BoxError;

/// The data of a body as a stream, nothing recorded.
pub(super) fn chunks<B>(body: B) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let body = Box::pin(body);
    BodyDataStream::new(body).map(|chunk| chunk.map_err(Into::into))
}

/// The data of a watch's body. Each frame is recorded when the chunk that completes it passes.
pub(super) fn watch<B>(
    body: B,
    recorder: Recorder,
    id: String,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let tee = Tee { recorder, id, lines: LineSplitter::default(), open: true };
    stream::unfold((Box::pin(chunks(body)), tee), |(mut body, mut tee)| async move {
        match body.next().await {
            Some(Ok(chunk)) => {
                tee.chunk(&chunk);
                Some((Ok(chunk), (body, tee)))
            }
            Some(Err(error)) => {
                tee.close(Some(causes(&*error)));
                Some((Err(error), (body, tee)))
            }
            None => {
                tee.end();
                None
            }
        }
    })
}

/// Dropping it means that the client gave up the watch.
struct Tee {
    recorder: Recorder,
    id: String,
    lines: LineSplitter,
    open: bool,
}

impl Tee {
    fn chunk(&mut self, chunk: &[u8]) {
        for line in self.lines.push(chunk) {
            if self.open {
                self.line(&line);
            }
        }
    }

    /// A line that is no frame ends the record of this watch, not the watch.
    fn line(&mut self, line: &[u8]) {
        match Frame::parse(line) {
            Ok(Frame { event, object }) => {
                self.recorder.record(Event::Frame { of: self.id.clone(), event, object: object.into() });
            }
            Err(error) => self.close(Some(error.to_string())),
        }
    }

    /// The server may end a stream without a last line feed.
    fn end(&mut self) {
        let rest = std::mem::take(&mut self.lines).finish();
        if self.open && !rest.is_empty() {
            self.line(&rest);
        }
        self.close(None);
    }

    fn close(&mut self, error: Option<String>) {
        if std::mem::take(&mut self.open) {
            self.recorder.record(Event::Closed { of: self.id.clone(), error });
        }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.close(Some(DROPPED.to_owned()));
    }
}
