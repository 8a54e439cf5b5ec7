use super::{
    Outcome,
    acts::{current, delete, record, write_status},
    claim::{claim, concerned, dying, reference},
    pod::{available_in, is_available, is_over, is_ready, pods, prefix},
    revisions, share, template_hash, text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, selects},
    },
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const WHO: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";

type Pods = Vec<(ObjectKey, Arc<Value>)>;

fn sets() -> Resource {
    Resource::new("apps", "v1", "daemonsets")
}

fn nodes() -> Resource {
    Resource::new("", "v1", "nodes")
}

/// Sets, their pods, and all of them when nodes change.
pub(super) fn heard(state: &mut State, news: &News) {
    let keys = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("apps", "daemonsets") => vec![news.key.clone()],
        ("", "pods") => concerned(state, news, "DaemonSet", &sets()),
        ("", "nodes") => {
            let part = |node: &Value| (node["metadata"]["labels"].clone(), node["spec"].clone());
            let same = news.old.as_ref().is_some_and(|old| part(old) == part(&news.object));
            let kind = sets();
            let all = state.store.live(&kind).map(|(key, _)| key.clone());
            if same && !news.removed { Vec::new() } else { all.collect() }
        }
        _ => return,
    };
    keys.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

/// The node that a pod runs on, or is made for.
fn node_of(pod: &Value) -> String {
    let name = text(&pod["spec"], "nodeName");
    let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let wanted = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0].as_str().unwrap_or_default();
    if name.is_empty() { wanted.to_owned() } else { name.to_owned() }
}

/// What every pod of a set bears, so that it stays where others have to go.
fn tolerations(host: bool) -> Vec<Value> {
    let pressure = |name: &str| json!({"key": format!("node.kubernetes.io/{name}"), "operator": "Exists", "effect": "NoSchedule"});
    let execute = |name: &str| json!({"key": format!("node.kubernetes.io/{name}"), "operator": "Exists", "effect": "NoExecute"});
    let mut list = vec![execute("not-ready"), execute("unreachable")];
    list.extend(["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"].map(pressure));
    if host {
        list.push(pressure("network-unavailable"));
    }
    list
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let field = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (key, effect) = (field(toleration, "key"), field(toleration, "effect"));
    (effect.is_empty() || effect == field(taint, "effect"))
        && (key.is_empty() || key == field(taint, "key"))
        && (field(toleration, "operator") == "Exists" || field(toleration, "value") == field(taint, "value"))
}

/// Whether a node is to have a pod, and whether one that is there may stay.
fn wants(spec: &Value, node: &Value) -> (bool, bool) {
    let pod = &spec["template"]["spec"];
    let own = pod["nodeName"].as_str().filter(|name| !name.is_empty());
    let chosen = pod["nodeSelector"].is_null()
        || selects(&json!({"matchLabels": pod["nodeSelector"]}), &node["metadata"]["labels"]);
    let terms = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let liked = terms.as_array().is_none_or(|terms| {
        terms.iter().any(|term| {
            selects(&json!({"matchExpressions": term["matchExpressions"]}), &node["metadata"]["labels"])
        })
    });
    if own.is_some_and(|own| node["metadata"]["name"] != own) || !chosen || !liked {
        return (false, false);
    }
    let mut known = tolerations(pod["hostNetwork"] == true);
    known.extend(pod["tolerations"].as_array().cloned().unwrap_or_default());
    let taints: Vec<&Value> = node["spec"]["taints"].as_array().into_iter().flatten().collect();
    let borne = |effects: &[&str]| {
        taints
            .iter()
            .filter(|taint| taint["effect"].as_str().is_some_and(|effect| effects.contains(&effect)))
            .all(|taint| known.iter().any(|toleration| tolerates(toleration, taint)))
    };
    (borne(&["NoSchedule", "NoExecute"]), borne(&["NoExecute"]))
}

