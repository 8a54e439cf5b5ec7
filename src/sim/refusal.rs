use super::discovery::Kind;
use crate::wire::Failure;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `spec.ports[0].name`.
    pub field: String,
    /// `FieldValueInvalid`, `FieldValueRequired`, ….
    pub reason: &'static str,
    /// What a cause says: `Invalid value: "x": …`.
    pub message: String,
}

impl FieldError {
    fn new(field: impl Into<String>, reason: &'static str, message: String) -> Self {
        Self { field: field.into(), reason, message }
    }

    /// `Invalid value: VALUE: DETAIL`.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new(field, "FieldValueInvalid", format!("Invalid value: {value}: {detail}"))
    }

    /// `Required value: DETAIL`.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        Self::new(field, "FieldValueRequired", format!("Required value{detail}"))
    }

    /// `Forbidden: DETAIL`.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(field, "FieldValueForbidden", format!("Forbidden: {detail}"))
    }

    /// `Unsupported value: VALUE: supported values: …`.
    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<_> = supported.iter().map(|value| format!("{value:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self::new(field, "FieldValueNotSupported", message)
    }

    /// `Duplicate value: VALUE`.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(field, "FieldValueDuplicate", format!("Duplicate value: {value}"))
    }

    /// `Not found: VALUE`.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new(field, "FieldValueNotFound", format!("Not found: {value}"))
    }

    /// `Too long: may not be more than N bytes`.
    pub fn too_long(field: impl Into<String>, most: usize) -> Self {
        let unit = if most == 1 { "byte" } else { "bytes" };
        Self::new(field, "FieldValueTooLong", format!("Too long: may not be more than {most} {unit}"))
    }

    fn text(&self) -> String {
        if self.field.is_empty() {
            return format!("<nil>: {}", self.message);
        }
        format!("{}: {}", self.field, self.message)
    }
}

/// 422 with everything that is wrong with an object; `kind` is its group kind.
pub fn invalid_as(kind: &str, group: &str, name: &str, errors: &[FieldError], shown: &str) -> Failure {
    let mut seen = BTreeSet::new();
    let texts: Vec<String> =
        errors.iter().map(FieldError::text).filter(|text| seen.insert(text.clone())).collect();
    let list = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
    let causes: Vec<_> = errors
        .iter()
        .map(|error| {
            let field = if error.field.is_empty() { "<nil>" } else { &error.field };
            json!({"reason": error.reason, "message": error.message, "field": field})
        })
        .collect();
    let mut details = json!({ "kind": kind, "causes": causes });
    for (key, value) in [("name", name), ("group", group)] {
        if !value.is_empty() {
            details[key] = json!(value);
        }
    }
    Failure { details, ..Failure::new(422, "Invalid", format!("{shown} {name:?} is invalid: {list}")) }
}

/// 422 with everything that is wrong with an object.
pub fn invalid(kind: &Kind, name: &str, errors: &[FieldError]) -> Failure {
    // Events of the group of their own are refused as those of the core group.
    let group = &kind.storage.group;
    let shown = if group.is_empty() { kind.kind.clone() } else { kind.group_kind() };
    invalid_as(&kind.kind, group, name, errors, &shown)
}

/// 422 about options such as `PatchOptions`.
pub fn invalid_options(kind: &str, errors: &[FieldError]) -> Failure {
    invalid_as(kind, "meta.k8s.io", "", errors, &format!("{kind}.meta.k8s.io"))
}

/// 400.
pub fn bad_request(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

/// 404 for an object.
pub fn not_found(kind: &Kind, name: &str) -> Failure {
    about(kind, name, 404, "NotFound", format!("{} {name:?} not found", kind.resource))
}

/// 404 for an object of the core group that a request is about besides its own.
pub fn missing(plural: &str, name: &str) -> Failure {
    let details = json!({"name": name, "kind": plural});
    Failure { details, ..Failure::new(404, "NotFound", format!("{plural} {name:?} not found")) }
}

/// 409 for a name that is taken; `dying` when its owner is being deleted.
pub fn already_exists(kind: &Kind, name: &str, dying: bool) -> Failure {
    let prefix = if dying { "object is being deleted: " } else { "" };
    about(kind, name, 409, "AlreadyExists", format!("{prefix}{} {name:?} already exists", kind.resource))
}

/// 409 for a write that cannot be done on the object as it is.
pub fn conflict(kind: &Kind, name: &str, why: &str) -> Failure {
    let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource);
    about(kind, name, 409, "Conflict", message)
}

/// 409 for a write that names an old resourceVersion.
pub fn modified(kind: &Kind, name: &str) -> Failure {
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    conflict(kind, name, why)
}

/// 403 of an admission check.
pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Failure {
    about(kind, name, 403, "Forbidden", format!("{} {name:?} is forbidden: {why}", kind.resource))
}

/// 404 for a path that no type stands behind.
pub fn no_resource() -> Failure {
    let message = "the server could not find the requested resource";
    Failure { details: json!({}), ..Failure::new(404, "NotFound", message) }
}

/// 405 for a built-in type.
pub fn no_method() -> Failure {
    let message = "the server does not allow this method on the requested resource";
    Failure { details: json!({}), ..Failure::new(405, "MethodNotAllowed", message) }
}

/// 501 for what is not simulated, by name.
pub fn not_simulated(what: &str) -> Failure {
    let message = format!("{what} is not simulated; use a real control plane for it (kubetape cluster up)");
    Failure::new(501, "NotImplemented", message)
}

/// 501 for what this build cannot do without a feature of the crate.
pub fn needs_feature(what: &str, feature: &str) -> Failure {
    let message = format!(
        "{what} is not simulated without the feature {feature:?}; add it: cargo add --dev kubetape --features {feature}"
    );
    Failure::new(501, "NotImplemented", message)
}

fn about(kind: &Kind, name: &str, code: u16, reason: &str, message: String) -> Failure {
    let mut details = json!({ "kind": kind.resource.plural });
    for (key, value) in [("name", name), ("group", &kind.resource.group)] {
        if !value.is_empty() {
            details[key] = json!(value);
        }
    }
    Failure { details, ..Failure::new(code, reason, message) }
}
