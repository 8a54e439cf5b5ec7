use super::{
    body::{essence, same_body},
    contradict::changed,
    history::{Versions, generation, key_of, revision},
};
use crate::{
    entropy::Offset,
    tape::{Event, Payload, Sent, Tape, TapeEvent},
    wire::{ObjectKey, RequestInfo, Verb},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It changed something, or it is the first of its kind.
    Effective,
    /// It said again what was so already.
    Repeat,
    /// It was refused or not answered.
    Failed,
}

/// One write of an actor, with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The request's index in [`Tape::events`].
    pub index: usize,
    /// The request's id on the tape.
    pub id: String,
    /// Who sent it.
    pub actor: String,
    /// The object. A create's name is that of the answer, else that of the body; a write without any name
    /// (`deletecollection`) has an empty one.
    pub key: ObjectKey,
    /// The subresource.
    pub subresource: Option<String>,
    /// The verb.
    pub verb: Verb,
    /// The whole parsed head.
    pub info: RequestInfo,
    /// The body; `null` when there is none, a string when it is no JSON.
    pub body: Arc<Value>,
    /// The answer's status code; 0 when no answer came.
    pub status: u16,
    /// What it did.
    pub class: Class,
    /// The request's number.
    pub requested_n: u64,
    /// The number of its answer or failure; `None` when the tape ends before.
    pub answered_n: Option<u64>,
    /// When it was sent.
    pub requested_at: Offset,
    /// The answer's JSON body.
    pub response: Option<Arc<Value>>,
    /// `metadata.resourceVersion` of the answer.
    pub response_rv: Option<u64>,
    /// Whether it writes the status subresource.
    pub is_status: bool,
    /// Whether it left a version of the object that was there already, so that it changed nothing, though it may
    /// be the first of its actor.
    pub is_idle: bool,
}

/// The writes of a tape in the order in which they were sent, and what each did; rules 1 and 2 of `docs/replay.md`.
pub fn classify(tape: &Tape) -> Vec<Write> {
    let mut writes = collect(tape);
    let versions = Versions::of(tape);
    let mut last: BTreeMap<(String, ObjectKey, Option<String>), usize> = BTreeMap::new();
    for at in 0..writes.len() {
        let write = &writes[at];
        let slot = (write.actor.clone(), write.key.clone(), write.subresource.clone());
        let class = match last.get(&slot) {
            _ if write.status >= 400 || write.status == 0 => Class::Failed,
            Some(last) if !is_effective(write, &writes[*last], &versions, &writes) => Class::Repeat,
            _ => Class::Effective,
        };
        if class == Class::Effective {
            last.insert(slot, at);
        }
        let idle = write.status < 300 && write.status != 201 && write.verb != Verb::Delete;
        let idle = idle && write.response_rv.is_some_and(|rv| seen_before(write, rv, &versions));
        writes[at].class = class;
        writes[at].is_idle = idle;
    }
    writes
}

fn is_effective(write: &Write, last: &Write, versions: &Versions<'_>, all: &[Write]) -> bool {
    if write.status == 201 {
        return true;
    }
    if let Some((term, before)) = term(&write.key, &write.body).zip(term(&last.key, &last.body)) {
        return term != before;
    }
    if write.verb != last.verb {
        return !left_alike(write, versions);
    }
    if !same_body(write.verb, write.subresource.as_deref(), &write.body, &last.body) {
        return true;
    }
    let response = write.response.as_deref();
    let Some(rv) = write.response_rv else {
        // A delete that is answered by a Status took the object away.
        return matches!(write.verb, Verb::Delete | Verb::DeleteCollection);
    };
    if seen_before(write, rv, versions) {
        return false;
    }
    let Some((before_rv, before)) = versions.before(&write.key, rv) else { return false };
    if write.verb == Verb::Delete {
        return before.pointer("/metadata/deletionTimestamp").is_none();
    }
    let body = essence(write.verb, write.subresource.as_deref(), &write.body);
    changed(&body, before, response) || rose_by(write, before, before_rv, rv, all)
}

