use super::{
    core::{Core, Held, Level, Outcome, Served, Waiting},
    divergence::Divergence,
    ledger::Attempt,
    plan::{DRIVER, Plan},
    reads::Reply,
    schedule::Progress,
    stand_ins::Masks,
};
use crate::{
    entropy::Offset,
    tape::{Header, Tape},
    wire::{Failure, RequestInfo, Response},
};
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::oneshot;

/// Plays a tape: the world that the operators of a replay talk to. Cheap to clone.
///
/// It is driven from outside: whoever owns the clock calls [`Player::quiet`] when no operator can run.
#[derive(Clone, Debug)]
pub struct Player(Arc<Mutex<Core>>);

/// What a player does when nothing else happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It delivered something.
    Moved,
    /// The next thing is due then, since the start.
    Later(Duration),
    /// Nothing is left that time alone would bring.
    Nothing,
    /// The replay has diverged.
    Diverged,
}

impl Player {
    /// A player at the start of `tape`.
    pub fn new(tape: &Tape, level: Level) -> Self {
        let plan = Arc::new(Plan::new(tape));
        Self(Arc::new(Mutex::new(Core::new(plan, level, Masks::new(tape)))))
    }

    /// The service that one actor's client stands on.
    pub fn service(&self, actor: &str, now: impl Fn() -> Duration + Clone + Send + 'static) -> Playing {
        Playing { player: self.clone(), actor: actor.to_owned(), now: Arc::new(Mutex::new(Box::new(now))) }
    }

    /// Delivers the next thing that is due at `now`, when no operator can run.
    pub fn quiet(&self, now: Duration) -> Quiet {
        let mut core = self.core();
        if core.divergence.is_some() {
            return Quiet::Diverged;
        }
        match core.quiet(now) {
            Progress::Moved => Quiet::Moved,
            Progress::Later(at) => Quiet::Later(at),
            Progress::Nothing => Quiet::Nothing,
        }
    }

    /// Waits until a step of the scenario has come to its place on the tape; at once when it has none.
    pub fn step(&self, step: &str, of: &str) -> impl Future<Output = ()> + Send + use<> {
        let mut core = self.core();
        let wait = core.take_mark(step, of).map(|mark| {
            let (reply, wait) = oneshot::channel();
            let (n, at) = (mark.n, mark.at.0);
            core.held.push(Held { n, at, what: Waiting::Step { mark: Box::new(mark), reply } });
            wait
        });
        async move {
            if let Some(wait) = wait {
                // The other end goes away with the run itself.
                let _ = wait.await;
            }
        }
    }

    /// Since when the scenario's first step waits for its place on the tape.
    pub fn held_since(&self) -> Option<Duration> {
        self.core().held.iter().map(|held| held.at).min()
    }

    /// Whether every binding write has come and every last status is right.
    pub fn is_complete(&self) -> bool {
        let core = self.core();
        core.ledger.open_binding_count() == 0
            && core.ledger.wrong_statuses().is_empty()
            && core.strict_open().is_none()
    }

    /// What differs from the tape so far; with `finished`, also what never came.
    pub fn verdict(&self, finished: bool, now: Duration) -> Option<Divergence> {
        let core = self.core();
        if core.divergence.is_some() || !finished || core.level == Level::Lenient {
            return core.divergence.clone();
        }
        core.unfinished(now)
    }

    /// What stands in the way of the first step that waits, when it waits too long.
    pub fn stuck(&self, now: Duration) -> Option<Divergence> {
        let core = self.core();
        core.divergence.clone().or_else(|| core.unfinished(now))
    }

    /// Notes of level lenient.
    pub fn notes(&self) -> Vec<String> {
        self.core().notes.clone()
    }

    /// All requests so far, in order.
    pub fn served(&self) -> Vec<Served> {
        self.core().log.clone()
    }

    /// The tape's header.
    pub fn header(&self) -> Header {
        self.core().plan.header.clone()
    }

    /// Offset of the tape's last record.
    pub fn end(&self) -> Offset {
        self.core().plan.end
    }

    /// How many binding writes the tape has, and how many of them have come.
    pub fn progress(&self) -> (usize, usize) {
        let core = self.core();
        let all = (0..core.plan.writes.len()).filter(|write| core.plan.is_binding(*write)).count();
        (all, all - core.ledger.open_binding_count())
    }

