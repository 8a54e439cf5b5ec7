use super::{items, text};
use crate::sim::{discovery::Kind, refusal::FieldError};
use serde_json::{Value, json};

/// What is wrong with a role or a binding.
pub(super) fn rbac(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if kind.resource.plural.ends_with("roles") {
        for (at, rule) in items(object, "rules") {
            if items(rule, "verbs").next().is_none() {
                let why = "verbs must contain at least one value";
                errors.push(FieldError::required(format!("rules[{at}].verbs"), why));
            }
            let urls = items(rule, "nonResourceURLs").next().is_some();
            if !urls && items(rule, "apiGroups").next().is_none() {
                let why = "resource rules must supply at least one api group";
                errors.push(FieldError::required(format!("rules[{at}].apiGroups"), why));
            }
            if !urls && items(rule, "resources").next().is_none() {
                let why = "resource rules must supply at least one resource";
                errors.push(FieldError::required(format!("rules[{at}].resources"), why));
            }
        }
        return errors;
    }
    let known: &[&str] = if kind.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let role = &object["roleRef"];
    if !known.contains(&text(role, "kind")) {
        errors.push(FieldError::unsupported("roleRef.kind", &json!(text(role, "kind")), known));
    }
    if text(role, "name").is_empty() {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    for (at, subject) in items(object, "subjects") {
        if text(subject, "name").is_empty() {
            errors.push(FieldError::required(format!("subjects[{at}].name"), ""));
        }
        let account = text(subject, "kind") == "ServiceAccount";
        if account && text(subject, "namespace").is_empty() && !kind.namespaced {
            errors.push(FieldError::required(format!("subjects[{at}].namespace"), ""));
        }
    }
    errors
}

/// What is wrong with an autoscaler.
pub(super) fn autoscaler(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let (least, most) =
        (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if most < 1 {
        errors.push(FieldError::required("spec.maxReplicas", "must be set and greater than 0"));
    } else if most < least {
        let why = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid("spec.maxReplicas", &json!(most), why));
    }
    let target = &spec["scaleTargetRef"];
    for field in ["kind", "name"] {
        if text(target, field).is_empty() {
            errors.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    if text(target, "apiVersion").is_empty() {
        let why = "apiVersion must specify API group";
        errors.push(FieldError::invalid("spec.scaleTargetRef.apiVersion", &json!(""), why));
    }
    errors
}

/// What is wrong with a disruption budget.
pub(super) fn budget(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    if spec["minAvailable"].is_null() || spec["maxUnavailable"].is_null() {
        return Vec::new();
    }
    // The server prints its own struct here, fields in its order.
    let shown = format!(
        "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
        spec["minAvailable"], spec["selector"], spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]
    );
    let message = format!("Invalid value: {shown}: minAvailable and maxUnavailable cannot be both set");
    vec![FieldError { field: "spec".into(), reason: "FieldValueInvalid", message }]
}

/// What is wrong with a priority class.
pub(super) fn priority_class(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(&object["metadata"], "name");
    let system = ["system-cluster-critical", "system-node-critical"].contains(&name);
    if name.starts_with("system-") && !system {
        let why = format!(
            "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a \
             known system priority class"
        );
        errors.push(FieldError::forbidden("metadata.name", &why));
    }
    if object["value"].as_i64().is_some_and(|value| value > 1_000_000_000) && !system {
        let why = "maximum allowed value of a user defined priority is 1000000000";
        errors.push(FieldError::forbidden("value", why));
    }
    errors
}

/// What is wrong with the configuration of webhooks.
pub(super) fn webhooks(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (at, hook) in items(object, "webhooks") {
        let field = format!("webhooks[{at}]");
        let name = text(hook, "name");
        if name.split('.').count() < 3 {
            let why = "should be a domain with at least three segments separated by dots";
            errors.push(FieldError::invalid(format!("{field}.name"), &json!(name), why));
        }
        let known = ["None", "NoneOnDryRun"];
        match hook["sideEffects"].as_str() {
            None => {
                let why = "must specify one of None, NoneOnDryRun";
                errors.push(FieldError::required(format!("{field}.sideEffects"), why));
            }
            Some(effects) if !known.contains(&effects) => {
                errors.push(FieldError::unsupported(format!("{field}.sideEffects"), &json!(effects), &known));
            }
            Some(_) => {}
        }
        let client = &hook["clientConfig"];
        if client["url"].is_null() == client["service"].is_null() {
            let why = "exactly one of url or service is required";
            errors.push(FieldError::required(format!("{field}.clientConfig"), why));
        }
        if items(hook, "admissionReviewVersions").next().is_none() {
            let why = "must specify one of v1, v1beta1";
            errors.push(FieldError::required(format!("{field}.admissionReviewVersions"), why));
        }
    }
    errors
}
