//! What a server holds before anybody came.

use super::verbs::State;
use crate::wire::{ObjectKey, Resource};
use serde_json::{Value, json};

/// Puts the objects into the store that every server has.
pub fn fill(state: &mut State) {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": name, "labels": {"kubernetes.io/metadata.name": name},
                "managedFields": [{
                    "apiVersion": "v1", "fieldsType": "FieldsV1", "manager": "kube-apiserver", "operation": "Update",
                    "time": state.clock.seconds(),
                    "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}},
                }],
            },
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        put(state, "", "namespaces", object);
    }
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "type": "ClusterIP",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
        "status": {"loadBalancer": {}},
    });
    put(state, "", "services", service);
    for (name, value, description) in [
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ] {
        let class = json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name, "generation": 1},
            "description": description, "preemptionPolicy": "PreemptLowerPriority", "value": value,
        });
        put(state, "scheduling.k8s.io", "priorityclasses", class);
    }
    let admin = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {
            "name": "cluster-admin", "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "rules": [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        ],
    });
    put(state, "rbac.authorization.k8s.io", "clusterroles", admin);
}

/// The node that pods run on, where something runs them.
pub fn node(state: &mut State) {
    let amounts = json!({"cpu": "32", "memory": "256Gi", "pods": "110"});
    let conditions = json!([{
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastHeartbeatTime": state.clock.seconds(), "lastTransitionTime": state.clock.seconds(),
    }]);
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": super::controllers::NODE, "labels": {"kubernetes.io/hostname": super::controllers::NODE}},
        "spec": {},
        "status": {
            "allocatable": amounts, "capacity": amounts, "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": "10.0.0.10"}],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.2"},
        },
    });
    put(state, "", "nodes", node);
}

fn put(state: &mut State, group: &str, plural: &str, mut object: Value) {
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(state.dice.uuid());
    metadata["creationTimestamp"] = json!(state.clock.seconds());
    let resource = Resource::new(group, "v1", plural);
    let namespace = metadata["namespace"].as_str().map(str::to_owned);
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    state.store.put(&ObjectKey::new(&resource, namespace.as_deref(), &name), object);
}
