use super::{
    plan::{Exchange, TypeKey, rv_of},
    versions::Types,
};
use crate::{
    entropy::Offset,
    tape::{Event, Payload, Tape, TapeEvent, record::DROPPED},
    wire::{EventType, Verb},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Something that the world does to an actor, at its place on the tape.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) n: u64,
    pub(super) at: Offset,
    pub(super) actor: String,
    pub(super) of: TypeKey,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// Its stream has come to this resourceVersion.
    Seen {
        rv: u64,
        /// As a frame; else only a list showed it.
        framed: bool,
        /// Index of the version in its type.
        version: Option<usize>,
    },
    /// Its stream said this `ERROR` and ended.
    Error(Value),
    /// Its stream broke.
    Broken(String),
    /// Its next requests of this verb are answered by a refusal, or not at all.
    Outage { verb: Verb, status: u16, body: Payload, error: Option<String> },
}

/// All items of a tape in order.
pub(super) fn items(
    tape: &Tape,
    exchanges: &BTreeMap<String, Exchange>,
    types: &BTreeMap<TypeKey, Types>,
) -> Vec<Item> {
    let mut make = Make { exchanges, index: index(types), seen: BTreeSet::new(), items: Vec::new() };
    for TapeEvent { n, at, event } in &tape.events {
        match event {
            Event::Frame { of, event, object } => make.frame(*n, *at, of, *event, object),
            Event::Answer(answer) => make.answer(*n, *at, &answer.to, answer.status, &answer.body),
            // The client gave up: nothing that the world did.
            Event::Failed { error, .. } | Event::Closed { error: Some(error), .. } if error == DROPPED => {}
            Event::Failed { to, error } => make.outage(*n, *at, to, 0, &Payload::Empty, Some(error.clone())),
            Event::Closed { of, error: Some(error) } => make.push(*n, *at, of, What::Broken(error.clone())),
            _ => {}
        }
    }
    make.items
}

type Index = BTreeMap<TypeKey, BTreeMap<(u64, String, String), usize>>;

fn index(types: &BTreeMap<TypeKey, Types>) -> Index {
    let row = |types: &Types| {
        let rows = types.versions.iter().enumerate();
        rows.map(|(i, v)| ((v.rv, v.key.namespace.clone().unwrap_or_default(), v.key.name.clone()), i))
            .collect()
    };
    types.iter().map(|(key, types)| (key.clone(), row(types))).collect()
}

struct Make<'a> {
    exchanges: &'a BTreeMap<String, Exchange>,
    index: Index,
    seen: BTreeSet<(String, TypeKey, usize)>,
    items: Vec<Item>,
}

impl Make<'_> {
    fn frame(&mut self, n: u64, at: Offset, of: &str, event: EventType, object: &Value) {
        match event {
            EventType::Error => self.push(n, at, of, What::Error(object.clone())),
            EventType::Bookmark => {}
            _ => self.sight(n, at, of, object, true),
        }
    }

    fn answer(&mut self, n: u64, at: Offset, to: &str, status: u16, body: &Payload) {
        let Some(exchange) = self.exchanges.get(to) else { return };
        let read = matches!(exchange.info.verb, Verb::List | Verb::Watch | Verb::Get);
        if read && status >= 400 && status != 404 {
            self.outage(n, at, to, status, body, None);
        }
        if let (Verb::List, Payload::Json(body)) = (exchange.info.verb, body) {
            // What a list shows was there when it was asked for.
            let (n, at) = (exchange.n, exchange.at);
            for item in body.get("items").and_then(Value::as_array).into_iter().flatten() {
                self.sight(n, at, to, item, false);
            }
        }
    }

    fn outage(&mut self, n: u64, at: Offset, to: &str, status: u16, body: &Payload, error: Option<String>) {
        let Some(exchange) = self.exchanges.get(to) else { return };
        if !exchange.info.verb.is_write() {
            let what = What::Outage { verb: exchange.info.verb, status, body: body.clone(), error };
            self.push(n, at, to, what);
        }
    }

    fn sight(&mut self, n: u64, at: Offset, of: &str, object: &Value, framed: bool) {
        let Some((actor, type_key)) = self.place(of) else { return };
        let rv = rv_of(object);
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = (rv, text("/metadata/namespace"), text("/metadata/name"));
        let version = self.index.get(&type_key).and_then(|rows| rows.get(&key)).copied();
        if let Some(version) = version
            && !self.seen.insert((actor.clone(), type_key.clone(), version))
        {
            return;
        }
        self.items.push(Item { n, at, actor, of: type_key, what: What::Seen { rv, framed, version } });
    }

    fn push(&mut self, n: u64, at: Offset, of: &str, what: What) {
        if let Some((actor, of)) = self.place(of) {
            self.items.push(Item { n, at, actor, of, what });
        }
    }

    fn place(&self, of: &str) -> Option<(String, TypeKey)> {
        let exchange = self.exchanges.get(of)?;
        let resource = exchange.info.resource.as_ref()?;
        Some((exchange.by.clone(), (resource.group.clone(), resource.plural.clone())))
    }
}
