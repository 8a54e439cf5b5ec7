//! The server as a service: requests in, answers and streams out.

use super::{
    bootstrap,
    controllers::{self, CONTROLLERS},
    verbs::{After, Handled, State, Watch, handle, restore},
};
use crate::{
    entropy,
    wire::{Body, Failure, Request, RequestInfo, Response, collect_limited},
};
use bytes::Bytes;
use futures::{Stream, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// How often a watch that asked for bookmarks gets one.
const MARKS: Duration = Duration::from_secs(60);

/// A simulated API server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Sim {
    state: Arc<Mutex<State>>,
    tokens: Arc<BTreeMap<String, String>>,
}

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where ids come from; the same seed gives the same ids.
    pub seed: u64,
    /// The time of day at the start; the present one when there is none. It moves with tokio's clock.
    pub base: Option<Timestamp>,
    /// Who may come, by token; everybody may when there are none.
    pub tokens: BTreeMap<String, String>,
    /// Admission plugins to turn off, by the names that kube-apiserver gives them.
    pub disabled_admission: Vec<String>,
    /// The controllers that run, by the names that kube-controller-manager gives them; [`CONTROLLERS`] unless
    /// said otherwise.
    pub controllers: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let controllers = CONTROLLERS.iter().map(|name| (*name).to_owned()).collect();
        Self { seed: 0, base: None, tokens: BTreeMap::new(), disabled_admission: Vec::new(), controllers }
    }
}

impl Sim {
    /// A server that holds what every server holds.
    pub fn new(options: Options) -> Self {
        let mut state = State::new(options.seed, options.base.unwrap_or_else(entropy::now));
        state.disabled = options.disabled_admission;
        bootstrap::fill(&mut state);
        state.controllers = options.controllers;
        if state.runs("pod") {
            bootstrap::node(&mut state);
        }
        // What was before a server began cannot be watched.
        state.store.compact();
        controllers::work(&mut state);
        Self { state: Arc::new(Mutex::new(state)), tokens: Arc::new(options.tokens) }
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.lock().store.revision()
    }

    /// All objects that there are now, by type, namespace and name.
    pub fn objects(&self) -> Vec<Value> {
        let state = self.lock();
        state.store.all().map(|object| Value::clone(object)).collect()
    }

    /// Puts objects into the store as they are, with their uids, times, owners and status; definitions come first,
    /// in whatever order they are given. An object that is there already is replaced.
    ///
    /// # Errors
    /// 400 that names the object: of no known type, without a name, or with values of the wrong type. What was
    /// restored before it stays.
    pub fn restore(&self, objects: Vec<Value>) -> Result<(), Failure> {
        let done = {
            let mut state = self.lock();
            let done = restore(&mut state, objects);
            controllers::work(&mut state);
            done
        };
        self.wake();
        done
    }

    /// Forgets all history and breaks all watches, as a compaction of etcd and a restart do. What a client saw
    /// last is forgotten too: a server that starts writes of itself, to keys that no client sees.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.store.tick();
        state.store.compact();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic may leave a part of a request done, as the crash of a server does.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let info = RequestInfo::parse(&parts.method, &parts.uri, &parts.headers);
        if !self.knows(&parts.headers) {
            let mut response = Failure::new(401, "Unauthorized", "Unauthorized").to_response();
            self.finish(&parts.headers, response.headers_mut());
            return response;
        }
        let body = match collect_limited(body).await {
            Ok(body) => body,
            Err(failure) => {
                let mut response = failure.to_response();
                self.finish(&parts.headers, response.headers_mut());
                return response;
            }
        };
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let mut state = self.lock();
            let before = state.store.revision();
            let handled = handle(&mut state, &parts.method, &parts.headers, &info, &body);
            if state.store.revision() != before {
                controllers::work(&mut state);
            }
            handled
        }));
        let Ok(handled) = caught else { return panicked() };
        self.wake();
        let mut response = match handled {
            Handled::Answer(response) => response,
            Handled::Later(response) => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                response
            }
            Handled::Stream(watch, headers) => {
                let mut response = Response::new(Body::stream(self.clone().lines(*watch)));
                *response.headers_mut() = headers;
                response
            }
        };
        self.finish(&parts.headers, response.headers_mut());
        if parts.method == http::Method::HEAD {
            *response.body_mut() = Body::full("");
        }
        response
    }

    /// Whether a request brings a token that is known, where there are any.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let text =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.tokens.is_empty()
            || text.strip_prefix("Bearer ").is_some_and(|token| self.tokens.contains_key(token))
    }

    /// Lets the controllers work again when the next of their timers is due.
    fn wake(&self) {
        let due = {
            let mut state = self.lock();
            let Some(millis) = state.agenda.next_due() else { return };
            if state.waking.is_some_and(|waking| waking <= millis) {
                return;
            }
            state.waking = Some(millis);
            state.clock.at(millis)
        };
        let (weak, tokens) = (Arc::downgrade(&self.state), self.tokens.clone());
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            let Some(state) = weak.upgrade() else { return };
            let sim = Self { state, tokens };
            {
                let mut state = sim.lock();
                state.waking = None;
                // What breaks ends this turn of the controllers, not the server.
                let _ = catch_unwind(AssertUnwindSafe(|| controllers::work(&mut state)));
            }
            sim.wake();
        });
    }

    /// The headers that every answer has.
    fn finish(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        let audit = asked.get("audit-id").cloned();
        let audit = audit.or_else(|| HeaderValue::from_str(&self.lock().dice.uuid()).ok());
        headers.extend(audit.map(|audit| (http::HeaderName::from_static("audit-id"), audit)));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    }

    /// The lines of a watch as they come.
    fn lines(self, watch: Watch) -> impl Stream<Item = Result<Bytes, tower::BoxError>> + Send {
        let now = Instant::now();
        let (end, mark) = (now + watch.timeout, now + MARKS);
        stream::unfold(Some((self, watch, mark)), move |next| async move {
            let (sim, mut watch, mut mark) = next?;
            loop {
                // Seen before it is read: nothing is missed between reading and waiting.
                watch.topic.borrow_and_update();
                let (lines, after) = watch.read(&sim.lock());
                if !lines.is_empty() {
                    let bytes = Bytes::from(lines.concat());
                    return Some((Ok(bytes), (after != After::End).then_some((sim, watch, mark))));
                }
                match after {
                    After::More => {}
                    After::End => return None,
                    After::Break => return Some((Err("the server was restarted".into()), None)),
                }
                let changed = tokio::time::timeout_at(end.min(mark), watch.topic.changed()).await;
                if changed.is_ok() {
                    continue;
                }
                if mark >= end {
                    return None;
                }
                mark += MARKS;
                let Some(line) = watch.bookmark_now() else { continue };
                return Some((Ok(line), Some((sim, watch, mark))));
            }
        })
    }
}

/// What a server says of a request that it could not survive.
fn panicked() -> Response {
    let text = "This request caused apiserver to panic. Look in the logs for details.\n";
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

impl tower::Service<Request> for Sim {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let sim = self.clone();
        Box::pin(async move { Ok(sim.answer(request).await) })
    }
}
