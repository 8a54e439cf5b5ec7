use super::{Call, Reply, State, decode, delete, options::DeleteOptions};
use crate::{
    sim::refusal::{bad_request, missing, not_found},
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::sync::Arc;

fn success() -> Reply {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Reply::Object(201, Arc::new(status))
}

fn pod(state: &State, call: &Call<'_>, name: &str) -> Result<Arc<Value>, Failure> {
    let current = state.core("pods", call.namespace(), name).cloned();
    current.ok_or_else(|| missing("pods", name))
}

/// Binds a pod to a node.
///
/// # Errors
/// 404 for a missing pod, 409 for one that cannot be bound.
pub fn bind(state: &mut State, call: &Call<'_>, name: Option<&str>) -> Result<Reply, Failure> {
    let binding = decode::part(call)?;
    let own = binding["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let name = name.unwrap_or(&own);
    let pod = pod(state, call, name)?;
    let refuse = |why: String| {
        let message = format!("Operation cannot be fulfilled on pods/binding {name:?}: {why}");
        let details = json!({"name": name, "kind": "pods/binding"});
        Err(Failure { details, ..Failure::new(409, "Conflict", message) })
    };
    if pod["metadata"].get("deletionTimestamp").is_some() {
        return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    if let Some(node) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
        return refuse(format!("pod {name} is already assigned to node {node:?}"));
    }
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let node = binding["target"]["name"].as_str().filter(|node| !node.is_empty());
    let node = node.ok_or_else(|| bad_request("the target of a binding must name a node"))?;
    let mut bound = (*pod).clone();
    bound["spec"]["nodeName"] = json!(node);
    for field in ["annotations", "labels"] {
        for (key, value) in binding["metadata"][field].as_object().into_iter().flatten() {
            bound["metadata"][field][key] = value.clone();
        }
    }
    let scheduled = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": state.clock.seconds(),
    });
    set_condition(&mut bound, scheduled);
    if !call.dry_run {
        let key = pod_key(call, name);
        state.store.put(&key, bound);
    }
    Ok(success())
}

fn pod_key(call: &Call<'_>, name: &str) -> ObjectKey {
    let pods = Resource::new("", "v1", "pods");
    ObjectKey::new(&pods, call.namespace(), name)
}

/// Sets a condition of an object by its type.
pub fn set_condition(object: &mut Value, condition: Value) {
    let conditions = &mut object["status"]["conditions"];
    let Some(list) = conditions.as_array_mut() else {
        *conditions = json!([condition]);
        return;
    };
    match list.iter_mut().find(|known| known["type"] == condition["type"]) {
        Some(known) => *known = condition,
        None => list.push(condition),
    }
}

/// Evicts a pod, when its disruption budget lets it go.
///
/// # Errors
/// 429 when it does not, 404 and 400 for what is no pod.
pub fn evict(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let eviction = decode::part(call)?;
    let name = eviction["metadata"].get("name").and_then(Value::as_str).unwrap_or(call.name());
    if name != call.name() {
        return Err(bad_request("name in URL does not match name in Eviction object"));
    }
    let pod = pod(state, call, name)?;
    let options = match eviction.get("deleteOptions").filter(|options| !options.is_null()) {
        Some(options) => DeleteOptions::read(&call.info.query, Some(options))?,
        None => DeleteOptions { dry_run: call.dry_run, ..DeleteOptions::default() },
    };
    let settled = matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Failed" | "Succeeded"));
    if !settled && pod["metadata"].get("deletionTimestamp").is_none() {
        budget(state, call, &pod, &options)?;
    }
    delete::remove(state, call, name, &options)?;
    Ok(success())
}

/// Takes one disruption from the budget of a pod.
fn budget(state: &mut State, call: &Call<'_>, pod: &Value, options: &DeleteOptions) -> Result<(), Failure> {
    let resource = Resource::new("policy", "v1", "poddisruptionbudgets");
    let own = |budget: &Value| {
        budget["metadata"]["namespace"].as_str() == call.namespace()
            && super::select::matches(&budget["spec"]["selector"], &pod["metadata"]["labels"])
    };
    let budgets: Vec<(ObjectKey, Arc<Value>)> = state
        .store
        .live(&resource)
        .filter(|(_, budget)| own(budget))
        .map(|(key, budget)| (key.clone(), budget.clone()))
        .collect();
    let [(key, budget)] = budgets.as_slice() else {
        if budgets.is_empty() {
            return Ok(());
        }
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Failure::new(500, "", message));
    };
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let (spec, status) = (&budget["spec"], &budget["status"]);
    let ready = pod["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let enough = number(&status["currentHealthy"]) >= number(&status["desiredHealthy"])
        && number(&status["desiredHealthy"]) > 0;
    if !ready && (spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow" || enough) {
        return Ok(());
    }
    let name = budget["metadata"]["name"].as_str().unwrap_or_default();
    let refuse = |why: String, after: Option<u64>| {
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        if let Some(after) = after {
            details["retryAfterSeconds"] = json!(after);
        }
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Err(Failure { details, ..Failure::new(429, "TooManyRequests", message) })
    };
    if number(&status["observedGeneration"]) < number(&budget["metadata"]["generation"]) {
        return refuse(
            format!("The disruption budget {name} is still being processed by the server."),
            Some(10),
        );
    }
    if number(&status["disruptionsAllowed"]) <= 0 {
        let why = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number(&status["desiredHealthy"]),
            number(&status["currentHealthy"])
        );
        return refuse(why, None);
    }
    if !(options.dry_run || call.dry_run) {
        disrupt(state, key, budget, pod);
    }
    Ok(())
}

