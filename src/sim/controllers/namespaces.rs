use super::{
    Outcome,
    acts::{MANAGER, current, delete, write_status},
    claim::dying,
    pod::is_over,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, act},
    },
    wire::{Failure, ObjectKey},
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const WHO: &str = "namespace-controller";
/// How long a namespace is left alone after each change, in milliseconds: others must see it first.
const PAUSE: u64 = 5000;
/// How long finalizers are thought to take, in seconds.
const FINALIZERS: i64 = 15;

/// What a condition is called, and what it says when all is well.
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];

/// Namespaces that are being deleted are looked at after a while.
pub(super) fn heard(state: &mut State, news: &News) {
    if news.key.group.is_empty() && news.key.plural == "namespaces" && !news.removed && dying(&news.object) {
        state.agenda.add_at(state.clock.elapsed() + PAUSE, (WHO, news.key.clone()));
    }
}

/// What is left of a namespace.
#[derive(Default)]
struct Left {
    types: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
    /// How long it takes, in seconds.
    estimate: i64,
    failures: Vec<String>,
}

/// Empties a namespace that is being deleted, pods first, and lets it go when it is empty.
pub(super) fn sync(state: &mut State, namespace: &ObjectKey) -> Outcome {
    let Some(object) = current(state, namespace) else { return Ok(()) };
    let waits = object["spec"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    if !dying(&object) || !waits {
        return Ok(());
    }
    let mut left = Left::default();
    empty(state, namespace, &object, true, &mut left);
    // While there are pods, nothing else is touched, nor told.
    if left.types.is_empty() {
        empty(state, namespace, &object, false, &mut left);
        tell(state, namespace, &object, &left);
    } else {
        let pods = Left { failures: left.failures.clone(), ..Left::default() };
        tell(state, namespace, &object, &pods);
    }
    if !left.failures.is_empty() {
        return Err(Failure::new(500, "InternalError", left.failures.join(", ")));
    }
    if left.estimate > 0 {
        let pause = u64::try_from(left.estimate / 2 + 1).unwrap_or(1) * 1000;
        state.agenda.add_at(state.clock.elapsed() + pause, (WHO, namespace.clone()));
        return Ok(());
    }
    let kept = object["spec"]["finalizers"].as_array().into_iter().flatten();
    let kept: Vec<_> = kept.filter(|finalizer| *finalizer != "kubernetes").collect();
    let body = json!({"metadata": {"name": namespace.name}, "spec": {"finalizers": kept}});
    let path = format!("/api/v1/namespaces/{}/finalize", namespace.name);
    act(state, MANAGER, &Method::PUT, &path, &body).map(drop)
}

/// Deletes the pods of a namespace, or all other objects in it, and counts what stays.
fn empty(state: &mut State, namespace: &ObjectKey, object: &Value, pods: bool, left: &mut Left) {
    for kind in state.registry.namespaced() {
        if (kind.group.is_empty() && kind.plural == "pods") != pods {
            continue;
        }
        let name = Some(namespace.name.as_str());
        let there = super::acts::all_in(state, &kind, name);
        if there.is_empty() {
            continue;
        }
        let time = if pods { grace(state, object, there.iter().map(|(_, pod)| &**pod)) } else { 0 };
        for (key, _) in &there {
            match delete(state, key, &json!({"propagationPolicy": "Background"})) {
                Err(failure) if !matches!(failure.code, 404 | 405) => left.failures.push(failure.message),
                _ => {}
            }
        }
        let stays = super::acts::all_in(state, &kind, name);
        let finalizers: Vec<_> = stays.iter().flat_map(|(_, object)| finalizers(object)).collect();
        let estimate =
            if stays.is_empty() { 0 } else { time.max(if finalizers.is_empty() { 0 } else { FINALIZERS }) };
        left.estimate = left.estimate.max(if time > 0 && !stays.is_empty() { time } else { estimate });
        if !stays.is_empty() && estimate == 0 {
            let (group, version, plural) = (&kind.group, &kind.version, &kind.plural);
            left.failures.push(format!(
                "unexpected items still remain in namespace: {} for gvr: {group}/{version}, Resource={plural}",
                namespace.name
            ));
        }
        if !stays.is_empty() {
            left.types.insert(format!("{}.{}", kind.plural, kind.group), stays.len());
        }
        finalizers.into_iter().for_each(|finalizer| *left.finalizers.entry(finalizer).or_insert(0) += 1);
    }
}

fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(|finalizer| finalizer.as_str().map(str::to_owned)).collect()
}

/// How long pods may take to end, unless that is over already.
fn grace<'a>(state: &State, namespace: &Value, pods: impl Iterator<Item = &'a Value>) -> i64 {
    let longest = pods
        .filter(|pod| !is_over(pod))
        .filter_map(|pod| pod["spec"]["terminationGracePeriodSeconds"].as_i64())
        .max();
    let since =
        namespace["metadata"]["deletionTimestamp"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let passed = since.map_or(0, |since| state.clock.now().as_second() - since.as_second());
    longest.filter(|longest| passed < *longest).unwrap_or(0)
}

/// Tells in conditions what is left and what went wrong.
fn tell(state: &mut State, namespace: &ObjectKey, object: &Value, left: &Left) {
    let list = |counts: &BTreeMap<String, usize>, verb: &str| {
        let parts = counts.iter().map(|(name, count)| format!("{name} {verb} {count} resource instances"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let mut failures = left.failures.clone();
    failures.sort();
    let mut next = object.clone();
    for (kind, reason, message) in CONDITIONS {
        let bad = match kind {
            "NamespaceDeletionContentFailure" if !failures.is_empty() => Some((
                "ContentDeletionFailed",
                format!(
                    "Failed to delete all resource types, {} remaining: {}",
                    failures.len(),
                    failures.join(", ")
                ),
            )),
            "NamespaceContentRemaining" if !left.types.is_empty() => {
                let what = list(&left.types, "has");
                Some(("SomeResourcesRemain", format!("Some resources are remaining: {what}")))
            }
            "NamespaceFinalizersRemaining" if !left.finalizers.is_empty() => {
                let what = list(&left.finalizers, "in");
                let text = format!("Some content in the namespace has finalizers remaining: {what}");
                Some(("SomeFinalizersRemain", text))
            }
            _ => None,
        };
        let status = if bad.is_some() { "True" } else { "False" };
        let (reason, message) = bad.unwrap_or((reason, message.to_owned()));
        note(&mut next, kind, status, reason, &message, &state.clock.seconds());
    }
    if next != *object {
        // The next look tells it again.
        let _ = write_status(state, namespace, &next);
    }
}

fn note(namespace: &mut Value, kind: &str, status: &str, reason: &str, message: &str, now: &str) {
    let mut list = namespace["status"]["conditions"].as_array().cloned().unwrap_or_default();
    match list.iter_mut().find(|condition| condition["type"] == kind) {
        None => list.push(json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
        })),
        Some(known) => {
            if known["status"] != status {
                known["lastTransitionTime"] = json!(now);
            }
            known["status"] = json!(status);
            known["reason"] = json!(reason);
            known["message"] = json!(message);
        }
    }
    namespace["status"]["conditions"] = json!(list);
}
