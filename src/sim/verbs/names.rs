use crate::{
    sim::{discovery::Kind, refusal::FieldError},
    wire::label,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
    must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with a DNS-1123 label.
pub fn label_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push("must be no more than 63 characters".to_owned());
    }
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !(plain && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')) {
        let dots = text.contains('.') && label::subdomain_error(text).is_none();
        errors.push(if dots { "must not contain dots".to_owned() } else { LABEL.to_owned() });
    }
    errors
}

/// What is wrong with a DNS-1123 subdomain.
pub fn subdomain_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 characters".to_owned());
    }
    errors.extend(label::subdomain_error(text));
    errors
}

/// What is wrong with a segment of a path.
pub fn segment_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text == "." || text == ".." {
        errors.push(format!("may not be '{text}'"));
    }
    for letter in ['/', '%'] {
        if text.contains(letter) {
            errors.push(format!("may not contain '{letter}'"));
        }
    }
    errors
}

fn name_errors(kind: &Kind, name: &str) -> Vec<String> {
    if kind.rules.path_names {
        segment_errors(name)
    } else if kind.rules.label_names {
        label_errors(name)
    } else {
        subdomain_errors(name)
    }
}

/// What is wrong with the metadata of an object, whatever its type.
pub fn metadata_errors(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let metadata = &object["metadata"];
    let mut errors = Vec::new();
    if let Some(prefix) = metadata["generateName"].as_str() {
        // A prefix that ends with a dash is good: something follows.
        let whole = format!("{}a", prefix.strip_suffix('-').map_or(prefix, |start| start));
        let bad = name_errors(kind, &whole);
        errors
            .extend(bad.iter().map(|why| FieldError::invalid("metadata.generateName", &json!(prefix), why)));
    }
    match metadata["name"].as_str() {
        None => errors.push(FieldError::required("metadata.name", "name or generateName is required")),
        Some(name) => {
            let bad = name_errors(kind, name);
            errors.extend(bad.iter().map(|why| FieldError::invalid("metadata.name", &json!(name), why)));
        }
    }
    errors.extend(label_map_errors("metadata.labels", &metadata["labels"]));
    errors.extend(annotation_errors(&metadata["annotations"]));
    errors.extend(finalizer_errors(kind, &metadata["finalizers"]));
    errors.extend(owner_errors(&metadata["ownerReferences"]));
    errors
}

/// What is wrong with labels.
pub fn label_map_errors(field: &str, labels: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(why) = label::key_error(key) {
            errors.push(FieldError::invalid(field, &json!(key), &why));
        }
        if let Some(why) = label::value_error(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(field, value, &why));
        }
    }
    errors
}

fn annotation_errors(annotations: &Value) -> Vec<FieldError> {
    let (mut errors, mut size) = (Vec::new(), 0);
    for (key, value) in annotations.as_object().into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        if let Some(why) = label::key_error(&key.to_lowercase()) {
            errors.push(FieldError::invalid("metadata.annotations", &json!(key), &why));
        }
    }
    if size > 262_144 {
        errors.push(FieldError::too_long("metadata.annotations", 262_144));
    }
    errors
}

fn finalizer_errors(kind: &Kind, finalizers: &Value) -> Vec<FieldError> {
    let list: Vec<&str> = finalizers.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut errors = Vec::new();
    for (at, finalizer) in list.iter().enumerate() {
        let field = if kind.custom.is_some() {
            "metadata.finalizers".to_owned()
        } else {
            format!("metadata.finalizers[{at}]")
        };
        if let Some(why) = label::key_error(finalizer) {
            errors.push(FieldError::invalid("metadata.finalizers", &json!(finalizer), &why));
        } else if kind.custom.is_none()
            && !finalizer.contains('/')
            && !["orphan", "foregroundDeletion", "kubernetes"].contains(finalizer)
        {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(field, &json!(finalizer), why));
        }
    }
    if list.contains(&"orphan") && list.contains(&"foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid("metadata.finalizers", finalizers, why));
    }
    errors
}

fn owner_errors(owners: &Value) -> Vec<FieldError> {
    let (mut errors, mut controllers) = (Vec::new(), Vec::new());
    for owner in owners.as_array().into_iter().flatten() {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let mut need = |field: &str, value: &str, why: &str| {
            if value.is_empty() {
                let field = format!("metadata.ownerReferences.{field}");
                errors.push(FieldError::invalid(field, &json!(""), why));
            }
        };
        let version = text("apiVersion");
        need("apiVersion", version.rsplit('/').next().unwrap_or_default(), "version must not be empty");
        need("kind", text("kind"), "must not be empty");
        need("name", text("name"), "must not be empty");
        need("uid", text("uid"), "must not be empty");
        if version == "v1" && text("kind") == "Event" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid("metadata.ownerReferences", owner, why));
        }
        if owner["controller"] == true {
            controllers.push(format!("{}/{}", text("kind"), text("name")));
        }
    }
    if controllers.len() > 1 {
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
            controllers[0], controllers[1]
        );
        errors.push(FieldError::invalid("metadata.ownerReferences", owners, &why));
    }
    errors
}

/// Warns of new finalizers of custom resources that name no domain.
pub fn warn_of_finalizers(call: &super::Call<'_>, old: Option<&Value>, object: &Value) {
    if call.kind.custom.is_none() {
        return;
    }
    let list = |object: &Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let before = old.map(list).unwrap_or_default();
    for finalizer in list(object).iter().filter(|finalizer| !before.contains(finalizer)) {
        let name = finalizer.as_str().unwrap_or_default();
        if name.contains('/') || ["orphan", "foregroundDeletion"].contains(&name) {
            continue;
        }
        let including = if name.contains('.') { " including a path (/)" } else { "" };
        call.warn(format!(
            "metadata.finalizers: {finalizer}: prefer a domain-qualified finalizer name{including} to avoid accidental \
             conflicts with other finalizer writers"
        ));
    }
}

/// Drops owner references that say the same twice; gives the uids of those.
pub fn dedup_owners(object: &mut Value) -> Vec<String> {
    let Some(owners) = object["metadata"].get_mut("ownerReferences").and_then(Value::as_array_mut) else {
        return Vec::new();
    };
    let (mut seen, mut dropped) = (BTreeSet::new(), Vec::new());
    owners.retain(|owner| {
        let new = seen.insert(owner.to_string());
        if !new {
            dropped.push(owner["uid"].as_str().unwrap_or_default().to_owned());
        }
        new
    });
    dropped
}
