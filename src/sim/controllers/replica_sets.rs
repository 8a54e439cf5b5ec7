use super::{
    Outcome,
    acts::{all_in, current, delete, record, write_status},
    claim::{claim, concerned, controller, dying, reference},
    pod::{available_in, is_available, is_ready, order_of_deletion},
    text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, selects, set_condition},
    },
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

const WHO: &str = "replicaset-controller";
/// A set gets no more pods, so that an absurd number does not end the server.
const MOST: usize = 1000;
/// So many pods are made or deleted at one look.
const BURST: usize = 500;

fn sets() -> Resource {
    Resource::new("apps", "v1", "replicasets")
}

/// Which sets a write concerns.
pub(super) fn heard(state: &mut State, news: &News) {
    let keys = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("apps", "replicasets") => vec![news.key.clone()],
        ("", "pods") => concerned(state, news, "ReplicaSet", &sets()),
        _ => return,
    };
    keys.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

/// Makes and deletes pods until there are as many as are wanted, and tells it.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(set) = current(state, key) else { return Ok(()) };
    let pods = claim(state, key, &set, &super::pod::pods(), super::pod::is_active)?;
    let managed = if dying(&set) { Ok(()) } else { manage(state, key, &set, &pods) };
    let status = status(state, key, &set, &pods, managed.as_ref().err());
    let same = |field: &str| status.get(field) == set["status"].get(field);
    let fields = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "terminatingReplicas",
        "conditions",
    ];
    if !fields.iter().all(|field| same(field))
        || set["metadata"]["generation"] != set["status"]["observedGeneration"]
    {
        tell(state, key, &set, status)?;
    }
    if let Some(pause) = available_in(state, &set["spec"], pods.iter().map(|(_, pod)| &**pod)) {
        state.agenda.add_at(state.clock.elapsed() + pause, (WHO, key.clone()));
    }
    managed
}

fn size(set: &Value) -> usize {
    usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0)
}

/// Writes a status; should somebody have written meanwhile, once more on what is there now.
fn tell(state: &mut State, key: &ObjectKey, set: &Value, status: Value) -> Outcome {
    let mut next = set.clone();
    next["status"] = status.clone();
    if write_status(state, key, &next).is_ok() {
        return Ok(());
    }
    let Some(now) = current(state, key) else { return Ok(()) };
    let mut next = (*now).clone();
    next["status"] = status;
    write_status(state, key, &next).map(drop)
}

fn manage(state: &mut State, key: &ObjectKey, set: &Value, pods: &[(ObjectKey, Arc<Value>)]) -> Outcome {
    let (there, wanted) = (pods.len(), size(set).min(MOST));
    if there < wanted {
        return grow(state, key, set, (wanted - there).min(BURST));
    }
    let spare = (there - wanted).min(BURST);
    for pod in spare_pods(state, key, set, pods, spare) {
        let (name, kind) = (pod.name.clone(), "Normal");
        match delete(state, &pod, &json!({})) {
            Ok(()) => record(state, WHO, set, kind, "SuccessfulDelete", &format!("Deleted pod: {name}")),
            Err(failure) if failure.code == 404 => {}
            Err(failure) => {
                let text = format!("Error deleting: {}", failure.message);
                record(state, WHO, set, "Warning", "FailedDelete", &text);
                let message = format!("unable to delete pods: {}", failure.message);
                return Err(Failure { message, ..failure });
            }
        }
    }
    Ok(())
}

/// Makes pods, first one, then twice as many each time, until one is refused.
fn grow(state: &mut State, key: &ObjectKey, set: &Value, count: usize) -> Outcome {
    let (mut left, mut batch) = (count, 1);
    while left > 0 {
        let mut refused = None;
        for _ in 0..batch.min(left) {
            if let Err(failure) = make(state, key, set) {
                refused.get_or_insert(failure);
            }
        }
        if let Some(failure) = refused {
            return Err(failure);
        }
        left -= batch.min(left);
        batch *= 2;
    }
    Ok(())
}

fn make(state: &mut State, key: &ObjectKey, set: &Value) -> Outcome {
    let template = &set["spec"]["template"];
    let prefix = super::pod::prefix(&key.name);
    let mut pod = json!({
        "metadata": {"generateName": prefix, "ownerReferences": [reference(set)]}, "spec": template["spec"],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field) {
            pod["metadata"][field] = value.clone();
        }
    }
    super::pod::make(state, WHO, set, &pod).map(drop)
}

