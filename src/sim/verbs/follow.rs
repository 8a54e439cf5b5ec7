use super::{Call, State};
use serde_json::Value;

/// What the server does at once after it wrote an object.
pub fn written(state: &mut State, call: &Call<'_>, object: &Value) {
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crate::sim::crd::written(state, object);
    }
}

/// What the server does at once after it removed an object.
pub fn removed(state: &mut State, call: &Call<'_>, object: &Value) {
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crate::sim::crd::removed(state, object);
    } else if call.kind.custom.is_some() {
        crate::sim::crd::left(state, &call.kind.resource.group, &call.kind.resource.plural);
    }
}
