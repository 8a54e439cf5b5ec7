use crate::sim::discovery::Kind;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

/// The defaults of the built-in types: path and value, shorter paths first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    pod_spec: Map<String, Value>,
    container: Map<String, Value>,
    probe: Map<String, Value>,
    hook: Map<String, Value>,
    volume: Map<String, Value>,
    kinds: BTreeMap<String, Map<String, Value>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let read = || {
        serde_json::from_str(include_str!("../data/v1_36/defaults.json"))
            .expect("the table of defaults is well formed: a test reads it")
    };
    TABLE.get_or_init(read)
}

/// Where the pod spec of a type stands.
fn pod_spec_path(kind: &Kind) -> Option<&'static str> {
    match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("", "pods") => Some("/spec"),
        ("", "podtemplates") => Some("/template/spec"),
        ("", "replicationcontrollers") | ("batch", "jobs") => Some("/spec/template/spec"),
        ("apps", "controllerrevisions") => None,
        ("apps", _) => Some("/spec/template/spec"),
        ("batch", "cronjobs") => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

/// Fills in what an object of a built-in type leaves open.
pub fn fill(kind: &Kind, object: &mut Value) {
    if let Some(spec) = pod_spec_path(kind).and_then(|path| object.pointer_mut(path)) {
        pod_spec(spec, kind.is_core("pods"));
    }
    let name = format!("{}/{}", kind.resource.group, kind.resource.plural);
    if let Some(defaults) = table().kinds.get(&name) {
        all(object, defaults);
    }
    match name.as_str() {
        "apps/deployments" => {
            rolling(object, "strategy", json!({"maxSurge": "25%", "maxUnavailable": "25%"}))
        }
        "apps/daemonsets" => {
            rolling(object, "updateStrategy", json!({"maxSurge": 0, "maxUnavailable": 1}));
            let number = "deprecated.daemonset.template.generation";
            if object["metadata"]["annotations"].get(number).is_none() {
                object["metadata"]["annotations"][number] = json!("1");
            }
        }
        "apps/statefulsets" => rolling(object, "updateStrategy", json!({"partition": 0})),
        "batch/jobs" => job(&mut object["spec"]),
        "/services" => service(&mut object["spec"]),
        "/secrets" => secret(object),
        "networking.k8s.io/networkpolicies" => policy_types(&mut object["spec"]),
        "autoscaling/horizontalpodautoscalers" => autoscaler(kind, &mut object["spec"]),
        "rbac.authorization.k8s.io/rolebindings" | "rbac.authorization.k8s.io/clusterrolebindings" => {
            subjects(object);
        }
        "/namespaces" => {
            if let Some(name) = object["metadata"].get("name").cloned() {
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            }
        }
        "/nodes" if object["status"].get("allocatable").is_none() => {
            if let Some(capacity) = object["status"].get("capacity").cloned() {
                object["status"]["allocatable"] = capacity;
            }
        }
        _ => {}
    }
}

fn all(object: &mut Value, defaults: &Map<String, Value>) {
    // In order of the text of the paths a parent comes before its children.
    for (path, value) in defaults {
        let parts: Vec<&str> = path.split('.').collect();
        set(object, &parts, value);
    }
}

/// Sets the value at a path wherever its parents exist and it does not.
fn set(object: &mut Value, path: &[&str], value: &Value) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(members) = object.as_object_mut() else { return };
    if let Some(list) = first.strip_suffix("[]") {
        for item in members.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            set(item, rest, value);
        }
    } else if rest.is_empty() {
        let member = members.entry(*first).or_insert(Value::Null);
        // An empty text is no text where there is a default for it.
        if member.is_null() || (*member == "" && value.is_string()) {
            *member = value.clone();
        }
    } else if let Some(member) = members.get_mut(*first) {
        set(member, rest, value);
    }
}

fn pod_spec(spec: &mut Value, pod: bool) {
    let table = table();
    if !spec.is_object() {
        return;
    }
    all(spec, &table.pod_spec);
    let host = spec["hostNetwork"] == true;
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for item in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container(item, pod, host);
        }
    }
    if pod && spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        spec["terminationGracePeriodSeconds"] = json!(1);
    }
    // The old name of the account is the new one where there is no new one.
    let named = |field: &str| spec[field].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    if let Some(account) = named("serviceAccountName").or_else(|| named("serviceAccount")) {
        spec["serviceAccountName"] = json!(account);
        spec["serviceAccount"] = json!(account);
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        all(volume, &table.volume);
        if let Some(members) =
            volume.as_object_mut().filter(|members| members.keys().all(|key| key == "name"))
        {
            members.insert("emptyDir".into(), json!({}));
        }
    }
}

