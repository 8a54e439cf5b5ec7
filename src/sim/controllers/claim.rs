use super::{
    acts::{all_in, patch},
    text,
};
use crate::{
    sim::verbs::{State, selects},
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The owner of an object that controls it.
pub(super) fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.find(|owner| owner["controller"] == true)
}

/// The object that controls another one, when it is of this kind and there.
pub(super) fn controller_in(
    state: &State,
    child: &ObjectKey,
    object: &Value,
    kind: &str,
    resource: &Resource,
) -> Option<ObjectKey> {
    let owner = controller(object).filter(|owner| owner["kind"] == kind)?;
    let key = ObjectKey::new(resource, child.namespace.as_deref(), text(owner, "name"));
    let found = state.store.get(&key)?;
    (found.object["metadata"]["uid"] == owner["uid"]).then_some(key)
}

/// The reference of a child to what controls it.
pub(super) fn reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

/// Whether an object is being deleted.
pub(super) fn dying(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

/// The objects that an owner controls, after it let go those that it does not select, and took those that it
/// selects and nobody controls.
pub(super) fn claim(
    state: &mut State,
    key: &ObjectKey,
    owner: &Value,
    kind: &Resource,
    counts: impl Fn(&Value) -> bool,
) -> Result<Vec<(ObjectKey, Arc<Value>)>, Failure> {
    let (uid, selector) = (&owner["metadata"]["uid"], &owner["spec"]["selector"]);
    let mut own = Vec::new();
    for (child_key, child) in all_in(state, kind, key.namespace.as_deref()) {
        if !counts(&child) {
            continue;
        }
        let fits = selects(selector, &child["metadata"]["labels"]);
        match controller(&child).map(|owner| owner["uid"] == *uid) {
            Some(true) if fits => own.push((child_key, child)),
            Some(true) if !dying(owner) => release(state, &child_key, &child, uid)?,
            None if fits && !dying(owner) && !dying(&child) => {
                let owners = child["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
                let owners = json!([owners, vec![reference(owner)]].concat());
                let change =
                    json!({"metadata": {"uid": child["metadata"]["uid"], "ownerReferences": owners}});
                match patch(state, &child_key, &change) {
                    Ok(child) => own.push((child_key, child)),
                    Err(failure) if failure.code == 404 => {}
                    Err(failure) => return Err(failure),
                }
            }
            _ => {}
        }
    }
    Ok(own)
}

fn release(state: &mut State, key: &ObjectKey, child: &Value, uid: &Value) -> Result<(), Failure> {
    let owners = child["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let kept: Vec<_> = owners.filter(|owner| owner["uid"] != *uid).collect();
    let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
    let change = json!({"metadata": {"uid": child["metadata"]["uid"], "ownerReferences": kept}});
    match patch(state, key, &change) {
        Err(failure) if !matches!(failure.code, 404 | 422) => Err(failure),
        _ => Ok(()),
    }
}

/// Who might want an object that nobody controls: all whose selector fits its labels.
pub(super) fn takers(state: &State, child: &ObjectKey, object: &Value, kind: &Resource) -> Vec<ObjectKey> {
    let all = state.store.live(kind).filter(|(key, _)| key.namespace == child.namespace);
    let fits = |owner: &Value| {
        let selector = &owner["spec"]["selector"];
        let empty = ["matchLabels", "matchExpressions"].iter().all(|part| {
            selector[*part].as_object().is_none_or(|part| part.is_empty())
                && selector[*part].as_array().is_none_or(Vec::is_empty)
        });
        !empty && selects(selector, &object["metadata"]["labels"])
    };
    all.filter(|(_, owner)| fits(owner)).map(|(key, _)| key.clone()).collect()
}

/// Whom news of a child concern: its old and its new controller, or, when it has none, all that might want it.
pub(super) fn concerned(
    state: &State,
    news: &crate::sim::store::News,
    kind: &str,
    resource: &Resource,
) -> Vec<ObjectKey> {
    let of = |object: &Value| controller_in(state, &news.key, object, kind, resource);
    let mut found: Vec<ObjectKey> =
        news.old.iter().filter_map(|old| of(old)).chain(of(&news.object)).collect();
    let moved = news.old.as_ref().is_none_or(|old| {
        ["labels", "ownerReferences"]
            .iter()
            .any(|field| old["metadata"].get(*field) != news.object["metadata"].get(*field))
    });
    if !news.removed && moved && controller(&news.object).is_none() {
        found.extend(takers(state, &news.key, &news.object, resource));
    }
    found.dedup();
    found
}