fn seen_before(write: &Write, rv: u64, versions: &Versions<'_>) -> bool {
    versions.seen_before(&write.key, rv, write.requested_n)
}

/// Whether the object was after the write as it had been before, times aside: a lease that is created and then
/// renewed by an update.
fn left_alike(write: &Write, versions: &Versions<'_>) -> bool {
    let (Some(after), Some(rv)) = (&write.response, write.response_rv) else { return false };
    let before = versions.before(&write.key, rv);
    !write.info.metadata_only && before.is_some_and(|(_, before)| same_body(Verb::Patch, None, before, after))
}

/// Who holds a Lease and for the how manieth time: what a renewal leaves as it is. `None` for other objects.
pub(crate) fn term(key: &ObjectKey, body: &Value) -> Option<(Value, Value)> {
    let lease = key.group == "coordination.k8s.io" && key.plural == "leases";
    let spec = body.get("spec").filter(|_| lease)?;
    let field = |name| spec.get(name).cloned().unwrap_or_default();
    Some((field("holderIdentity"), field("leaseTransitions")))
}

/// Whether the object's generation rose between two revisions and no other effective write did it.
fn rose_by(write: &Write, before: &Value, before_rv: u64, rv: u64, all: &[Write]) -> bool {
    let (Some(old), Some(new)) = (generation(before), write.response.as_deref().and_then(generation)) else {
        return false;
    };
    let explains = |other: &&Write| {
        other.index != write.index
            && other.key == write.key
            && other.class == Class::Effective
            && other.response_rv.is_some_and(|other| other > before_rv && other < rv)
            && other.response.as_deref().and_then(generation) == Some(new)
    };
    !write.is_status && new > old && !all.iter().any(|other| explains(&other))
}

/// The writes with their answers, all of them effective for now.
fn collect(tape: &Tape) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, TapeEvent { n, at, event }) in tape.events.iter().enumerate() {
        match event {
            Event::Sent(sent) if sent.verb.is_write() => {
                if let Some(write) = unanswered(index, *n, *at, sent) {
                    open.insert(&sent.id, writes.len());
                    writes.push(write);
                }
            }
            Event::Answer(answer) => {
                let Some(write) = open.remove(answer.to.as_str()) else { continue };
                let write = &mut writes[write];
                write.answered_n = Some(*n);
                write.status = answer.status;
                write.response = match &answer.body {
                    Payload::Json(body) => Some(body.clone()),
                    _ => None,
                };
                take_key(write);
            }
            Event::Failed { to, .. } => {
                if let Some(write) = open.remove(to.as_str()) {
                    writes[write].answered_n = Some(*n);
                }
            }
            _ => {}
        }
    }
    writes
}

fn unanswered(index: usize, n: u64, at: Offset, sent: &Sent) -> Option<Write> {
    let info = sent.info();
    let resource = info.resource.clone()?;
    let body = match &sent.body {
        Payload::Empty => Arc::default(),
        Payload::Json(value) => value.clone(),
        other => Value::String(String::from_utf8_lossy(&other.to_bytes()).into_owned()).into(),
    };
    let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let name = info.name.as_deref().unwrap_or(name);
    Some(Write {
        index,
        id: sent.id.clone(),
        actor: sent.by.clone(),
        key: ObjectKey::new(&resource, info.namespace.as_deref(), name),
        subresource: info.subresource.clone(),
        verb: sent.verb,
        body,
        status: 0,
        class: Class::Effective,
        requested_n: n,
        answered_n: None,
        requested_at: at,
        response: None,
        response_rv: None,
        is_status: info.subresource.as_deref() == Some("status"),
        is_idle: false,
        info,
    })
}

/// The name that the server gave, and the revision.
fn take_key(write: &mut Write) {
    let Some(response) = &write.response else { return };
    if write.status >= 400 || response.get("kind").is_some_and(|kind| kind == "Status") {
        return;
    }
    write.response_rv = revision(response);
    if write.key.name.is_empty()
        && let Some(key) = write.info.resource.as_ref().and_then(|resource| key_of(resource, response))
    {
        write.key = ObjectKey { namespace: write.key.namespace.clone(), ..key };
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
