use crate::wire::{Change, delta};
use serde_json::Value;

/// How many changes a row tells.
const SHOWN: usize = 3;

/// What an answer says of a failure: `Conflict: the object has been modified`.
pub(super) fn refusal(response: Option<&Value>) -> String {
    let text = |key: &str| response.and_then(|r| r.get(key)).and_then(Value::as_str).unwrap_or_default();
    let message: String = text("message").chars().take(80).collect();
    match (text("reason"), message.as_str()) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

/// The fields that tell two versions apart, without what changes with every version.
pub(super) fn changes(old: &Value, new: &Value) -> String {
    let noise = |change: &Change| {
        let tail = [
            "resourceVersion",
            "generation",
            "uid",
            "creationTimestamp",
            "observedGeneration",
            "kind",
            "apiVersion",
        ];
        change.path.starts_with("metadata.managedFields")
            || change.path.ends_with("TransitionTime")
            || change.path.ends_with("UpdateTime")
            || change.path.starts_with("managedFields")
            || tail.iter().any(|name| change.path == *name || change.path == format!("metadata.{name}"))
    };
    let changes: Vec<String> = delta(old, new).iter().filter(|c| !noise(c)).map(Change::short).collect();
    let more = changes.len().saturating_sub(SHOWN);
    let text = changes.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// The same for a first version: what stands in its spec, status or data.
pub(super) fn contents(object: &Value) -> String {
    let mut rest = object.clone();
    if let Value::Object(map) = &mut rest {
        for field in ["metadata", "kind", "apiVersion"] {
            map.remove(field);
        }
    }
    changes(&Value::Object(serde_json::Map::new()), &rest)
}

/// What a list brought.
pub(super) fn count(response: &Value) -> Option<String> {
    let items = response.get("items")?.as_array()?.len();
    Some(format!("{items} {}", if items == 1 { "item" } else { "items" }))
}
