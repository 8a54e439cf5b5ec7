use super::plan::{Exchange, TypeKey, rv_of};
use crate::{
    tape::{Class, Event, Payload, Tape, TapeEvent, Write},
    wire::{EventType, ObjectKey, RequestInfo, Resource, Verb},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// All that a tape says about the objects of one type.
#[derive(Debug, Default)]
pub(super) struct Types {
    pub(super) kind: String,
    pub(super) resource: Option<Resource>,
    /// In resourceVersion order.
    pub(super) versions: Vec<Version>,
    /// Someone listed or watched it, so that what is not there is known not to be.
    pub(super) listed: bool,
}

/// One version of one object.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) rv: u64,
    pub(super) key: ObjectKey,
    pub(super) object: Arc<Value>,
    pub(super) deleted: bool,
    /// The status write that made it.
    pub(super) status_write: Option<usize>,
    whole: bool,
}

/// Folds frames, lists, gets and write responses into one history a type, by resourceVersion.
pub(super) fn versions(
    tape: &Tape,
    exchanges: &BTreeMap<String, Exchange>,
    writes: &[Write],
) -> BTreeMap<TypeKey, Types> {
    let mut fold = Fold::default();
    let mut seen_lists: BTreeMap<(TypeKey, Option<String>), BTreeSet<ObjectKey>> = BTreeMap::new();
    for TapeEvent { event, .. } in &tape.events {
        match event {
            Event::Frame { of, event, object } => {
                if let Some(exchange) = exchanges.get(of) {
                    fold.frame(&exchange.info, *event, object);
                }
            }
            Event::Answer(answer) => {
                if let (Some(exchange), Payload::Json(body)) = (exchanges.get(&answer.to), &answer.body)
                    && answer.status < 300
                {
                    fold.answer(&exchange.info, body, &mut seen_lists);
                }
            }
            _ => {}
        }
    }
    fold.finish(writes)
}

#[derive(Default)]
struct Fold {
    types: BTreeMap<TypeKey, Types>,
    found: BTreeMap<TypeKey, BTreeMap<(u64, ObjectKey), Version>>,
}

impl Fold {
    fn frame(&mut self, info: &RequestInfo, event: EventType, object: &Arc<Value>) {
        if matches!(event, EventType::Bookmark | EventType::Error) {
            return;
        }
        self.meet(info, object, event == EventType::Deleted, info.metadata_only);
        self.listed(info);
    }

    fn answer(
        &mut self,
        info: &RequestInfo,
        body: &Arc<Value>,
        lists: &mut BTreeMap<(TypeKey, Option<String>), BTreeSet<ObjectKey>>,
    ) {
        match info.verb {
            Verb::List => self.list(info, body, lists),
            Verb::Watch => self.listed(info),
            _ if matches!(info.subresource.as_deref(), None | Some("status")) && is_object(body) => {
                self.meet(info, body, false, info.metadata_only);
            }
            _ => {}
        }
    }

    /// A list shows what exists, and by what is missing, what was deleted since the last one.
    fn list(
        &mut self,
        info: &RequestInfo,
        body: &Value,
        lists: &mut BTreeMap<(TypeKey, Option<String>), BTreeSet<ObjectKey>>,
    ) {
        self.listed(info);
        let Some(resource) = &info.resource else { return };
        let kind = body.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List"));
        let api_version = body.get("apiVersion").and_then(Value::as_str);
        let mut present = BTreeSet::new();
        for item in body.get("items").and_then(Value::as_array).into_iter().flatten() {
            if !item.is_object() {
                continue;
            }
            let mut item = item.clone();
            if let (Some(kind), Some(api_version), false) = (kind, api_version, info.metadata_only) {
                item["kind"] = json!(kind);
                item["apiVersion"] = json!(api_version);
            }
            present.extend(self.meet(info, &item.into(), false, info.metadata_only));
        }
        let narrowed = info.query.get("labelSelector").or(info.query.get("fieldSelector")).is_some();
        let paged = body.pointer("/metadata/continue").is_some() || info.query.get("continue").is_some();
        if narrowed || paged {
            return;
        }
        let type_key = (resource.group.clone(), resource.plural.clone());
        let rv = rv_of(body);
        let scope = (type_key.clone(), info.namespace.clone());
        for gone in lists.insert(scope, present.clone()).unwrap_or_default().difference(&present) {
            self.bury(&type_key, gone, rv);
        }
    }

