//! The history of a set: each template that it had, as a ControllerRevision.

use super::{
    acts::{all_in, create, delete, replace},
    claim::{controller, reference},
    template_hash, text,
};
use crate::{
    sim::verbs::State,
    wire::{Failure, ObjectKey, Resource, go_escaped},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn revisions() -> Resource {
    Resource::new("apps", "v1", "controllerrevisions")
}

pub(super) fn number(revision: &Value) -> i64 {
    revision["revision"].as_i64().unwrap_or(0)
}

pub(super) fn name(revision: &Value) -> &str {
    text(&revision["metadata"], "name")
}

/// What a revision keeps of a set: a patch that puts its template back.
pub(super) fn data(set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// A set with the template of a revision.
pub(super) fn applied(set: &Value, revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(members) = template.as_object_mut() {
        members.remove("$patch");
    }
    let mut set = set.clone();
    set["spec"]["template"] = template;
    set
}

/// The hash of what a revision keeps.
pub(super) fn hash(data: &Value, collisions: i64) -> String {
    let text = go_escaped(&data.to_string()) + &collisions.to_string();
    let sum =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte));
    template_hash::safe(&sum.to_string())
}

/// The revisions of a set, oldest first.
pub(super) fn of(state: &State, key: &ObjectKey, set: &Value) -> Vec<Value> {
    let own =
        |revision: &Value| controller(revision).is_some_and(|owner| owner["uid"] == set["metadata"]["uid"]);
    let all = all_in(state, &revisions(), key.namespace.as_deref()).into_iter();
    let mut all: Vec<Value> = all.filter(|(_, it)| own(it)).map(|(_, it)| (*it).clone()).collect();
    all.sort_by_key(|it| {
        (number(it), text(&it["metadata"], "creationTimestamp").to_owned(), name(it).to_owned())
    });
    all
}

/// Makes the revision of a set's present template. `hash` is its name's end.
pub(super) fn make(
    state: &mut State,
    key: &ObjectKey,
    set: &Value,
    (label, hash): (&str, &str),
    number: i64,
) -> Result<Value, Failure> {
    let mut labels = set["spec"]["template"]["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert(label.to_owned(), json!(hash));
    let mut revision = json!({
        "metadata": {
            "name": format!("{}-{hash}", key.name), "labels": labels, "ownerReferences": [reference(set)],
        },
        "data": data(set), "revision": number,
    });
    if let Some(annotations) = set["metadata"].get("annotations") {
        revision["metadata"]["annotations"] = annotations.clone();
    }
    create(state, &revisions(), key.namespace.as_deref(), &revision).map(|made| (*made).clone())
}

/// Makes a revision the newest one again.
pub(super) fn renew(
    state: &mut State,
    key: &ObjectKey,
    revision: &Value,
    number: i64,
) -> Result<Value, Failure> {
    let own = ObjectKey::new(&revisions(), key.namespace.as_deref(), name(revision));
    let mut next = revision.clone();
    next["revision"] = json!(number);
    replace(state, &own, &next).map(|written| (*written).clone())
}

/// Deletes the oldest revisions that nothing uses, beyond those that are kept.
pub(super) fn truncate(
    state: &mut State,
    key: &ObjectKey,
    set: &Value,
    used: &BTreeSet<String>,
) -> Result<(), Failure> {
    let kept = usize::try_from(set["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(0);
    let old: Vec<Value> = of(state, key, set).into_iter().filter(|it| !used.contains(name(it))).collect();
    let spare = old.len().saturating_sub(kept);
    for revision in old.iter().take(spare) {
        delete(state, &ObjectKey::new(&revisions(), key.namespace.as_deref(), name(revision)), &json!({}))?;
    }
    Ok(())
}
