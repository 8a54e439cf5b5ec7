use super::{Call, call::Strictness, duplicates};
use crate::{
    sim::{
        builtin, crd,
        discovery::Kind,
        refusal::{FieldError, bad_request, invalid_as, needs_feature},
        schema::{Schema, needs_cel, unknown_formats},
    },
    wire::{Failure, go_print},
};
use serde_json::Value;

/// Where an object comes from; it decides how a refusal is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The body of a request.
    Body,
    /// A patch that was applied.
    Patch,
    /// A configuration that was applied, and checked when it was.
    Apply,
}

/// An object as its type reads it: pruned, without nulls, with defaults.
///
/// # Errors
/// 400 for values of the wrong type, and for unknown fields when they are refused; 422 after a patch.
pub fn decoded(call: &Call<'_>, mut object: Value, origin: Origin) -> Result<Value, Failure> {
    let kind = &call.kind;
    let Some(schema) = kind.schema() else { return Ok(object) };
    let strategic = strategic_patch(call, origin);
    if let Some((patch, why)) =
        strategic.as_ref().and_then(|patch| Some((patch, schema.restore_error(patch)?)))
    {
        return Err(not_patched(&go_print(patch), &why));
    }
    if kind.custom.is_none()
        && let Some(why) = schema.decode_error(&object)
    {
        return Err(undecodable(call, &object, origin, &why));
    }
    let before = match (origin, &strategic) {
        (_, Some(patch)) => go_print(patch),
        (Origin::Patch, None) => object.to_string(),
        _ => String::new(),
    };
    let mut strange: Vec<String> = Vec::new();
    if origin == Origin::Body {
        let doubled = duplicates::strange(call);
        if call.strictness == Strictness::Strict && doubled.iter().any(|text| text.starts_with("line ")) {
            strange.push(duplicates::refused(&doubled));
        } else {
            strange.extend(doubled);
        }
    }
    let unknown = schema.prune(&mut object);
    if origin != Origin::Apply {
        let (metadata, others): (Vec<_>, Vec<_>) =
            unknown.iter().partition(|path| path.starts_with("metadata."));
        strange.extend(metadata.iter().chain(&others).map(|path| format!("unknown field {path:?}")));
    }
    match call.strictness {
        Strictness::Strict if !strange.is_empty() => {
            let why = format!("strict decoding error: {}", strange.join(", "));
            return Err(match origin {
                Origin::Body => cannot_be_handled(kind, &why),
                _ => not_patched(&before, &why),
            });
        }
        Strictness::Warn => strange.iter().for_each(|text| call.warn(text)),
        _ => {}
    }
    complete(call, schema, object, origin)
}

/// The strategic merge patch that an object comes from: refusals show it instead of the object.
fn strategic_patch(call: &Call<'_>, origin: Origin) -> Option<Value> {
    let format = call.info.content_type.as_deref()?;
    let is = origin == Origin::Patch && format == "application/strategic-merge-patch+json";
    is.then(|| serde_json::from_slice(call.body).ok()).flatten()
}

/// Fills in the defaults, in the way of custom or built-in types.
fn complete(call: &Call<'_>, schema: &Schema, mut object: Value, origin: Origin) -> Result<Value, Failure> {
    let kind = &call.kind;
    if kind.custom.is_some() {
        // What an apply leaves null is refused, not forgotten.
        if origin != Origin::Apply {
            schema.drop_nulls(&mut object);
        }
        schema.fill(&mut object);
        return Ok(object);
    }
    let mut object = schema.normalized(object);
    if kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crd::complete(&mut object);
        let versions = object["spec"]["versions"].as_array().into_iter().flatten();
        let schemas: Vec<_> = versions.map(|version| &version["schema"]["openAPIV3Schema"]).collect();
        if schemas.iter().any(|schema| needs_cel(schema)) {
            return Err(needs_feature("a schema with x-kubernetes-validations", "cel"));
        }
        schemas.into_iter().flat_map(unknown_formats).for_each(|text| call.warn(&text));
    }
    if builtin::canonical_quantities(&mut object).is_err() {
        let why =
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        return Err(undecodable(call, &object, origin, why));
    }
    builtin::fill(kind, &mut object);
    Ok(object)
}

fn undecodable(call: &Call<'_>, object: &Value, origin: Origin, why: &str) -> Failure {
    match origin {
        Origin::Body => cannot_be_handled(&call.kind, why),
        _ => not_patched(&object.to_string(), why),
    }
}

fn cannot_be_handled(kind: &Kind, why: &str) -> Failure {
    bad_request(format!(
        "{} in version {:?} cannot be handled as a {}: {why}",
        kind.kind, kind.resource.version, kind.kind
    ))
}

/// 422 for a patch whose outcome is no object of the type.
fn not_patched(object: &str, why: &str) -> Failure {
    let error = FieldError::invalid("patch", &Value::from(object), why);
    invalid_as("", "", "", &[error], "")
}

/// Warns of what is odd about an object that is valid.
pub fn warn(call: &Call<'_>, object: &Value, old: Option<&Value>) {
    if call.kind.custom.is_none() && matches!(call.subresource(), None | Some("scale")) {
        builtin::warnings(&call.kind, object, old).into_iter().for_each(|text| call.warn(text));
    }
}

/// What is wrong with an object, or with how it changed.
pub fn errors(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if let Some(custom) = &call.kind.custom {
        let status = call.subresource() == Some("status");
        let schema = &custom.schema;
        let mut errors =
            if status { schema.status_errors(object, old) } else { schema.shape_errors(object, old) };
        errors.extend(super::scaled::errors(&call.kind, object, status));
        schema.finish(object, old, &mut errors);
        return errors;
    }
    if call.kind.is_core("pods") && call.subresource() == Some("resize") {
        return old.map(builtin::resize_errors).unwrap_or_default();
    }
    // What is below a status is the business of controllers.
    if call.subresource().is_some() {
        return Vec::new();
    }
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        return crd::errors(object, old);
    }
    builtin::errors(&call.kind, object, old)
}
