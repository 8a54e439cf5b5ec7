use super::{path, write_status};
use crate::{
    sim::{
        store::News,
        verbs::{State, act, set_condition},
    },
    wire::{ObjectKey, Resource},
};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MANAGER: &str = "kube-controller-manager";

/// Empties a namespace that is being deleted, and lets it go when it is empty.
pub(super) fn look(state: &mut State, news: &News) {
    let object = &news.object;
    let waits =
        object["spec"]["finalizers"].as_array().is_some_and(|list| list.iter().any(|f| f == "kubernetes"));
    if news.removed || object["metadata"].get("deletionTimestamp").is_none() || !waits {
        return;
    }
    for key in content(state, &news.key.name) {
        let dying =
            state.store.get(&key).is_some_and(|c| c.object["metadata"].get("deletionTimestamp").is_some());
        if let Some(path) = path(state, &key).filter(|_| !dying) {
            // What cannot go now is told in the conditions.
            let _ = act(state, MANAGER, &Method::DELETE, &path, &json!({}));
        }
    }
    let left = content(state, &news.key.name);
    if left.is_empty() {
        let body = json!({"metadata": {"name": news.key.name}, "spec": {"finalizers": []}});
        let path = format!("/api/v1/namespaces/{}/finalize", news.key.name);
        let _ = act(state, MANAGER, &Method::PUT, &path, &body);
        return;
    }
    let Some(current) = super::current(state, &news.key) else { return };
    let mut next = (*current).clone();
    conditions(state, &mut next, &left);
    let same = |object: &Value| {
        let list = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        list.iter().map(|c| (c["type"].clone(), c["message"].clone())).collect::<Vec<_>>()
    };
    if same(&next) != same(&current) {
        let _ = write_status(state, MANAGER, &news.key, &next);
    }
}

/// Something went: its namespace may have waited for that.
pub(super) fn child(state: &mut State, news: &News) {
    let Some(namespace) = &news.key.namespace else { return };
    let namespaces = Resource::new("", "v1", "namespaces");
    let key = ObjectKey::new(&namespaces, None, namespace);
    let Some(object) = super::current(state, &key) else { return };
    if object["metadata"].get("deletionTimestamp").is_some() {
        look(state, &News { key, object, removed: false });
    }
}

fn content(state: &State, namespace: &str) -> Vec<ObjectKey> {
    let mut found = Vec::new();
    for storage in state.registry.namespaced() {
        let own = state.store.live(&storage).filter(|(key, _)| key.namespace.as_deref() == Some(namespace));
        found.extend(own.map(|(key, _)| key.clone()));
    }
    found
}

/// What is still in the namespace, and what holds it.
fn conditions(state: &State, namespace: &mut Value, left: &[ObjectKey]) {
    let (mut types, mut finalizers) = (BTreeMap::new(), BTreeMap::new());
    for key in left {
        let name = if key.group.is_empty() {
            format!("{}.", key.plural)
        } else {
            format!("{}.{}", key.plural, key.group)
        };
        *types.entry(name).or_insert(0) += 1;
        let object = state.store.get(key).map(|current| current.object["metadata"]["finalizers"].clone());
        for finalizer in object.as_ref().and_then(Value::as_array).into_iter().flatten() {
            *finalizers.entry(finalizer.as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
    }
    let list = |counts: &BTreeMap<String, i32>, verb: &str| {
        let parts = counts.iter().map(|(name, count)| format!("{name} {verb} {count} resource instances"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let now = state.clock.seconds();
    let mut set = |kind: &str, status: &str, reason: &str, message: String| {
        let condition = json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
        });
        set_condition(namespace, condition);
    };
    let fine = "All resources successfully discovered".to_owned();
    set("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", fine);
    let fine = "All legacy kube types successfully parsed".to_owned();
    set("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", fine);
    let fine = "All content successfully deleted, may be waiting on finalization".to_owned();
    set("NamespaceDeletionContentFailure", "False", "ContentDeleted", fine);
    let what = format!("Some resources are remaining: {}", list(&types, "has"));
    set("NamespaceContentRemaining", "True", "SomeResourcesRemain", what);
    if !finalizers.is_empty() {
        let what =
            format!("Some content in the namespace has finalizers remaining: {}", list(&finalizers, "in"));
        set("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", what);
    }
}
