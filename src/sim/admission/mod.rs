//! The admission plugins that a server has without any configuration.
//!
//! In go objects on their way to the store, out come the same objects, filled in or refused. Each plugin can
//! be turned off by the name that kube-apiserver gives it.

mod limits;
mod namespaces;
mod pods;
mod quota;
mod runtime;
mod storage;

use super::verbs::{Call, State};
use crate::wire::Failure;
use serde_json::{Value, json};

/// The plugins, as kube-apiserver spells them.
pub const PLUGINS: [&str; 11] = [
    "DefaultIngressClass",
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "LimitRanger",
    "NamespaceLifecycle",
    "Priority",
    "ResourceQuota",
    "RuntimeClass",
    "ServiceAccount",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
];

/// Looks at an object that is created, and fills it in.
///
/// # Errors
/// 403 and 404 of a plugin.
pub fn create(state: &mut State, call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    if state.admits("NamespaceLifecycle") {
        namespaces::create(state, call, object)?;
    }
    match (call.kind.resource.group.as_str(), call.kind.resource.plural.as_str()) {
        ("", "pods") => pod(state, call, object)?,
        ("", "nodes") if state.admits("TaintNodesByCondition") => taint(object),
        ("", "persistentvolumeclaims" | "persistentvolumes") => volume(state, call, object),
        ("networking.k8s.io", "ingresses") if state.admits("DefaultIngressClass") => {
            let annotation = "ingressclass.kubernetes.io/is-default-class";
            let (group, plural) = ("networking.k8s.io", "ingressclasses");
            storage::default_class(state, group, plural, annotation, "ingressClassName", object);
        }
        _ => {}
    }
    Ok(())
}

/// Looks at an object that is changed, and fills it in.
pub fn update(state: &State, call: &Call<'_>, object: &mut Value) {
    let whole = call.subresource().is_none();
    if whole && call.kind.is_core("pods") && state.admits("DefaultTolerationSeconds") {
        pods::tolerations(object);
    }
}

fn pod(state: &mut State, call: &Call<'_>, pod: &mut Value) -> Result<(), Failure> {
    if state.admits("LimitRanger") {
        limits::fill(state, call, pod);
    }
    if state.admits("ServiceAccount") {
        pods::service_account(state, call, pod)?;
    }
    if state.admits("Priority") {
        pods::priority(state, call, pod)?;
    }
    if state.admits("DefaultTolerationSeconds") {
        pods::tolerations(pod);
    }
    if state.admits("RuntimeClass") {
        runtime::class(state, call, pod)?;
    }
    Ok(())
}

fn volume(state: &State, call: &Call<'_>, object: &mut Value) {
    let claim = call.kind.is_core("persistentvolumeclaims");
    if claim && state.admits("DefaultStorageClass") {
        let annotation = "storageclass.kubernetes.io/is-default-class";
        let (group, plural) = ("storage.k8s.io", "storageclasses");
        storage::default_class(state, group, plural, annotation, "storageClassName", object);
    }
    if state.admits("StorageObjectInUseProtection") {
        storage::protect(&call.kind.resource.plural, object);
    }
}

/// A new node takes no pods until it is ready.
fn taint(node: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    if !taints.iter().any(|known| known["key"] == taint["key"] && known["effect"] == taint["effect"]) {
        taints.push(taint);
    }
    node["spec"]["taints"] = json!(taints);
}

/// Looks at an object that is created, once it is whole.
///
/// # Errors
/// 403 of a plugin.
pub fn validate_create(state: &mut State, call: &Call<'_>, object: &Value) -> Result<(), Failure> {
    if call.kind.is_core("pods") && state.admits("LimitRanger") {
        limits::check(state, call, object)?;
    }
    if call.kind.namespaced && state.admits("ResourceQuota") {
        quota::charge(state, call, object, None)?;
    }
    if call.kind.is_core("persistentvolumeclaims") && state.admits("LimitRanger") {
        limits::check_claim(state, call, object)?;
    }
    Ok(())
}

/// Looks at an object that is changed, once it is whole: some may take more than before.
///
/// # Errors
/// 403 of a plugin.
pub fn validate_update(
    state: &mut State,
    call: &Call<'_>,
    old: &Value,
    object: &Value,
) -> Result<(), Failure> {
    let claim = call.kind.is_core("persistentvolumeclaims");
    if call.subresource().is_some() || !(claim || call.kind.is_core("services")) {
        return Ok(());
    }
    if claim && state.admits("LimitRanger") {
        limits::check_claim(state, call, object)?;
    }
    if state.admits("ResourceQuota") {
        quota::charge(state, call, object, Some(old))?;
    }
    Ok(())
}

/// Looks at an object that is deleted.
///
/// # Errors
/// 403 of a plugin.
pub fn delete(state: &State, call: &Call<'_>, name: &str) -> Result<(), Failure> {
    if state.admits("NamespaceLifecycle") {
        namespaces::delete(call, name)?;
    }
    Ok(())
}
