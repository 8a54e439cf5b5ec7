use super::text;
use crate::{
    sim::{
        agenda::Said,
        verbs::{State, act},
    },
    wire::{Failure, ObjectKey, Resource},
};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// Who the controllers are.
pub(super) const MANAGER: &str = "kube-controller-manager";

/// The path of the objects of a type in a namespace, by the version that is served first.
fn folder(state: &State, group: &str, plural: &str, namespace: Option<&str>) -> Option<String> {
    let kind = state.registry.preferred(group, plural)?;
    let namespace = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    Some(format!("{}{namespace}/{plural}", kind.resource.prefix()))
}

/// The path of an object, by the version that is served first.
pub(super) fn path(state: &State, key: &ObjectKey) -> Option<String> {
    let folder = folder(state, &key.group, &key.plural, key.namespace.as_deref())?;
    Some(format!("{folder}/{}", key.name))
}

fn path_or_gone(state: &State, key: &ObjectKey) -> Result<String, Failure> {
    path(state, key).ok_or_else(crate::sim::refusal::no_resource)
}

/// The present state of an object.
pub(super) fn current(state: &State, key: &ObjectKey) -> Option<Arc<Value>> {
    state.store.get(key).map(|current| current.object.clone())
}

/// The objects of a type in a namespace, by name.
pub(super) fn all_in(
    state: &State,
    kind: &Resource,
    namespace: Option<&str>,
) -> Vec<(ObjectKey, Arc<Value>)> {
    let own = state.store.live(kind).filter(|(key, _)| key.namespace.as_deref() == namespace);
    own.map(|(key, object)| (key.clone(), object.clone())).collect()
}

/// Makes an object.
pub(super) fn create(
    state: &mut State,
    kind: &Resource,
    namespace: Option<&str>,
    object: &Value,
) -> Result<Arc<Value>, Failure> {
    let folder = folder(state, &kind.group, &kind.plural, namespace);
    act(state, MANAGER, &Method::POST, &folder.ok_or_else(crate::sim::refusal::no_resource)?, object)
}

/// Replaces an object.
pub(super) fn replace(state: &mut State, key: &ObjectKey, object: &Value) -> Result<Arc<Value>, Failure> {
    let path = path_or_gone(state, key)?;
    act(state, MANAGER, &Method::PUT, &path, object)
}

/// Replaces the status of an object.
pub(super) fn write_status(
    state: &mut State,
    key: &ObjectKey,
    object: &Value,
) -> Result<Arc<Value>, Failure> {
    let path = path_or_gone(state, key)?;
    act(state, MANAGER, &Method::PUT, &format!("{path}/status"), object)
}

/// Changes an object by a merge patch.
pub(super) fn patch(state: &mut State, key: &ObjectKey, patch: &Value) -> Result<Arc<Value>, Failure> {
    let path = path_or_gone(state, key)?;
    act(state, MANAGER, &Method::PATCH, &path, patch)
}

/// Deletes an object.
pub(super) fn delete(state: &mut State, key: &ObjectKey, options: &Value) -> Result<(), Failure> {
    let path = path_or_gone(state, key)?;
    act(state, MANAGER, &Method::DELETE, &path, options).map(drop)
}

/// Records an event about an object. `whence` names the type of the object and who speaks.
pub(super) fn record(state: &mut State, who: &str, about: &Value, kind: &str, reason: &str, message: &str) {
    let metadata = &about["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default").to_owned();
    let moment = state.said.moment(state.clock.now().as_nanosecond());
    let mut object = json!({
        "kind": about["kind"], "name": metadata["name"], "uid": metadata["uid"], "apiVersion": about["apiVersion"],
        "resourceVersion": metadata["resourceVersion"],
    });
    if let Some(namespace) = metadata.get("namespace") {
        object["namespace"] = namespace.clone();
    }
    let now = state.clock.seconds();
    let event = json!({
        "metadata": {"name": format!("{}.{moment:x}", text(metadata, "name")), "namespace": namespace},
        "involvedObject": object, "reason": reason, "message": message, "type": kind, "count": 1,
        "source": {"component": who}, "firstTimestamp": now, "lastTimestamp": now,
        "reportingComponent": who, "reportingInstance": "",
    });
    let heard = state.said.hear(event, state.clock.elapsed());
    let events = Resource::new("", "v1", "events");
    // What a server refuses to note is not noted, as with the recorders of Go.
    match heard {
        None => {}
        Some(Said::New(event)) => _ = create(state, &events, Some(&namespace), &event),
        Some(Said::Again(name, change, event)) => {
            let key = ObjectKey::new(&events, Some(&namespace), &name);
            if patch(state, &key, &change).is_err_and(|failure| failure.code == 404) {
                let _ = create(state, &events, Some(&namespace), &event);
            }
        }
    }
}
