use super::calls::{Calls, observed};
use crate::{
    entropy,
    wire::{Body, Request, RequestInfo, Response, Verb, collect},
};
use bytes::Bytes;
use futures::{FutureExt, TryStreamExt, future::BoxFuture};
use http_body_util::BodyExt;
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
pub(super) struct Activity {
    seen: Arc<Mutex<Seen>>,
    calls: Calls,
    start: Instant,
}

#[derive(Debug)]
struct Seen {
    last: Instant,
    writes: BTreeMap<(String, String), Vec<u8>>,
}

impl Activity {
    pub(super) fn new() -> Self {
        let start = entropy::instant();
        let seen = Seen { last: start, writes: BTreeMap::new() };
        Self { seen: Arc::new(Mutex::new(seen)), calls: Calls::default(), start }
    }

    /// What went through all clients.
    pub(super) fn calls(&self) -> &Calls {
        &self.calls
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
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (activity, actor) = (self.layer.activity.clone(), &self.layer.actor);
        if info.verb.is_write() {
            activity.write(actor, &info, &body);
        }
        let number = activity.calls.sent(activity.start.elapsed(), actor, &info, &body);
        let watching = info.verb == Verb::Watch && actor != crate::tape::DRIVER;
        let request = http::Request::from_parts(head, body.to_vec().into());
        let answer = self.inner.call(request);
        async move {
            let response = answer.await.map_err(Into::into)?;
            activity.calls.answered(number, response.status().as_u16());
            Ok(response.map(|body| match watching {
                true => observed(body, move |_| activity.happened()),
                false => Body::stream(body.into_data_stream().map_err(Into::into)),
            }))
        }
        .boxed()
    }
}
