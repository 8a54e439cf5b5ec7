use super::{controller_of, current, path, template_hash, text, write_status};
use crate::{
    sim::{
        store::News,
        verbs::{State, act, set_condition},
    },
    wire::{ObjectKey, Resource},
};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

const MANAGER: &str = "kube-controller-manager";
const REVISION: &str = "deployment.kubernetes.io/revision";

fn sets() -> Resource {
    Resource::new("apps", "v1", "replicasets")
}

/// Takes the next step of a deployment: its replica set, their sizes, its status.
pub(super) fn look(state: &mut State, news: &News) {
    let deployment = &news.object;
    if news.removed || deployment["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let own = own_sets(state, &news.key, deployment);
    let hash =
        template_hash::of(&deployment["spec"]["template"], deployment["status"]["collisionCount"].as_i64());
    let name = format!("{}-{hash}", news.key.name);
    let paused = deployment["spec"]["paused"] == true;
    if !own.iter().any(|(key, _)| key.name == name) {
        if !paused {
            make(state, &news.key, deployment, &hash, &own);
        }
    } else if !paused {
        revise(state, &news.key, &own, &name);
        roll(state, &news.key, &name);
    }
    tell(state, &news.key, &name);
}

/// A replica set changed: its deployment looks again.
pub(super) fn child(state: &mut State, news: &News) {
    let Some((name, _)) = controller_of(&news.object, "Deployment") else { return };
    let kind = Resource::new("apps", "v1", "deployments");
    let key = ObjectKey::new(&kind, news.key.namespace.as_deref(), &name);
    if let Some(object) = current(state, &key) {
        look(state, &News { key, object, removed: false });
    }
}

fn own_sets(state: &State, key: &ObjectKey, deployment: &Value) -> Vec<(ObjectKey, Arc<Value>)> {
    let uid = text(&deployment["metadata"], "uid");
    let own = |set: &Value| controller_of(set, "Deployment").is_some_and(|(_, owner)| owner == uid);
    let kind = sets();
    let all =
        state.store.live(&kind).filter(|(set, set_object)| set.namespace == key.namespace && own(set_object));
    all.map(|(key, set)| (key.clone(), set.clone())).collect()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// A count, or a share of the replicas.
fn share(value: &Value, replicas: i64, up: bool) -> i64 {
    let percent =
        value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    match percent {
        Some(percent) if up => replicas.saturating_mul(percent).saturating_add(99) / 100,
        Some(percent) => replicas.saturating_mul(percent) / 100,
        None => number(value),
    }
}

/// How many more and how many fewer pods there may be while it rolls.
fn bounds(deployment: &Value) -> (i64, i64) {
    let (replicas, strategy) = (number(&deployment["spec"]["replicas"]), &deployment["spec"]["strategy"]);
    if strategy["type"] == "Recreate" {
        return (0, replicas);
    }
    let rolling = &strategy["rollingUpdate"];
    let (surge, missing) =
        (share(&rolling["maxSurge"], replicas, true), share(&rolling["maxUnavailable"], replicas, false));
    if surge == 0 && missing == 0 { (0, 1) } else { (surge, missing) }
}

fn revision_of(object: &Value) -> i64 {
    text(&object["metadata"]["annotations"], REVISION).parse().unwrap_or(0)
}

fn make(state: &mut State, key: &ObjectKey, deployment: &Value, hash: &str, own: &[(ObjectKey, Arc<Value>)]) {
    let spec = &deployment["spec"];
    let (replicas, (surge, _)) = (number(&spec["replicas"]), bounds(deployment));
    let revision = own.iter().map(|(_, set)| revision_of(set)).max().unwrap_or(0) + 1;
    let mut template = spec["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = spec["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let mut annotations = deployment["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations.insert(REVISION.into(), json!(revision.to_string()));
    annotations.insert("deployment.kubernetes.io/desired-replicas".into(), json!(replicas.to_string()));
    annotations.insert("deployment.kubernetes.io/max-replicas".into(), json!((replicas + surge).to_string()));
    let first = if own.is_empty() { replicas } else { 0 };
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "name": key.name, "uid": deployment["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    let set = json!({
        "metadata": {
            "name": format!("{}-{hash}", key.name), "ownerReferences": [owner], "annotations": annotations,
            "labels": template["metadata"]["labels"],
        },
        "spec": {
            "replicas": first, "selector": selector, "template": template,
            "minReadySeconds": spec["minReadySeconds"],
        },
    });
    let base =
        format!("/apis/apps/v1/namespaces/{}/replicasets", key.namespace.as_deref().unwrap_or_default());
    // A set of that name that is not ours is met again at the next change.
    if act(state, MANAGER, &Method::POST, &base, &set).is_ok() {
        annotate(state, key, revision);
    }
}

fn annotate(state: &mut State, key: &ObjectKey, revision: i64) {
    let Some(path) = path(state, key) else { return };
    let patch = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
    let _ = act(state, MANAGER, &Method::PATCH, &path, &patch);
}

/// A set that is wanted again becomes the newest one.
fn revise(state: &mut State, key: &ObjectKey, own: &[(ObjectKey, Arc<Value>)], name: &str) {
    let newest = own.iter().map(|(_, set)| revision_of(set)).max().unwrap_or(0);
    let Some((set_key, set)) = own.iter().find(|(key, _)| key.name == name) else { return };
    if revision_of(set) < newest {
        annotate(state, set_key, newest + 1);
        annotate(state, key, newest + 1);
    }
}

/// Moves pods from the old sets to the new one, as far as they may be more or fewer.
fn roll(state: &mut State, key: &ObjectKey, name: &str) {
    let Some(deployment) = current(state, key) else { return };
    let own = own_sets(state, key, &deployment);
    let (wanted, (surge, missing)) = (number(&deployment["spec"]["replicas"]), bounds(&deployment));
    let size = |set: &Value| number(&set["spec"]["replicas"]);
    let total: i64 = own.iter().map(|(_, set)| size(set)).sum();
    let Some((new_key, new)) = own.iter().find(|(key, _)| key.name == name) else { return };
    let old: Vec<_> = own.iter().filter(|(key, set)| key.name != name && size(set) > 0).collect();
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let running: i64 = own
        .iter()
        .filter(|(key, _)| key.name != name)
        .map(|(_, set)| number(&set["status"]["replicas"]))
        .sum();
    let room = if old.is_empty() { wanted } else { size(new) + (wanted + surge - total).max(0) };
    let room = if recreate && running > 0 { size(new) } else { room };
    if size(new) != room.min(wanted) {
        scale(state, new_key, room.min(wanted));
        return;
    }
    let ready: i64 = own.iter().map(|(_, set)| number(&set["status"]["availableReplicas"])).sum();
    let mut spare = if recreate { total } else { ready - (wanted - missing) };
    for (old_key, set) in old {
        // What is not ready is no loss.
        let idle = size(set) - number(&set["status"]["availableReplicas"]);
        let less = (spare.max(0) + idle.max(0)).min(size(set));
        if less > 0 {
            spare -= less - idle.max(0);
            scale(state, old_key, size(set) - less);
        }
    }
}

fn scale(state: &mut State, key: &ObjectKey, replicas: i64) {
    let Some(path) = path(state, key) else { return };
    let _ = act(state, MANAGER, &Method::PATCH, &path, &json!({"spec": {"replicas": replicas}}));
}

fn tell(state: &mut State, key: &ObjectKey, name: &str) {
    let Some(deployment) = current(state, key) else { return };
    let own = own_sets(state, key, &deployment);
    let sum = |field: &str| own.iter().map(|(_, set)| number(&set["status"][field])).sum::<i64>();
    let wanted = number(&deployment["spec"]["replicas"]);
    let (all, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let new = own.iter().find(|(key, _)| key.name == name).map(|(_, set)| set.clone());
    let updated = new.as_ref().map_or(0, |set| number(&set["status"]["replicas"]));
    let mut next = (*deployment).clone();
    let mut status = json!({
        "observedGeneration": deployment["metadata"]["generation"], "terminatingReplicas": 0,
        "conditions": deployment["status"].get("conditions").cloned().unwrap_or_else(|| json!([])),
    });
    let counts = [
        ("replicas", all),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", wanted.max(all) - available),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    next["status"] = status;
    let (_, missing) = bounds(&deployment);
    let enough = available >= wanted - missing;
    let done = updated == wanted && all == wanted && available == wanted;
    conditions(state, &mut next, name, enough, done, new.is_some());
    if next["status"] != deployment["status"] {
        // Whoever changed it meanwhile makes it news again.
        let _ = write_status(state, MANAGER, key, &next);
    }
}

fn conditions(state: &State, deployment: &mut Value, name: &str, enough: bool, done: bool, made: bool) {
    let now = state.clock.seconds();
    let before = |deployment: &Value, kind: &str| {
        let mut list = deployment["status"]["conditions"].as_array().into_iter().flatten();
        list.find(|condition| condition["type"] == kind).cloned()
    };
    let mut set = |kind: &str, status: &str, reason: &str, message: String| {
        let old = before(deployment, kind);
        if old.as_ref().is_some_and(|old| {
            old["status"] == status && old["reason"] == reason && old["message"] == message.as_str()
        }) {
            return;
        }
        let turned = old.filter(|old| old["status"] == status).map(|old| old["lastTransitionTime"].clone());
        let condition = json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": now,
            "lastTransitionTime": turned.unwrap_or_else(|| json!(now)),
        });
        set_condition(deployment, condition);
    };
    if enough {
        let message = "Deployment has minimum availability.".to_owned();
        set("Available", "True", "MinimumReplicasAvailable", message);
    } else {
        let message = "Deployment does not have minimum availability.".to_owned();
        set("Available", "False", "MinimumReplicasUnavailable", message);
    }
    if done {
        let message = format!("ReplicaSet {name:?} has successfully progressed.");
        set("Progressing", "True", "NewReplicaSetAvailable", message);
    } else if made {
        set("Progressing", "True", "ReplicaSetUpdated", format!("ReplicaSet {name:?} is progressing."));
    } else {
        set("Progressing", "True", "NewReplicaSetCreated", format!("Created new replica set {name:?}"));
    }
}
