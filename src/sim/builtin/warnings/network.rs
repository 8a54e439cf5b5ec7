use super::{addresses, items, text};
use serde_json::Value;

/// Each address of a list of texts.
fn listed(path: &str, spec: &Value, key: &str) -> Vec<String> {
    let texts = items(spec, key).filter_map(|(at, item)| Some((at, item.as_str()?)));
    texts.filter_map(|(at, item)| addresses::address(&format!("{path}.{key}[{at}]"), item)).collect()
}

pub(super) fn service(object: &Value) -> Vec<String> {
    let spec = &object["spec"];
    let (kind, mut all) = (text(spec, "type"), Vec::new());
    let hints = "service.kubernetes.io/topology-aware-hints";
    if object["metadata"]["annotations"].get(hints).is_some() {
        let mode = "service.kubernetes.io/topology-mode";
        all.push(format!("annotation {hints} is deprecated, please use {mode} instead"));
    }
    let (headless, external) =
        (text(spec, "clusterIP") == "None", items(spec, "externalIPs").next().is_some());
    if !headless && !text(spec, "clusterIP").is_empty() {
        all.extend(listed("spec", spec, "clusterIPs"));
    }
    let headless = headless && kind == "ClusterIP";
    if headless {
        let ignored = [
            (!text(spec, "loadBalancerIP").is_empty(), "loadBalancerIP"),
            (external, "externalIPs"),
            (text(spec, "sessionAffinity") != "None", "SessionAffinity"),
        ];
        let ignored = ignored.into_iter().filter(|(is, _)| *is);
        all.extend(ignored.map(|(_, field)| format!("spec.{field} is ignored for headless services")));
    }
    all.extend(listed("spec", spec, "externalIPs"));
    if external && !headless && kind != "ExternalName" {
        all.push(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned(),
        );
    }
    all.extend(addresses::address("spec.loadBalancerIP", text(spec, "loadBalancerIP")));
    for (at, range) in items(spec, "loadBalancerSourceRanges") {
        let path = format!("spec.loadBalancerSourceRanges[{at}]");
        all.extend(addresses::range(&path, range.as_str().unwrap_or_default()));
    }
    if kind == "ExternalName" && external {
        all.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if kind != "ExternalName" && !text(spec, "externalName").is_empty() {
        all.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if text(spec, "trafficDistribution") == "PreferClose" {
        all.push(
            "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned(),
        );
    }
    all
}

pub(super) fn node(object: &Value) -> Vec<String> {
    let (spec, mut all) = (&object["spec"], Vec::new());
    if !spec["configSource"].is_null() {
        all.push("spec.configSource: the feature is removed".to_owned());
    }
    if !text(spec, "externalID").is_empty() {
        all.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned());
    }
    for (at, range) in items(spec, "podCIDRs") {
        let path = format!("spec.podCIDRs[{at}]");
        all.extend(addresses::range(&path, range.as_str().unwrap_or_default()));
    }
    all
}

pub(super) fn ingress(object: &Value) -> Vec<String> {
    let class = "kubernetes.io/ingress.class";
    let old = object["metadata"]["annotations"].get(class).is_some();
    let warned = old && object["spec"]["ingressClassName"].is_null();
    let text = || format!("annotation {class:?} is deprecated, please use 'spec.ingressClassName' instead");
    warned.then(text).into_iter().collect()
}

pub(super) fn policy(object: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (list, side) in [("ingress", "from"), ("egress", "to")] {
        for (rule_at, rule) in items(&object["spec"], list) {
            for (at, peer) in items(rule, side) {
                let (block, path) =
                    (&peer["ipBlock"], format!("spec.{list}[{rule_at}].{side}[{at}].ipBlock"));
                all.extend(addresses::range(&format!("{path}.cidr"), text(block, "cidr")));
                for (at, range) in items(block, "except") {
                    let path = format!("{path}.except[{at}]");
                    all.extend(addresses::range(&path, range.as_str().unwrap_or_default()));
                }
            }
        }
    }
    all
}

pub(super) fn slice(object: &Value) -> Vec<String> {
    let mut all = Vec::new();
    if ["IPv4", "IPv6"].contains(&text(object, "addressType")) {
        for (at, endpoint) in items(object, "endpoints") {
            all.extend(listed(&format!("endpoints[{at}]"), endpoint, "addresses"));
        }
    }
    all
}

pub(super) fn endpoints(object: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (subset_at, subset) in items(object, "subsets") {
        for list in ["addresses", "notReadyAddresses"] {
            for (at, item) in items(subset, list) {
                let path = format!("subsets[{subset_at}].{list}[{at}].ip");
                all.extend(addresses::address(&path, text(item, "ip")));
            }
        }
    }
    all
}
