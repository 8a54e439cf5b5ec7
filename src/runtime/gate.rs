use crate::{
    entropy::Dice,
    wire::{Body, Request, Response, collect},
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Holds requests until the runtime has nothing else to do, then lets one through.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    queue: BTreeMap<Ticket, oneshot::Sender<()>>,
    arrivals: u64,
    released: u64,
    schedule: Option<Dice>,
}

impl Waiting {
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let count = self.queue.len() as u64;
        let drawn = self.schedule.as_mut().filter(|_| count > 1).map(|dice| dice.roll() % count);
        match drawn.and_then(|drawn| self.queue.keys().nth(usize::try_from(drawn).ok()?).cloned()) {
            Some(ticket) => self.queue.remove(&ticket),
            None => self.queue.pop_first().map(|(_, pass)| pass),
        }
    }
}

/// What decides who goes first; arrival breaks ties between equal requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    actor: Arc<str>,
    method: String,
    path: String,
    body: bytes::Bytes,
    arrival: u64,
}

impl Gate {
    /// Puts `service` behind this gate, for the requests of `actor`.
    pub fn service<S>(&self, service: S, actor: &str) -> Gated<S> {
        Gated { gate: self.clone(), service, actor: actor.into() }
    }

    /// How many requests went through.
    pub fn released(&self) -> u64 {
        self.with(|waiting| waiting.released)
    }

    /// A gate that draws who goes first with dice of this seed.
    pub(super) fn new(schedule: Option<u64>) -> Self {
        let schedule = schedule.map(Dice::new);
        Self(Arc::new(Mutex::new(Waiting { schedule, ..Waiting::default() })))
    }

    /// Lets the first request through, or one that is drawn; whether there was one. Requests whose caller is gone are dropped.
    pub(super) fn release(&self) -> bool {
        self.with(|waiting| {
            while let Some(pass) = waiting.next() {
                if pass.send(()).is_ok() {
                    waiting.released += 1;
                    return true;
                }
            }
            false
        })
    }

    fn enqueue(
        &self,
        actor: Arc<str>,
        method: String,
        path: String,
        body: bytes::Bytes,
    ) -> oneshot::Receiver<()> {
        let (pass, wait) = oneshot::channel();
        self.with(|waiting| {
            waiting.arrivals += 1;
            let ticket = Ticket { actor, method, path, body, arrival: waiting.arrivals };
            waiting.queue.insert(ticket, pass);
        });
        wait
    }

    fn with<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A service behind a [`Gate`].
#[derive(Clone, Debug)]
pub struct Gated<S> {
    gate: Gate,
    service: S,
    actor: Arc<str>,
}

impl<S> tower::Service<Request> for Gated<S>
where
    S: tower::Service<http::Request<bytes::Bytes>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<tower::BoxError>,
{
    type Response = http::Response<Body>;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (gate, service, actor) = (self.gate.clone(), self.service.clone(), self.actor.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = collect(body).await?;
            let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            let wait = gate.enqueue(actor, head.method.to_string(), path, body.clone());
            wait.await.map_err(|_| "the runtime behind this client has ended")?;
            let request = http::Request::from_parts(head, body);
            tower::ServiceExt::oneshot(service, request).await.map_err(Into::into)
        }
        .boxed()
    }
}