/// Gives every fitting node one pod, and tells it.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(set) = current(state, key) else { return Ok(()) };
    if set["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
        let text = "This daemon set is selecting all pods. A non-empty selector is required.";
        record(state, WHO, &set, "Warning", "SelectingAll", text);
        return Ok(());
    }
    if dying(&set) {
        return Ok(());
    }
    let hash = revise(state, key, &set)?;
    let own = claim(state, key, &set, &pods(), |_| true)?;
    let by_node = placed(&own);
    let kind = nodes();
    let all: Vec<Arc<Value>> = state.store.live(&kind).map(|(_, node)| node.clone()).collect();
    let managed = manage(state, key, &set, &hash, &by_node, &all)
        .and_then(|changed| if changed { Ok(()) } else { roll(state, &set, &hash, &by_node, &all) });
    let now = claim(state, key, &set, &pods(), |_| true)?;
    tell(state, key, &set, &hash, &placed(&now), &all)?;
    managed?;
    let used: BTreeSet<String> = own
        .iter()
        .map(|(_, pod)| pod["metadata"]["labels"][HASH].as_str().unwrap_or_default().to_owned())
        .chain([hash])
        .map(|hash| format!("{}-{hash}", key.name))
        .collect();
    revisions::truncate(state, key, &set, &used)?;
    if let Some(pause) = available_in(state, &set["spec"], own.iter().map(|(_, pod)| &**pod)) {
        state.agenda.add_at(state.clock.elapsed() + pause, (WHO, key.clone()));
    }
    Ok(())
}

/// Pods by the nodes that they are on.
fn placed(own: &Pods) -> BTreeMap<String, Pods> {
    let mut by_node: BTreeMap<String, Pods> = BTreeMap::new();
    for (key, pod) in own {
        by_node.entry(node_of(pod)).or_default().push((key.clone(), pod.clone()));
    }
    by_node
}

/// Sees that there is a revision of the present template; its hash.
fn revise(state: &mut State, key: &ObjectKey, set: &Value) -> Result<String, Failure> {
    let all = revisions::of(state, key, set);
    let next = all.last().map_or(0, revisions::number) + 1;
    let data = revisions::data(set);
    let same = all.iter().rev().find(|revision| revision["data"] == data);
    let found = match same {
        Some(known) if all.last() == Some(known) => known.clone(),
        Some(known) => revisions::renew(state, key, known, next)?,
        None => {
            let hash = template_hash::of(&set["spec"]["template"], set["status"]["collisionCount"].as_i64());
            revisions::make(state, key, set, (HASH, &hash), next)?
        }
    };
    Ok(found["metadata"]["labels"][HASH].as_str().unwrap_or_default().to_owned())
}

/// Makes missing pods and ends those that are too many, failed or misplaced; whether it did anything.
fn manage(
    state: &mut State,
    key: &ObjectKey,
    set: &Value,
    hash: &str,
    by_node: &BTreeMap<String, Pods>,
    all: &[Arc<Value>],
) -> Result<bool, Failure> {
    let mut changed = false;
    for node in all {
        let name = text(&node["metadata"], "name");
        let (run, stay) = wants(&set["spec"], node);
        let there: Pods = by_node.get(name).cloned().unwrap_or_default();
        let live: Vec<_> = there.iter().filter(|(_, pod)| !dying(pod)).collect();
        let mut ends: Vec<ObjectKey> = Vec::new();
        if !stay {
            ends.extend(live.iter().map(|(key, _)| key.clone()));
        } else {
            let (over, mut good): (Pods, Pods) = live.into_iter().cloned().partition(|(_, pod)| is_over(pod));
            ends.extend(over.iter().map(|(key, _)| key.clone()));
            good.sort_by_key(|(key, pod)| {
                (text(&pod["metadata"], "creationTimestamp").to_owned(), key.name.clone())
            });
            ends.extend(good.iter().skip(1).map(|(key, _)| key.clone()));
        }
        if run && there.is_empty() {
            make(state, key, set, hash, name)?;
            changed = true;
        }
        for pod in ends {
            end(state, set, &pod)?;
            changed = true;
        }
    }
    let known = |name: &String| all.iter().any(|node| node["metadata"]["name"] == name.as_str());
    for (_, pods) in by_node.iter().filter(|(name, _)| !name.is_empty() && !known(name)) {
        for (pod, _) in pods.iter().filter(|(_, pod)| !dying(pod)) {
            end(state, set, pod)?;
        }
    }
    Ok(changed)
}

fn end(state: &mut State, set: &Value, pod: &ObjectKey) -> Outcome {
    match delete(state, pod, &json!({})) {
        Ok(()) => {
            record(state, WHO, set, "Normal", "SuccessfulDelete", &format!("Deleted pod: {}", pod.name))
        }
        Err(failure) if failure.code == 404 => {}
        Err(failure) => {
            let text = format!("Error deleting: {}", failure.message);
            record(state, WHO, set, "Warning", "FailedDelete", &text);
            return Err(failure);
        }
    }
    Ok(())
}

