use super::{items, not_negative, text};
use crate::{sim::refusal::FieldError, wire::Quantity};
use serde_json::{Value, json};

const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
    'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// The most that the values of a config map or a secret may weigh.
const HEAVIEST: usize = 1024 * 1024;

/// How many bytes a text is, and how many it stands for as base64.
fn plain(text: &str) -> usize {
    text.len()
}

fn decoded(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

/// What is wrong with a key.
fn key_errors(key: &str) -> Vec<&'static str> {
    let mut errors = Vec::new();
    if key.len() > 253 {
        errors.push("must be no more than 253 characters");
    }
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        errors.push(KEY);
    }
    match key {
        "." => errors.push("must not be '.'"),
        ".." => errors.push("must not be '..'"),
        key if key.starts_with("..") => errors.push("must not start with '..'"),
        _ => {}
    }
    errors
}

/// Looks at the keys of a field, and gives the weight of its values.
fn keys(object: &Value, field: &str, weight: fn(&str) -> usize, errors: &mut Vec<FieldError>) -> usize {
    let mut size = 0;
    for (key, value) in object[field].as_object().into_iter().flatten() {
        for why in key_errors(key) {
            errors.push(FieldError::invalid(format!("{field}[{key}]"), &json!(key), why));
        }
        if field == "data" && object["binaryData"].get(key).is_some() {
            let why = "duplicate of key present in binaryData";
            errors.push(FieldError::invalid(format!("{field}[{key}]"), &json!(key), why));
        }
        size += value.as_str().map_or(0, weight);
    }
    size
}

/// What is wrong with a config map.
pub(super) fn config_map(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let size = keys(object, "data", plain, &mut errors) + keys(object, "binaryData", decoded, &mut errors);
    if size > HEAVIEST {
        errors.push(FieldError::too_long("[]", HEAVIEST));
    }
    errors
}

/// What is wrong with a secret.
pub(super) fn secret(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if keys(object, "data", decoded, &mut errors) > HEAVIEST {
        errors.push(FieldError::too_long("data", HEAVIEST));
    }
    let needed: &[&str] = match text(object, "type") {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/basic-auth" => {
            let data = &object["data"];
            if data["username"].is_null() && data["password"].is_null() {
                &["username", "password"]
            } else {
                &[]
            }
        }
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            if object["metadata"]["annotations"][account].as_str().unwrap_or_default().is_empty() {
                errors.push(FieldError::required(format!("metadata.annotations[{account}]"), ""));
            }
            &[]
        }
        _ => &[],
    };
    for key in needed.iter().filter(|key| object["data"][**key].is_null()) {
        errors.push(FieldError::required(format!("data[{key}]"), ""));
    }
    errors
}

/// What is wrong with a claim.
pub(super) fn claim(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    if items(spec, "accessModes").next().is_none() {
        errors.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
    }
    if spec["resources"]["requests"]["storage"].is_null() {
        errors.push(FieldError::required("spec.resources[storage]", ""));
    }
    errors
}

/// What is wrong with a quota.
pub(super) fn quota(object: &Value) -> Vec<FieldError> {
    let hard = object["spec"]["hard"].as_object().into_iter().flatten();
    let negative = hard
        .filter(|(_, amount)| amount.as_str().and_then(Quantity::parse).is_some_and(Quantity::is_negative));
    negative
        .map(|(key, amount)| {
            FieldError::invalid(format!("spec.hard[{key}]"), amount, "must be greater than or equal to 0")
        })
        .collect()
}

/// What is wrong with a lease.
pub(super) fn lease(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    if let Some(seconds) = spec["leaseDurationSeconds"].as_i64().filter(|seconds| *seconds <= 0) {
        errors.push(FieldError::invalid(
            "spec.leaseDurationSeconds",
            &json!(seconds),
            "must be greater than 0",
        ));
    }
    errors.extend(not_negative("spec.leaseTransitions", &spec["leaseTransitions"]));
    errors
}
