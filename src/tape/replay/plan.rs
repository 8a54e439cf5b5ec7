use super::{
    items::{Item, items},
    roots::roots,
    stand_ins,
    versions::{Types, versions},
};
use crate::{
    entropy::Offset,
    tape::{Answer, Class, Event, Header, Payload, Tape, TapeEvent, Write, classify, record::DROPPED},
    wire::{ObjectKey, RequestInfo, Verb},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The actor that the scenario itself is.
pub const DRIVER: &str = "driver";

/// A type of objects, by group and plural.
pub(super) type TypeKey = (String, String);

/// Everything that a replay needs to know of its tape, worked out once.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) header: Header,
    pub(super) exchanges: BTreeMap<String, Exchange>,
    pub(super) writes: Vec<Write>,
    /// The root object that each write belongs to.
    pub(super) roots: Vec<ObjectKey>,
    /// Which writes have to come.
    binding: Vec<bool>,
    pub(super) types: BTreeMap<TypeKey, Types>,
    pub(super) items: Vec<Item>,
    /// What the server said about an object to an actor, in order.
    pub(super) answers: BTreeMap<(String, ObjectKey), Vec<Said>>,
    /// Other reads by actor, verb and path: discovery, subresources, the driver's own.
    pub(super) reads: BTreeMap<(String, Verb, String), Vec<Said>>,
    pub(super) steps: Vec<Mark>,
    pub(super) end: Offset,
}

/// A request and its response, put together.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) n: u64,
    pub(super) at: Offset,
    pub(super) by: String,
    pub(super) info: RequestInfo,
    pub(super) answer: Option<(u64, Offset, Answer)>,
    pub(super) failed: Option<(u64, String)>,
}

/// One answer about one object, or one answer to one path.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) n: u64,
    pub(super) requested: u64,
    pub(super) at: Offset,
    pub(super) status: u16,
    pub(super) body: Payload,
    /// resourceVersion of the object in it.
    pub(super) rv: u64,
    /// The write that it answered.
    pub(super) write: Option<usize>,
    /// The connection failed instead.
    pub(super) error: Option<String>,
}

/// A step of the scenario that is no request.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) n: u64,
    pub(super) at: Offset,
    pub(super) step: String,
    pub(super) of: String,
    /// The operators' streams that were open then.
    pub(super) watching: BTreeSet<(String, TypeKey)>,
}

impl Plan {
    pub(super) fn new(tape: &Tape) -> Self {
        // Writes are compared by symbol; what is served are the stand-ins of the symbols.
        let mut writes = classify(tape);
        writes.iter_mut().filter_map(|write| write.response.as_mut()).for_each(stand_ins::served_body);
        let tape = &stand_ins::served(tape);
        let exchanges = exchanges(tape);
        let roots = roots(tape, &writes);
        let binding = binding(&writes, &segments(&writes, &roots));
        let types = versions(tape, &exchanges, &writes);
        let items = items(tape, &exchanges, &types);
        Self {
            header: tape.header.clone(),
            answers: answers(&exchanges, &writes),
            reads: reads(&exchanges),
            steps: steps(tape, &exchanges),
            end: tape.events.last().map_or(Offset::default(), |last| last.at),
            exchanges,
            writes,
            roots,
            binding,
            types,
            items,
        }
    }

    /// Whether a write has to come: it changed something, is no Event, and if a status, the last of its stretch.
    pub(super) fn is_binding(&self, write: usize) -> bool {
        self.binding[write]
    }
}

/// Events are for people; they are compared by `diff`, as notes.
pub(super) fn is_event(key: &ObjectKey) -> bool {
    key.plural == "events" && matches!(key.group.as_str(), "" | "events.k8s.io")
}

pub(super) fn exchanges(tape: &Tape) -> BTreeMap<String, Exchange> {
    let mut all = BTreeMap::new();
    for TapeEvent { n, at, event } in &tape.events {
        match event {
            Event::Sent(sent) => {
                let (by, info) = (sent.by.clone(), sent.info());
                all.insert(
                    sent.id.clone(),
                    Exchange { n: *n, at: *at, by, info, answer: None, failed: None },
                );
            }
            Event::Answer(answer) => {
                if let Some(exchange) = all.get_mut(&answer.to) {
                    exchange.answer = Some((*n, *at, answer.clone()));
                }
            }
            Event::Failed { error, .. } if error == DROPPED => {}
            Event::Failed { to, error } => {
                if let Some(exchange) = all.get_mut(to) {
                    exchange.failed = Some((*n, error.clone()));
                }
            }
            _ => {}
        }
    }
    all
}

fn steps(tape: &Tape, exchanges: &BTreeMap<String, Exchange>) -> Vec<Mark> {
    let mut open: BTreeMap<&str, (String, TypeKey)> = BTreeMap::new();
    let mut marks = Vec::new();
    for TapeEvent { n, at, event } in &tape.events {
        match event {
            Event::Answer(answer) if answer.status < 300 => {
                open.extend(stream_of(exchanges, &answer.to).map(|place| (answer.to.as_str(), place)));
            }
            Event::Closed { of, .. } => drop(open.remove(of.as_str())),
            Event::Step { step, of } => {
                let watching = open.values().cloned().collect();
                marks.push(Mark { n: *n, at: *at, step: step.clone(), of: of.clone(), watching });
            }
            _ => {}
        }
    }
    marks
}

