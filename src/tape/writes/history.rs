use crate::{
    tape::{Event, Tape},
    wire::{EventType, ObjectKey, RequestInfo, Resource},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The versions of every object that stand on a tape, by resourceVersion.
#[derive(Default)]
pub(super) struct Versions<'a>(BTreeMap<ObjectKey, BTreeMap<u64, Version<'a>>>);

/// One version.
pub(super) struct Version<'a> {
    /// The event that showed it first.
    pub(super) first_seen: u64,
    /// The whole object, if any event had it whole.
    pub(super) object: Option<&'a Value>,
}

impl<'a> Versions<'a> {
    pub(super) fn of(tape: &'a Tape) -> Self {
        let mut versions = Self::default();
        let mut requests: BTreeMap<&str, RequestInfo> = BTreeMap::new();
        for event in &tape.events {
            match &event.event {
                Event::Sent(sent) => {
                    requests.insert(&sent.id, sent.info());
                }
                Event::Answer(answer) => {
                    if let (Some(info), Some(body)) = (requests.get(answer.to.as_str()), answer.body.json()) {
                        versions.answer(event.n, info, body);
                    }
                }
                Event::Frame { of, event: EventType::Added | EventType::Modified, object } => {
                    if let Some(info) = requests.get(of.as_str()) {
                        versions.object(event.n, info, object);
                    }
                }
                _ => {}
            }
        }
        versions
    }

    fn answer(&mut self, n: u64, info: &RequestInfo, body: &'a Value) {
        match body.get("items").and_then(Value::as_array) {
            Some(items) => items.iter().for_each(|item| self.object(n, info, item)),
            None => self.object(n, info, body),
        }
    }

    fn object(&mut self, n: u64, info: &RequestInfo, object: &'a Value) {
        let Some(resource) = &info.resource else { return };
        // `scale` and others answer with objects of another kind.
        if !matches!(info.subresource.as_deref(), None | Some("status")) {
            return;
        }
        let (Some(key), Some(rv)) = (key_of(resource, object), revision(object)) else { return };
        let version = self.0.entry(key).or_default().entry(rv);
        let version = version.or_insert(Version { first_seen: n, object: None });
        let partial =
            info.metadata_only || object.get("kind").is_some_and(|kind| kind == "PartialObjectMetadata");
        if !partial && version.object.is_none() {
            version.object = Some(object);
        }
    }

    /// Whether this version stood on the tape before event `n`.
    pub(super) fn seen_before(&self, key: &ObjectKey, rv: u64, n: u64) -> bool {
        self.0.get(key).and_then(|versions| versions.get(&rv)).is_some_and(|version| version.first_seen < n)
    }

    /// The nearest whole version before `rv`.
    pub(super) fn before(&self, key: &ObjectKey, rv: u64) -> Option<(u64, &'a Value)> {
        let versions = self.0.get(key)?.range(..rv).rev();
        versions.filter_map(|(rv, version)| Some((*rv, version.object?))).next()
    }
}

/// The key of `object` among the objects of `resource`.
pub(super) fn key_of(resource: &Resource, object: &Value) -> Option<ObjectKey> {
    let metadata = object.get("metadata")?;
    let text = |key| metadata.get(key).and_then(Value::as_str);
    Some(ObjectKey::new(resource, text("namespace"), text("name")?))
}

/// `metadata.resourceVersion` as the number that it is on every API server with etcd behind it.
pub(super) fn revision(object: &Value) -> Option<u64> {
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

/// `metadata.generation`.
pub(super) fn generation(object: &Value) -> Option<i64> {
    object.pointer("/metadata/generation")?.as_i64()
}
