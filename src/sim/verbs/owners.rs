use super::{Call, State};
use serde_json::Value;

/// Notes who made the fields of a new object.
pub fn created(state: &State, call: &Call<'_>, object: &mut Value) {
    let _ = (state, call, object);
}

/// Notes who changed which fields.
pub fn updated(state: &State, call: &Call<'_>, old: &Value, object: &mut Value) {
    let _ = (state, call);
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    match old["metadata"].get("managedFields") {
        Some(fields) => metadata.insert("managedFields".into(), fields.clone()),
        None => metadata.remove("managedFields"),
    };
}
