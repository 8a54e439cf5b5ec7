use super::namespaces::name_of;
use crate::{
    sim::{
        refusal::forbidden,
        verbs::{Call, State},
    },
    wire::{Failure, Quantity, Resource},
};
use serde_json::{Value, json};
use std::sync::Arc;

fn ranges(state: &State, namespace: Option<&str>) -> Vec<Arc<Value>> {
    let resource = Resource::new("", "v1", "limitranges");
    let own = state.store.live(&resource).filter(|(key, _)| key.namespace.as_deref() == namespace);
    own.map(|(_, range)| range.clone()).collect()
}

fn container_limits(range: &Value) -> impl Iterator<Item = &Value> {
    let limits = range["spec"]["limits"].as_array().into_iter().flatten();
    limits.filter(|limit| limit["type"] == "Container")
}

/// Gives containers the requests and limits that their namespace has for them.
pub(super) fn fill(state: &State, call: &Call<'_>, pod: &mut Value) {
    for range in ranges(state, call.namespace()) {
        let mut notes = Vec::new();
        for list in ["initContainers", "containers"] {
            for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                for limit in container_limits(&range) {
                    fill_container(container, limit, &mut notes);
                }
            }
        }
        if !notes.is_empty() {
            let text = format!("LimitRanger plugin set: {}", notes.join("; "));
            if pod["metadata"]["annotations"].is_null() {
                pod["metadata"]["annotations"] = json!({});
            }
            pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] = json!(text);
        }
    }
}

fn fill_container(container: &mut Value, limit: &Value, notes: &mut Vec<String>) {
    let name = container["name"].as_str().unwrap_or_default().to_owned();
    for (field, source, word) in [("requests", "defaultRequest", "request"), ("limits", "default", "limit")] {
        let mut set = Vec::new();
        for (resource, amount) in limit[source].as_object().into_iter().flatten() {
            if container["resources"][field].get(resource).is_none() {
                if container["resources"][field].is_null() {
                    container["resources"][field] = json!({});
                }
                container["resources"][field][resource] = amount.clone();
                set.push(resource.clone());
            }
        }
        if !set.is_empty() {
            notes.push(format!("{} {word} for container {name}", set.join(", ")));
        }
    }
}

/// Refuses a pod whose containers want more or less than their namespace allows.
pub(super) fn check(state: &State, call: &Call<'_>, pod: &Value) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for range in ranges(state, call.namespace()) {
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            for limit in container_limits(&range) {
                out_of_range(container, limit, &mut wrong);
            }
        }
    }
    refuse(call, pod, &wrong)
}

/// Refuses a claim of more or less storage than its namespace allows.
pub(super) fn check_claim(state: &State, call: &Call<'_>, claim: &Value) -> Result<(), Failure> {
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    let mut wrong = Vec::new();
    for range in ranges(state, call.namespace()) {
        let limits = range["spec"]["limits"].as_array().into_iter().flatten();
        for limit in limits.filter(|limit| limit["type"] == "PersistentVolumeClaim") {
            for (bound, word) in [("min", "minimum"), ("max", "maximum")] {
                for (resource, edge) in limit[bound].as_object().into_iter().flatten() {
                    let own = &claim["spec"]["resources"]["requests"][resource];
                    let (shown, asked) =
                        (edge.as_str().unwrap_or_default(), own.as_str().unwrap_or_default());
                    let start = format!("{word} {resource} usage per PersistentVolumeClaim is {shown}");
                    let outside = match bound {
                        "min" => amount(own) < amount(edge),
                        _ => amount(own) > amount(edge),
                    };
                    if own.is_null() {
                        wrong.push(format!("{start}.  No request is specified"));
                    } else if outside {
                        wrong.push(format!("{start}, but request is {asked}"));
                    }
                }
            }
        }
    }
    refuse(call, claim, &wrong)
}

fn refuse(call: &Call<'_>, object: &Value, wrong: &[String]) -> Result<(), Failure> {
    match wrong {
        [] => Ok(()),
        [one] => Err(forbidden(&call.kind, name_of(object), one)),
        many => Err(forbidden(&call.kind, name_of(object), &format!("[{}]", many.join(", ")))),
    }
}

fn out_of_range(container: &Value, limit: &Value, wrong: &mut Vec<String>) {
    let resources = &container["resources"];
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    for (resource, most) in limit["max"].as_object().into_iter().flatten().rev() {
        let shown = most.as_str().unwrap_or_default();
        let over = [("limits", "limit"), ("requests", "request")]
            .into_iter()
            .map(|(field, word)| (&resources[field][resource], word))
            .find(|(own, _)| amount(own).is_some() && amount(own) > amount(most));
        if let Some((own, word)) = over {
            let own = own.as_str().unwrap_or_default();
            wrong.push(format!("maximum {resource} usage per Container is {shown}, but {word} is {own}"));
        }
        if resources["limits"][resource].is_null() {
            wrong.push(format!("maximum {resource} usage per Container is {shown}.  No limit is specified"));
        }
    }
    for (resource, least) in limit["min"].as_object().into_iter().flatten() {
        let shown = least.as_str().unwrap_or_default();
        let own = &resources["requests"][resource];
        match amount(own) {
            None => wrong
                .push(format!("minimum {resource} usage per Container is {shown}.  No request is specified")),
            Some(found) if Some(found) < amount(least) => {
                let own = own.as_str().unwrap_or_default();
                wrong
                    .push(format!("minimum {resource} usage per Container is {shown}, but request is {own}"));
            }
            Some(_) => {}
        }
    }
}
