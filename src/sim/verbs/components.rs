use super::{
    Call,
    reply::{List, Reply},
};
use crate::{sim::refusal::not_found, wire::Failure};
use serde_json::{Value, json};
use std::sync::Arc;

/// The parts of a control plane, which are asked and not stored. Here they are one process, and well.
fn all() -> impl Iterator<Item = Value> {
    ["scheduler", "controller-manager", "etcd-0"].into_iter().map(|name| {
        json!({
            "apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": name},
            "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}],
        })
    })
}

/// One of them.
///
/// # Errors
/// 404 for any other name.
pub fn get(call: &Call<'_>) -> Result<Reply, Failure> {
    let found = all().find(|component| component["metadata"]["name"] == call.name());
    let found = found.ok_or_else(|| not_found(&call.kind, call.name()))?;
    Ok(Reply::Object(200, Arc::new(found)))
}

/// All of them, at no revision.
pub fn list() -> Reply {
    Reply::List(List { items: all().map(Arc::new).collect(), rv: String::new(), next: None, remaining: None })
}
