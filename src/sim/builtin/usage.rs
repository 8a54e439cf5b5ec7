//! What an object takes of the quotas of its namespace, by the names that quotas give it.

use crate::wire::Quantity;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is counted, and how much of it.
pub type Usage = BTreeMap<String, Quantity>;

/// What an object takes. A pod that is over takes nothing but its own place.
pub fn usage(group: &str, plural: &str, object: &Value) -> Usage {
    let mut used = Usage::new();
    let counted =
        if group.is_empty() { format!("count/{plural}") } else { format!("count/{plural}.{group}") };
    add(&mut used, &counted, &json!("1"));
    let over = matches!(object["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
    if !group.is_empty() || (plural == "pods" && over) {
        return used;
    }
    add(&mut used, plural, &json!("1"));
    match plural {
        "pods" => pod(&mut used, &object["spec"]),
        "services" => service(&mut used, &object["spec"]),
        "persistentvolumeclaims" => claim(&mut used, &object["spec"]),
        _ => {}
    }
    used
}

fn add(used: &mut Usage, name: &str, amount: &Value) {
    let Some(amount) = amount.as_str().and_then(Quantity::parse) else { return };
    let sum = used.get(name).map_or(amount, |sum| sum.plus(amount));
    used.insert(name.to_owned(), sum);
}

/// Containers run at once; those that run before them take turns, but for those that stay.
fn pod(used: &mut Usage, spec: &Value) {
    for (field, prefix) in [("requests", "requests."), ("limits", "limits.")] {
        let (mut sums, mut first) = (Usage::new(), Usage::new());
        let containers = spec["containers"].as_array().into_iter().flatten();
        for container in containers {
            each(&container["resources"][field], |name, amount| add(&mut sums, name, amount));
        }
        for container in spec["initContainers"].as_array().into_iter().flatten() {
            let stays = container["restartPolicy"] == "Always";
            each(&container["resources"][field], |name, amount| {
                if stays {
                    add(&mut sums, name, amount);
                } else if let Some(amount) = amount.as_str().and_then(Quantity::parse) {
                    let most = first.get(name).copied().filter(|most| *most > amount).unwrap_or(amount);
                    first.insert(name.to_owned(), most);
                }
            });
        }
        for (name, amount) in first {
            let most = sums.get(&name).copied().filter(|sum| *sum > amount).unwrap_or(amount);
            sums.insert(name, most);
        }
        each(&spec["overhead"], |name, amount| add(&mut sums, name, amount));
        for (name, amount) in sums {
            if field == "requests" {
                used.insert(name.clone(), amount);
            }
            used.insert(format!("{prefix}{name}"), amount);
        }
    }
}

fn each(list: &Value, mut then: impl FnMut(&str, &Value)) {
    list.as_object().into_iter().flatten().for_each(|(name, amount)| then(name, amount));
}

fn service(used: &mut Usage, spec: &Value) {
    let ports = spec["ports"].as_array().map_or(0, Vec::len).to_string();
    match spec["type"].as_str() {
        Some("NodePort") => add(used, "services.nodeports", &json!(ports)),
        Some("LoadBalancer") => {
            add(used, "services.loadbalancers", &json!("1"));
            if spec["allocateLoadBalancerNodePorts"] != false {
                add(used, "services.nodeports", &json!(ports));
            }
        }
        _ => {}
    }
}

fn claim(used: &mut Usage, spec: &Value) {
    let storage = &spec["resources"]["requests"]["storage"];
    add(used, "requests.storage", storage);
    if let Some(class) = spec["storageClassName"].as_str().filter(|class| !class.is_empty()) {
        let class = format!("{class}.storageclass.storage.k8s.io");
        add(used, &format!("{class}/requests.storage"), storage);
        add(used, &format!("{class}/persistentvolumeclaims"), &json!("1"));
    }
}

/// Whether a quota counts an object: one with scopes counts pods alone, and of those some.
pub fn in_scope(quota: &Value, group: &str, plural: &str, object: &Value) -> bool {
    let plain = quota["spec"]["scopes"].as_array().into_iter().flatten();
    let plain = plain.map(|scope| json!({"scopeName": scope, "operator": "Exists"}));
    let chosen = quota["spec"]["scopeSelector"]["matchExpressions"].as_array().into_iter().flatten().cloned();
    let mut scopes = plain.chain(chosen).peekable();
    if scopes.peek().is_none() {
        return true;
    }
    group.is_empty() && plural == "pods" && scopes.all(|scope| fits(&scope, &object["spec"]))
}

fn fits(scope: &Value, spec: &Value) -> bool {
    let best_effort = super::qos(spec) == "BestEffort";
    match scope["scopeName"].as_str() {
        Some("Terminating") => !spec["activeDeadlineSeconds"].is_null(),
        Some("NotTerminating") => spec["activeDeadlineSeconds"].is_null(),
        Some("BestEffort") => best_effort,
        Some("NotBestEffort") => !best_effort,
        Some("PriorityClass") => {
            let class = spec["priorityClassName"].as_str().unwrap_or_default();
            let mut values = scope["values"].as_array().into_iter().flatten();
            let listed = values.any(|value| value == class);
            match scope["operator"].as_str() {
                Some("In") => listed,
                Some("NotIn") => !listed,
                Some("DoesNotExist") => class.is_empty(),
                _ => !class.is_empty(),
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(used: &Usage, name: &str) -> String {
        used.get(name).map_or_else(String::new, |amount| amount.canonical())
    }

    #[test]
    fn a_pod_takes_what_its_containers_want_at_once() {
        let with = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}, "limits": {"memory": "1Gi"}}});
        let spec = json!({"containers": [with("100m"), with("200m")], "initContainers": [with("1")]});
        let used = usage("", "pods", &json!({"spec": spec}));
        assert_eq!(shown(&used, "requests.cpu"), "1");
        assert_eq!((shown(&used, "cpu"), shown(&used, "limits.memory")), ("1".into(), "2Gi".into()));
        let over = usage("", "pods", &json!({"spec": spec, "status": {"phase": "Failed"}}));
        assert_eq!((shown(&over, "pods"), shown(&over, "count/pods")), (String::new(), "1".into()));
    }

    #[test]
    fn scopes_choose_pods() {
        let quota = json!({"spec": {"scopes": ["NotTerminating", "BestEffort"]}});
        let pod = json!({"spec": {"containers": [{"name": "c"}]}});
        assert!(in_scope(&quota, "", "pods", &pod));
        assert!(!in_scope(&quota, "", "services", &pod));
        assert!(!in_scope(
            &quota,
            "",
            "pods",
            &json!({"spec": {"activeDeadlineSeconds": 1, "containers": []}})
        ));
    }
}
