//! The last events that watches told, as bytes: a thousand watchers of one kind are told the same ones.

use super::accept::Transform;
use crate::{history::Event, sim::discovery::Kind, wire::EventType};
use bytes::Bytes;
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// How many are kept.
const MANY: usize = 64;

/// The last events, the newest first.
#[derive(Debug, Default)]
pub struct Frames(Mutex<VecDeque<Told>>);

#[derive(Debug)]
struct Told {
    object: Arc<Value>,
    event: EventType,
    form: Form,
    bytes: Bytes,
}

/// What an event is told as.
#[derive(Clone, Debug)]
pub struct Form {
    /// The type as the watch knows it.
    pub kind: Arc<Kind>,
    /// What becomes of the object.
    pub transform: Transform,
    /// Whether it is protobuf.
    pub binary: bool,
}

impl Form {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kind, &other.kind)
            && self.transform == other.transform
            && self.binary == other.binary
    }
}

impl Frames {
    /// The bytes of an event, made if nobody was told it yet. A table is everybody's own: only its first event
    /// has columns.
    pub fn get(&self, (event, object): &Event, form: &Form, make: impl FnOnce() -> Bytes) -> Bytes {
        if form.transform == Transform::Table {
            return make();
        }
        let known =
            |told: &&Told| Arc::ptr_eq(&told.object, object) && told.event == *event && told.form.is(form);
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = frames.iter().find(known) {
            return told.bytes.clone();
        }
        let bytes = make();
        frames.truncate(MANY - 1);
        let (object, event, form) = (object.clone(), *event, form.clone());
        frames.push_front(Told { object, event, form, bytes: bytes.clone() });
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::discovery::Registry;
    use serde_json::json;

    #[test]
    fn an_event_is_written_once_for_all_who_want_it_alike() {
        let registry = Registry::v1_36();
        let kind = registry.find("", "v1", "pods").unwrap().clone();
        let form = |transform| Form { kind: kind.clone(), transform, binary: false };
        let event = (EventType::Added, Arc::new(json!({})));
        let (frames, mut made) = (Frames::default(), 0);
        for transform in [Transform::None, Transform::None, Transform::Metadata, Transform::None] {
            frames.get(&event, &form(transform), || {
                made += 1;
                Bytes::new()
            });
        }
        assert_eq!(made, 2);
        let changed = (EventType::Modified, event.1.clone());
        for event in [&changed, &event] {
            frames.get(event, &form(Transform::Table), || {
                made += 1;
                Bytes::new()
            });
        }
        frames.get(&changed, &form(Transform::None), || {
            made += 1;
            Bytes::new()
        });
        assert_eq!(made, 5);
    }
}
