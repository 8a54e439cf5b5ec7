use super::{DROPPED, Recorder, tee};
use crate::{
    tape::{Answer, Event, Payload, Sent},
    wire::{Body, Request, RequestInfo, Response, Verb, causes, collect},
};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, StatusCode, header};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{BoxError, Layer, Service};

/// Records what passes to the service inside it; see [`Recorder::layer`].
#[derive(Clone, Debug)]
pub struct RecordLayer {
    pub(super) recorder: Recorder,
    pub(super) actor: Arc<str>,
}

impl<S> Layer<S> for RecordLayer {
    type Service = RecordService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RecordService { inner, recorder: self.recorder.clone(), actor: self.actor.clone() }
    }
}

/// The service of a [`RecordLayer`].
#[derive(Clone, Debug)]
pub struct RecordService<S> {
    inner: S,
    recorder: Recorder,
    actor: Arc<str>,
}

impl<S, B> Service<Request> for RecordService<S>
where
    S: Service<Request, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (parts, body) = request.into_parts();
        // kube's request bodies are in memory; a ready service has to be called at once, so others are refused.
        let Some(Ok(body)) = collect(body).now_or_never() else {
            return Box::pin(async { Err("a request whose body is a stream cannot be recorded".into()) });
        };
        let info = RequestInfo::parse(&parts.method, &parts.uri, &parts.headers);
        let follow = info.query.is_true("follow");
        let watch = info.verb == Verb::Watch;
        let id = self.recorder.sent(|id| Event::Sent(sent(id, &self.actor, info, &body)));
        let pending = Pending { recorder: self.recorder.clone(), id, open: true };
        let response = self.inner.call(Request::from_parts(parts, body.into()));
        Box::pin(async move {
            match response.await.map_err(Into::into) {
                Ok(response) if follow || response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    Ok(pending.head_only(response))
                }
                Ok(response) if watch && response.status().is_success() => Ok(pending.watch(response)),
                Ok(response) => pending.whole(response).await,
                Err(error) => Err(pending.failed(error)),
            }
        })
    }
}

fn sent(id: String, actor: &str, info: RequestInfo, body: &Bytes) -> Sent {
    // JSON is what a body is unless something else is said.
    let content_type = info.content_type.clone().filter(|media| media != "application/json");
    Sent {
        id,
        by: actor.to_owned(),
        verb: info.verb,
        path: info.path_and_query(),
        body: Payload::parse(body, content_type.as_deref()),
        content_type,
        metadata_only: info.metadata_only,
    }
}

/// A request without an answer yet. Dropping it means that the client gave it up.
struct Pending {
    recorder: Recorder,
    id: String,
    open: bool,
}

impl Pending {
    fn answer(&mut self, status: StatusCode, headers: &HeaderMap, body: Payload) {
        self.open = false;
        let headers = kept(headers);
        let to = self.id.clone();
        self.recorder.record(Event::Answer(Answer {
            to,
            status: status.as_u16(),
            headers,
            body,
            again: None,
        }));
    }

    fn failed(mut self, error: BoxError) -> BoxError {
        self.open = false;
        self.recorder.record(Event::Failed { to: self.id.clone(), error: causes(&*error) });
        error
    }

    /// Only the head is recorded of followed logs and of upgraded connections, which may never end.
    fn head_only<B>(mut self, response: http::Response<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(response.status(), response.headers(), Payload::Empty);
        response.map(|body| Body::stream(tee::chunks(body)))
    }

    fn watch<B>(mut self, response: http::Response<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(response.status(), response.headers(), Payload::Empty);
        let (recorder, id) = (self.recorder.clone(), self.id.clone());
        response.map(|body| Body::stream(tee::watch(body, recorder, id)))
    }

    async fn whole<B>(mut self, response: http::Response<B>) -> Result<Response, BoxError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = response.into_parts();
        let bytes = match collect(body).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.failed(error.into())),
        };
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        self.answer(parts.status, &parts.headers, Payload::parse(&bytes, media));
        Ok(Response::from_parts(parts, Body::full(bytes)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.open {
            self.recorder.record(Event::Failed { to: self.id.clone(), error: DROPPED.to_owned() });
        }
    }
}

/// Headers as the tape has them: content types only where they are not JSON, the scrubber drops the rest.
fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = value.to_str().ok()?.to_owned();
        let is_json = name == header::CONTENT_TYPE && value.starts_with("application/json");
        (!is_json).then(|| (name.to_string(), value))
    };
    headers.iter().filter_map(text).collect()
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
