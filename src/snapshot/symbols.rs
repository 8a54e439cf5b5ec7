use super::path::Path;
use crate::wire::is_time;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What says more about the way than about the result, or counts what happened on it.
const DROPPED: [&str; 8] = [
    "metadata.managedFields",
    "metadata.annotations[deployment.kubernetes.io/revision]",
    "metadata.annotations[deployment.kubernetes.io/revision-history]",
    "metadata.annotations[deployment.kubernetes.io/desired-replicas]",
    "metadata.annotations[deployment.kubernetes.io/max-replicas]",
    "status.collisionCount",
    // Whether nodes have addresses, and of how many families, is the ground's affair.
    "status.hostIP",
    "status.hostIPs",
];

/// Keys whose text values are different on every cluster, and what stands for them.
const KEYS: [(&str, &str); 14] = [
    ("resourceVersion", "$rv"),
    ("nodeName", "$node"),
    ("kubernetes.io/hostname", "$node"),
    ("podIP", "$ip"),
    ("podIPs", "$ip"),
    ("clusterIP", "$ip"),
    ("clusterIPs", "$ip"),
    ("nodePort", "$port"),
    ("healthCheckNodePort", "$port"),
    ("containerID", "$id"),
    ("imageID", "$id"),
    ("holderIdentity", "$holder"),
    ("continue", "$continue"),
    ("selfLink", "$link"),
];

/// What a Pod's own volume of tokens is called before its five letters.
const TOKENS: &str = "kube-api-access-";

/// The objects with symbols for what another run would have otherwise, in a stable order.
pub(super) fn settled(mut objects: Vec<Value>, namespace: &str, redacted: &[Path]) -> Vec<Value> {
    let dropped = DROPPED.map(Path::parse);
    for object in &mut objects {
        dropped.iter().for_each(|path| path.replace(object, None));
        redacted.iter().for_each(|path| path.replace(object, Some("$redacted")));
        if object.pointer("/metadata/annotations").is_some_and(|a| a.as_object().is_some_and(Map::is_empty)) {
            Path::parse("metadata.annotations").replace(object, None);
        }
    }
    let names = Names::of(&objects, namespace);
    objects.iter_mut().for_each(|object| names.apply(object));
    objects.sort_by_cached_key(|object| {
        (text(object, "/kind"), text(object, "/metadata/name"), object.to_string())
    });
    objects
}

/// As [`settled`], with nothing redacted.
pub(crate) fn symbolic(objects: Vec<Value>, namespace: &str) -> Vec<Value> {
    settled(objects, namespace, &[])
}

/// Real values, and the symbols that stand for them.
struct Names<'a> {
    namespace: &'a str,
    /// Longest first, so that a name which another begins with does not spoil it.
    values: Vec<(String, String)>,
}

impl<'a> Names<'a> {
    fn of(objects: &[Value], namespace: &'a str) -> Self {
        let generated = generated(objects, namespace);
        let label = |name: &str| generated.get(name).cloned().unwrap_or_else(|| name.to_owned());
        let mut values: BTreeMap<String, String> =
            generated.iter().map(|(name, symbol)| (name.clone(), format!("$name({symbol})"))).collect();
        let mut uid = |uid: String, kind: &str, name: &str| {
            if !uid.is_empty() {
                let symbol = format!("$uid({kind}/{})", label(name).replace(',', ""));
                values.entry(uid).or_insert(symbol);
            }
        };
        for object in objects {
            uid(text(object, "/metadata/uid"), &text(object, "/kind"), &text(object, "/metadata/name"));
        }
        for object in objects {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            for owner in owners.into_iter().flatten() {
                uid(text(owner, "/uid"), &text(owner, "/kind"), &text(owner, "/name"));
            }
        }
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { namespace, values }
    }

    /// Numbers nothing: only what has no number yet.
    fn without_generated(namespace: &'a str) -> Self {
        Self { namespace, values: Vec::new() }
    }

