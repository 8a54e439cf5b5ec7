use super::plan::{Plan, is_event, rv_of};
use crate::{
    tape::{Class, Write, same_body, term},
    wire::{ObjectKey, RequestInfo, Verb},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Which writes of the tape have come.
#[derive(Debug)]
pub(super) struct Ledger {
    plan: Arc<Plan>,
    states: Vec<State>,
    slots: BTreeMap<SlotKey, Slot>,
    open_binding: BTreeSet<(u64, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Matched,
    /// A status that a later one of the same stretch made unnecessary.
    Skipped,
}

/// One actor's writes of one kind to one object.
type SlotKey = (String, ObjectKey, Option<String>);

#[derive(Debug, Default)]
struct Slot {
    order: Vec<usize>,
    /// Writes that the server's answers show to be repeats, each with the effective one before it.
    repeats: Vec<(usize, usize)>,
    last: Option<Attempt>,
    last_write: Option<usize>,
    /// The newest effective write; of use while the slot is filled.
    newest: Option<usize>,
}

/// A write that came.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) actor: String,
    pub(super) info: RequestInfo,
    pub(super) body: Arc<Value>,
}

/// What a write that came is.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// This write of the tape; also a failed attempt on it.
    Match(usize),
    /// What came before, once more. The last write that it repeats.
    Repeat(Option<usize>),
    /// A status between two binding ones, or an Event: free.
    Free(Option<usize>),
    /// It is on the tape, but this has to come first.
    Early { write: usize, first: usize },
    /// The same place on the tape, with a different body or query.
    Different(usize),
    /// It is on the tape and has come before.
    Again(usize),
    /// Nothing like it is on the tape.
    Unknown,
}

