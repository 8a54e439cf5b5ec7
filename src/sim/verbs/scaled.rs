use super::scale::{path, spec_path};
use crate::{
    sim::{discovery::Kind, merge::go_type, refusal::FieldError},
    wire::go_print,
};
use serde_json::{Value, json};

/// What is wrong with the numbers of a custom resource that its `Scale` shows; a write of its status is not
/// asked about its spec.
pub fn errors(kind: &Kind, object: &Value, status: bool) -> Vec<FieldError> {
    if kind.custom.is_none() || !kind.subresources.contains_key("scale") {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if !status {
        errors.extend(number_error(object, &spec_path(kind)));
    }
    errors.extend(number_error(object, path(kind, "statusReplicasPath", "")));
    let selector = path(kind, "labelSelectorPath", "");
    if !selector.is_empty() {
        let wrong = found(object, selector).and_then(|value| match value {
            Some(value) if !value.is_string() => Err(not_of(selector, value, "string")),
            _ => Ok(()),
        });
        errors.extend(wrong.err().map(|why| FieldError::invalid(selector, &json!(""), &why)));
    }
    errors
}

fn number_error(object: &Value, path: &str) -> Option<FieldError> {
    let value = match found(object, path) {
        Ok(None) => return None,
        Ok(Some(value)) if value.as_i64().is_some() => value.as_i64().unwrap_or_default(),
        Ok(Some(value)) => return Some(FieldError::invalid(path, &json!(0), &not_of(path, value, "int64"))),
        Err(why) => return Some(FieldError::invalid(path, &json!(0), &why)),
    };
    let why = match value {
        ..0 => "should be a non-negative integer",
        0..=2_147_483_647 => return None,
        _ => "should be less than or equal to 2147483647",
    };
    Some(FieldError::invalid(path, &json!(value), why))
}

/// The value at a path such as `.spec.replicas`; what stands on the way must be objects.
fn found<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let (mut value, mut walked) = (object, String::new());
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let Some(members) = value.as_object() else {
            return Err(not_of(&walked, value, "map[string]interface{}"));
        };
        let Some(inner) = members.get(part) else { return Ok(None) };
        walked += &format!(".{part}");
        value = inner;
    }
    Ok(Some(value))
}

fn not_of(path: &str, value: &Value, wanted: &str) -> String {
    let kind = go_type(value);
    let shown = value.as_str().map_or_else(|| go_print(value), str::to_owned);
    format!("{path} accessor error: {shown} is of the type {kind}, expected {wanted}")
}
