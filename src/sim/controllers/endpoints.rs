//! Where the pods of a service answer: its EndpointSlices, and the older Endpoints.

use super::{
    Outcome,
    acts::{all_in, create, current, delete, replace},
    claim::{dying, reference},
    pod::{condition, is_over, is_ready, pods},
    text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, selects},
    },
    wire::{ObjectKey, Resource},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

const SLICES: &str = "endpointslice-controller";
const ENDPOINTS: &str = "endpoints-controller";
const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED: &str = "endpointslice.kubernetes.io/managed-by";
const OURS: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";
/// So many endpoints stand in one slice.
const MOST: usize = 100;

type Pods = Vec<(ObjectKey, Arc<Value>)>;

fn services() -> Resource {
    Resource::new("", "v1", "services")
}

fn slices() -> Resource {
    Resource::new("discovery.k8s.io", "v1", "endpointslices")
}

/// Which services a write concerns.
fn concerned(state: &State, news: &News, own: (&str, &str)) -> Vec<ObjectKey> {
    let namespace = news.key.namespace.as_deref();
    match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("", "services") => vec![news.key.clone()],
        ("", "pods") => {
            let objects: Vec<&Value> = news.old.iter().map(|old| &**old).chain([&*news.object]).collect();
            let wants =
                |service: &Value| objects.iter().any(|pod| is_selected(service, &pod["metadata"]["labels"]));
            let all = all_in(state, &services(), namespace).into_iter();
            all.filter(|(_, service)| wants(service)).map(|(key, _)| key).collect()
        }
        found if found == own => {
            let labels = &news.object["metadata"]["labels"];
            let name = match found.1 {
                "endpoints" => Some(news.key.name.as_str()),
                _ if labels[MANAGED] == OURS => labels[SERVICE].as_str(),
                _ => None,
            };
            name.map(|name| ObjectKey::new(&services(), namespace, name)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn is_selected(service: &Value, labels: &Value) -> bool {
    let selector = &service["spec"]["selector"];
    selector.as_object().is_some_and(|selector| !selector.is_empty())
        && selects(&json!({"matchLabels": selector}), labels)
}

/// Services, their pods and their slices.
pub(super) fn heard_of_slices(state: &mut State, news: &News) {
    let keys = concerned(state, news, ("discovery.k8s.io", "endpointslices"));
    keys.into_iter().for_each(|key| state.agenda.add((SLICES, key)));
}

/// Services, their pods and their endpoints.
pub(super) fn heard_of_endpoints(state: &mut State, news: &News) {
    let keys = concerned(state, news, ("", "endpoints"));
    keys.into_iter().for_each(|key| state.agenda.add((ENDPOINTS, key)));
}

/// The pods of a service that have an address; `None` when it selects none by itself.
fn selected(state: &State, key: &ObjectKey, service: &Value) -> Option<Pods> {
    let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty());
    if selector.is_none() || service["spec"]["type"] == "ExternalName" {
        return None;
    }
    let all = all_in(state, &pods(), key.namespace.as_deref()).into_iter();
    let fits = |pod: &Value| is_selected(service, &pod["metadata"]["labels"]);
    Some(all.filter(|(_, pod)| fits(pod)).collect())
}

fn has_address(pod: &Value) -> bool {
    !is_over(pod) && !text(&pod["status"], "podIP").is_empty()
}

/// The address of a pod in a family.
fn address(pod: &Value, family: &str) -> Option<String> {
    let list = pod["status"]["podIPs"].as_array().into_iter().flatten();
    let all = list.filter_map(|ip| ip["ip"].as_str()).chain(pod["status"]["podIP"].as_str());
    all.into_iter().find(|ip| ip.contains(':') == (family == "IPv6")).map(str::to_owned)
}

/// The ports of a service as a pod has them.
fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let list = service["spec"]["ports"].as_array().into_iter().flatten();
    let find = |port: &Value| match &port["targetPort"] {
        Value::String(name) => {
            let containers = ["containers", "initContainers"]
                .iter()
                .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten());
            let mut open =
                containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
            let own = |open: &&Value| open["name"] == name.as_str() && open["protocol"] == port["protocol"];
            open.find(own).map(|open| open["containerPort"].clone())
        }
        number => Some(number.clone()),
    };
    list.filter_map(|port| {
        let mut found =
            json!({"name": text(port, "name"), "port": find(port)?, "protocol": port["protocol"]});
        if let Some(protocol) = port.get("appProtocol") {
            found["appProtocol"] = protocol.clone();
        }
        Some(found)
    })
    .collect()
}

fn target(pod: &Value) -> Value {
    let metadata = &pod["metadata"];
    json!({
        "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"],
    })
}

fn is_headless(service: &Value) -> bool {
    service["spec"]["clusterIP"] == "None"
}

