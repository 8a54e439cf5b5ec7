use super::{items, port_error, text};
use crate::sim::refusal::FieldError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is wrong with a service.
pub(super) fn service(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let kind = text(spec, "type");
    let known = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !known.contains(&kind) {
        errors.push(FieldError::unsupported("spec.type", &json!(kind), &known));
    }
    let count = items(spec, "ports").count();
    if kind == "ExternalName" {
        if text(spec, "externalName").is_empty() {
            errors.push(FieldError::required("spec.externalName", ""));
        }
    } else if count == 0 && spec["clusterIP"] != "None" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (at, port) in items(spec, "ports") {
        let field = format!("spec.ports[{at}]");
        let name = text(port, "name");
        if name.is_empty() && count > 1 {
            errors.push(FieldError::required(format!("{field}.name"), ""));
        } else if !name.is_empty() && !names.insert(name) {
            errors.push(FieldError::duplicate(format!("{field}.name"), &json!(name)));
        }
        errors.extend(port_error(format!("{field}.port"), &port["port"]));
        errors.extend(port_error(format!("{field}.targetPort"), &port["targetPort"]));
        let (number, protocol) = (port["port"].as_i64().unwrap_or(0), text(port, "protocol"));
        if !numbers.insert((number, protocol)) {
            // The server prints its own struct here, fields in its order.
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}",
                json!(protocol)
            );
            let message = format!("Duplicate value: {shown}");
            errors.push(FieldError { field, reason: "FieldValueDuplicate", message });
        }
    }
    errors
}

/// What is wrong with an ingress.
pub(super) fn ingress(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    if spec["defaultBackend"].is_null() && items(spec, "rules").next().is_none() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid("spec", &Value::Null, why));
    }
    for (at, rule) in items(spec, "rules") {
        for (index, path) in items(&rule["http"], "paths") {
            let field = format!("spec.rules[{at}].http.paths[{index}]");
            let kind = text(path, "pathType");
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            if kind.is_empty() {
                errors.push(FieldError::required(format!("{field}.pathType"), "pathType must be specified"));
            } else if !known.contains(&kind) {
                errors.push(FieldError::unsupported(format!("{field}.pathType"), &json!(kind), &known));
            }
        }
    }
    errors
}

/// What is wrong with a network policy.
pub(super) fn policy(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for direction in ["ingress", "egress"] {
        for (at, rule) in items(&object["spec"], direction) {
            for (index, port) in items(rule, "ports") {
                errors
                    .extend(port_error(format!("spec.{direction}[{at}].ports[{index}].port"), &port["port"]));
            }
        }
    }
    errors
}