fn container(container: &mut Value, pod: bool, host: bool) {
    let table = table();
    if !container.is_object() {
        return;
    }
    all(container, &table.container);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            all(probe, &table.probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(hook)) {
            all(hook, &table.hook);
        }
    }
    if container["imagePullPolicy"].as_str().unwrap_or_default().is_empty() {
        let policy = if is_latest(container["image"].as_str().unwrap_or_default()) {
            "Always"
        } else {
            "IfNotPresent"
        };
        container["imagePullPolicy"] = json!(policy);
    }
    if host {
        for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let number = port["containerPort"].clone();
            set(port, &["hostPort"], &number);
        }
    }
    if pod {
        for (name, limit) in container["resources"]["limits"].as_object().cloned().into_iter().flatten() {
            if container["resources"]["requests"].is_null() {
                container["resources"]["requests"] = json!({});
            }
            set(&mut container["resources"]["requests"], &[&name], &limit);
        }
    }
}

/// Whether an image names no tag but `latest`.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn rolling(object: &mut Value, field: &str, values: Value) {
    let strategy = &mut object["spec"][field];
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    set(strategy, &["rollingUpdate"], &json!({}));
    for (key, value) in values.as_object().into_iter().flatten() {
        set(strategy, &["rollingUpdate", key], value);
    }
}

fn job(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        spec["completions"] = json!(1);
    }
    set(spec, &["parallelism"], &json!(1));
    let per_index = spec.get("backoffLimitPerIndex").is_some();
    set(spec, &["backoffLimit"], &json!(if per_index { i32::MAX } else { 6 }));
    let failed = spec.get("podFailurePolicy").is_some();
    set(spec, &["podReplacementPolicy"], &json!(if failed { "Failed" } else { "TerminatingOrFailed" }));
}

fn service(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if port["targetPort"].is_null() || port["targetPort"] == 0 || port["targetPort"] == "" {
            port["targetPort"] = port["port"].clone();
        }
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        set(spec, &["internalTrafficPolicy"], &json!("Cluster"));
    }
    let external = spec["externalIPs"].as_array().is_some_and(|ips| !ips.is_empty());
    if kind == "NodePort" || kind == "LoadBalancer" || external {
        set(spec, &["externalTrafficPolicy"], &json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        set(spec, &["allocateLoadBalancerNodePorts"], &json!(true));
    }
    if spec["sessionAffinity"] == "ClientIP" {
        set(spec, &["sessionAffinityConfig"], &json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
}

/// `stringData` is only ever written.
fn secret(object: &mut Value) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(text) = object.as_object_mut().and_then(|members| members.remove("stringData")) else { return };
    for (key, value) in text.as_object().into_iter().flatten() {
        if object["data"].is_null() {
            object["data"] = json!({});
        }
        object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn policy_types(spec: &mut Value) {
    if !spec.is_object() || spec["policyTypes"].as_array().is_some_and(|types| !types.is_empty()) {
        return;
    }
    let egress = spec["egress"].as_array().is_some_and(|rules| !rules.is_empty());
    spec["policyTypes"] = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
}

fn autoscaler(kind: &Kind, spec: &mut Value) {
    if kind.resource.version == "v2"
        && spec.is_object()
        && spec["metrics"].as_array().is_none_or(Vec::is_empty)
    {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        spec["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    }
}

fn subjects(object: &mut Value) {
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if matches!(subject["kind"].as_str(), Some("User" | "Group")) {
            set(subject, &["apiGroup"], &json!("rbac.authorization.k8s.io"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::discovery::Registry;

    #[test]
    fn the_table_of_defaults_names_types_and_puts_parents_first() {
        let registry = Registry::v1_36();
        for (name, defaults) in &table().kinds {
            let (group, plural) = name.split_once('/').unwrap();
            assert!(registry.all().any(|kind| kind.is(group, plural)), "{name}");
            assert!(!defaults.is_empty());
            let paths: Vec<_> = defaults.keys().collect();
            for (at, parent) in paths.iter().enumerate() {
                let below = [format!("{parent}."), format!("{parent}[")];
                let early = paths[..at].iter().find(|path| below.iter().any(|below| path.starts_with(below)));
                assert_eq!(early, None, "{name}: {parent} comes after what is in it");
            }
        }
    }

    #[test]
    fn a_deployment_gets_what_it_leaves_open_and_keeps_what_it_says() {
        let registry = Registry::v1_36();
        let kind = registry.find("apps", "v1", "deployments").unwrap();
        let containers = json!([{"name": "c", "image": "nginx:1.25", "livenessProbe": {"periodSeconds": 3}}]);
        let mut object = json!({"spec": {"replicas": 3, "template": {"spec": {"containers": containers}}}});
        fill(kind, &mut object);
        let spec = &object["spec"];
        assert_eq!(
            (&spec["replicas"], &spec["strategy"]["rollingUpdate"]["maxSurge"]),
            (&json!(3), &json!("25%"))
        );
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(
            (&container["livenessProbe"]["periodSeconds"], &container["livenessProbe"]["timeoutSeconds"]),
            (&json!(3), &json!(1))
        );
        assert!(spec["template"]["spec"].get("enableServiceLinks").is_none());
    }
}
