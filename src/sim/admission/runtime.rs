use super::namespaces::name_of;
use crate::{
    sim::{
        refusal::forbidden,
        verbs::{Call, State},
    },
    wire::{Failure, Quantity},
};
use serde_json::{Value, json};

/// What the runtime of a pod costs, and which nodes have it.
pub(super) fn class(state: &State, call: &Call<'_>, pod: &mut Value) -> Result<(), Failure> {
    let refuse = |pod: &Value, why: &str| Err(forbidden(&call.kind, name_of(pod), why));
    let own = pod["spec"].get("overhead").filter(|overhead| overhead.is_object()).cloned();
    let name = pod["spec"]["runtimeClassName"].as_str().map(str::to_owned);
    let found = match &name {
        None => None,
        Some(name) => {
            let Some(class) = state.stored("node.k8s.io", "runtimeclasses", None, name).cloned() else {
                return refuse(pod, &format!("pod rejected: RuntimeClass {name:?} not found"));
            };
            Some(class)
        }
    };
    let fixed = found.as_ref().and_then(|class| class["overhead"].get("podFixed"));
    match (fixed, &own) {
        (None, Some(_)) => {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            return refuse(pod, why);
        }
        (Some(fixed), Some(own)) if amounts(own) != amounts(fixed) => {
            let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
            return refuse(pod, why);
        }
        (Some(fixed), _) => pod["spec"]["overhead"] = fixed.clone(),
        (None, None) => {}
    }
    let Some(scheduling) = found.as_ref().and_then(|class| class.get("scheduling")) else { return Ok(()) };
    for (key, value) in scheduling["nodeSelector"].as_object().into_iter().flatten() {
        if !pod["spec"]["nodeSelector"].is_object() {
            pod["spec"]["nodeSelector"] = json!({});
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(own) = pod["spec"]["nodeSelector"].get(key).filter(|own| *own != value) {
            let (class, own) = (text(value), text(own));
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {class}; pod.spec.nodeSelector[{key}] = {own}"
            );
            return refuse(pod, &why);
        }
        pod["spec"]["nodeSelector"][key] = value.clone();
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let all = [list(&pod["spec"]["tolerations"]), list(&scheduling["tolerations"])].concat();
    if !all.is_empty() {
        pod["spec"]["tolerations"] = json!(merged(&all));
    }
    Ok(())
}

fn amounts(list: &Value) -> Vec<(String, Option<Quantity>)> {
    let members = list.as_object().into_iter().flatten();
    members.map(|(name, amount)| (name.clone(), amount.as_str().and_then(Quantity::parse))).collect()
}

/// Tolerations without those that others cover; of equal ones the first stays.
fn merged(all: &[Value]) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for (at, toleration) in all.iter().enumerate() {
        let before = kept.iter().any(|other| covers(other, toleration));
        let after = all[at + 1..].iter().any(|other| other != toleration && covers(other, toleration));
        if !before && !after {
            kept.push(toleration.clone());
        }
    }
    kept
}

/// Whether a toleration tolerates all that another one does.
fn covers(wide: &Value, narrow: &Value) -> bool {
    if wide == narrow {
        return true;
    }
    let text = |toleration: &Value, field: &str| toleration[field].as_str().unwrap_or_default().to_owned();
    let exists = text(wide, "operator") == "Exists";
    if text(wide, "key") != text(narrow, "key") && !(text(wide, "key").is_empty() && exists) {
        return false;
    }
    if text(wide, "effect") != text(narrow, "effect") && !text(wide, "effect").is_empty() {
        return false;
    }
    let seconds = |toleration: &Value| toleration["tolerationSeconds"].as_i64();
    if text(wide, "effect") == "NoExecute" {
        match (seconds(wide), seconds(narrow)) {
            (Some(_), None) => return false,
            (Some(wide), Some(narrow)) if wide < narrow => return false,
            _ => {}
        }
    }
    exists || (text(narrow, "operator") != "Exists" && text(wide, "value") == text(narrow, "value"))
}
