use super::Call;
use crate::{
    history::Scope,
    sim::{discovery::Kind, refusal::bad_request},
    wire::{Failure, FieldSelector, LabelSelector},
};
use serde_json::Value;

/// The objects that a list or a watch is about.
///
/// # Errors
/// 400 when a selector cannot be read or names a field that the type does not select by.
pub fn scope(call: &Call<'_>) -> Result<Scope, Failure> {
    let text = |key| call.info.query.get(key).unwrap_or_default();
    let labels =
        LabelSelector::parse(text("labelSelector")).map_err(|error| bad_request(error.to_string()))?;
    let fields =
        FieldSelector::parse(text("fieldSelector")).map_err(|error| bad_request(error.to_string()))?;
    let mut known = Vec::new();
    for (label, _, _) in fields.iter() {
        known.push(path(&call.kind, label)?);
    }
    let mut fields = fields.renamed(&known);
    if let Some(name) = call.info.name.as_deref() {
        let other =
            fields.iter().any(|(path, equal, value)| path == "metadata.name" && equal && value != name);
        if other {
            return Err(bad_request("fieldSelector metadata.name doesn't match requested name"));
        }
        fields = fields.and("metadata.name", name);
    }
    Ok(Scope { resource: call.kind.storage.clone(), namespace: call.info.namespace.clone(), labels, fields })
}

/// Where the value of a field label stands in the stored object.
fn path(kind: &Kind, label: &str) -> Result<String, Failure> {
    if label == "metadata.name" || (label == "metadata.namespace" && kind.namespaced) {
        return Ok(label.to_owned());
    }
    if let Some(custom) = &kind.custom {
        let paths = custom.version["selectableFields"].as_array().into_iter().flatten();
        let found = paths
            .filter_map(|field| field["jsonPath"].as_str())
            .any(|path| path.strip_prefix('.') == Some(label));
        return if found { Ok(label.to_owned()) } else { Err(unsupported(label)) };
    }
    let (group, plural) = (kind.storage.group.as_str(), kind.storage.plural.as_str());
    let Some(known) = own_labels(group, plural) else {
        if label == "metadata.namespace" {
            return Ok(label.to_owned());
        }
        return Err(bad_request(format!(
            "{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        )));
    };
    let stored = match (plural, label) {
        ("events", "source") => "source.component".to_owned(),
        ("events", label) => label.replacen("regarding.", "involvedObject.", 1),
        ("pods", "spec.host") => "spec.nodeName".to_owned(),
        ("pods", "spec.hostNetwork") | ("nodes", "spec.unschedulable") => format!("{label}|false"),
        ("jobs", "status.successful") => "status.succeeded|0".to_owned(),
        ("replicationcontrollers", "status.replicas") => format!("{label}|0"),
        (_, label) => label.to_owned(),
    };
    if known.contains(&stored.as_str()) || known.contains(&label) {
        return Ok(stored);
    }
    if kind.is("batch", "jobs") {
        return Err(bad_request(format!("field label {label:?} not supported for Job")));
    }
    Err(unsupported(label))
}

fn unsupported(label: &str) -> Failure {
    bad_request(format!("field label not supported: {label}"))
}

/// The field labels of the types that have some of their own.
fn own_labels(group: &str, plural: &str) -> Option<&'static [&'static str]> {
    Some(match (group, plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source.component",
            "type",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        ("resource.k8s.io", "resourceslices") => &["spec.nodeName", "spec.driver"],
        _ => return None,
    })
}

/// Whether a scope selects by anything but its namespace.
pub fn selects_everything(scope: &Scope) -> bool {
    scope.labels == LabelSelector::default() && scope.fields == FieldSelector::default()
}

/// Whether a `LabelSelector` object matches labels; an empty one matches all, none at all matches nothing.
pub fn matches(selector: &Value, labels: &Value) -> bool {
    if !selector.is_object() {
        return false;
    }
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(key, value)| label(key).is_some() && label(key) == value.as_str());
    let listed = |expression: &Value, value: Option<&str>| {
        let values = expression["values"].as_array().into_iter().flatten();
        value.is_some_and(|value| values.into_iter().any(|known| known == value))
    };
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten().map(|expression| {
        let value = label(expression["key"].as_str().unwrap_or_default());
        match expression["operator"].as_str() {
            Some("In") => listed(expression, value),
            Some("NotIn") => !listed(expression, value),
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            _ => false,
        }
    });
    equal.all(|fits| fits) && expressions.all(|fits| fits)
}
