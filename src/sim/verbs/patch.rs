use super::{Call, State, call::Strictness, convert::shown, decode, reply::Reply, typed::Origin, update};
use crate::{
    sim::{
        merge,
        refusal::{FieldError, invalid_as, not_found},
        schema::{Definitions, Schema},
    },
    wire::Failure,
};
use serde_json::Value;

const CUSTOM: &str = "the body of the request was in an unknown format - accepted media types include: \
    application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

/// The formats of patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, by the keys of its types.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// The format of a patch.
///
/// # Errors
/// 415 for a format that the type does not take.
pub fn format(call: &Call<'_>) -> Result<Format, Failure> {
    let custom = call.kind.custom.is_some();
    match call.info.content_type.as_deref() {
        Some("application/json-patch+json") => Ok(Format::Json),
        Some("application/merge-patch+json") => Ok(Format::Merge),
        Some("application/strategic-merge-patch+json") if !custom => Ok(Format::Strategic),
        Some("application/apply-patch+yaml") => Ok(Format::Apply),
        _ if custom => Err(Failure::new(415, "UnsupportedMediaType", CUSTOM)),
        _ => Err(Failure {
            details: serde_json::json!({}),
            ..Failure::new(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        }),
    }
}

/// Changes an object as the patch in the body says.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn patch(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let format = format(call)?;
    if format == Format::Apply {
        return super::apply::apply(state, call);
    }
    let current = state.store.get(&call.key_of(call.name()));
    let old = current.map(|current| current.object.clone());
    let old = old.ok_or_else(|| not_found(&call.kind, call.name()))?;
    let before = shown(&call.kind, &old);
    let mut object = patched(call, format, &before)?;
    decode::patched(call, &mut object)?;
    update::same_name(call, &mut object)?;
    let object = super::typed::decoded(call, object, Origin::Patch)?;
    update::write(state, call, &old, object)
}

/// The object that a patch makes of another.
///
/// # Errors
/// 400 for a patch that cannot be read, 422 for one that cannot be applied.
pub fn patched(call: &Call<'_>, format: Format, before: &Value) -> Result<Value, Failure> {
    let patch: Value = serde_json::from_slice(call.body)
        .map_err(|error| decode::patch_error(call, format == Format::Json, &error))?;
    if format == Format::Json {
        known_operations(call, before, &patch)?;
    }
    let result = match format {
        Format::Json => merge::json_patch(before.clone(), &patch),
        Format::Merge => merge::merge_patch(before.clone(), &patch),
        Format::Strategic | Format::Apply => match schema(call) {
            Some(schema) => merge::strategic_merge(before.clone(), &patch, schema),
            None => return Err(crate::sim::refusal::not_simulated("strategic merge patch of this type")),
        },
    };
    result.map_err(|error| error.to_failure())
}

/// The schema of what is patched.
fn schema<'a>(call: &'a Call<'_>) -> Option<&'a Schema> {
    match call.subresource() {
        Some("scale") => Definitions::v1_36().kind("autoscaling", "v1", "Scale"),
        _ => call.kind.schema(),
    }
}

/// Operations have four members; what a strict write brings beside them is refused.
fn known_operations(call: &Call<'_>, before: &Value, patch: &Value) -> Result<(), Failure> {
    let mut strange = Vec::new();
    for (at, operation) in patch.as_array().into_iter().flatten().enumerate() {
        let members = operation.as_object().into_iter().flatten();
        let unknown = members.filter(|(key, _)| !["op", "path", "from", "value"].contains(&key.as_str()));
        strange.extend(
            unknown.map(|(key, _)| format!("json patch unknown field {:?}", format!("[{at}].{key}"))),
        );
    }
    match call.strictness {
        Strictness::Strict if !strange.is_empty() => {
            let why = format!("strict decoding error: {}", strange.join(", "));
            let shown = Value::from(before.to_string());
            Err(invalid_as("", "", "", &[FieldError::invalid("patch", &shown, &why)], ""))
        }
        Strictness::Warn => {
            strange.iter().for_each(|text| call.warn(text));
            Ok(())
        }
        _ => Ok(()),
    }
}
