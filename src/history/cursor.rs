use super::{History, Scope, log::Change, metadata_of};
use crate::wire::{EventType, Failure, Frame, ObjectKey};
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc};

/// What happened to an object, and the object.
pub type Event = (EventType, Arc<Value>);

/// Where a watch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this resourceVersion.
    After(u64),
    /// With the present objects as `ADDED` frames, then what follows; `bookmark` marks their end
    /// (`sendInitialEvents=true`).
    Present {
        /// Whether a bookmark marks the end of the present objects.
        bookmark: bool,
    },
}

/// A place in the history from which one watch stream reads.
#[derive(Debug)]
pub struct Cursor {
    scope: Scope,
    kind: String,
    metadata_only: bool,
    after: u64,
    initial: VecDeque<Frame>,
}

impl Cursor {
    /// A cursor for one watch; `kind` is the kind of the objects, for bookmarks.
    pub fn new(history: &History, scope: Scope, kind: &str, metadata_only: bool, start: Start) -> Self {
        let mut cursor =
            Self { scope, kind: kind.to_owned(), metadata_only, after: 0, initial: VecDeque::new() };
        match start {
            Start::After(rv) => cursor.after = rv,
            Start::Present { bookmark } => {
                cursor.after = history.revision(&cursor.scope.resource);
                cursor.initial = cursor.present(history);
                if bookmark {
                    cursor.initial.push_back(cursor.bookmark(true));
                }
            }
        }
        cursor
    }

    /// Which objects it is about.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The resourceVersion after which it reads on.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// All frames up to and with resourceVersion `until`.
    ///
    /// # Errors
    /// 410 `Expired` when the versions that follow are compacted.
    pub fn read(&mut self, history: &History, until: u64) -> Result<Vec<Frame>, Failure> {
        let mut frames: Vec<Frame> = self.initial.drain(..).collect();
        let events = history.events(&self.scope, self.after, until)?;
        frames
            .extend(events.iter().map(|(event, object)| Frame { event: *event, object: self.view(object) }));
        self.after = self.after.max(until.min(history.revision(&self.scope.resource)));
        Ok(frames)
    }

    /// A bookmark at the cursor's place; `initial` marks the end of the initial events.
    pub fn bookmark(&self, initial: bool) -> Frame {
        let mut object = json!({
            "kind": self.kind,
            "apiVersion": self.scope.resource.api_version(),
            "metadata": { "resourceVersion": self.after.to_string(), "creationTimestamp": null },
        });
        if initial {
            object["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        Frame { event: EventType::Bookmark, object: self.view(&object) }
    }

    fn present(&self, history: &History) -> VecDeque<Frame> {
        history
            .live(&self.scope.resource)
            .filter(|(key, current)| self.scope.covers(key) && self.scope.selects(&current.object))
            .map(|(_, current)| Frame { event: EventType::Added, object: self.view(&current.object) })
            .collect()
    }

    fn view(&self, object: &Value) -> Value {
        if self.metadata_only { metadata_of(object) } else { object.clone() }
    }
}

impl History {
    /// What a watch of `scope` says about the versions after `after` up to and with `until`.
    ///
    /// # Errors
    /// 410 `Expired` when the versions that follow `after` are compacted.
    pub fn events(&self, scope: &Scope, after: u64, until: u64) -> Result<Vec<Event>, Failure> {
        let Some(log) = self.log(&scope.resource) else { return Ok(Vec::new()) };
        if after < log.compacted {
            let message = format!("too old resource version: {after} ({})", log.compacted);
            return Err(Failure::expired(message));
        }
        let changes = log.between(after, until);
        Ok(changes.filter_map(|((rv, key), change)| event(scope, key, *rv, change)).collect())
    }
}

/// A change that makes an object enter or leave the selection is an `ADDED` or a `DELETED`.
fn event(scope: &Scope, key: &ObjectKey, rv: u64, change: &Change) -> Option<Event> {
    if !scope.covers(key) {
        return None;
    }
    let before = change.previous.as_ref().is_some_and(|object| scope.selects(object));
    let after = !change.deleted && scope.selects(&change.object);
    let event = match (before, after) {
        (false, true) => EventType::Added,
        (true, true) => EventType::Modified,
        (true, false) => EventType::Deleted,
        (false, false) => return None,
    };
    let object = match (&change.previous, event, change.deleted) {
        // The server sends the last selected state with the version of the change.
        (Some(previous), EventType::Deleted, false) => Arc::new(at_version(previous, rv)),
        _ => change.object.clone(),
    };
    Some((event, object))
}

fn at_version(object: &Value, rv: u64) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = json!(rv.to_string());
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FieldSelector, LabelSelector, Resource};

    fn pods() -> Resource {
        Resource { group: String::new(), version: "v1".into(), plural: "pods".into() }
    }

    fn scope(labels: &str) -> Scope {
        Scope {
            resource: pods(),
            namespace: Some("a".into()),
            labels: LabelSelector::parse(labels).unwrap(),
            fields: FieldSelector::default(),
        }
    }

    fn put(history: &mut History, name: &str, rv: u64, app: &str) {
        let key = ObjectKey::new(&pods(), Some("a"), name);
        let object =
            json!({"metadata": {"name": name, "resourceVersion": rv.to_string(), "labels": {"app": app}}});
        history.put(&key, rv, Arc::new(object));
    }

    fn read(cursor: &mut Cursor, history: &History) -> Vec<String> {
        let frames = cursor.read(history, u64::MAX).unwrap();
        frames.iter().map(|f| format!("{} {}", f.event, f.object["metadata"]["resourceVersion"])).collect()
    }

    #[test]
    fn entering_and_leaving_a_selection_are_added_and_deleted() {
        let mut history = History::default();
        let mut cursor = Cursor::new(&history, scope("app=x"), "Pod", false, Start::After(0));
        put(&mut history, "p", 5, "y");
        put(&mut history, "p", 6, "x");
        put(&mut history, "p", 7, "x");
        put(&mut history, "p", 8, "y");
        assert_eq!(read(&mut cursor, &history), ["ADDED \"6\"", "MODIFIED \"7\"", "DELETED \"8\""]);
        assert_eq!(read(&mut cursor, &history), Vec::<String>::new());
    }

    #[test]
    fn initial_events_end_with_a_bookmark_and_go_on_from_there() {
        let mut history = History::default();
        put(&mut history, "p", 5, "x");
        let start = Start::Present { bookmark: true };
        let mut cursor = Cursor::new(&history, scope(""), "Pod", true, start);
        put(&mut history, "q", 9, "x");
        assert_eq!(read(&mut cursor, &history), ["ADDED \"5\"", "BOOKMARK \"5\"", "ADDED \"9\""]);
    }

    #[test]
    fn an_old_version_changes_nothing_and_a_deleted_object_stays_deleted() {
        let mut history = History::default();
        let key = ObjectKey::new(&pods(), Some("a"), "p");
        put(&mut history, "p", 5, "x");
        history.delete(&key, 7, None);
        put(&mut history, "p", 6, "x");
        assert!(history.get(&key).is_none());
        put(&mut history, "p", 8, "x");
        assert_eq!(history.get(&key).unwrap().rv, 8);
    }

    #[test]
    fn a_cursor_before_the_compaction_is_expired() {
        let mut history = History::default();
        put(&mut history, "p", 5, "x");
        put(&mut history, "p", 9, "x");
        let mut cursor = Cursor::new(&history, scope(""), "Pod", false, Start::After(5));
        history.compact(&pods(), 8);
        assert_eq!(cursor.read(&history, u64::MAX).unwrap_err().code, 410);
    }
}
