use crate::{
    entropy,
    wire::{Body, EventType, Frame, LineSplitter, Request, RequestInfo, Response, Verb, collect},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::StreamExt};
use http_body_util::BodyDataStream;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Sees when something last happened on a real cluster, so that a scenario can wait for quiet.
///
/// Something is a watch frame other than a bookmark, and a write unlike the last one to its path. Leases are
/// renewed for ever and count as nothing.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    last: Instant,
    writes: BTreeMap<(String, String), Vec<u8>>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Seen { last: entropy::instant(), writes: BTreeMap::new() })))
    }

    /// How long nothing has happened.
    pub(super) fn quiet_for(&self) -> Duration {
        entropy::instant().duration_since(self.seen().last)
    }

    /// A layer for the traffic of `actor`.
    pub(super) fn layer(&self, actor: &str) -> ActivityLayer {
        ActivityLayer { activity: self.clone(), actor: actor.to_owned() }
    }

    fn happened(&self) {
        self.seen().last = entropy::instant();
    }

    fn write(&self, actor: &str, info: &RequestInfo, body: &[u8]) {
        let lease = info.resource.as_ref().is_some_and(|resource| resource.plural == "leases");
        let key = (actor.to_owned(), format!("{} {}", info.verb, info.path));
        let mut seen = self.seen();
        if !lease && seen.writes.insert(key, body.to_vec()).is_none_or(|last| last != body) {
            seen.last = entropy::instant();
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Activity::layer`].
#[derive(Clone, Debug)]
pub(super) struct ActivityLayer {
    activity: Activity,
    actor: String,
}

impl<S> tower::Layer<S> for ActivityLayer {
    type Service = ActivityService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ActivityService { inner, layer: self.clone() }
    }
}

/// The service of an [`ActivityLayer`].
#[derive(Clone, Debug)]
pub(super) struct ActivityService<S> {
    inner: S,
    layer: ActivityLayer,
}

impl<S, B> tower::Service<Request> for ActivityService<S>
where
    S: tower::Service<Request, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<tower::BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Response;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response, tower::BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (head, body) = request.into_parts();
        let info = RequestInfo::parse(&head.method, &head.uri, &head.headers);
        // A client's request bodies are in memory.
        let body = collect(body).now_or_never().and_then(Result::ok).unwrap_or_default();
        if info.verb.is_write() {
            self.layer.activity.write(&self.layer.actor, &info, &body);
        }
        let watching = info.verb == Verb::Watch && self.layer.actor != crate::tape::DRIVER;
        let activity = self.layer.activity.clone();
        let request = http::Request::from_parts(head, body.to_vec().into());
        self.inner
            .call(request)
            .map(move |response| Ok(watched(response.map_err(Into::into)?, watching, activity)))
            .boxed()
    }
}

fn watched<B>(response: http::Response<B>, watching: bool, activity: Activity) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    response.map(|body| {
        let mut lines = LineSplitter::default();
        let chunks = BodyDataStream::new(body).map(move |chunk| {
            let chunk = chunk.map_err(Into::into)?;
            let lines = if watching { lines.push(&chunk) } else { Vec::new() };
            let news = |line: &Vec<u8>| Frame::parse(line).is_ok_and(|f| f.event != EventType::Bookmark);
            if lines.iter().any(news) {
                activity.happened();
            }
            Ok(chunk)
        });
        Body::stream(chunks)
    })
}
