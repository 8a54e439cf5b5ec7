use super::{
    divergence::Divergence,
    items::What,
    ledger::{Attempt, Ledger},
    plan::{Mark, Plan, Said, TypeKey},
    stand_ins::Masks,
    texts::Texts,
    watches::Watches,
};
use crate::{
    history::History,
    wire::{ObjectKey, RequestInfo, Response, Verb},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// How closely the operator has to do what the tape says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Every write in the tape's order, repeats and status writes included.
    Strict,
    /// The writes that changed something, by object; see `docs/replay.md`.
    #[default]
    Semantic,
    /// As semantic, but extra, different and missing writes are only noted.
    Lenient,
}

/// One request of a replay, as it was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Virtual time since the start.
    pub at: Duration,
    /// Who asked.
    pub by: String,
    /// For what.
    pub verb: Verb,
    /// `deployments.apps default/web status`.
    pub what: String,
    /// HTTP status of the answer; 0 for a failed connection.
    pub status: u16,
    /// The number of the exchange on the tape that it was taken for.
    pub taped: Option<u64>,
}

/// The state of one replay.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) plan: Arc<Plan>,
    pub(super) level: Level,
    pub(super) history: History,
    /// How many versions of each type are in the history.
    pub(super) published: BTreeMap<TypeKey, usize>,
    /// How far each actor's streams of a type have come.
    pub(super) reach: BTreeMap<(String, TypeKey), u64>,
    /// What is still to happen, by actor and type, in order.
    pub(super) queues: BTreeMap<(String, TypeKey), VecDeque<usize>>,
    pub(super) ledger: Ledger,
    pub(super) masks: Masks,
    pub(super) watches: Watches,
    pub(super) held: Vec<Held>,
    pub(super) served: BTreeMap<(String, ObjectKey), usize>,
    pub(super) own: BTreeMap<ObjectKey, Own>,
    /// The resourceVersion that an actor was last told of an object by an answer.
    pub(super) given: BTreeMap<(String, ObjectKey), u64>,
    /// Whose last write of an object insisted on an old resourceVersion.
    pub(super) stale: BTreeSet<(String, ObjectKey)>,
    pub(super) read_counts: BTreeMap<(String, Verb, String), usize>,
    pub(super) next_step: usize,
    /// Number of the last frame that was delivered.
    pub(super) last_frame: u64,
    pub(super) log: Vec<Served>,
    pub(super) notes: Vec<String>,
    pub(super) divergence: Option<Divergence>,
    pub(super) events: BTreeMap<ObjectKey, Value>,
    pub(super) strict_next: BTreeMap<String, usize>,
    pub(super) texts: Texts,
}

/// The object as the last matched write left it.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    pub(super) n: u64,
    pub(super) rv: u64,
    /// `None` after a deletion.
    pub(super) object: Option<Arc<Value>>,
}

/// A step of the scenario that waits for its place on the tape.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) n: u64,
    pub(super) at: Duration,
    pub(super) what: Waiting,
}

#[derive(Debug)]
pub(super) enum Waiting {
    Write { write: usize, attempt: Box<Attempt>, reply: oneshot::Sender<Outcome> },
    Read { info: Box<RequestInfo>, said: Box<Said>, reply: oneshot::Sender<Outcome> },
    Step { mark: Box<Mark>, reply: oneshot::Sender<()> },
}

/// What a request gets.
pub(super) type Outcome = Result<Response, tower::BoxError>;

impl Core {
    pub(super) fn new(plan: Arc<Plan>, level: Level, masks: Masks) -> Self {
        let mut history = History::default();
        for types in plan.types.values() {
            if let Some(resource) = &types.resource {
                let first = types.versions.first().map_or(2, |version| version.rv);
                history.touch(resource, first.saturating_sub(1).max(1));
            }
        }
        let mut order: Vec<usize> = (0..plan.items.len()).collect();
        order.sort_by_key(|index| plan.items[*index].n);
        let mut queues: BTreeMap<(String, TypeKey), VecDeque<usize>> = BTreeMap::new();
        for index in order {
            let item = &plan.items[index];
            queues.entry((item.actor.clone(), item.of.clone())).or_default().push_back(index);
        }
        Self {
            ledger: Ledger::new(plan.clone()),
            masks,
            plan,
            level,
            history,
            published: BTreeMap::new(),
            reach: BTreeMap::new(),
            queues,
            watches: Watches::default(),
            held: Vec::new(),
            served: BTreeMap::new(),
            own: BTreeMap::new(),
            given: BTreeMap::new(),
            stale: BTreeSet::new(),
            read_counts: BTreeMap::new(),
            next_step: 0,
            last_frame: 0,
            log: Vec::new(),
            notes: Vec::new(),
            divergence: None,
            events: BTreeMap::new(),
            strict_next: BTreeMap::new(),
            texts: Texts::default(),
        }
    }

    /// The number of the next frame that has not been delivered.
    pub(super) fn next_frame(&self) -> u64 {
        let framed =
            |index: &&usize| matches!(self.plan.items[**index].what, What::Seen { framed: true, .. });
        let firsts = self.queues.values().filter_map(|queue| queue.iter().find(framed));
        firsts.map(|index| self.plan.items[*index].n).min().unwrap_or(u64::MAX)
    }

    /// The number of the first item about an object that an actor has not been shown.
    pub(super) fn next_news(&self, actor: &str, key: &ObjectKey) -> u64 {
        let of = (key.group.clone(), key.plural.clone());
        let versions = self.plan.types.get(&of).map(|types| types.versions.as_slice()).unwrap_or_default();
        let queue = self.queues.get(&(actor.to_owned(), of)).into_iter().flatten();
        let mut items = queue.map(|index| &self.plan.items[*index]);
        let about = |what: &What| match what {
            What::Seen { version: Some(version), .. } => versions[*version].key == *key,
            _ => false,
        };
        items.find(|item| about(&item.what)).map_or(u64::MAX, |item| item.n)
    }

    /// The next mark of this step on the tape; steps that the scenario does not make are passed over.
    pub(super) fn take_mark(&mut self, step: &str, of: &str) -> Option<Mark> {
        let marks = &self.plan.steps[self.next_step..];
        let at = marks.iter().position(|mark| mark.step == step && mark.of == of)?;
        let mark = marks[at].clone();
        self.next_step += at + 1;
        Some(mark)
    }

    /// Puts all versions of a type up to `rv` into the history.
    pub(super) fn publish(&mut self, of: &TypeKey, rv: u64) {
        let Some(types) = self.plan.types.get(of) else { return };
        let next = self.published.entry(of.clone()).or_default();
        while let Some(version) = types.versions.get(*next).filter(|version| version.rv <= rv) {
            if version.deleted {
                self.history.delete(&version.key, version.rv, Some(version.object.clone()));
            } else {
                self.history.put(&version.key, version.rv, version.object.clone());
            }
            *next += 1;
        }
    }

    /// The newest resourceVersion of an object that an actor can know of.
    pub(super) fn newest_rv(&self, key: &ObjectKey) -> u64 {
        let published = self.history.get(key).map_or(0, |current| current.rv);
        let own = self.own.get(key).map_or(0, |own| own.rv);
        published.max(own)
    }

    pub(super) fn note(
        &mut self,
        now: Duration,
        by: &str,
        info: &RequestInfo,
        status: u16,
        taped: Option<u64>,
    ) {
        let (by, what) = (by.to_owned(), info.what());
        self.log.push(Served { at: now, by, verb: info.verb, what, status, taped });
    }
}