/// What changed first since a service was looked at last.
fn trigger(
    state: &mut State,
    who: &'static str,
    key: &ObjectKey,
    service: &Value,
    own: &Pods,
) -> Option<String> {
    let time = |value: &Value| value.as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let known = state.triggers.entry((who, key.clone())).or_default();
    let mut now: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (key, pod) in own {
        let ready = condition(pod, "Ready").and_then(|ready| time(&ready["lastTransitionTime"]));
        now.extend(ready.map(|ready| (key.name.clone(), ready)));
    }
    now.extend(time(&service["metadata"]["creationTimestamp"]).map(|made| (String::new(), made)));
    let newer = now.iter().filter(|(name, at)| known.get(*name).is_none_or(|known| known < at));
    let first = newer.map(|(_, at)| *at).min();
    *known = now;
    first.map(|first| first.to_string())
}

/// The slices of a service.
pub(super) fn sync_slices(state: &mut State, key: &ObjectKey) -> Outcome {
    let found = current(state, key).filter(|service| !dying(service));
    let Some(service) = found else {
        state.triggers.remove(&(SLICES, key.clone()));
        return Ok(());
    };
    let Some(own) = selected(state, key, &service) else { return Ok(()) };
    let trigger = trigger(state, SLICES, key, &service, &own);
    let families = service["spec"]["ipFamilies"].as_array().cloned().unwrap_or_else(|| vec![json!("IPv4")]);
    for family in families.iter().filter_map(Value::as_str) {
        let mut groups: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
        for (_, pod) in own.iter().filter(|(_, pod)| has_address(pod)) {
            let Some(address) = address(pod, family) else { continue };
            let (ports, endpoint) = (ports(&service, pod), endpoint(state, &service, pod, &address));
            match groups.iter_mut().find(|(known, _)| *known == ports) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => groups.push((ports, vec![endpoint])),
            }
        }
        write_slices(state, key, &service, family, groups, trigger.as_deref())?;
    }
    Ok(())
}

fn endpoint(state: &State, service: &Value, pod: &Value, address: &str) -> Value {
    let (serving, terminating) = (is_ready(pod), dying(pod));
    let ready = service["spec"]["publishNotReadyAddresses"] == true || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": [address], "targetRef": target(pod),
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
    });
    if let Some(node) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
        endpoint["nodeName"] = json!(node);
        let zone = state
            .core("nodes", None, node)
            .map(|node| node["metadata"]["labels"]["topology.kubernetes.io/zone"].clone());
        if let Some(zone) = zone.filter(Value::is_string) {
            endpoint["zone"] = zone;
        }
    }
    let hostname = text(&pod["spec"], "hostname");
    if !hostname.is_empty() && pod["spec"]["subdomain"] == service["metadata"]["name"] {
        endpoint["hostname"] = json!(hostname);
    }
    endpoint
}

/// Brings the slices of a family to what they should say: one at least, of a hundred endpoints at most.
fn write_slices(
    state: &mut State,
    key: &ObjectKey,
    service: &Value,
    family: &str,
    groups: Vec<(Vec<Value>, Vec<Value>)>,
    trigger: Option<&str>,
) -> Outcome {
    let namespace = key.namespace.as_deref();
    let ours = |slice: &Value| {
        let labels = &slice["metadata"]["labels"];
        labels[SERVICE] == key.name.as_str() && labels[MANAGED] == OURS && slice["addressType"] == family
    };
    let all = all_in(state, &slices(), namespace).into_iter();
    let mut there: Pods = all.filter(|(_, slice)| ours(slice) && !dying(slice)).collect();
    let mut wanted: Vec<(Value, Vec<Value>)> = Vec::new();
    for (ports, mut endpoints) in groups {
        in_order(&mut endpoints, &there);
        wanted.extend(endpoints.chunks(MOST).map(|chunk| (json!(ports), chunk.to_vec())));
    }
    if wanted.is_empty() {
        wanted.push((Value::Null, Vec::new()));
    }
    for (ports, endpoints) in wanted {
        let own =
            there.iter().position(|(_, slice)| slice["ports"] == ports).or((!there.is_empty()).then_some(0));
        let endpoints = if endpoints.is_empty() { Value::Null } else { json!(endpoints) };
        let labels = slice_labels(service, &key.name);
        match own.map(|at| there.remove(at)) {
            None => {
                let mut slice = json!({
                    "metadata": {
                        "generateName": format!("{}-", key.name), "labels": labels,
                        "ownerReferences": [reference(service)],
                    },
                    "addressType": family, "endpoints": endpoints, "ports": ports,
                });
                annotate(&mut slice, trigger);
                create(state, &slices(), namespace, &slice)?;
            }
            Some((slice_key, slice)) => {
                let mut next = (*slice).clone();
                next["endpoints"] = endpoints;
                next["ports"] = ports;
                next["metadata"]["labels"] = labels;
                if next != *slice {
                    annotate(&mut next, trigger);
                    replace(state, &slice_key, &next)?;
                }
            }
        }
    }
    there.into_iter().try_for_each(|(key, _)| delete(state, &key, &json!({})))
}

