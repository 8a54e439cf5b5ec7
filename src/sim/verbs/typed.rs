use super::Call;
use crate::{
    sim::{
        builtin,
        refusal::{FieldError, bad_request},
    },
    wire::Failure,
};
use serde_json::Value;

/// An object as its type reads it: pruned, without nulls, with defaults.
///
/// # Errors
/// 400 for values of the wrong type, and for unknown fields when they are refused.
pub fn decoded(call: &Call<'_>, mut object: Value) -> Result<Value, Failure> {
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crate::sim::crd::complete(&mut object);
    }
    if call.kind.custom.is_none() {
        builtin::canonical_quantities(&mut object).map_err(|_| {
            let kind = &call.kind;
            bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                kind.kind, kind.resource.version, kind.kind
            ))
        })?;
        builtin::fill(&call.kind, &mut object);
    }
    Ok(object)
}

/// What is wrong with an object, or with how it changed.
pub fn errors(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if call.kind.custom.is_some() {
        return super::scale::errors(&call.kind, object);
    }
    // What is below a status is the business of controllers.
    if call.subresource().is_some() {
        return Vec::new();
    }
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        return crate::sim::crd::errors(object, old);
    }
    builtin::errors(&call.kind, object, old)
}
