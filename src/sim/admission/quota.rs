use super::namespaces::name_of;
use crate::{
    sim::{
        builtin::{Usage, in_scope, usage},
        refusal::forbidden,
        verbs::{Call, State},
    },
    wire::{Failure, ObjectKey, Quantity, Resource},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Charges a new object, or what a changed one takes more, to the quotas of its namespace, or refuses it.
pub(super) fn charge(
    state: &mut State,
    call: &Call<'_>,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Failure> {
    let resource = Resource::new("", "v1", "resourcequotas");
    let own: Vec<(ObjectKey, Arc<Value>)> = state
        .store
        .live(&resource)
        .filter(|(key, _)| key.namespace.as_deref() == call.namespace())
        .map(|(key, quota)| (key.clone(), quota.clone()))
        .collect();
    if own.is_empty() {
        return Ok(());
    }
    let (group, plural) = (call.kind.storage.group.as_str(), call.kind.storage.plural.as_str());
    let mut charged = Vec::new();
    for (key, quota) in own {
        if !in_scope(&quota, group, plural, object) {
            continue;
        }
        // A change is charged with what it takes more.
        let before = old.map(|old| usage(group, plural, old)).unwrap_or_default();
        let wanted: Usage = usage(group, plural, object)
            .into_iter()
            .filter_map(|(name, amount)| match before.get(&name) {
                Some(before) if *before >= amount => None,
                Some(before) => Some((name, amount.minus(*before))),
                None => Some((name, amount)),
            })
            .collect();
        let Some(used) = fits(call, object, &quota, &wanted)? else { continue };
        charged.push((key, quota, used));
    }
    if call.dry_run {
        return Ok(());
    }
    for (key, quota, used) in charged {
        let mut quota = (*quota).clone();
        quota["status"]["used"] = Value::Object(used);
        state.store.put(&key, quota);
    }
    Ok(())
}

/// What a quota has used with the object added; `None` when it counts nothing of it.
fn fits(
    call: &Call<'_>,
    object: &Value,
    quota: &Value,
    wanted: &BTreeMap<String, Quantity>,
) -> Result<Option<Map<String, Value>>, Failure> {
    let name = quota["metadata"]["name"].as_str().unwrap_or_default();
    let hard: BTreeMap<&String, Quantity> = quota["spec"]["hard"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, amount)| Some((key, Quantity::parse(amount.as_str()?)?)))
        .collect();
    let counted: Vec<_> =
        hard.iter().filter_map(|(key, most)| Some((*key, *most, *wanted.get(*key)?))).collect();
    missing(call, object, name, &hard)?;
    if counted.is_empty() {
        return Ok(None);
    }
    let refuse = |why: String| Err(forbidden(&call.kind, name_of(object), &why));
    let Some(mut used) = quota["status"]["used"].as_object().cloned() else {
        let names: Vec<_> = counted.iter().map(|(key, ..)| key.as_str()).collect();
        return refuse(format!("status unknown for quota: {name}, resources: {}", names.join(",")));
    };
    let (mut over, mut asked, mut spent, mut most_of) = (false, Vec::new(), Vec::new(), Vec::new());
    for (key, most, amount) in counted {
        let before = used.get(key).and_then(Value::as_str).and_then(Quantity::parse).unwrap_or(amount.zero());
        let after = before.plus(amount);
        if after > most {
            over = true;
            asked.push(format!("{key}={}", amount.canonical()));
            spent.push(format!("{key}={}", before.canonical()));
            most_of.push(format!("{key}={}", most.canonical()));
        }
        used.insert(key.clone(), json!(after.canonical()));
    }
    if over {
        return refuse(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            asked.join(","),
            spent.join(","),
            most_of.join(",")
        ));
    }
    Ok(Some(used))
}

/// A pod must say what it wants of everything that is limited.
fn missing(
    call: &Call<'_>,
    object: &Value,
    quota: &str,
    hard: &BTreeMap<&String, Quantity>,
) -> Result<(), Failure> {
    if !call.kind.is_core("pods") {
        return Ok(());
    }
    let mut unsaid = Vec::new();
    for key in hard.keys() {
        let (field, name) = match key.split_once('.') {
            Some((field @ ("limits" | "requests"), name)) => (field, name),
            None if matches!(key.as_str(), "cpu" | "memory") => ("requests", key.as_str()),
            _ => continue,
        };
        if !matches!(name, "cpu" | "memory") {
            continue;
        }
        let containers = object["spec"]["containers"].as_array().into_iter().flatten();
        let silent = containers.filter(|container| container["resources"][field].get(name).is_none());
        let names: Vec<_> = silent.filter_map(|container| container["name"].as_str()).collect();
        if !names.is_empty() {
            unsaid.push(format!("{key} for: {}", names.join(",")));
        }
    }
    if unsaid.is_empty() {
        return Ok(());
    }
    let why = format!("failed quota: {quota}: must specify {}", unsaid.join("; "));
    Err(forbidden(&call.kind, name_of(object), &why))
}
