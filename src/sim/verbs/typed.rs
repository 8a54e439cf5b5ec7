use super::Call;
use crate::{sim::refusal::FieldError, wire::Failure};
use serde_json::Value;

/// An object as its type reads it: pruned, without nulls, with defaults.
///
/// # Errors
/// 400 for values of the wrong type, and for unknown fields when they are refused.
pub fn decoded(call: &Call<'_>, mut object: Value) -> Result<Value, Failure> {
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crate::sim::crd::complete(&mut object);
    }
    Ok(object)
}

/// What is wrong with an object, or with how it changed.
pub fn errors(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let _ = old;
    super::scale::errors(&call.kind, object)
}