    fn bury(&mut self, type_key: &TypeKey, key: &ObjectKey, rv: u64) {
        let found = self.found.entry(type_key.clone()).or_default();
        let last = found.iter().rev().find(|((at, k), _)| k == key && *at <= rv).map(|(_, v)| v.clone());
        if let Some(last) = last.filter(|last| !last.deleted) {
            let version = Version { rv, deleted: true, status_write: None, ..last };
            found.insert((rv, key.clone()), version);
        }
    }

    fn listed(&mut self, info: &RequestInfo) {
        if let Some(resource) = &info.resource {
            let known = self.types.entry((resource.group.clone(), resource.plural.clone())).or_default();
            known.listed |= info.query.get("fieldSelector").is_none();
            known.resource.get_or_insert_with(|| resource.clone());
        }
    }

    fn meet(
        &mut self,
        info: &RequestInfo,
        object: &Arc<Value>,
        deleted: bool,
        partial: bool,
    ) -> Option<ObjectKey> {
        let resource = info.resource.as_ref()?;
        let rv = rv_of(object);
        let name = object.pointer("/metadata/name")?.as_str()?;
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let key = ObjectKey::new(resource, namespace, name);
        let type_key = (resource.group.clone(), resource.plural.clone());
        let known = self.types.entry(type_key.clone()).or_default();
        known.resource.get_or_insert_with(|| resource.clone());
        if !partial && let Some(kind) = object.get("kind").and_then(Value::as_str) {
            kind.clone_into(&mut known.kind);
        }
        let version = Version {
            rv,
            key: key.clone(),
            object: object.clone(),
            deleted,
            status_write: None,
            whole: !partial,
        };
        let found = self.found.entry(type_key).or_default();
        match found.get_mut(&(rv, key.clone())) {
            Some(known) if !known.whole && version.whole => {
                *known = Version { deleted: known.deleted || deleted, ..version }
            }
            Some(known) => known.deleted |= deleted,
            None => {
                found.insert((rv, key.clone()), version);
            }
        }
        Some(key)
    }

    fn finish(mut self, writes: &[Write]) -> BTreeMap<TypeKey, Types> {
        let mut makers: BTreeMap<(ObjectKey, u64), usize> = BTreeMap::new();
        for (index, write) in writes.iter().enumerate() {
            if let (true, Class::Effective, Some(rv)) = (write.is_status, write.class, write.response_rv) {
                makers.entry((write.key.clone(), rv)).or_insert(index);
            }
        }
        for (type_key, found) in self.found {
            let known = self.types.entry(type_key).or_default();
            let api_version = known.resource.as_ref().map(Resource::api_version).unwrap_or_default();
            let mut whole: BTreeMap<ObjectKey, Arc<Value>> = BTreeMap::new();
            for ((rv, key), mut version) in found {
                if version.whole {
                    whole.insert(key.clone(), version.object.clone());
                } else {
                    version.object = complete(&version.object, whole.get(&key), &known.kind, &api_version);
                }
                version.status_write = makers.get(&(key, rv)).copied();
                known.versions.push(version);
            }
        }
        self.types
    }
}

/// Metadata from a metadata-only stream on the newest earlier body that is known.
fn complete(partial: &Value, whole: Option<&Arc<Value>>, kind: &str, api_version: &str) -> Arc<Value> {
    let mut object = whole.map_or_else(|| json!({}), |whole| (**whole).clone());
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(api_version);
    object["metadata"] = partial["metadata"].clone();
    Arc::new(object)
}

fn is_object(body: &Value) -> bool {
    body.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "Status") && rv_of(body) > 0
}
