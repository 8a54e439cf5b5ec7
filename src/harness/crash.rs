use super::{failure::Failure, world::World};
use crate::{
    entropy::Offset,
    runtime::Clock,
    sim::Sim,
    wire::{RequestInfo, Response},
};
use bytes::Bytes;
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// How long a disturbed run may take to come to the state of the undisturbed one.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(30);

type Agrees = dyn Fn(&[Value]) -> bool + Send + Sync;

/// Watches what the operators of one run write, and kills one of them right after a write: it is done, and its
/// answer never arrives.
#[derive(Clone)]
pub(crate) struct Crash {
    after: Option<usize>,
    /// Whether the objects are those of the undisturbed run.
    agrees: Arc<Agrees>,
    writes: Arc<Mutex<Vec<Written>>>,
    victim: Arc<Mutex<Option<String>>>,
    hit: Arc<Notify>,
}

/// A write of an operator that changed something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) at: Duration,
    pub(crate) actor: String,
    /// `create deployments.apps default/web`.
    pub(crate) what: String,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.actor, self.what, Offset(self.at).short())
    }
}

/// How such a run ended.
pub(crate) struct Disturbed {
    pub(crate) failure: Option<Failure>,
    pub(crate) writes: Vec<Written>,
    pub(crate) objects: Vec<Value>,
}

impl Crash {
    /// Only watches.
    pub(crate) fn never() -> Self {
        Self::new(None, |_| true)
    }

    /// Kills after write number `after`, counted from 1.
    pub(crate) fn after(after: usize, agrees: impl Fn(&[Value]) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Some(after), agrees)
    }

    fn new(after: Option<usize>, agrees: impl Fn(&[Value]) -> bool + Send + Sync + 'static) -> Self {
        Self {
            after,
            agrees: Arc::new(agrees),
            writes: Arc::default(),
            victim: Arc::default(),
            hit: Arc::default(),
        }
    }

    pub(crate) fn writes(&self) -> Vec<Written> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a write; whether its sender dies of it.
    fn wrote(&self, written: Written) -> bool {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let actor = written.actor.clone();
        writes.push(written);
        let dies = self.after == Some(writes.len());
        if dies {
            *self.victim.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
            self.hit.notify_one();
        }
        dies
    }

    /// Restarts the operator that a write killed.
    pub(super) async fn reap(&self, world: &World) {
        self.hit.notified().await;
        let victim = self.victim.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let operators = world.operators().clone();
        for operator in operators.iter().filter(|operator| Some(operator.name()) == victim.as_deref()) {
            operator.again();
        }
    }

    /// Lets time pass until the state is that of the undisturbed run, or the patience is over.
    pub(super) async fn rest(&self, sim: &Sim) -> Vec<Value> {
        let mut waited = Duration::ZERO;
        loop {
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
            let objects = sim.objects();
            if (self.agrees)(&objects) || waited >= PATIENCE {
                return objects;
            }
        }
    }
}

/// What one operator's requests do to the server, for a [`Crash`].
#[derive(Clone)]
pub(super) struct Witness {
    pub(super) crash: Crash,
    pub(super) sim: Sim,
    pub(super) actor: String,
    pub(super) clock: Clock,
}

impl Witness {
    /// Waits for the answer; for ever, when the operator dies of its write.
    pub(super) async fn see<E>(
        self,
        request: http::Request<Bytes>,
        answer: impl AsyncFnOnce(http::Request<Bytes>) -> Result<Response, E>,
    ) -> Result<Response, E> {
        let mut info = RequestInfo::parse(request.method(), request.uri(), request.headers());
        info.name = info.name.or_else(|| named(request.body()));
        let before = self.sim.revision();
        let answered = answer(request).await?;
        if answered.status().is_success() && self.sim.revision() != before && counts(&info) {
            let (at, actor) = (self.clock.now(), self.actor.clone());
            let what = format!("{} {}", info.verb, info.what());
            if self.crash.wrote(Written { at, actor, what }) {
                std::future::pending::<()>().await;
            }
        }
        Ok(answered)
    }
}

/// The name in the body of a create, or what it is to begin with.
fn named(body: &Bytes) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| body["metadata"][field].as_str().map(str::to_owned);
    text("name").or_else(|| text("generateName").map(|prefix| format!("{prefix}…")))
}

/// Events and leases are made anew for ever, and nobody's state.
fn counts(info: &RequestInfo) -> bool {
    let plural = info.resource.as_ref().map(|resource| resource.plural.as_str());
    info.verb.is_write() && !matches!(plural, None | Some("events" | "leases"))
}