impl Ledger {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let mut slots: BTreeMap<SlotKey, Slot> = BTreeMap::new();
        for (index, write) in plan.writes.iter().enumerate() {
            let slot = slots.entry(slot_of(write)).or_default();
            match write.class {
                Class::Repeat => slot.repeats.extend(slot.newest.map(|before| (before, index))),
                Class::Effective => slot.newest = Some(index),
                Class::Failed => {}
            }
            if write.class != Class::Repeat {
                slot.order.push(index);
            }
        }
        let binding = (0..plan.writes.len()).filter(|index| plan.is_binding(*index));
        let open_binding = binding.map(|index| (plan.writes[index].requested_n, index)).collect();
        Self { states: vec![State::Open; plan.writes.len()], slots, open_binding, plan }
    }

    /// The number of the first binding write that has not come; frames after it wait.
    pub(super) fn barrier(&self) -> u64 {
        self.open_binding.first().map_or(u64::MAX, |(n, _)| *n)
    }

    /// Binding writes that have not come, requested before `n`.
    pub(super) fn open_before(&self, n: u64) -> impl Iterator<Item = usize> {
        self.open_binding.iter().take_while(move |(requested, _)| *requested < n).map(|(_, index)| *index)
    }

    pub(super) fn is_matched(&self, write: usize) -> bool {
        self.states[write] == State::Matched
    }

    /// Whether the status that a version shows has been written here, or a later one.
    pub(super) fn is_settled(&self, write: usize) -> bool {
        self.states[write] != State::Open
    }

    /// Whether a binding write to `key` that made a version up to `rv` has not come.
    pub(super) fn is_ahead(&self, key: &ObjectKey, rv: u64) -> bool {
        self.open_binding.iter().any(|(_, index)| {
            let write = &self.plan.writes[*index];
            write.key == *key && write.response_rv.is_some_and(|made| made <= rv)
        })
    }

    /// Decides what a write is; `news` is the number of the first frame about its object that its actor has
    /// not been shown. Nothing changes before [`Ledger::record`].
    pub(super) fn judge(&self, attempt: &Attempt, news: u64) -> Verdict {
        let Some(slot_key) = self.slot_key(attempt) else { return Verdict::Unknown };
        if is_event(&slot_key.1) {
            return Verdict::Free(None);
        }
        let Some(slot) = self.slots.get(&slot_key) else { return Verdict::Unknown };
        let is_status = attempt.info.subresource.as_deref() == Some("status");
        let found = if is_status { self.find_status(slot, attempt) } else { self.find(slot, attempt) };
        let repeats = slot.last.as_ref().is_some_and(|last| repeats(&slot_key.1, last, attempt))
            || slot
                .repeats
                .iter()
                .any(|(before, repeat)| Some(*before) == slot.last_write && self.matches(*repeat, attempt));
        match found {
            Some(write) if repeats && !self.is_failed(write) && !self.is_due(write, news) => {
                Verdict::Repeat(slot.last_write)
            }
            Some(write) => match self.first_before(write) {
                Some(first) => Verdict::Early { write, first },
                None => Verdict::Match(write),
            },
            None if repeats => Verdict::Repeat(slot.last_write),
            None if is_status
                && slot.order.iter().any(|w| self.plan.writes[*w].class == Class::Effective) =>
            {
                Verdict::Free(self.nearest_status(slot))
            }
            None => self.refuse(slot, attempt),
        }
    }

    /// Takes a write for what [`Ledger::judge`] said it is.
    pub(super) fn record(&mut self, attempt: &Attempt, verdict: &Verdict) {
        let Some(slot_key) = self.slot_key(attempt) else { return };
        let matched = match verdict {
            Verdict::Match(write) => Some(*write),
            _ => None,
        };
        if let Some(write) = matched {
            self.states[write] = State::Matched;
            self.open_binding.remove(&(self.plan.writes[write].requested_n, write));
            self.skip_earlier_status(&slot_key, write);
        }
        let failed = matched.is_some_and(|write| self.is_failed(write));
        if let Some(slot) = self.slots.get_mut(&slot_key)
            && !failed
        {
            slot.last = Some(attempt.clone());
            slot.last_write = matched.or(slot.last_write);
        }
    }

    /// Status writes that should have been the last of their object, and were not.
    pub(super) fn wrong_statuses(&self) -> Vec<usize> {
        let mut wrong = Vec::new();
        for slot in self.slots.values() {
            let mut statuses =
                slot.order.iter().copied().filter(|w| {
                    self.plan.writes[*w].is_status && self.plan.writes[*w].class == Class::Effective
                });
            let Some(last) = statuses.next_back() else { continue };
            let taped = &self.plan.writes[last];
            let agrees = slot
                .last
                .as_ref()
                .is_some_and(|came| same_body(taped.verb, Some("status"), &taped.body, &came.body));
            if !agrees {
                wrong.push(last);
            }
        }
        wrong
    }

    /// What came last in the slot of a write.
    pub(super) fn last_in_slot_of(&self, write: usize) -> Option<&Attempt> {
        self.slots.get(&slot_of(&self.plan.writes[write]))?.last.as_ref()
    }

    pub(super) fn open_binding_count(&self) -> usize {
        self.open_binding.len()
    }

    /// The object that a write is about.
    pub(super) fn key_of(&self, attempt: &Attempt) -> Option<ObjectKey> {
        self.slot_key(attempt).map(|(_, key, _)| key)
    }

    fn slot_key(&self, attempt: &Attempt) -> Option<SlotKey> {
        let info = &attempt.info;
        let resource = info.resource.as_ref()?;
        let slot = |name: &str| {
            let key = ObjectKey::new(resource, info.namespace.as_deref(), name);
            (attempt.actor.clone(), key, info.subresource.clone())
        };
        let name = info.name.clone().or_else(|| name_in(&attempt.body)).or_else(|| self.generated(attempt));
        match name {
            Some(name) => Some(slot(&name)),
            // A `deletecollection` or a review has no name, on the tape neither.
            None => Some(slot("")).filter(|slot| self.slots.contains_key(slot)),
        }
    }

    /// The name that the server gave to the first such object that has not come yet.
    fn generated(&self, attempt: &Attempt) -> Option<String> {
        let prefix = attempt.body.pointer("/metadata/generateName")?;
        let candidates = self.plan.writes.iter().enumerate().filter(|(_, write)| {
            write.actor == attempt.actor
                && write.info.verb == Verb::Create
                && write.info.path == attempt.info.path
                && write.body.pointer("/metadata/generateName") == Some(prefix)
        });
        let mut candidates = candidates.peekable();
        let first = candidates.peek().map(|(_, write)| write.key.name.clone());
        candidates.find(|(i, _)| self.states[*i] == State::Open).map(|(_, w)| w.key.name.clone()).or(first)
    }

    /// The first open write of the slot that this is, or a failure that stands before it.
    fn find(&self, slot: &Slot, attempt: &Attempt) -> Option<usize> {
        let mut open = slot.order.iter().copied().filter(|write| self.states[*write] == State::Open);
        open.find(|write| {
            // Failures are optional: one that this is not is passed over.
            !self.is_failed(*write) || self.matches(*write, attempt)
        })
        .filter(|write| self.matches(*write, attempt))
    }

    /// The first open status up to and with the last of the present stretch that this is.
    fn find_status(&self, slot: &Slot, attempt: &Attempt) -> Option<usize> {
        let mut open = slot.order.iter().copied().filter(|write| self.states[*write] == State::Open);
        let mut ended = false;
        open.by_ref()
            .take_while(|write| !std::mem::replace(&mut ended, self.plan.is_binding(*write)))
            .find(|write| self.matches(*write, attempt))
    }

    fn nearest_status(&self, slot: &Slot) -> Option<usize> {
        let effective = |write: &&usize| self.plan.writes[**write].class == Class::Effective;
        let open = slot.order.iter().find(|write| self.states[**write] == State::Open && effective(write));
        open.copied().or(slot.last_write)
    }

    fn matches(&self, write: usize, attempt: &Attempt) -> bool {
        let write = &self.plan.writes[write];
        write.verb == attempt.info.verb
            && patch_type(&write.info) == patch_type(&attempt.info)
            && query_of(&write.info) == query_of(&attempt.info)
            && same_body(write.verb, write.subresource.as_deref(), &write.body, &attempt.body)
    }

    fn is_failed(&self, write: usize) -> bool {
        self.plan.writes[write].class == Class::Failed
    }

    /// A write with the body of the one before it is due once the change that it answers has been made: by
    /// a write of the tape that was sent before it and not shown to be later, or by someone who is not on the
    /// tape, whose change its actor was shown.
    fn is_due(&self, write: usize, news: u64) -> bool {
        let wanted = &self.plan.writes[write];
        // A watch may show a change before its writer has the answer, so the request's place decides.
        let open =
            self.open_before(wanted.requested_n).any(|other| self.plan.writes[other].key == wanted.key);
        !open && wanted.requested_n < news
    }

    /// The open write that was answered before this one was requested, by the same actor for the same root.
    fn first_before(&self, index: usize) -> Option<usize> {
        let write = &self.plan.writes[index];
        if write.is_status || !self.plan.is_binding(index) {
            return None;
        }
        let mut earlier = self.open_before(write.requested_n);
        earlier.find(|other| {
            let first = &self.plan.writes[*other];
            !first.is_status
                && first.actor == write.actor
                && self.plan.roots[*other] == self.plan.roots[index]
                && first.answered_n.is_some_and(|n| n < write.requested_n)
        })
    }

    fn skip_earlier_status(&mut self, slot_key: &SlotKey, write: usize) {
        if !self.plan.writes[write].is_status {
            return;
        }
        let Some(slot) = self.slots.get(slot_key) else { return };
        for earlier in slot.order.iter().take_while(|other| **other != write) {
            if self.states[*earlier] == State::Open {
                self.states[*earlier] = State::Skipped;
            }
        }
    }

    fn refuse(&self, slot: &Slot, attempt: &Attempt) -> Verdict {
        let effective = |w: &&usize| self.plan.writes[**w].class == Class::Effective;
        let open = slot.order.iter().filter(effective).find(|w| self.states[**w] == State::Open).copied();
        let before = slot.order.iter().filter(effective).rev();
        let again = before.into_iter().find(|w| self.is_matched(**w) && self.matches(**w, attempt)).copied();
        match (open, again) {
            (_, Some(again)) => Verdict::Again(again),
            (Some(open), None) => Verdict::Different(open),
            (None, None) => match slot.last_write {
                Some(last) => Verdict::Different(last),
                None => Verdict::Unknown,
            },
        }
    }
}