/// The pods that go first.
fn spare_pods(
    state: &State,
    key: &ObjectKey,
    set: &Value,
    pods: &[(ObjectKey, Arc<Value>)],
    count: usize,
) -> Vec<ObjectKey> {
    let mut order: Vec<_> = pods.to_vec();
    if count == 0 {
        return Vec::new();
    }
    if count < pods.len() {
        let crowd = crowds(state, key, set);
        let now = state.clock.now();
        order.sort_by(|(_, a), (_, b)| order_of_deletion(a, b, &crowd, now));
    }
    order.into_iter().take(count).map(|(key, _)| key).collect()
}

/// How many pods of the same deployment each node has.
fn crowds(state: &State, key: &ObjectKey, set: &Value) -> BTreeMap<String, usize> {
    let owner = controller(set).map(|owner| owner["uid"].clone());
    let namespace = key.namespace.as_deref();
    let mut related = vec![set["metadata"]["uid"].clone()];
    for (_, other) in all_in(state, &sets(), namespace) {
        if owner.is_some() && controller(&other).map(|owner| owner["uid"].clone()) == owner {
            related.push(other["metadata"]["uid"].clone());
        }
    }
    let mut crowd = BTreeMap::new();
    for (_, pod) in all_in(state, &super::pod::pods(), namespace) {
        let own = controller(&pod).is_some_and(|owner| related.contains(&owner["uid"]));
        if own && super::pod::is_active(&pod) {
            *crowd.entry(text(&pod["spec"], "nodeName").to_owned()).or_insert(0) += 1;
        }
    }
    crowd
}

/// The status that follows from the pods as they were before.
fn status(
    state: &State,
    key: &ObjectKey,
    set: &Value,
    pods: &[(ObjectKey, Arc<Value>)],
    failure: Option<&Failure>,
) -> Value {
    let now = state.clock.now();
    let seconds = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let labels = json!({"matchLabels": set["spec"]["template"]["metadata"]["labels"]});
    let count = |fits: &dyn Fn(&Value) -> bool| pods.iter().filter(|(_, pod)| fits(pod)).count();
    let uid = &set["metadata"]["uid"];
    let ending = all_in(state, &super::pod::pods(), key.namespace.as_deref());
    let ending = ending.iter().filter(|(_, pod)| {
        super::pod::is_ending(pod)
            && controller(pod).is_some_and(|owner| owner["uid"] == *uid)
            && selects(&set["spec"]["selector"], &pod["metadata"]["labels"])
    });
    let mut status = json!({
        "replicas": pods.len(), "terminatingReplicas": ending.count(),
        "observedGeneration": set["metadata"]["generation"],
    });
    for (field, count) in [
        ("fullyLabeledReplicas", count(&|pod| selects(&labels, &pod["metadata"]["labels"]))),
        ("readyReplicas", count(&is_ready)),
        ("availableReplicas", count(&|pod| is_available(pod, seconds, now))),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    with_failure(state, set, pods.len(), failure, &mut status);
    status
}

/// Keeps, sets or drops the condition that tells of refused pods.
fn with_failure(state: &State, set: &Value, pods: usize, failure: Option<&Failure>, status: &mut Value) {
    let kept = set["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let (known, others): (Vec<Value>, Vec<Value>) =
        kept.into_iter().partition(|condition| condition["type"] == "ReplicaFailure");
    let conditions = match (failure, known.is_empty()) {
        (None, _) => others,
        (Some(_), false) => [others, known].concat(),
        (Some(failure), true) => {
            let reason = if pods < size(set) { "FailedCreate" } else { "FailedDelete" };
            let condition = json!({
                "type": "ReplicaFailure", "status": "True", "reason": reason, "message": failure.message,
                "lastTransitionTime": state.clock.seconds(),
            });
            let mut next = json!({"status": {"conditions": others}});
            set_condition(&mut next, condition);
            next["status"]["conditions"].as_array().cloned().unwrap_or_default()
        }
    };
    if !conditions.is_empty() {
        status["conditions"] = json!(conditions);
    }
}
