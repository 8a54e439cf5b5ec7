use crate::wire::{ObjectKey, Resource};
use serde_json::Value;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// All versions of all objects that are known so far.
#[derive(Debug, Default)]
pub struct History {
    types: BTreeMap<(String, String), Log>,
}

/// The newest version of an object.
#[derive(Clone, Debug)]
pub struct Current {
    /// Its resourceVersion.
    pub rv: u64,
    /// The object.
    pub object: Arc<Value>,
}

/// The versions of one type.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) changes: BTreeMap<(u64, ObjectKey), Change>,
    pub(super) live: BTreeMap<ObjectKey, Current>,
    pub(super) newest: u64,
    pub(super) compacted: u64,
}

/// One version of one object, and the one before it.
#[derive(Debug)]
pub(super) struct Change {
    /// The object; the last state of a deleted one.
    pub(super) object: Arc<Value>,
    pub(super) previous: Option<Arc<Value>>,
    pub(super) deleted: bool,
}

impl History {
    /// Adds a version. One that is no newer than what is known of the object changes nothing.
    pub fn put(&mut self, key: &ObjectKey, rv: u64, object: Arc<Value>) {
        let log = self.log_mut(key);
        let known =
            || log.live.get(key).is_some_and(|current| current.rv >= rv) || log.deleted_at(key) >= Some(rv);
        if rv <= log.newest && known() {
            return;
        }
        let previous = log.live.insert(key.clone(), Current { rv, object: object.clone() });
        let previous = previous.map(|current| current.object);
        log.newest = log.newest.max(rv);
        log.changes.insert((rv, key.clone()), Change { object, previous, deleted: false });
    }

    /// Adds the deletion of an object, with its last state. An unknown object changes nothing.
    pub fn delete(&mut self, key: &ObjectKey, rv: u64, last: Option<Arc<Value>>) {
        let log = self.log_mut(key);
        let Some(current) = log.live.get(key).filter(|current| current.rv <= rv) else { return };
        let (object, previous) = (last.unwrap_or_else(|| current.object.clone()), current.object.clone());
        log.live.remove(key);
        log.newest = log.newest.max(rv);
        let change = Change { object, previous: Some(previous), deleted: true };
        log.changes.insert((rv, key.clone()), change);
    }

    /// The newest version of an object that exists.
    pub fn get(&self, key: &ObjectKey) -> Option<&Current> {
        self.types.get(&(key.group.clone(), key.plural.clone()))?.live.get(key)
    }

    /// All objects of a type that exist, in key order.
    pub fn live(&self, resource: &Resource) -> impl Iterator<Item = (&ObjectKey, &Current)> {
        self.log(resource).into_iter().flat_map(|log| log.live.iter())
    }

    /// All objects of all types that exist.
    pub fn all(&self) -> impl Iterator<Item = (&ObjectKey, &Current)> {
        self.types.values().flat_map(|log| log.live.iter())
    }

    /// The newest resourceVersion of a type; 0 when nothing is known.
    pub fn revision(&self, resource: &Resource) -> u64 {
        self.log(resource).map_or(0, |log| log.newest)
    }

    /// Moves a type's newest resourceVersion forward without a change, as another type's write does.
    pub fn touch(&mut self, resource: &Resource, rv: u64) {
        let log = self.types.entry((resource.group.clone(), resource.plural.clone())).or_default();
        log.newest = log.newest.max(rv);
    }

    /// Forgets the versions before `rv`; a cursor or page that needs them is expired from now on.
    pub fn compact(&mut self, resource: &Resource, rv: u64) {
        let log = self.types.entry((resource.group.clone(), resource.plural.clone())).or_default();
        log.compacted = log.compacted.max(rv);
        log.changes.retain(|(version, _), _| *version >= rv);
    }

    pub(super) fn log(&self, resource: &Resource) -> Option<&Log> {
        self.types.get(&(resource.group.clone(), resource.plural.clone()))
    }

    fn log_mut(&mut self, key: &ObjectKey) -> &mut Log {
        self.types.entry((key.group.clone(), key.plural.clone())).or_default()
    }
}

impl Log {
    /// The changes after `rv` up to and with `until`.
    pub(super) fn between(&self, rv: u64, until: u64) -> impl Iterator<Item = (&(u64, ObjectKey), &Change)> {
        let lowest =
            ObjectKey { group: String::new(), plural: String::new(), namespace: None, name: String::new() };
        self.changes
            .range((Bound::Included((rv.saturating_add(1), lowest)), Bound::Unbounded))
            .take_while(move |((version, _), _)| *version <= until)
    }

    fn deleted_at(&self, key: &ObjectKey) -> Option<u64> {
        if self.live.contains_key(key) {
            return None;
        }
        let newest = self.changes.iter().rev().find(|((_, other), _)| other == key);
        newest.filter(|(_, change)| change.deleted).map(|((rv, _), _)| *rv)
    }
}
