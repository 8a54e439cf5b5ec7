use super::{
    Outcome,
    acts::{all_in, current, write_status},
    pod::is_over,
};
use crate::{
    sim::{
        builtin::{Usage, in_scope, usage},
        store::News,
        verbs::State,
    },
    wire::{ObjectKey, Quantity, Resource},
};
use serde_json::{Map, Value, json};

const WHO: &str = "resourcequota-controller";

fn quotas() -> Resource {
    Resource::new("", "v1", "resourcequotas")
}

/// Quotas, and those of a namespace in which something became free.
pub(super) fn heard(state: &mut State, news: &News) {
    let own = news.key.group.is_empty() && news.key.plural == "resourcequotas";
    if own && !news.removed {
        state.agenda.add((WHO, news.key.clone()));
        return;
    }
    let ended = |object: &Value| news.key.plural == "pods" && is_over(object);
    let old = news.old.as_ref();
    let freed = news.removed
        || old.is_some_and(|old| ended(&news.object) && !ended(old))
        || (news.key.plural == "services" && old.is_some_and(|old| old["spec"] != news.object["spec"]));
    if let Some(namespace) = news.key.namespace.as_deref().filter(|_| freed) {
        for (key, _) in all_in(state, &quotas(), Some(namespace)) {
            state.agenda.add((WHO, key));
        }
    }
}

/// Counts what a namespace uses of what a quota limits.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(quota) = current(state, key) else { return Ok(()) };
    let hard = quota["spec"]["hard"].as_object().cloned().unwrap_or_default();
    let all = total(state, key, &quota);
    let mut used = Map::new();
    for (name, most) in &hard {
        let zero = most.as_str().and_then(Quantity::parse).map(Quantity::zero);
        let Some(sum) = all.get(name).copied().or(zero) else { continue };
        used.insert(name.clone(), json!(sum.canonical()));
    }
    let mut next = (*quota).clone();
    next["status"] = json!({"hard": hard, "used": used});
    if next["status"] == quota["status"] {
        return Ok(());
    }
    write_status(state, key, &next).map(drop)
}

fn total(state: &State, key: &ObjectKey, quota: &Value) -> Usage {
    let mut all = Usage::new();
    for kind in state.registry.namespaced() {
        for (_, object) in all_in(state, &kind, key.namespace.as_deref()) {
            if !in_scope(quota, &kind.group, &kind.plural, &object) {
                continue;
            }
            for (name, amount) in usage(&kind.group, &kind.plural, &object) {
                let sum = all.get(&name).map_or(amount, |sum| sum.plus(amount));
                all.insert(name, sum);
            }
        }
    }
    all
}
