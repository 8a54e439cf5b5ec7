use super::{
    Outcome,
    acts::{all_in, current, record, write_status},
    claim::{controller, dying},
    pod::{is_ready, pods},
    share, text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, selects},
    },
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

const WHO: &str = "disruption-controller";
const SPEAKER: &str = "controllermanager";
/// How long an evicted pod is thought to go, in seconds.
const GOING: i64 = 120;

type Pods = Vec<(ObjectKey, Arc<Value>)>;

fn budgets() -> Resource {
    Resource::new("policy", "v1", "poddisruptionbudgets")
}

/// Which budgets a write concerns.
pub(super) fn heard(state: &mut State, news: &News) {
    let keys = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("policy", "poddisruptionbudgets") => vec![news.key.clone()],
        ("", "pods") => {
            let namespace = news.key.namespace.as_deref();
            let objects: Vec<&Value> = news.old.iter().map(|old| &**old).chain([&*news.object]).collect();
            let wants = |budget: &Value| {
                objects.iter().any(|pod| selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]))
            };
            let all = all_in(state, &budgets(), namespace).into_iter();
            all.filter(|(_, budget)| wants(budget)).map(|(key, _)| key).collect()
        }
        _ => return,
    };
    keys.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

/// Counts the healthy pods of a budget, and how many may go.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(budget) = current(state, key) else { return Ok(()) };
    let own = all_in(state, &pods(), key.namespace.as_deref());
    let fits = |pod: &Value| selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]);
    let own: Pods = own.into_iter().filter(|(_, pod)| fits(pod)).collect();
    if own.is_empty() {
        record(state, SPEAKER, &budget, "Normal", "NoPods", "No matching pods found");
    }
    match expected(state, &budget, &own) {
        Ok((expected, desired)) => tell(state, key, &budget, &own, expected, desired),
        Err(why) => {
            let text = format!("Failed to calculate the number of expected pods: {why}");
            record(state, SPEAKER, &budget, "Warning", "CalculateExpectedPodCountFailed", &text);
            let mut next = (*budget).clone();
            next["status"]["disruptionsAllowed"] = json!(0);
            next["status"]["observedGeneration"] = budget["metadata"]["generation"].clone();
            condition(state, &mut next, "False", "SyncFailed", &why);
            write_status(state, key, &next)?;
            Err(Failure::new(500, "InternalError", why))
        }
    }
}

/// How many pods there should be, and how many of them healthy.
fn expected(state: &State, budget: &Value, own: &Pods) -> Result<(i64, i64), String> {
    let spec = &budget["spec"];
    if let Some(most) = spec.get("maxUnavailable").filter(|most| !most.is_null()) {
        let expected = scale(state, own)?;
        return Ok((expected, (expected - share(most, expected, true)).max(0)));
    }
    match &spec["minAvailable"] {
        Value::Number(least) => Ok((own.len() as i64, least.as_i64().unwrap_or(0))),
        Value::String(_) => {
            let expected = scale(state, own)?;
            Ok((expected, share(&spec["minAvailable"], expected, true)))
        }
        _ => Ok((0, 0)),
    }
}

/// The sum of the sizes of all that controls these pods.
fn scale(state: &State, own: &Pods) -> Result<i64, String> {
    let mut sizes = BTreeMap::new();
    for (key, pod) in own {
        let Some(owner) = controller(pod) else { continue };
        let found =
            size(state, key, owner).ok_or_else(|| format!("found no controllers for pod {:?}", key.name))?;
        sizes.insert(found.0, found.1);
    }
    Ok(sizes.values().sum())
}

/// The uid and the size of what controls a pod; of the deployment for one of its sets.
fn size(state: &State, pod: &ObjectKey, owner: &Value) -> Option<(String, i64)> {
    let (group, version) =
        text(owner, "apiVersion").split_once('/').unwrap_or(("", text(owner, "apiVersion")));
    let kind = state.registry.by_kind(group, version, text(owner, "kind"))?;
    let key = ObjectKey::new(&kind.storage, pod.namespace.as_deref(), text(owner, "name"));
    let object = current(state, &key).filter(|object| object["metadata"]["uid"] == owner["uid"])?;
    if text(owner, "kind") == "ReplicaSet"
        && let Some(above) = controller(&object).filter(|above| above["kind"] == "Deployment")
        && let Some(found) = size(state, &key, above)
    {
        return Some(found);
    }
    let scales = kind.subresources.contains_key("scale");
    let replicas = object["spec"]["replicas"].as_i64().filter(|_| scales)?;
    Some((text(&object["metadata"], "uid").to_owned(), replicas))
}

fn tell(
    state: &mut State,
    key: &ObjectKey,
    budget: &Value,
    own: &Pods,
    expected: i64,
    desired: i64,
) -> Outcome {
    let (disrupted, again) = disrupted(state, budget, own);
    let healthy =
        own.iter().filter(|(key, pod)| !dying(pod) && !disrupted.contains_key(&key.name) && is_ready(pod));
    let healthy = healthy.count() as i64;
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let mut next = budget.clone();
    next["status"] = json!({
        "observedGeneration": budget["metadata"]["generation"], "disruptionsAllowed": allowed,
        "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected,
    });
    if !disrupted.is_empty() {
        next["status"]["disruptedPods"] = Value::Object(disrupted);
    }
    if let Some(conditions) = budget["status"].get("conditions") {
        next["status"]["conditions"] = conditions.clone();
    }
    note_allowed(state, &mut next);
    if next["status"] != budget["status"] {
        write_status(state, key, &next)?;
    }
    if let Some(seconds) = again {
        let pause = u64::try_from(seconds.max(0)).unwrap_or(0) * 1000;
        state.agenda.add_at(state.clock.elapsed() + pause, (WHO, key.clone()));
    }
    Ok(())
}

/// The evicted pods that are still there, and when that is to be looked at again.
fn disrupted(state: &State, budget: &Value, own: &Pods) -> (Map<String, Value>, Option<i64>) {
    let (mut kept, mut again) = (Map::new(), None::<i64>);
    let now = state.clock.now().as_second();
    for (key, pod) in own.iter().filter(|(_, pod)| !dying(pod)) {
        let Some(time) = budget["status"]["disruptedPods"].get(&key.name) else { continue };
        let at = time.as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let left = at.map_or(0, |at| at.as_second() + GOING - now);
        if left >= 0 && !dying(pod) {
            kept.insert(key.name.clone(), time.clone());
            again = Some(again.map_or(left, |again| again.min(left)));
        }
    }
    (kept, again)
}

/// Says in a condition whether a pod may go.
fn note_allowed(state: &State, budget: &mut Value) {
    let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) > 0;
    let (status, reason) = if allowed { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    condition(state, budget, status, reason, "");
}

fn condition(state: &State, budget: &mut Value, status: &str, reason: &str, message: &str) {
    let generation = budget["status"]["observedGeneration"].clone();
    crate::sim::verbs::allow_disruptions(
        budget,
        &state.clock.seconds(),
        (status, reason, message),
        generation,
    );
}
