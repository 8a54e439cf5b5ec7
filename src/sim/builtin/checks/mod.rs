//! What is wrong with an object of a built-in type, and what may not change in one.
//!
//! In go an object that has its defaults and the one that it replaces; out come errors in the server's words
//! and order. Only what operators meet is looked at.

mod config;
mod event;
mod frozen;
mod network;
mod pod;
mod policy;
mod workload;

use crate::sim::{discovery::Kind, refusal::FieldError};
use serde_json::{Value, json};

/// What is wrong with an object, or with how it changed.
pub fn errors(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("", "pods") => pod::errors("spec", &object["spec"], &["Always", "OnFailure", "Never"]),
        ("apps" | "batch", _) | ("", "replicationcontrollers") => workload::errors(kind, object, old),
        ("", "services") => network::service(object),
        ("", "configmaps") => config::config_map(object),
        ("", "secrets") => config::secret(object),
        ("", "persistentvolumeclaims") => config::claim(object),
        ("", "resourcequotas") => config::quota(object),
        ("", "events") => event::core(object),
        ("events.k8s.io", "events") => event::own(object, old),
        ("coordination.k8s.io", "leases") => config::lease(object),
        ("rbac.authorization.k8s.io", _) => policy::rbac(kind, object),
        ("autoscaling", _) => policy::autoscaler(object),
        ("policy", "poddisruptionbudgets") => policy::budget(object),
        ("networking.k8s.io", "ingresses") => network::ingress(object),
        ("networking.k8s.io", "networkpolicies") => network::policy(object),
        ("scheduling.k8s.io", "priorityclasses") => policy::priority_class(object),
        ("admissionregistration.k8s.io", plural) if plural.ends_with("webhookconfigurations") => {
            policy::webhooks(object)
        }
        _ => Vec::new(),
    };
    if let Some(old) = old {
        errors.extend(frozen::errors(kind, object, old));
    }
    errors
}

/// What is wrong with the wish to resize a pod: its node must be one that can.
pub fn resize_errors(old: &Value) -> Vec<FieldError> {
    let mut statuses = old["status"]["containerStatuses"].as_array().into_iter().flatten();
    let running = statuses.find(|status| status["state"].get("running").is_some());
    if running.is_none_or(|status| status.get("resources").is_some()) {
        return Vec::new();
    }
    vec![FieldError::forbidden("spec", "Pod running on node without support for resize")]
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value[key].as_array().into_iter().flatten().enumerate()
}

fn port_error(field: String, port: &Value) -> Option<FieldError> {
    let number = port.as_i64()?;
    let good = (1..=65535).contains(&number);
    (!good).then(|| FieldError::invalid(field, &json!(number), "must be between 1 and 65535, inclusive"))
}

fn not_negative(field: &str, value: &Value) -> Option<FieldError> {
    let number = value.as_i64().filter(|number| *number < 0)?;
    Some(FieldError::invalid(field, &json!(number), "must be greater than or equal to 0"))
}
