use super::{addresses, claim_spec, fraction, items, paths, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What there was before, and what to say of it.
const LABELS: [(&str, &str); 8] = [
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];

const ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

const VOLUMES: [(&str, &str); 9] = [
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// What is odd about a pod or a template; `path` stands before the names of its parts.
pub(super) fn warnings(path: &str, pod: &Value) -> Vec<String> {
    let (spec, annotations) = (&pod["spec"], &pod["metadata"]["annotations"]);
    let mut all = nodes(path, spec);
    let old = ANNOTATIONS.iter().filter(|(key, _)| annotations.get(*key).is_some());
    all.extend(old.map(|(key, why)| format!("{path}metadata.annotations[{key}]: {why}")));
    all.extend(volumes(path, spec));
    all.extend(paths::overlapping(spec));
    all.extend(twice(path, spec));
    for name in ["memory", "ephemeral-storage"] {
        all.extend(fraction(&format!("{path}spec.overhead"), &spec["overhead"], name));
    }
    let seccomp = "seccomp.security.alpha.kubernetes.io/pod";
    if spec["securityContext"]["seccompProfile"].is_null() && annotations.get(seccomp).is_some() {
        all.push(no_seccomp(path, seccomp));
    }
    for (place, container) in containers(path, spec) {
        all.extend(inside(path, annotations, &place, container));
    }
    all.extend(ports(path, spec));
    all.extend(port_names(path, spec));
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        all.push(format!(
            "{path}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    all.extend(affinity(path, spec));
    for (at, server) in items(&spec["dnsConfig"], "nameservers") {
        let place = format!("{path}spec.dnsConfig.nameservers[{at}]");
        all.extend(addresses::address(&place, server.as_str().unwrap_or_default()));
    }
    for (at, alias) in items(spec, "hostAliases") {
        all.extend(addresses::address(&format!("{path}spec.hostAliases[{at}].ip"), text(alias, "ip")));
    }
    all
}

fn deprecated(label: &str) -> Option<&'static str> {
    LABELS.iter().find(|(known, _)| *known == label).map(|(_, why)| *why)
}

/// Old labels of nodes, wherever a pod asks for some.
fn nodes(path: &str, spec: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for key in spec["nodeSelector"].as_object().into_iter().flatten().map(|(key, _)| key) {
        all.extend(deprecated(key).map(|why| format!("{path}spec.nodeSelector[{key}]: {why}")));
    }
    let (affinity, place) = (&spec["affinity"]["nodeAffinity"], format!("{path}spec.affinity.nodeAffinity"));
    let (must, may) =
        ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution");
    for (at, term) in items(&affinity[must], "nodeSelectorTerms") {
        all.extend(of_term(&format!("{place}.{must}.nodeSelectorTerms[{at}]"), term));
    }
    for (at, term) in items(affinity, may) {
        all.extend(of_term(&format!("{place}.{may}[{at}].preference"), &term["preference"]));
    }
    for (at, spread) in items(spec, "topologySpreadConstraints") {
        let (place, key) =
            (format!("{path}spec.topologySpreadConstraints[{at}]"), text(spread, "topologyKey"));
        all.extend(deprecated(key).map(|why| format!("{place}.topologyKey: {key} is {why}")));
        if spread["labelSelector"].is_null() {
            all.push(no_selector(&place));
        }
    }
    all
}

fn of_term(place: &str, term: &Value) -> Vec<String> {
    let keys = items(term, "matchExpressions").map(|(at, expression)| (at, text(expression, "key")));
    let old = keys.filter_map(|(at, key)| Some((at, key, deprecated(key)?)));
    old.map(|(at, key, why)| format!("{place}.matchExpressions[{at}].key: {key} is {why}")).collect()
}

fn no_selector(place: &str) -> String {
    format!("{place}.labelSelector: a null labelSelector results in matching no pod")
}

fn volumes(path: &str, spec: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (at, volume) in items(spec, "volumes") {
        let place = format!("{path}spec.volumes[{at}]");
        let old = VOLUMES.iter().filter(|(key, _)| !volume[*key].is_null());
        all.extend(old.map(|(key, why)| {
            // The server spells this one as its own field.
            let key = if *key == "storageos" { "storageOS" } else { key };
            format!("{place}.{key}: {why}")
        }));
        let template = &volume["ephemeral"]["volumeClaimTemplate"];
        all.extend(claim_spec(&format!("{place}.ephemeral.volumeClaimTemplate.spec"), &template["spec"]));
    }
    all
}

/// Entries that stand twice in lists that are read as maps.
fn twice(path: &str, spec: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (list, key) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
        let mut seen = BTreeSet::new();
        for (at, item) in items(spec, list) {
            if !seen.insert(text(item, key)) {
                all.push(format!("{path}spec.{list}[{at}].{key}: duplicate {key} {:?}", text(item, key)));
            }
        }
    }
    let nameless = items(spec, "imagePullSecrets").filter(|(_, secret)| text(secret, "name").is_empty());
    all.extend(
        nameless.map(|(at, _)| format!("{path}spec.imagePullSecrets[{at}].name: invalid empty name \"\"")),
    );
    all
}

/// All containers with their places, in the order in which the server visits them.
fn containers<'a>(path: &str, spec: &'a Value) -> Vec<(String, &'a Value)> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let in_list =
        |list| items(spec, list).map(move |(at, container)| (format!("{path}spec.{list}[{at}]"), container));
    lists.into_iter().flat_map(in_list).collect()
}

fn no_seccomp(path: &str, key: &str) -> String {
    format!(
        "{path}metadata.annotations[{key}]: non-functional in v1.27+; use the \"seccompProfile\" field instead"
    )
}

fn inside(path: &str, annotations: &Value, place: &str, container: &Value) -> Vec<String> {
    let (mut all, name, context) = (Vec::new(), text(container, "name"), &container["securityContext"]);
    let seccomp = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
    if context["seccompProfile"].is_null() && annotations.get(&seccomp).is_some() {
        all.push(no_seccomp(path, &seccomp));
    }
    let armor = format!("container.apparmor.security.beta.kubernetes.io/{name}");
    if context["appArmorProfile"].is_null() && annotations.get(&armor).is_some() {
        let why = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
        all.push(format!("{path}metadata.annotations[{armor}]: {why}"));
    }
    for name in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            all.extend(fraction(&format!("{place}.resources.{list}"), &container["resources"][list], name));
        }
    }
    let mut seen = BTreeSet::new();
    for (at, variable) in items(container, "env") {
        let (name, value) = (text(variable, "name"), text(variable, "value"));
        let reference = format!("$({name})");
        let lost = !variable["valueFrom"].is_null() || value == reference || !value.contains(&reference);
        if !seen.insert(name) && lost {
            let why = format!("hides previous definition of {name:?}, which may be dropped when using apply");
            all.push(format!("{place}.env[{at}]: {why}"));
        }
    }
    all
}