/// Whether a write says what the last one of its slot said; a renewal of a Lease does.
fn repeats(key: &ObjectKey, last: &Attempt, attempt: &Attempt) -> bool {
    match term(key, &last.body).zip(term(key, &attempt.body)) {
        Some((before, now)) => before == now,
        None => agrees(last, attempt),
    }
}

fn agrees(last: &Attempt, attempt: &Attempt) -> bool {
    last.info.verb == attempt.info.verb
        && patch_type(&last.info) == patch_type(&attempt.info)
        && query_of(&last.info) == query_of(&attempt.info)
        && same_body(last.info.verb, last.info.subresource.as_deref(), &last.body, &attempt.body)
}

fn slot_of(write: &Write) -> SlotKey {
    (write.actor.clone(), write.key.clone(), write.info.subresource.clone())
}

/// The media type where it decides what is done.
pub(super) fn patch_type(info: &RequestInfo) -> Option<&str> {
    info.content_type.as_deref().filter(|_| matches!(info.verb, Verb::Patch | Verb::Apply))
}

/// The query of a write, sorted; its order says nothing.
pub(super) fn query_of(info: &RequestInfo) -> BTreeMap<&str, &str> {
    info.query.iter().collect()
}

fn name_in(body: &Value) -> Option<String> {
    body.pointer("/metadata/name")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The resourceVersion that a write insists on.
pub(super) fn precondition(body: &Value) -> Option<u64> {
    body.pointer("/metadata/resourceVersion").and_then(Value::as_str)?;
    Some(rv_of(body))
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