    fn core(&self) -> std::sync::MutexGuard<'_, Core> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, actor: &str, info: RequestInfo, body: &[u8], now: Duration) -> Reply {
        let mut core = self.core();
        if core.divergence.is_some() {
            return Reply::Never;
        }
        if !info.verb.is_write() {
            return core.read(actor, &info, now);
        }
        match parse(&info, body) {
            Ok(mut body) => {
                core.masks.mask(&info, &mut body);
                core.write(Attempt { actor: actor.to_owned(), info, body: body.into() }, now)
            }
            Err(failure) => Reply::Now(Ok(failure.to_response())),
        }
    }
}

/// A body as JSON; an apply patch may be YAML.
fn parse(info: &RequestInfo, body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let yaml = info.content_type.as_deref().is_some_and(|kind| kind.contains("yaml"));
    let text = std::str::from_utf8(body).ok().filter(|_| yaml);
    text.and_then(|text| serde_saphyr::from_str(text).ok())
        .ok_or_else(|| Failure::new(400, "BadRequest", "the request body is neither JSON nor YAML"))
}

type Now = Box<dyn Fn() -> Duration + Send>;

/// The service of one actor on a [`Player`].
#[derive(Clone)]
pub struct Playing {
    player: Player,
    actor: String,
    now: Arc<Mutex<Now>>,
}

impl tower::Service<http::Request<bytes::Bytes>> for Playing {
    type Response = Response;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Outcome>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<bytes::Bytes>) -> Self::Future {
        let (head, body) = request.into_parts();
        let info = RequestInfo::parse(&head.method, &head.uri, &head.headers);
        let now = (self.now.lock().unwrap_or_else(PoisonError::into_inner))();
        match self.player.decide(&self.actor, info, &body, now) {
            Reply::Now(outcome) => futures::future::ready(outcome).boxed(),
            Reply::Held(wait) => {
                async move { wait.await.unwrap_or_else(|_| Err("the replay has ended".into())) }.boxed()
            }
            Reply::Never => futures::future::pending().boxed(),
        }
    }
}

impl Core {
    /// Binding writes that have not come, or last statuses that are wrong.
    fn unfinished(&self, now: Duration) -> Option<Divergence> {
        let open: Vec<usize> = self.ledger.open_before(u64::MAX).collect();
        let status = open.first().copied().filter(|first| self.plan.writes[*first].is_status);
        if let Some((first, came)) =
            status.and_then(|first| Some((first, self.ledger.last_in_slot_of(first)?)))
        {
            return Some(Divergence::last_status(&self.plan, first, Some(came), now));
        }
        if let Some(divergence) = Divergence::missing(&self.plan, &open, self.waiting(), now) {
            return Some(divergence);
        }
        if let Some(open) = self.strict_open() {
            return Divergence::missing(&self.plan, &[open], self.waiting(), now);
        }
        let wrong = *self.ledger.wrong_statuses().first()?;
        Some(Divergence::last_status(&self.plan, wrong, self.ledger.last_in_slot_of(wrong), now))
    }

    /// At level strict, the first write of an operator that has not come.
    fn strict_open(&self) -> Option<usize> {
        if self.level != Level::Strict {
            return None;
        }
        let mut writes = self.plan.writes.iter().enumerate();
        let open = writes.find(|(index, write)| {
            let next = self.strict_next.get(&write.actor).copied().unwrap_or_default();
            write.actor != DRIVER && *index >= next && write.answered_n.is_some()
        });
        open.map(|(index, _)| index)
    }

    /// Who waits for what.
    fn waiting(&self) -> Vec<String> {
        let steps = self.held.iter().map(|held| match &held.what {
            Waiting::Step { mark, .. } => {
                let step = format!("{} {}", mark.step, mark.of);
                format!("the scenario waits at `{}` (event {})", step.trim(), held.n)
            }
            Waiting::Write { attempt, .. } => {
                format!("the scenario waits to {} {}", attempt.info.verb, attempt.info.what())
            }
            Waiting::Read { info, .. } => format!("the scenario waits to {} {}", info.verb, info.what()),
        });
        steps.chain(self.watches.describe()).collect()
    }
}

#[cfg(test)]
#[path = "player_tests.rs"]
mod tests;