/// Those that stand in slices already come first, as they stand.
fn in_order(endpoints: &mut [Value], there: &Pods) {
    let known: Vec<&Value> = there
        .iter()
        .flat_map(|(_, slice)| slice["endpoints"].as_array().into_iter().flatten())
        .map(|endpoint| &endpoint["targetRef"]["uid"])
        .collect();
    let place = |endpoint: &Value| known.iter().position(|uid| **uid == endpoint["targetRef"]["uid"]);
    endpoints.sort_by_key(|endpoint| place(endpoint).unwrap_or(usize::MAX));
}

fn slice_labels(service: &Value, name: &str) -> Value {
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.into(), json!(""));
    }
    labels.insert(SERVICE.into(), json!(name));
    labels.insert(MANAGED.into(), json!(OURS));
    Value::Object(labels)
}

fn annotate(object: &mut Value, trigger: Option<&str>) {
    let mut all = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    match trigger {
        Some(trigger) => all.insert(TRIGGER.into(), json!(trigger)),
        None => all.remove(TRIGGER),
    };
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    match all.is_empty() {
        true => metadata.remove("annotations"),
        false => metadata.insert("annotations".into(), Value::Object(all)),
    };
}

/// The endpoints of a service.
pub(super) fn sync_endpoints(state: &mut State, key: &ObjectKey) -> Outcome {
    let kind = Resource::new("", "v1", "endpoints");
    let own = ObjectKey::new(&kind, key.namespace.as_deref(), &key.name);
    let Some(service) = current(state, key) else {
        state.triggers.remove(&(ENDPOINTS, key.clone()));
        return match delete(state, &own, &json!({})) {
            Err(failure) if failure.code != 404 => Err(failure),
            _ => Ok(()),
        };
    };
    let Some(selected) = selected(state, key, &service) else { return Ok(()) };
    let trigger = trigger(state, ENDPOINTS, key, &service, &selected);
    let subsets = subsets(&service, &selected);
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.remove(HEADLESS);
    if is_headless(&service) {
        labels.insert(HEADLESS.into(), json!(""));
    }
    labels.insert("endpoints.kubernetes.io/managed-by".into(), json!("endpoint-controller"));
    let there = current(state, &own);
    let mut next =
        there.as_ref().map_or_else(|| json!({"metadata": {"name": key.name}}), |there| (**there).clone());
    next["metadata"]["labels"] = Value::Object(labels);
    match (subsets.is_empty(), next.as_object_mut()) {
        (true, Some(members)) => _ = members.remove("subsets"),
        _ => next["subsets"] = json!(subsets),
    }
    if there.as_ref().is_some_and(|there| **there == next) {
        return Ok(());
    }
    annotate(&mut next, trigger.as_deref());
    match there {
        Some(_) => replace(state, &own, &next).map(drop),
        None => create(state, &kind, key.namespace.as_deref(), &next).map(drop),
    }
}

fn subsets(service: &Value, own: &Pods) -> Vec<Value> {
    let loud = service["spec"]["publishNotReadyAddresses"] == true;
    let family = service["spec"]["ipFamilies"][0].as_str().unwrap_or("IPv4");
    let mut groups: Vec<(Vec<Value>, Vec<Value>, Vec<Value>)> = Vec::new();
    for (_, pod) in own.iter().filter(|(_, pod)| has_address(pod) && (loud || !dying(pod))) {
        let Some(ip) = address(pod, family) else { continue };
        let mut address = json!({"ip": ip, "targetRef": target(pod)});
        if let Some(node) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
            address["nodeName"] = json!(node);
        }
        let hostname = text(&pod["spec"], "hostname");
        if !hostname.is_empty() && pod["spec"]["subdomain"] == service["metadata"]["name"] {
            address["hostname"] = json!(hostname);
        }
        let mut ports = ports(service, pod);
        for port in &mut ports {
            if port["name"] == "" {
                port.as_object_mut().map(|port| port.remove("name"));
            }
        }
        if ports.is_empty() && !is_headless(service) {
            continue;
        }
        let at = groups.iter().position(|(known, ..)| *known == ports).unwrap_or_else(|| {
            groups.push((ports, Vec::new(), Vec::new()));
            groups.len() - 1
        });
        let ready = loud || is_ready(pod);
        if ready { &mut groups[at].1 } else { &mut groups[at].2 }.push(address);
    }
    let subset = |(ports, mut ready, mut waiting): (Vec<Value>, Vec<Value>, Vec<Value>)| {
        let mut subset = Map::new();
        for (name, list) in [("addresses", &mut ready), ("notReadyAddresses", &mut waiting)] {
            list.sort_by_key(|address| text(address, "ip").to_owned());
            if !list.is_empty() {
                subset.insert(name.into(), json!(list));
            }
        }
        if !ports.is_empty() {
            subset.insert("ports".into(), json!(ports));
        }
        Value::Object(subset)
    };
    groups.into_iter().map(subset).collect()
}
