use super::{Call, State};
use crate::sim::merge::{Write, keep_times, track_update};
use serde_json::Value;

/// Notes who made the fields of a new object.
pub fn created(state: &State, call: &Call<'_>, object: Value) -> Value {
    tracked(state, call, None, object)
}

/// Notes who changed which fields.
pub fn updated(state: &State, call: &Call<'_>, old: &Value, object: Value) -> Value {
    tracked(state, call, Some(old), object)
}

fn tracked(state: &State, call: &Call<'_>, old: Option<&Value>, object: Value) -> Value {
    let mut object = with(state, call, |write| match write {
        Some(write) => track_update(old, object, write),
        None => object,
    });
    // Who wrote a scale is noted without the time.
    if call.subresource() == Some("scale") {
        let entries = object["metadata"].get_mut("managedFields").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter(|entry| entry["subresource"] == "scale") {
            entry.as_object_mut().map(|entry| entry.remove("time"));
        }
    }
    object
}

/// A write that changes nothing but times changes nothing at all.
pub fn settle(old: &Value, object: &mut Value) {
    keep_times(old, object);
}

/// Does something with the description of a write; there is none for a type without a schema.
pub fn with<T>(state: &State, call: &Call<'_>, then: impl FnOnce(Option<&Write<'_>>) -> T) -> T {
    let Some(schema) = call.kind.schema() else { return then(None) };
    let (version, now) = (call.kind.api_version(), state.clock.seconds());
    let served: Vec<&str> =
        call.kind.custom.iter().flat_map(|custom| custom.served.iter().map(String::as_str)).collect();
    let discarded = discarded(call);
    let write = Write {
        manager: &call.manager,
        version: &version,
        subresource: call.subresource().unwrap_or_default(),
        now: &now,
        schema,
        discarded: &discarded,
        served: &served,
    };
    then(Some(&write))
}

/// The fields that an endpoint does not store.
fn discarded(call: &Call<'_>) -> Vec<&'static str> {
    let kind = &call.kind;
    match call.subresource() {
        None if kind.has_status() => vec!["status"],
        Some("status") if kind.custom.is_some() => vec!["metadata", "spec"],
        Some("status") if kind.is("apps", "deployments") => vec!["spec", "metadata.labels"],
        Some("status") if kind.is_core("pods") => {
            vec!["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"]
        }
        Some("status") => vec!["spec"],
        Some("finalize") => vec!["status"],
        _ => Vec::new(),
    }
}
