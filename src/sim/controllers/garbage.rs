use super::{
    Outcome,
    acts::{MANAGER, current, path},
    text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, act},
    },
    wire::ObjectKey,
};
use http::Method;
use serde_json::{Value, json};

const WHO: &str = "garbage-collector-controller";

/// Keeps the books of owners and dependents, and deletes what nobody owns any more.
pub(super) fn heard(state: &mut State, news: &News) {
    let uid = text(&news.object["metadata"], "uid").to_owned();
    let owners: Vec<String> =
        references(&news.object).iter().map(|owner| text(owner, "uid").to_owned()).collect();
    for owner in &owners {
        let dependents = state.dependents.entry(owner.clone()).or_default();
        if news.removed {
            dependents.remove(&news.key);
        } else {
            dependents.insert(news.key.clone());
        }
    }
    if news.removed {
        for dependent in state.dependents.remove(&uid).unwrap_or_default() {
            state.agenda.add((WHO, dependent));
        }
        for owner in owners {
            released(state, &owner);
        }
        return;
    }
    if references(&news.object).iter().any(|reference| owner(state, &news.key, reference).is_none()) {
        state.agenda.add((WHO, news.key.clone()));
    }
    if news.object["metadata"].get("deletionTimestamp").is_some() {
        dying(state, &news.key, &uid);
    }
}

fn references(object: &Value) -> Vec<Value> {
    object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(|finalizer| finalizer.as_str().map(str::to_owned)).collect()
}

/// The owner that a reference names, when it exists.
fn owner(state: &State, key: &ObjectKey, reference: &Value) -> Option<ObjectKey> {
    let (group, version) =
        text(reference, "apiVersion").split_once('/').unwrap_or(("", text(reference, "apiVersion")));
    let kind = state.registry.by_kind(group, version, text(reference, "kind"))?;
    let namespace = if kind.namespaced { key.namespace.as_deref() } else { None };
    let owner = ObjectKey::new(&kind.storage, namespace, text(reference, "name"));
    let found = state.store.get(&owner)?;
    (found.object["metadata"]["uid"] == reference["uid"]).then_some(owner)
}

/// Deletes an object none of whose owners exists, and takes those references away that lead nowhere.
pub(super) fn judge(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(object) = current(state, key) else { return Ok(()) };
    let references = references(&object);
    if references.is_empty() || object["metadata"].get("deletionTimestamp").is_some() {
        return Ok(());
    }
    let present: Vec<Value> =
        references.iter().filter(|reference| owner(state, key, reference).is_some()).cloned().collect();
    let Some(path) = path(state, key) else { return Ok(()) };
    if present.is_empty() {
        let policy = match finalizers(&object).as_slice() {
            list if list.iter().any(|f| f == "orphan") => "Orphan",
            list if list.iter().any(|f| f == "foregroundDeletion") => "Foreground",
            _ => "Background",
        };
        let options =
            json!({"propagationPolicy": policy, "preconditions": {"uid": object["metadata"]["uid"]}});
        // Whoever changed it meanwhile makes it news again.
        let _ = act(state, MANAGER, &Method::DELETE, &path, &options);
    } else if present.len() < references.len() {
        let patch = json!({"metadata": {"ownerReferences": present}});
        let _ = act(state, MANAGER, &Method::PATCH, &path, &patch);
    }
    Ok(())
}

/// An owner that waits for its dependents to go, or to be let go.
fn dying(state: &mut State, key: &ObjectKey, uid: &str) {
    let Some(object) = current(state, key) else { return };
    let list = finalizers(&object);
    let dependents: Vec<ObjectKey> = state.dependents.get(uid).into_iter().flatten().cloned().collect();
    if list.iter().any(|finalizer| finalizer == "orphan") {
        for dependent in &dependents {
            let Some(child) = current(state, dependent) else { continue };
            let kept: Vec<_> = references(&child).into_iter().filter(|owner| owner["uid"] != uid).collect();
            let patch = json!({"metadata": {"ownerReferences": if kept.is_empty() { Value::Null } else { json!(kept) }}});
            if let Some(path) = path(state, dependent) {
                let _ = act(state, MANAGER, &Method::PATCH, &path, &patch);
            }
        }
        state.dependents.remove(uid);
        finalize(state, key, "orphan");
    } else if list.iter().any(|finalizer| finalizer == "foregroundDeletion") {
        for dependent in &dependents {
            let Some(child) = current(state, dependent) else { continue };
            if child["metadata"].get("deletionTimestamp").is_some() {
                continue;
            }
            let own = text(&child["metadata"], "uid");
            let parent = state.dependents.get(own).is_some_and(|dependents| !dependents.is_empty());
            let policy = if parent { "Foreground" } else { "Background" };
            if let Some(path) = path(state, dependent) {
                let _ = act(state, MANAGER, &Method::DELETE, &path, &json!({"propagationPolicy": policy}));
            }
        }
        if !is_blocked(state, uid) {
            finalize(state, key, "foregroundDeletion");
        }
    }
}

/// Whether a dependent is left that its owner must wait for.
fn is_blocked(state: &State, uid: &str) -> bool {
    let dependents = state.dependents.get(uid).into_iter().flatten();
    dependents.filter_map(|key| current(state, key)).any(|child| {
        references(&child).iter().any(|owner| owner["uid"] == uid && owner["blockOwnerDeletion"] == true)
    })
}

/// A dependent went: an owner may have waited for that.
fn released(state: &mut State, uid: &str) {
    if is_blocked(state, uid) {
        return;
    }
    let waiting: Vec<ObjectKey> = state.store.with_finalizer("foregroundDeletion", uid);
    for key in waiting {
        finalize(state, &key, "foregroundDeletion");
    }
}

fn finalize(state: &mut State, key: &ObjectKey, finalizer: &str) {
    let Some(object) = current(state, key) else { return };
    let kept: Vec<_> = finalizers(&object).into_iter().filter(|known| known != finalizer).collect();
    let patch = json!({"metadata": {"finalizers": kept}});
    if let Some(path) = path(state, key) {
        let _ = act(state, MANAGER, &Method::PATCH, &path, &patch);
    }
}
