use crate::wire::{Verb, is_time};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Whether two bodies of the same verb and subresource say the same, times, `resourceVersion` and
/// `managedFields` aside.
pub fn same_body(verb: Verb, subresource: Option<&str>, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => same_members(
            a,
            b,
            |key| is_sent(verb, subresource, key),
            |key, a, b| match (key, a, b) {
                ("metadata", Value::Object(a), Value::Object(b)) => {
                    same_members(a, b, is_said, |_, a, b| same(a, b))
                }
                _ => same(a, b),
            },
        ),
        _ => same(a, b),
    }
}

/// Whether two objects have the same members, those aside that do not count.
fn same_members(
    a: &Map<String, Value>,
    b: &Map<String, Value>,
    counts: impl Fn(&str) -> bool,
    alike: impl Fn(&str, &Value, &Value) -> bool,
) -> bool {
    let number = |map: &Map<String, Value>| map.keys().filter(|key| counts(key)).count();
    number(a) == number(b)
        && a.iter()
            .filter(|(key, _)| counts(key))
            .all(|(key, a)| b.get(key).is_some_and(|b| alike(key, a, b)))
}

/// Whether the server acts on a member of an object. An update sends whole objects, of which the server takes
/// either the status or everything else.
fn is_sent(verb: Verb, subresource: Option<&str>, key: &str) -> bool {
    match (verb, subresource) {
        (Verb::Update, Some("status")) => key == "status",
        (Verb::Update, None) => key != "status",
        _ => true,
    }
}

/// Whether a member of `metadata` is the client's, not the server's.
fn is_said(key: &str) -> bool {
    !["resourceVersion", "managedFields", "generation", "creationTimestamp", "selfLink"].contains(&key)
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

/// The part of a body that a server acts on.
pub(super) fn essence<'a>(verb: Verb, subresource: Option<&str>, body: &'a Value) -> Cow<'a, Value> {
    let Value::Object(map) = body else { return Cow::Borrowed(body) };
    let mut map = map.clone();
    map.retain(|key, _| is_sent(verb, subresource, key));
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        metadata.retain(|key, _| is_said(key));
    }
    Cow::Owned(Value::Object(map))
}
