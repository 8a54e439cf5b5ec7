use crate::wire::{Verb, is_time};
use serde_json::Value;
use std::borrow::Cow;

/// Whether two bodies of the same verb and subresource say the same, times, `resourceVersion` and
/// `managedFields` aside.
pub fn same_body(verb: Verb, subresource: Option<&str>, a: &Value, b: &Value) -> bool {
    same(&essence(verb, subresource, a), &essence(verb, subresource, b))
}

/// Equality that takes any time for any other.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::String(a), Value::String(b)) => a == b || (is_time(a) && is_time(b)),
        (a, b) => a == b,
    }
}

/// The part of a body that a server acts on. An update sends whole objects, of which the server takes either
/// the status or everything else.
pub(super) fn essence<'a>(verb: Verb, subresource: Option<&str>, body: &'a Value) -> Cow<'a, Value> {
    let Value::Object(map) = body else { return Cow::Borrowed(body) };
    let mut map = map.clone();
    match (verb, subresource) {
        (Verb::Update, Some("status")) => map.retain(|key, _| key == "status"),
        (Verb::Update, None) => {
            map.remove("status");
        }
        _ => {}
    }
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        let kept_by_server =
            ["resourceVersion", "managedFields", "generation", "creationTimestamp", "selfLink"];
        metadata.retain(|key, _| !kept_by_server.contains(&key.as_str()));
    }
    Cow::Owned(Value::Object(map))
}