    fn apply(&self, value: &mut Value) {
        match value {
            Value::Object(map) => self.map(map),
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.apply(item));
                if items.iter().all(is_condition) {
                    items.sort_by_key(|item| text(item, "/type"));
                }
            }
            Value::String(content) => *content = self.text(content),
            _ => {}
        }
    }

    fn map(&self, map: &mut Map<String, Value>) {
        for (key, value) in map.iter_mut() {
            match KEYS.iter().find(|(known, _)| key == known) {
                // A Service without an address says so.
                Some(_) if value == "None" || value == "" => {}
                Some((_, symbol)) => fill(value, symbol),
                None if key == "uid" => {
                    self.apply(value);
                    if !value.as_str().is_some_and(|uid| uid.starts_with('$')) {
                        *value = "$uid".into();
                    }
                }
                None if key == "namespace" && value == self.namespace => *value = "$ns".into(),
                None => self.apply(value),
            }
        }
    }

    fn text(&self, content: &str) -> String {
        if is_time(content) {
            return "$time".into();
        }
        let mut out = content.to_owned();
        for (value, symbol) in &self.values {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), symbol);
            }
        }
        // A namespace that was made for the scenario is told by its name; another could be any word.
        if self.namespace.starts_with("kt-") {
            out = out.replace(self.namespace, "$ns");
        }
        match out.strip_prefix(TOKENS) {
            Some(letters) if letters.len() == 5 => format!("$name({TOKENS})"),
            _ => out,
        }
    }
}

/// Puts a symbol in the place of every text or number; one stands for a whole list.
fn fill(value: &mut Value, symbol: &str) {
    match value {
        Value::Array(items) => {
            items.truncate(1);
            items.iter_mut().for_each(|item| fill(item, symbol));
        }
        Value::Object(map) => map.values_mut().for_each(|value| fill(value, symbol)),
        Value::Null => {}
        _ => *value = symbol.into(),
    }
}

/// Names that the server made, as `prefix,number`. The numbers follow from what the objects hold, for neither the
/// letters nor the times say which was first.
fn generated(objects: &[Value], namespace: &str) -> BTreeMap<String, String> {
    let plain = Names::without_generated(namespace);
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for object in objects {
        let (prefix, name) = (text(object, "/metadata/generateName"), text(object, "/metadata/name"));
        if prefix.is_empty() || name.strip_prefix(&prefix).is_none_or(str::is_empty) {
            continue;
        }
        let mut content = object.clone();
        plain.apply(&mut content);
        let content = content.to_string().replace(&name, "");
        found.entry(prefix).or_default().push((content, name));
    }
    let mut out = BTreeMap::new();
    for (prefix, mut names) in found {
        names.sort();
        out.extend(names.into_iter().enumerate().map(|(i, (_, name))| (name, format!("{prefix},{}", i + 1))));
    }
    out
}

fn is_condition(item: &Value) -> bool {
    item.get("type").is_some_and(Value::is_string) && item.get("status").is_some_and(Value::is_string)
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(letters: &str, phase: &str) -> Value {
        json!({"kind": "Pod", "metadata": {
            "name": format!("web-7d9c-{letters}"), "generateName": "web-7d9c-", "uid": format!("uid-{letters}"),
            "namespace": "kt-a-1", "resourceVersion": "12", "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [], "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9c", "uid": "uid-rs"}],
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"nodeName": "node-0", "volumes": [{"name": "kube-api-access-x7abc"}]},
            "status": {"phase": phase, "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [
                {"type": "Ready", "status": "True", "message": format!("web-7d9c-{letters}.kt-a-1.svc"), "lastProbeTime": null},
                {"type": "Init", "status": "True"}]}})
    }

    #[test]
    fn what_varies_has_a_stable_name() {
        let objects = settled(vec![pod("abcde", "Running")], "kt-a-1", &[Path::parse("status.phase")]);
        let expected = json!({"kind": "Pod", "metadata": {
            "name": "$name(web-7d9c-,1)", "generateName": "web-7d9c-", "uid": "$uid(Pod/web-7d9c-1)",
            "namespace": "$ns", "resourceVersion": "$rv", "creationTimestamp": "$time",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9c", "uid": "$uid(ReplicaSet/web-7d9c)"}]},
            "spec": {"nodeName": "$node", "volumes": [{"name": "$name(kube-api-access-)"}]},
            "status": {"phase": "$redacted", "podIP": "$ip", "podIPs": [{"ip": "$ip"}], "conditions": [
                {"type": "Init", "status": "True"},
                {"type": "Ready", "status": "True", "message": "$name(web-7d9c-,1).$ns.svc", "lastProbeTime": null}]}});
        assert_eq!(objects, [expected]);
    }

    #[test]
    fn generated_names_are_numbered_by_what_the_objects_hold() {
        let one = settled(vec![pod("zzzzz", "Failed"), pod("aaaaa", "Running")], "kt-a-1", &[]);
        let other = settled(vec![pod("bbbbb", "Running"), pod("ccccc", "Failed")], "kt-a-1", &[]);
        assert_eq!(one, other);
    }
}
