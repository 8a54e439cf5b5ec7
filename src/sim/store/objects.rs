use crate::{
    history::{Current, Event, History, PageError, Scope, Slice},
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

/// All objects, and what happened to them.
#[derive(Debug, Default)]
pub struct Store {
    history: History,
    revision: u64,
    compacted: u64,
    compactions: u64,
    topics: BTreeMap<(String, String), watch::Sender<u64>>,
    news: Vec<News>,
}

/// A write that nobody has looked at yet.
#[derive(Clone, Debug)]
pub struct News {
    /// Which object.
    pub key: ObjectKey,
    /// The object; the last state of a removed one.
    pub object: Arc<Value>,
    /// The object as it was before; none when it is new.
    pub old: Option<Arc<Value>>,
    /// Whether it was removed.
    pub removed: bool,
}

impl Store {
    /// The revision of the last write, over all types.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object at `key`, when it exists.
    pub fn get(&self, key: &ObjectKey) -> Option<&Current> {
        self.history.get(key)
    }

    /// All objects of a type that exist, in order.
    pub fn live(&self, resource: &Resource) -> impl Iterator<Item = (&ObjectKey, &Arc<Value>)> {
        self.history.live(resource).map(|(key, current)| (key, &current.object))
    }

    /// All objects that exist, in order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.history.all().map(|(_, current)| &current.object)
    }

    /// Writes an object, new or changed, and gives it the next resourceVersion.
    pub fn put(&mut self, key: &ObjectKey, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let old = self.get(key).map(|current| current.object.clone());
        self.history.put(key, self.revision, object.clone());
        self.news.push(News { key: key.clone(), object: object.clone(), old, removed: false });
        self.tell(&key.group, &key.plural);
        object
    }

    /// Removes an object. What is left is its last state with the resourceVersion of the removal.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Value>> {
        let old = self.get(key)?.object.clone();
        let mut last = (*old).clone();
        self.revision += 1;
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let last = Arc::new(last);
        self.history.delete(key, self.revision, Some(last.clone()));
        self.news.push(News { key: key.clone(), object: last.clone(), old: Some(old), removed: true });
        self.tell(&key.group, &key.plural);
        Some(last)
    }

    /// The object of a uid, when a finalizer holds it.
    pub fn with_finalizer(&self, finalizer: &str, uid: &str) -> Vec<ObjectKey> {
        let held = |object: &Value| {
            let finalizers = object["metadata"]["finalizers"].as_array().into_iter().flatten();
            object["metadata"]["uid"] == uid && finalizers.into_iter().any(|known| known == finalizer)
        };
        self.history.all().filter(|(_, current)| held(&current.object)).map(|(key, _)| key.clone()).collect()
    }

    /// What was written since this was asked last.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Part of a list as it was at `rv`.
    ///
    /// # Errors
    /// When that revision is compacted.
    pub fn slice(
        &self,
        scope: &Scope,
        rv: u64,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Slice, PageError> {
        if rv < self.compacted {
            return Err(PageError::Expired);
        }
        self.history.slice(scope, rv, after, limit)
    }

    /// What happened in a scope after a revision.
    ///
    /// # Errors
    /// 410 when what happened then is compacted.
    pub fn events(&self, scope: &Scope, after: u64) -> Result<Vec<Event>, Failure> {
        if after < self.compacted {
            let message = format!("too old resource version: {after} ({})", self.compacted);
            return Err(Failure::expired(message));
        }
        self.history.events(scope, after, u64::MAX)
    }

    /// A write that no client sees.
    pub fn tick(&mut self) {
        self.revision += 1;
    }

    /// Forgets everything before the present revision.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        self.compactions += 1;
        for (group, plural) in self.topics.keys() {
            let resource = Resource::new(group.clone(), "", plural.clone());
            self.history.compact(&resource, self.revision);
        }
        for topic in self.topics.values() {
            topic.send_replace(self.revision);
        }
    }

    /// How often history was forgotten; watches from before do not outlive it, as no server does.
    pub fn compactions(&self) -> u64 {
        self.compactions
    }

    /// News of a type: changes whenever an object of it does.
    pub fn topic(&mut self, resource: &Resource) -> watch::Receiver<u64> {
        let key = (resource.group.clone(), resource.plural.clone());
        self.topics.entry(key).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// Wakes whoever waits for news of a type.
    pub fn tell(&mut self, group: &str, plural: &str) {
        let topic = self.topics.entry((group.to_owned(), plural.to_owned()));
        topic.or_insert_with(|| watch::channel(0).0).send_replace(self.revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{EventType, FieldSelector, LabelSelector};

    fn scope() -> Scope {
        let resource = Resource::new("", "v1", "configmaps");
        let (labels, fields) = (LabelSelector::default(), FieldSelector::default());
        Scope { resource, namespace: None, labels, fields }
    }

    fn put(store: &mut Store, name: &str) {
        let key = ObjectKey::new(&scope().resource, Some("a"), name);
        store.put(&key, json!({"metadata": {"name": name}}));
    }

    #[test]
    fn a_deletion_carries_the_last_state_with_a_version_of_its_own() {
        let mut store = Store::default();
        put(&mut store, "x");
        store.remove(&ObjectKey::new(&scope().resource, Some("a"), "x")).unwrap();
        let events = store.events(&scope(), 1).unwrap();
        assert_eq!(events[0].0, EventType::Deleted);
        assert_eq!(events[0].1["metadata"], json!({"name": "x", "resourceVersion": "2"}));
    }

    #[test]
    fn what_is_compacted_is_gone_for_lists_and_watches_alike() {
        let mut store = Store::default();
        put(&mut store, "x");
        put(&mut store, "y");
        assert_eq!(store.slice(&scope(), 1, None, 0).unwrap().items.len(), 1);
        store.compact();
        assert!(store.slice(&scope(), 1, None, 0).is_err());
        assert_eq!(store.events(&scope(), 1).unwrap_err().code, 410);
        assert_eq!(store.slice(&scope(), 2, None, 0).unwrap().items.len(), 2);
    }
}
