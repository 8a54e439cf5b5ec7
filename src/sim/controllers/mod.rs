//! The controllers of a cluster, as far as operators meet them.
//!
//! In go the writes that nobody has looked at yet, out come writes through the verbs, as clients make them.
//! A controller is level-triggered: it looks at an object and does the next thing. What takes time stands in
//! the timers of the state; the service wakes this room when one is due.

mod accounts;
mod deployments;
mod garbage;
mod namespaces;
mod pods;
mod replica_sets;
mod template_hash;

pub use pods::NODE;

use super::{
    store::News,
    verbs::{State, act},
};
use crate::wire::{Failure, ObjectKey};
use http::Method;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// The controllers that there are, by the names that kube-controller-manager gives them; `pod` stands for the
/// scheduler and the kubelets.
pub const CONTROLLERS: [&str; 7] = [
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "deployment-controller",
    "replicaset-controller",
    "pod",
];

/// Rounds of work after one write; more than that is a loop of our own.
const ROUNDS: usize = 1000;

/// Does all that is to be done now.
pub fn work(state: &mut State) {
    for _ in 0..ROUNDS {
        let mut news = state.store.take_news();
        news.extend(due(state));
        if state.controllers.is_empty() || news.is_empty() {
            return;
        }
        for piece in &news {
            look(state, piece);
        }
        // Once a round, however many of its pods changed.
        if state.runs("replicaset-controller") {
            let sets: BTreeSet<ObjectKey> = news.iter().filter_map(replica_sets::above).collect();
            sets.into_iter().for_each(|set| replica_sets::child_changed(state, set));
        }
    }
}

/// What is due to be looked at again.
fn due(state: &mut State) -> Vec<News> {
    let now = state.clock.elapsed();
    let mut due = Vec::new();
    while state.timers.first().is_some_and(|(at, _)| *at <= now) {
        let Some((_, key)) = state.timers.pop_first() else { break };
        if let Some(current) = state.store.get(&key) {
            due.push(News { object: current.object.clone(), key, removed: false });
        }
    }
    due
}

fn look(state: &mut State, news: &News) {
    if state.runs("garbage-collector-controller") {
        garbage::look(state, news);
    }
    match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("", "namespaces") => {
            accounts::look(state, news);
            if state.runs("namespace-controller") {
                namespaces::look(state, news);
            }
        }
        ("", "serviceaccounts" | "configmaps") if news.removed => accounts::look(state, news),
        ("apps", "deployments") if state.runs("deployment-controller") => deployments::look(state, news),
        ("apps", "replicasets") => {
            if state.runs("replicaset-controller") {
                replica_sets::look(state, news);
            }
            if state.runs("deployment-controller") {
                deployments::child(state, news);
            }
        }
        ("", "pods") if state.runs("pod") => pods::look(state, news),
        _ => {}
    }
    if news.removed && state.runs("namespace-controller") {
        namespaces::child(state, news);
    }
}

/// The path of an object, by the version that is served first.
fn path(state: &State, key: &ObjectKey) -> Option<String> {
    let kind = state.registry.preferred(&key.group, &key.plural)?;
    let namespace =
        key.namespace.as_ref().map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    Some(format!("{}{namespace}/{}/{}", kind.resource.prefix(), key.plural, key.name))
}

/// The present state of an object.
fn current(state: &State, key: &ObjectKey) -> Option<Arc<Value>> {
    state.store.get(key).map(|current| current.object.clone())
}

/// Writes the status of an object.
fn write_status(
    state: &mut State,
    manager: &str,
    key: &ObjectKey,
    object: &Value,
) -> Result<Arc<Value>, Failure> {
    let Some(path) = path(state, key) else { return Ok(Arc::new(Value::Null)) };
    act(state, manager, &Method::PUT, &format!("{path}/status"), object)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The owner of an object that controls it, when it is of this kind.
fn controller_of(object: &Value, kind: &str) -> Option<(String, String)> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let own = owners.into_iter().find(|owner| owner["controller"] == true && owner["kind"] == kind)?;
    Some((text(own, "name").to_owned(), text(own, "uid").to_owned()))
}
