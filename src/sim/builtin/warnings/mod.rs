//! What a server warns of in an object that it takes all the same.
//!
//! In go an object that is valid and has its defaults, and the one that it replaces; out come the texts of the
//! warnings in the server's order. Nothing is refused here.

mod addresses;
mod network;
mod paths;
mod pod;

use crate::sim::{discovery::Kind, verbs::label_errors};
use serde_json::Value;

/// The warnings about a new object, or about one that changed.
pub fn warnings(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<String> {
    let mut all = named(kind, object, old);
    all.extend(match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("", "pods") if old.is_none() => pod::warnings("", object),
        ("", "services") => network::service(object),
        ("", "nodes") => network::node(object),
        ("", "persistentvolumeclaims") => claim(object),
        ("networking.k8s.io", "ingresses") if old.is_none() => network::ingress(object),
        ("networking.k8s.io", "networkpolicies") => network::policy(object),
        ("discovery.k8s.io", "endpointslices") => network::slice(object),
        ("", "endpoints") => network::endpoints(object),
        _ => template(kind, object, old),
    });
    all
}

/// Where a type has the template of its pods.
fn place(kind: &Kind) -> Option<&'static str> {
    Some(match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets") => "spec.template",
        ("batch", "jobs") | ("", "replicationcontrollers") => "spec.template",
        ("batch", "cronjobs") => "spec.jobTemplate.spec.template",
        ("", "podtemplates") => "template",
        _ => return None,
    })
}

/// A template is looked at when it is new or when its object has a new generation.
fn template(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<String> {
    let generation = |object: &Value| object["metadata"]["generation"].clone();
    let Some(path) = place(kind).filter(|_| old.is_none_or(|old| generation(old) != generation(object)))
    else {
        return Vec::new();
    };
    let template = path.split('.').fold(object, |value, part| &value[part]);
    pod::warnings(&format!("{path}."), template)
}

/// Names that are no DNS labels make strange hostnames.
fn named(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<String> {
    let whose = match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("", "pods") => "the Pod's hostname",
        ("apps", "deployments" | "replicasets")
        | ("batch", "jobs" | "cronjobs")
        | ("", "replicationcontrollers") => "Pod names and hostnames",
        _ => return Vec::new(),
    };
    let wrong = label_errors(object["metadata"]["name"].as_str().unwrap_or_default());
    if old.is_some() || wrong.is_empty() {
        return Vec::new();
    }
    let wrong = wrong.join(" ");
    vec![format!(
        "metadata.name: this is used in {whose}, which can result in surprising behavior; a DNS label is recommended: \
         [{wrong}]"
    )]
}

fn claim(object: &Value) -> Vec<String> {
    let old = "volume.beta.kubernetes.io/storage-class";
    let annotated = object["metadata"]["annotations"].get(old).is_some();
    let mut all: Vec<_> = annotated
        .then(|| {
            format!("metadata.annotations[{old}]: deprecated since v1.8; use \"storageClassName\" attribute instead")
        })
        .into_iter()
        .collect();
    all.extend(claim_spec("spec", &object["spec"]));
    all
}

fn claim_spec(path: &str, spec: &Value) -> Vec<String> {
    let amounts = ["requests", "limits"].into_iter();
    amounts
        .filter_map(|list| fraction(&format!("{path}.resources.{list}"), &spec["resources"][list], "storage"))
        .collect()
}

/// Bytes are whole.
fn fraction(path: &str, amounts: &Value, name: &str) -> Option<String> {
    let amount = amounts[name].as_str()?;
    amount
        .ends_with(['m', 'u', 'n'])
        .then(|| format!("{path}[{name}]: fractional byte value {amount:?} is invalid, must be an integer"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value[key].as_array().into_iter().flatten().enumerate()
}