fn make(state: &mut State, key: &ObjectKey, set: &Value, hash: &str, node: &str) -> Outcome {
    let template = &set["spec"]["template"];
    let mut pod = json!({
        "metadata": {
            "generateName": prefix(&key.name), "ownerReferences": [reference(set)],
            "labels": template["metadata"]["labels"],
        },
        "spec": template["spec"],
    });
    for field in ["annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field) {
            pod["metadata"][field] = value.clone();
        }
    }
    pod["metadata"]["labels"][HASH] = json!(hash);
    if let Some(generation) = set["metadata"]["annotations"].get("deprecated.daemonset.template.generation") {
        pod["metadata"]["labels"]["pod-template-generation"] = generation.clone();
    }
    let fields = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    let required =
        &mut pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    match required["nodeSelectorTerms"].as_array_mut() {
        Some(terms) => terms.iter_mut().for_each(|term| term["matchFields"] = fields.clone()),
        None => *required = json!({"nodeSelectorTerms": [{"matchFields": fields}]}),
    }
    let mut list = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    for own in tolerations(pod["spec"]["hostNetwork"] == true) {
        let same = |known: &Value| known["key"] == own["key"] && known["effect"] == own["effect"];
        match list.iter_mut().find(|known| same(known)) {
            Some(known) => *known = own,
            None => list.push(own),
        }
    }
    pod["spec"]["tolerations"] = json!(list);
    super::pod::make(state, WHO, set, &pod).map(drop)
}

/// Ends pods of old templates, as many as may be missing. With a surge it is as if there were none.
fn roll(
    state: &mut State,
    set: &Value,
    hash: &str,
    by_node: &BTreeMap<String, Pods>,
    all: &[Arc<Value>],
) -> Outcome {
    if set["spec"]["updateStrategy"]["type"] != "RollingUpdate" {
        return Ok(());
    }
    let wanted: Vec<&str> = all
        .iter()
        .filter(|node| wants(&set["spec"], node).0)
        .map(|node| text(&node["metadata"], "name"))
        .collect();
    let most =
        share(&set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], wanted.len() as i64, true);
    let (seconds, now) = (set["spec"]["minReadySeconds"].as_i64().unwrap_or(0), state.clock.now());
    let (mut missing, mut old) = (0, Vec::new());
    for name in wanted {
        let there = by_node.get(name).into_iter().flatten().find(|(_, pod)| !dying(pod));
        let Some((key, pod)) = there else {
            missing += 1;
            continue;
        };
        let available = is_available(pod, seconds, now);
        missing += i64::from(!available);
        if pod["metadata"]["labels"][HASH] != hash {
            old.push((available, key.clone()));
        }
    }
    old.sort_by_key(|(available, _)| *available);
    let mut room = most.max(1) - missing;
    for (available, pod) in old {
        if available && room <= 0 {
            break;
        }
        end(state, set, &pod)?;
        room -= i64::from(available);
    }
    Ok(())
}

fn tell(
    state: &mut State,
    key: &ObjectKey,
    set: &Value,
    hash: &str,
    by_node: &BTreeMap<String, Pods>,
    all: &[Arc<Value>],
) -> Outcome {
    let (seconds, now) = (set["spec"]["minReadySeconds"].as_i64().unwrap_or(0), state.clock.now());
    let (mut desired, mut placed, mut misplaced, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0, 0);
    for node in all {
        let there = by_node.get(text(&node["metadata"], "name")).into_iter().flatten();
        let mut there: Vec<_> = there.collect();
        there.sort_by_key(|(key, pod)| {
            (text(&pod["metadata"], "creationTimestamp").to_owned(), key.name.clone())
        });
        if !wants(&set["spec"], node).0 {
            misplaced += i64::from(!there.is_empty());
            continue;
        }
        desired += 1;
        let Some((_, pod)) = there.first() else { continue };
        placed += 1;
        ready += i64::from(is_ready(pod));
        available += i64::from(is_available(pod, seconds, now));
        updated += i64::from(pod["metadata"]["labels"][HASH] == hash);
    }
    let counts = [
        ("observedGeneration", set["metadata"]["generation"].as_i64().unwrap_or(0)),
        ("desiredNumberScheduled", desired),
        ("currentNumberScheduled", placed),
        ("numberMisscheduled", misplaced),
        ("numberReady", ready),
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ];
    if counts.iter().all(|(field, count)| set["status"][*field].as_i64().unwrap_or(0) == *count) {
        return Ok(());
    }
    let mut next = set.clone();
    for (field, count) in counts {
        next["status"][field] = json!(count);
    }
    write_status(state, key, &next).map(drop)
}
