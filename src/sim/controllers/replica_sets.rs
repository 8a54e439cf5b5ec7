use super::{controller_of, current, path, text, write_status};
use crate::{
    sim::{
        store::News,
        verbs::{State, act, selects},
    },
    wire::{ObjectKey, Resource},
};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// A set gets no more pods, so that an absurd number does not end the server.
const MOST: usize = 1000;
const MANAGER: &str = "kube-controller-manager";

fn pods() -> Resource {
    Resource::new("", "v1", "pods")
}

/// Makes and deletes pods until there are as many as are wanted, and tells it.
pub(super) fn look(state: &mut State, news: &News) {
    let set = &news.object;
    if news.removed || set["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let own = own_pods(state, &news.key, set);
    let alive: Vec<_> =
        own.iter().filter(|(_, pod)| pod["metadata"].get("deletionTimestamp").is_none()).collect();
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    for _ in alive.len()..wanted.min(MOST) {
        make(state, &news.key, set);
    }
    let mut spare: Vec<_> = alive.iter().map(|(key, pod)| (is_ready(pod), key.clone())).collect();
    spare.sort();
    for (_, key) in spare.into_iter().take(alive.len().saturating_sub(wanted)) {
        if let Some(path) = path(state, &key) {
            // A pod that is gone already is what was wanted.
            let _ = act(state, MANAGER, &Method::DELETE, &path, &json!({}));
        }
    }
    tell(state, &news.key);
}

/// The set that a pod belongs to.
pub(super) fn above(news: &News) -> Option<ObjectKey> {
    let pod = news.key.group.is_empty() && news.key.plural == "pods";
    let (name, _) = controller_of(&news.object, "ReplicaSet").filter(|_| pod)?;
    let sets = Resource::new("apps", "v1", "replicasets");
    Some(ObjectKey::new(&sets, news.key.namespace.as_deref(), &name))
}

/// Pods changed: their set looks again.
pub(super) fn child_changed(state: &mut State, key: ObjectKey) {
    if let Some(object) = current(state, &key) {
        look(state, &News { key, object, removed: false });
    }
}

fn own_pods(state: &State, key: &ObjectKey, set: &Value) -> Vec<(ObjectKey, Arc<Value>)> {
    let uid = text(&set["metadata"], "uid");
    let own = |pod: &Value| controller_of(pod, "ReplicaSet").is_some_and(|(_, owner)| owner == uid);
    let kind = pods();
    let all = state.store.live(&kind).filter(|(pod, _)| pod.namespace == key.namespace);
    all.filter(|(_, pod)| own(pod) && selects(&set["spec"]["selector"], &pod["metadata"]["labels"]))
        .map(|(key, pod)| (key.clone(), pod.clone()))
        .collect()
}

fn make(state: &mut State, key: &ObjectKey, set: &Value) {
    let template = &set["spec"]["template"];
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": key.name, "uid": set["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    let pod = json!({
        "metadata": {
            "generateName": format!("{}-", key.name), "ownerReferences": [owner],
            "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
        },
        "spec": template["spec"],
    });
    let path = format!("/api/v1/namespaces/{}/pods", key.namespace.as_deref().unwrap_or_default());
    // A refused pod is asked for again at the next change.
    let _ = act(state, MANAGER, &Method::POST, &path, &pod);
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn tell(state: &mut State, key: &ObjectKey) {
    let Some(set) = current(state, key) else { return };
    let own = own_pods(state, key, &set);
    let ready = own.iter().filter(|(_, pod)| is_ready(pod)).count();
    let mut next = (*set).clone();
    let mut status = json!({"replicas": own.len(), "observedGeneration": set["metadata"]["generation"]});
    for (field, count) in
        [("fullyLabeledReplicas", own.len()), ("readyReplicas", ready), ("availableReplicas", ready)]
    {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    next["status"] = status;
    if next["status"] != set["status"] {
        // Whoever changed it meanwhile makes it news again.
        let _ = write_status(state, MANAGER, key, &next);
    }
}