/// Ports that two containers, or one of them twice, say that they listen on.
fn ports(path: &str, spec: &Value) -> Vec<String> {
    let mut known: BTreeMap<String, Vec<(String, &Value)>> = BTreeMap::new();
    let mut all = Vec::new();
    for (place, container) in containers(path, spec) {
        for (at, port) in items(container, "ports") {
            let place = format!("{place}.ports[{at}]");
            let host =
                |port: &Value| (text(port, "hostIP").to_owned(), port["hostPort"].as_i64().unwrap_or(0));
            let own = host(port);
            let (number, protocol) = (port["containerPort"].as_i64().unwrap_or(0), text(port, "protocol"));
            if !own.0.is_empty() && own.1 == 0 {
                let shown = format!(
                    "{{Name:{} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{}}}",
                    text(port, "name"),
                    own.0
                );
                all.push(format!("{place}: hostIP set without hostPort: {shown}"));
            }
            let others = known.entry(format!("{number}/{protocol}")).or_default();
            for (other_place, other) in others.iter() {
                let other = host(other);
                let how = if own == other {
                    "duplicate"
                } else if own.1 == 0 || other.1 == 0 {
                    "overlapping"
                } else if own.1 == other.1 && own.0.is_empty() != other.0.is_empty() {
                    "dangerously ambiguous"
                } else {
                    continue;
                };
                all.push(format!("{place}: {how} port definition with {other_place}"));
            }
            others.push((place, port));
        }
    }
    all
}

fn port_names(path: &str, spec: &Value) -> Vec<String> {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut all = Vec::new();
    for (place, container) in containers(path, spec) {
        for (at, port) in items(container, "ports").filter(|(_, port)| !text(port, "name").is_empty()) {
            let (place, name) = (format!("{place}.ports[{at}]"), text(port, "name"));
            match known.get(name) {
                None => drop(known.insert(name, place)),
                Some(first) => all.push(format!(
                    "{place}: duplicate port name {name:?} with {first}, services and probes that select ports by name \
                     will use {first}"
                )),
            }
        }
    }
    all
}

/// Terms about other pods that say of no pod which.
fn affinity(path: &str, spec: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for side in ["podAffinity", "podAntiAffinity"] {
        let (terms, place) = (&spec["affinity"][side], format!("{path}spec.affinity.{side}"));
        let must = "requiredDuringSchedulingIgnoredDuringExecution";
        for (at, _) in items(terms, must).filter(|(_, term)| term["labelSelector"].is_null()) {
            all.push(no_selector(&format!("{place}.{must}[{at}]")));
        }
        let may = "preferredDuringSchedulingIgnoredDuringExecution";
        for (at, _) in
            items(terms, may).filter(|(_, term)| term["podAffinityTerm"]["labelSelector"].is_null())
        {
            all.push(no_selector(&format!("{place}.{may}[{at}].podAffinityTerm")));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_server_warns_of_in_a_template_is_warned_of_with_its_path() {
        let template = json!({"spec": {
            "nodeSelector": {"beta.kubernetes.io/os": "linux"},
            "imagePullSecrets": [{"name": "a"}, {"name": "a"}],
            "containers": [
                {"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}, {"name": "A"}],
                 "resources": {"limits": {"memory": "500m"}}, "ports": [{"name": "x", "containerPort": 80}]},
                {"name": "d", "ports": [{"name": "x", "containerPort": 80}]},
            ],
        }});
        assert_eq!(
            warnings("spec.template.", &template),
            [
                "spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
                "spec.template.spec.imagePullSecrets[1].name: duplicate name \"a\"",
                "spec.template.spec.containers[0].resources.limits[memory]: fractional byte value \"500m\" is invalid, must be an integer",
                "spec.template.spec.containers[0].env[2]: hides previous definition of \"A\", which may be dropped when using apply",
                "spec.template.spec.containers[1].ports[0]: duplicate port definition with spec.template.spec.containers[0].ports[0]",
                "spec.template.spec.containers[1].ports[0]: duplicate port name \"x\" with spec.template.spec.containers[0].ports[0], services and probes that select ports by name will use spec.template.spec.containers[0].ports[0]",
            ]
        );
    }
}
