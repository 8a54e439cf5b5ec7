use crate::{
    tape::{Class, Event, Payload, Tape, TapeEvent, Write},
    wire::ObjectKey,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The root object of each write: the end of its owner chain; the only live primary for an object
/// without an owner; else itself.
pub(super) fn roots(tape: &Tape, writes: &[Write]) -> Vec<ObjectKey> {
    let mut book = Book::default();
    for TapeEvent { event, .. } in &tape.events {
        match event {
            Event::Frame { object, .. } => book.note(object),
            Event::Answer(answer) => {
                if let Payload::Json(body) = &answer.body {
                    body.get("items")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .for_each(|i| book.note(i));
                    book.note(body);
                }
            }
            _ => {}
        }
    }
    for write in writes {
        book.note_write(write);
    }
    let primaries: BTreeSet<&ObjectKey> =
        writes.iter().filter_map(|write| book.key_of_uid.get(book.owner_of(&write.key)?)).collect();
    let only = (primaries.len() == 1).then(|| primaries.first().copied()).flatten();
    writes
        .iter()
        .map(|write| {
            let root = book.root(&write.key);
            if root == write.key && !primaries.contains(&root) { only.cloned().unwrap_or(root) } else { root }
        })
        .collect()
}

#[derive(Default)]
struct Book {
    key_of_uid: BTreeMap<String, ObjectKey>,
    owner_by_uid: BTreeMap<String, String>,
    owner_by_key: BTreeMap<ObjectKey, String>,
    uid_of_key: BTreeMap<ObjectKey, String>,
}

impl Book {
    fn note(&mut self, object: &Value) {
        let (uid, owner) = (text(object, "/metadata/uid"), controller(object));
        if let (Some(uid), Some(owner)) = (uid, owner) {
            self.owner_by_uid.insert(uid, owner);
        }
    }

    fn note_write(&mut self, write: &Write) {
        if write.class == Class::Failed {
            return;
        }
        let response = write.response.as_deref();
        if let Some(uid) = response.and_then(|object| text(object, "/metadata/uid")) {
            self.key_of_uid.insert(uid.clone(), write.key.clone());
            self.uid_of_key.insert(write.key.clone(), uid);
        }
        if let Some(owner) = response.and_then(controller).or_else(|| controller(&write.body)) {
            self.owner_by_key.insert(write.key.clone(), owner);
        }
    }

    fn owner_of(&self, key: &ObjectKey) -> Option<&String> {
        self.owner_by_key.get(key)
    }

    fn root(&self, key: &ObjectKey) -> ObjectKey {
        let mut at = key.clone();
        // Owner chains are short; the bound ends a circle that broken references could make.
        for _ in 0..32 {
            let owner = self.owner_of(&at).or_else(|| self.owner_by_uid.get(self.uid_of_key.get(&at)?));
            match owner.and_then(|uid| self.key_of_uid.get(uid)) {
                Some(next) if *next != at => at = next.clone(),
                _ => break,
            }
        }
        at
    }
}

fn controller(object: &Value) -> Option<String> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|o| o.get("controller") == Some(&Value::Bool(true))).or(owners.first())?;
    owner.get("uid")?.as_str().map(str::to_owned)
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer)?.as_str().map(str::to_owned)
}
