use crate::sim::discovery::Kind;
use serde_json::{Value, json};
use std::sync::Arc;

/// A stored object as the version of a path shows it.
pub fn shown(kind: &Kind, object: &Arc<Value>) -> Arc<Value> {
    if object["apiVersion"].as_str().is_some_and(|version| kind.speaks(version)) {
        return object.clone();
    }
    let version = kind.api_version();
    let mut shown = (**object).clone();
    if kind.is("events.k8s.io", "events") {
        for (stored, name) in EVENT {
            rename(&mut shown, stored, name);
        }
        if let Some(members) = shown.as_object_mut() {
            members.retain(|key, value| !(REPORTER.contains(&key.as_str()) && *value == ""));
        }
    }
    shown["apiVersion"] = json!(version);
    Arc::new(shown)
}

/// An object of a request as it is stored.
pub fn stored(kind: &Kind, mut object: Value) -> Value {
    if let Some(custom) = &kind.custom {
        if custom.storage_version != kind.resource.version {
            object["apiVersion"] = json!(format!("{}/{}", kind.resource.group, custom.storage_version));
        }
        return object;
    }
    if kind.is("events.k8s.io", "events") {
        for (stored, name) in EVENT {
            rename(&mut object, name, stored);
        }
        for field in ["reportingComponent", "reportingInstance"] {
            if object[field].is_null() {
                object[field] = json!("");
            }
        }
    }
    if kind.storage != kind.resource {
        object["apiVersion"] = json!(kind.storage.api_version());
    }
    object
}

/// The fields of an event in the core group, and in the group of its own.
const EVENT: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// What the group of its own leaves out where it is empty, and the core group does not.
const REPORTER: [&str; 2] = ["reportingController", "reportingInstance"];

fn rename(object: &mut Value, from: &str, to: &str) {
    let Some(members) = object.as_object_mut() else { return };
    if let Some(value) = members.remove(from) {
        members.insert(to.to_owned(), value);
    }
}
