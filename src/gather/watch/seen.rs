use super::brief::Brief;
use crate::wire::EventType;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `NAMESPACE/NAME`, or `/NAME`.
type Key = Box<str>;

/// The objects of one list as they were last seen, without what is in them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    objects: BTreeMap<Key, Last>,
    /// Which of the lists this is; it grows with every new one.
    round: u32,
}

#[derive(Debug)]
struct Last {
    version: Brief,
    uid: Brief,
    round: u32,
}

impl Seen {
    /// Remembers an object.
    pub(super) fn put(&mut self, object: &Value) {
        let brief = |field| Brief::new(text(object, field));
        let last = Last { version: brief("resourceVersion"), uid: brief("uid"), round: self.round };
        self.objects.insert(key(object), last);
    }

    /// Whether there is an object under this name.
    pub(super) fn holds(&self, object: &Value) -> bool {
        self.objects.contains_key(&key(object))
    }

    /// Follows a change; gives whether it tells anything new.
    pub(super) fn apply(&mut self, event: EventType, object: &Value) -> bool {
        let new = event == EventType::Deleted || !self.is_known(object);
        match event {
            EventType::Added | EventType::Modified if new => self.put(object),
            EventType::Deleted => drop(self.objects.remove(&key(object))),
            _ => {}
        }
        new
    }

    /// Whether this or a later version of the object was seen: a list in many pages may be newer than it says.
    fn is_known(&self, object: &Value) -> bool {
        let same = |last: &&Last| last.uid == Brief::new(text(object, "uid"));
        let Some(last) = self.objects.get(&key(object)).filter(same) else { return false };
        let version = Brief::new(text(object, "resourceVersion"));
        match (version.number(), last.version.number()) {
            (Some(version), Some(last)) => version <= last,
            _ => version == last.version,
        }
    }

    /// A new list begins.
    pub(super) fn relist(&mut self) {
        self.round += 1;
    }

    /// What the object of a new list says to one who knows what was seen.
    pub(super) fn compare(&mut self, object: Value) -> Vec<(EventType, Value)> {
        let key = key(&object);
        let known = self.objects.get(&key);
        let brief = |field| Brief::new(text(&object, field));
        let same_object = known.is_some_and(|last| last.uid == brief("uid"));
        let changed = known.is_none_or(|last| last.version != brief("resourceVersion"));
        let gone = known.filter(|_| !same_object).map(|last| (EventType::Deleted, last.tomb(&key, &object)));
        self.put(&object);
        let event = if same_object { EventType::Modified } else { EventType::Added };
        gone.into_iter().chain((changed || !same_object).then_some((event, object))).collect()
    }

    /// What was not in the new list; `kind` has the `apiVersion` and `kind` of all.
    pub(super) fn gone(&mut self, kind: &Value) -> Vec<(EventType, Value)> {
        let round = self.round;
        let mut gone = Vec::new();
        self.objects.retain(|key, last| {
            let stays = last.round == round;
            if !stays {
                gone.push((EventType::Deleted, last.tomb(key, kind)));
            }
            stays
        });
        gone
    }
}

impl Last {
    /// What is known of a deleted object whose deletion nobody saw.
    fn tomb(&self, key: &str, kind: &Value) -> Value {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let (uid, version) = (self.uid.to_string(), self.version.to_string());
        let mut metadata = json!({"name": name, "uid": uid, "resourceVersion": version});
        if !namespace.is_empty() {
            metadata["namespace"] = json!(namespace);
        }
        json!({"apiVersion": kind["apiVersion"], "kind": kind["kind"], "metadata": metadata})
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

fn key(object: &Value) -> Key {
    format!("{}/{}", text(object, "namespace"), text(object, "name")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, uid: &str, version: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": version}})
    }

    fn told(changes: &[(EventType, Value)]) -> Vec<String> {
        changes.iter().map(|(event, object)| format!("{event} {}", text(object, "uid"))).collect()
    }

    #[test]
    fn a_new_list_tells_what_changed_and_what_is_gone() {
        let mut seen = Seen::default();
        for (name, uid) in [("same", "a"), ("newer", "b"), ("again", "c"), ("lost", "d")] {
            seen.put(&object(name, uid, "1"));
        }
        seen.relist();
        assert!(seen.compare(object("same", "a", "1")).is_empty());
        assert_eq!(told(&seen.compare(object("newer", "b", "5"))), ["MODIFIED b"]);
        assert_eq!(told(&seen.compare(object("again", "e", "6"))), ["DELETED c", "ADDED e"]);
        assert_eq!(told(&seen.compare(object("new", "f", "7"))), ["ADDED f"]);
        assert_eq!(told(&seen.gone(&object("", "", ""))), ["DELETED d"]);
        assert!(!seen.holds(&object("lost", "d", "1")) && seen.holds(&object("new", "f", "7")));
    }
}
