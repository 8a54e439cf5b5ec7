use crate::{
    scrub,
    wire::{EventType, Headline, LineSplitter, RequestInfo, Response},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::StreamExt};
use http_body_util::BodyDataStream;
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// What went between the actors of a scenario and the API server, in the order in which it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Entry>>>, Arc<AtomicU64>);

/// One line of the log.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Call(Box<Call>),
    Frame(Seen),
}

/// A request, and what is known of its answer.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) at: Duration,
    pub(super) actor: String,
    pub(super) info: RequestInfo,
    pub(super) body: Bytes,
    /// 0 until it is answered, and for a connection that failed.
    pub(super) status: u16,
}

/// A watch event that reached an actor; bookmarks are none.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Duration,
    pub(super) actor: String,
    pub(super) event: EventType,
    /// `deployments.apps default/web`.
    pub(super) what: String,
}

impl Calls {
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// Notes how many threads were started that nobody waits for.
    pub(super) fn note_threads(&self, count: u64) {
        self.1.store(count, Ordering::SeqCst);
    }

    /// How many threads were started that nobody waits for.
    pub(super) fn threads(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }

    /// The requests alone.
    pub(super) fn calls(&self) -> Vec<Call> {
        let call = |entry: &Entry| match entry {
            Entry::Call(call) => Some((**call).clone()),
            Entry::Frame(_) => None,
        };
        self.lock().iter().filter_map(call).collect()
    }

    /// Every request with its time, query and body: two runs with the same lines did the same.
    pub(super) fn lines(&self) -> Vec<String> {
        self.calls().iter().map(|call| call.to_string().replace('\n', "\\n")).collect()
    }

    /// Notes a request; the number is for [`Calls::answered`].
    pub(super) fn sent(&self, at: Duration, actor: &str, info: &RequestInfo, body: &Bytes) -> usize {
        let call = Call { at, actor: actor.to_owned(), info: info.clone(), body: body.clone(), status: 0 };
        let mut entries = self.lock();
        entries.push(Entry::Call(Box::new(call)));
        entries.len() - 1
    }

    pub(super) fn answered(&self, number: usize, status: u16) {
        if let Some(Entry::Call(call)) = self.lock().get_mut(number) {
            call.status = status;
        }
    }

    fn seen(&self, at: Duration, actor: &str, of: &RequestInfo, line: Headline) {
        let named = RequestInfo { name: line.name, namespace: line.namespace, ..of.clone() };
        let seen = Seen { at, actor: actor.to_owned(), event: line.event, what: named.what() };
        self.lock().push(Entry::Frame(seen));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `+1.25s echo PATCH-like-verb path?query status body`; of a body that may hold a secret, its digest.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::entropy::Offset(self.at);
        write!(
            f,
            "+{at}  {}  {}  {}  {}",
            self.actor,
            self.info.verb,
            self.info.path_and_query(),
            self.status
        )?;
        if self.body.is_empty() {
            return Ok(());
        }
        if scrub::is_sensitive(&self.info) {
            return write!(f, "  {} bytes, sha256 {:x}", self.body.len(), Sha256::digest(&self.body));
        }
        write!(f, "  {}", String::from_utf8_lossy(&self.body))
    }
}

/// A service of one actor whose traffic is noted. It stands behind the gate, where the order of requests is
/// the one in which the world hears them.
#[derive(Clone)]
pub(super) struct Noted<S, N> {
    pub(super) inner: S,
    pub(super) calls: Calls,
    pub(super) actor: String,
    pub(super) now: N,
}

impl<S, N> tower::Service<http::Request<Bytes>> for Noted<S, N>
where
    S: tower::Service<http::Request<Bytes>, Response = Response, Error = tower::BoxError>,
    S::Future: Send + 'static,
    N: Fn() -> Duration + Clone + Send + 'static,
{
    type Response = Response;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response, tower::BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let info = RequestInfo::parse(request.method(), request.uri(), request.headers());
        let number = self.calls.sent((self.now)(), &self.actor, &info, request.body());
        let (calls, actor, now) = (self.calls.clone(), self.actor.clone(), self.now.clone());
        let answer = self.inner.call(request);
        async move {
            let response = answer.await?;
            calls.answered(number, response.status().as_u16());
            let watching = info.verb == crate::wire::Verb::Watch && response.status().is_success();
            if !watching {
                return Ok(response);
            }
            let note = move |line: Headline| calls.seen(now(), &actor, &info, line);
            Ok(response.map(|body| observed(body, note)))
        }
        .boxed()
    }
}

/// The same body; `note` is told of each watch event in it.
pub(super) fn observed<B>(body: B, note: impl Fn(Headline) + Send + 'static) -> crate::wire::Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    let mut lines = LineSplitter::default();
    let chunks = BodyDataStream::new(body).map(move |chunk| {
        let chunk = chunk.map_err(Into::into)?;
        for line in lines.push(&chunk) {
            if let Some(line) = Headline::parse(&line).filter(|line| line.event != EventType::Bookmark) {
                note(line);
            }
        }
        Ok(chunk)
    });
    crate::wire::Body::stream(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(method: &str, path: &str, body: &'static str) -> String {
        let info = RequestInfo::from_parts(&method.parse().unwrap(), path, "", None, false);
        let calls = Calls::default();
        calls.sent(Duration::ZERO, "op", &info, &Bytes::from_static(body.as_bytes()));
        calls.lines().remove(0)
    }

    #[test]
    fn the_body_of_a_secret_is_told_by_its_digest() {
        let body = "{\"stringData\":{\"a\":\"hunter2\"}}";
        for (method, path) in
            [("POST", "/api/v1/namespaces/a/secrets"), ("PUT", "/api/v1/namespaces/a/secrets/s")]
        {
            let told = line(method, path, body);
            assert!(!told.contains("hunter2") && told.contains("sha256 "), "{told}");
            assert_ne!(told, line(method, path, "{\"stringData\":{\"a\":\"hunter3\"}}"));
        }
        assert!(line("POST", "/api/v1/namespaces/a/configmaps", body).contains("hunter2"));
    }
}
