use crate::{
    sim::{
        refusal::forbidden,
        verbs::{Call, State},
    },
    wire::Failure,
};
use serde_json::{Value, json};

/// Nothing is created in a namespace that is missing or on its way out.
pub(super) fn create(state: &State, call: &Call<'_>, object: &Value) -> Result<(), Failure> {
    let Some(namespace) = call.namespace().filter(|_| call.kind.namespaced) else { return Ok(()) };
    let Some(found) = state.core("namespaces", None, namespace) else {
        let details = json!({"name": namespace, "kind": "namespaces"});
        let message = format!("namespaces {namespace:?} not found");
        return Err(Failure { details, ..Failure::new(404, "NotFound", message) });
    };
    if found["metadata"].get("deletionTimestamp").is_none() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut failure = forbidden(&call.kind, name_of(object), &why);
    failure.details["causes"] = json!([{
        "reason": "NamespaceTerminating", "field": "metadata.namespace",
        "message": format!("namespace {namespace} is being terminated"),
    }]);
    Err(failure)
}

/// The name that messages of plugins show.
pub(super) fn name_of(object: &Value) -> &str {
    let metadata = &object["metadata"];
    metadata["name"].as_str().or_else(|| metadata["generateName"].as_str()).unwrap_or("Unknown")
}

/// Some namespaces stay.
pub(super) fn delete(call: &Call<'_>, name: &str) -> Result<(), Failure> {
    if call.kind.is_core("namespaces") && ["default", "kube-system", "kube-public"].contains(&name) {
        return Err(forbidden(&call.kind, name, "this namespace may not be deleted"));
    }
    Ok(())
}
