use super::{Event, Tape, Write};
use crate::{
    tape::{Payload, SealOptions},
    wire::{ObjectKey, is_time},
};
use serde_json::Value;
use std::sync::Arc;

/// Where a time stood.
const TIME: &str = "$time";
const NAMESPACE: &str = "$namespace";

/// The tape with uids, revisions and generated names as symbols, as sealing numbers them.
pub(super) fn symbolic(tape: &Tape) -> Tape {
    let mut symbolic = tape.symbolic(&SealOptions::default());
    let namespace = symbolic.header.namespace.clone();
    for event in &mut symbolic.events {
        match &mut event.event {
            Event::Sent(sent) => {
                sent.path = in_text(&sent.path, &namespace);
                payload(&mut sent.body, &namespace);
            }
            Event::Answer(answer) => payload(&mut answer.body, &namespace),
            Event::Frame { object, .. } => normal(Arc::make_mut(object), &namespace),
            _ => {}
        }
    }
    symbolic
}

fn payload(payload: &mut Payload, namespace: &str) {
    if let Payload::Json(value) = payload {
        normal(Arc::make_mut(value), namespace);
    }
}

/// Times and the namespace under names of their own, and what only a server keeps left out.
fn normal(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
                metadata.retain(|key, _| !["resourceVersion", "managedFields"].contains(&key.as_str()));
            }
            map.values_mut().for_each(|value| normal(value, namespace));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| normal(item, namespace)),
        Value::String(text) => {
            if text.starts_with("$time(") || is_time(text) {
                TIME.clone_into(text);
            } else {
                *text = in_text(text, namespace);
            }
        }
        _ => {}
    }
}

/// `text` with the namespace replaced where it stands as a whole word.
fn in_text(text: &str, namespace: &str) -> String {
    if namespace.len() < 3 || !text.contains(namespace) {
        return text.to_owned();
    }
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let (mut out, mut from) = (String::new(), 0);
    for (at, _) in text.match_indices(namespace) {
        let end = at + namespace.len();
        if !text[..at].ends_with(in_word) && !text[end..].starts_with(in_word) {
            out += &text[from..at];
            out += NAMESPACE;
            from = end;
        }
    }
    out + &text[from..]
}

/// The key as people know it: `deployments.apps/web`, with the namespace where it is another than the scenario's.
pub(super) fn label(key: &ObjectKey, subresource: Option<&str>) -> String {
    let mut label = key.plural.clone();
    if !key.group.is_empty() {
        label += &format!(".{}", key.group);
    }
    match key.namespace.as_deref().filter(|namespace| *namespace != NAMESPACE) {
        Some(namespace) => label += &format!(" {namespace}/{}", key.name),
        None => label += &format!("/{}", key.name),
    }
    subresource.map_or(label.clone(), |subresource| format!("{label}/{subresource}"))
}

/// Writes that say nothing about what an operator made.
pub(super) fn is_background(write: &Write) -> bool {
    matches!(write.key.plural.as_str(), "leases" | "events")
        || matches!(write.key.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
}