/// Says in the condition of a budget whether a pod may go: status, reason and message.
pub fn allow_disruptions(budget: &mut Value, now: &str, says: (&str, &str, &str), generation: Value) {
    let (status, reason, message) = says;
    let list = budget["status"]["conditions"].as_array().into_iter().flatten();
    let known =
        list.into_iter().find(|known| known["type"] == "DisruptionAllowed" && known["status"] == status);
    let since = known.map_or_else(|| json!(now), |known| known["lastTransitionTime"].clone());
    let condition = json!({
        "type": "DisruptionAllowed", "status": status, "reason": reason, "message": message,
        "observedGeneration": generation, "lastTransitionTime": since,
    });
    set_condition(budget, condition);
}

/// Notes a disruption in the budget that allowed it.
fn disrupt(state: &mut State, key: &ObjectKey, budget: &Value, pod: &Value) {
    let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
    let mut less = budget.clone();
    less["status"]["disruptionsAllowed"] = json!(allowed - 1);
    if allowed == 1 {
        let generation = less["status"]["observedGeneration"].clone();
        let says = ("False", "InsufficientPods", "");
        allow_disruptions(&mut less, &state.clock.seconds(), says, generation);
    }
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    less["status"]["disruptedPods"][pod_name] = json!(state.clock.seconds());
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let path = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{}/status", key.name);
    // Nobody else writes between reading and writing, so this cannot be refused.
    let _ = super::act(state, "kube-apiserver", &http::Method::PUT, &path, &less);
}

/// The log of a container; there is no kubelet that wrote one.
///
/// # Errors
/// 404 and 400 for what has no log.
pub fn log(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    let pod = pod(state, call, call.name())?;
    container(call, &pod)?;
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return Ok(Reply::Text(204, "text/plain", String::new()));
    }
    on_a_node(state, node)?;
    Ok(Reply::Text(200, "text/plain", String::new()))
}

/// What a request for a stream of a container comes to: there are none.
///
/// # Errors
/// Always, with what a server would find wrong first.
pub fn stream(state: &State, call: &Call<'_>, sub: &str) -> Result<Reply, Failure> {
    let pod = pod(state, call, call.name())?;
    if sub != "portforward" {
        container(call, &pod)?;
    }
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return Err(bad_request(format!("pod {} does not have a host assigned", call.name())));
    }
    on_a_node(state, node)?;
    if call.headers.contains_key(http::header::UPGRADE) {
        return Err(crate::sim::refusal::not_simulated("a stream to a container"));
    }
    Err(bad_request("Upgrade request required"))
}

fn on_a_node(state: &State, node: &str) -> Result<(), Failure> {
    if state.core("nodes", None, node).is_some() {
        return Ok(());
    }
    Err(missing("pods", node))
}

/// The container that a request is about.
fn container(call: &Call<'_>, pod: &Value) -> Result<(), Failure> {
    let names = |list: &str| {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let own = names("containers");
    match call.info.query.get("container").filter(|name| !name.is_empty()) {
        None if own.len() > 1 => Err(bad_request(format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            call.name(),
            own.join(" ")
        ))),
        None => Ok(()),
        Some(name) => {
            let all = [own, names("initContainers"), names("ephemeralContainers")].concat();
            if all.iter().any(|known| known == name) {
                return Ok(());
            }
            Err(bad_request(format!("container {name} is not valid for pod {}", call.name())))
        }
    }
}

/// A proxy to something that does not run.
///
/// # Errors
/// Always.
pub fn proxy(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    let name = call.name().split(':').find(|part| !matches!(*part, "http" | "https")).unwrap_or_default();
    if !call.kind.is_core("services") {
        return Err(crate::sim::refusal::not_simulated("a proxy to pods and nodes"));
    }
    let Some(endpoints) = state.core("endpoints", call.namespace(), name) else {
        return Err(not_found(&call.kind, name));
    };
    let filled = |subset: &Value| subset["addresses"].as_array().is_some_and(|list| !list.is_empty());
    if endpoints["subsets"].as_array().into_iter().flatten().any(filled) {
        return Err(crate::sim::refusal::not_simulated("a proxy to a service"));
    }
    let message = format!("no endpoints available for service {name:?}");
    Err(Failure::new(503, "ServiceUnavailable", message))
}