/// Who watches what with this request, the scenario aside.
fn stream_of(exchanges: &BTreeMap<String, Exchange>, id: &str) -> Option<(String, TypeKey)> {
    let exchange = exchanges.get(id).filter(|e| e.info.verb == Verb::Watch && e.by != DRIVER)?;
    let resource = exchange.info.resource.as_ref()?;
    Some((exchange.by.clone(), (resource.group.clone(), resource.plural.clone())))
}

/// Numbers each write by how many effective writes of other kinds its actor made in its root before.
fn segments(writes: &[Write], roots: &[ObjectKey]) -> Vec<usize> {
    let mut count: BTreeMap<(&str, &ObjectKey), usize> = BTreeMap::new();
    let mut out = Vec::with_capacity(writes.len());
    for (write, root) in writes.iter().zip(roots) {
        let so_far = count.entry((write.actor.as_str(), root)).or_default();
        out.push(*so_far);
        if write.class == Class::Effective && !write.is_status && !is_event(&write.key) {
            *so_far += 1;
        }
    }
    out
}

fn binding(writes: &[Write], segments: &[usize]) -> Vec<bool> {
    let mut last: BTreeMap<(&str, &ObjectKey, usize), usize> = BTreeMap::new();
    let effective = |write: &Write| write.class == Class::Effective && !is_event(&write.key);
    for (index, write) in writes.iter().enumerate().filter(|(_, write)| write.is_status && effective(write)) {
        last.insert((&write.actor, &write.key, segments[index]), index);
    }
    let last: BTreeSet<usize> = last.into_values().collect();
    let binds =
        |(index, write): (usize, &Write)| effective(write) && (!write.is_status || last.contains(&index));
    writes.iter().enumerate().map(binds).collect()
}

fn answers(
    exchanges: &BTreeMap<String, Exchange>,
    writes: &[Write],
) -> BTreeMap<(String, ObjectKey), Vec<Said>> {
    let mut out: BTreeMap<_, Vec<Said>> = BTreeMap::new();
    let by_request: BTreeMap<u64, usize> =
        writes.iter().enumerate().map(|(i, w)| (w.requested_n, i)).collect();
    for exchange in exchanges.values() {
        let write = by_request.get(&exchange.n).copied();
        let key = match write {
            Some(index) => Some(writes[index].key.clone()),
            None if exchange.info.verb == Verb::Get && exchange.info.subresource.is_none() => {
                exchange.info.key()
            }
            None => None,
        };
        let (Some(key), Some(said)) = (key, said(exchange, write)) else { continue };
        let about_it = said.status < 300 && said.rv > 0 || said.status == 404 && write.is_none();
        if about_it {
            out.entry((exchange.by.clone(), key)).or_default().push(said);
        }
    }
    out.values_mut().for_each(|list| list.sort_by_key(|said| said.n));
    out
}

fn reads(exchanges: &BTreeMap<String, Exchange>) -> BTreeMap<(String, Verb, String), Vec<Said>> {
    let mut out: BTreeMap<_, Vec<Said>> = BTreeMap::new();
    for exchange in exchanges.values().filter(|e| !e.info.verb.is_write() && e.info.verb != Verb::Watch) {
        if let Some(said) = said(exchange, None) {
            let key = (exchange.by.clone(), exchange.info.verb, path_of(&exchange.info));
            out.entry(key).or_default().push(said);
        }
    }
    out.values_mut().for_each(|list| list.sort_by_key(|said| said.requested));
    out
}

/// The path and what of the query decides which objects are meant.
pub(super) fn path_of(info: &RequestInfo) -> String {
    let pick = |key| info.query.get(key).filter(|v| !v.is_empty()).map(|v| format!(" {key}={v}"));
    ["labelSelector", "fieldSelector", "container", "tailLines"]
        .into_iter()
        .filter_map(pick)
        .fold(info.path.clone(), |path, part| path + &part)
}

fn said(exchange: &Exchange, write: Option<usize>) -> Option<Said> {
    if let Some((n, error)) = &exchange.failed {
        return Some(Said {
            n: *n,
            requested: exchange.n,
            at: exchange.at,
            status: 0,
            body: Payload::Empty,
            rv: 0,
            write,
            error: Some(error.clone()),
        });
    }
    let (n, at, answer) = exchange.answer.as_ref()?;
    let rv = match &answer.body {
        Payload::Json(body) => rv_of(body),
        _ => 0,
    };
    Some(Said {
        n: *n,
        requested: exchange.n,
        at: *at,
        status: answer.status,
        body: answer.body.clone(),
        rv,
        write,
        error: None,
    })
}

/// `metadata.resourceVersion` as a number; 0 when there is none.
pub(super) fn rv_of(object: &Value) -> u64 {
    let text = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    text.and_then(|rv| rv.parse().ok()).unwrap_or(0)
}
