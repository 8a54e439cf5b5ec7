use super::namespaces::name_of;
use crate::{
    sim::{
        refusal::forbidden,
        verbs::{Call, State},
    },
    wire::{Failure, Resource},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The service account of a pod, its token and its pull secrets.
pub(super) fn service_account(state: &mut State, call: &Call<'_>, pod: &mut Value) -> Result<(), Failure> {
    if pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some() || !pod["spec"].is_object()
    {
        return Ok(());
    }
    let own = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    let name = if own.is_empty() { "default".to_owned() } else { own.to_owned() };
    let namespace = call.namespace().unwrap_or_default();
    let Some(account) = state.core("serviceaccounts", call.namespace(), &name).cloned() else {
        let why =
            format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(forbidden(&call.kind, name_of(pod), &why));
    };
    let spec = &mut pod["spec"];
    spec["serviceAccountName"] = json!(name);
    spec["serviceAccount"] = json!(name);
    if spec["imagePullSecrets"].is_null()
        && let Some(secrets) = account.get("imagePullSecrets")
    {
        spec["imagePullSecrets"] = secrets.clone();
    }
    let automount = spec["automountServiceAccountToken"].as_bool();
    if automount.or_else(|| account["automountServiceAccountToken"].as_bool()).unwrap_or(true) {
        mount_token(state, spec);
    }
    Ok(())
}

const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn mount_token(state: &mut State, spec: &mut Value) {
    let name = format!("kube-api-access-{}", state.dice.letters(5));
    let mut mounted = false;
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
            if mounts.iter().any(|mount| mount["mountPath"] == TOKENS) || !container.is_object() {
                continue;
            }
            let mount = json!({"name": name, "readOnly": true, "mountPath": TOKENS});
            container["volumeMounts"] = json!([mounts, vec![mount]].concat());
            mounted = true;
        }
    }
    if !mounted {
        return;
    }
    let field = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    let volume = json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
            ],
        },
    });
    let volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
    spec["volumes"] = json!([volumes, vec![volume]].concat());
}

/// The priority of a pod, from its class.
pub(super) fn priority(state: &State, call: &Call<'_>, pod: &mut Value) -> Result<(), Failure> {
    if !pod["spec"].is_object() {
        return Ok(());
    }
    let wanted = pod["spec"]["priorityClassName"].as_str().unwrap_or_default().to_owned();
    let class = if wanted.is_empty() { default_class(state) } else { class(state, &wanted) };
    if class.is_none() && !wanted.is_empty() {
        let why = format!("no PriorityClass with name {wanted} was found");
        return Err(forbidden(&call.kind, name_of(pod), &why));
    }
    let value = class.as_ref().map_or(0, |class| class["value"].as_i64().unwrap_or(0));
    let policy =
        class.as_ref().and_then(|class| class["preemptionPolicy"].as_str()).unwrap_or("PreemptLowerPriority");
    if let Some(own) = pod["spec"]["priority"].as_i64().filter(|own| *own != value) {
        let why = format!(
            "the integer value of priority ({own}) must not be provided in pod spec; priority admission controller \
             computed {value} from the given PriorityClass name"
        );
        return Err(forbidden(&call.kind, name_of(pod), &why));
    }
    pod["spec"]["priority"] = json!(value);
    pod["spec"]["preemptionPolicy"] = json!(policy);
    if let Some(class) = class.filter(|_| wanted.is_empty()) {
        pod["spec"]["priorityClassName"] = class["metadata"]["name"].clone();
    }
    Ok(())
}

fn class(state: &State, name: &str) -> Option<Arc<Value>> {
    state.stored("scheduling.k8s.io", "priorityclasses", None, name).cloned()
}

fn default_class(state: &State) -> Option<Arc<Value>> {
    let resource = Resource {
        group: "scheduling.k8s.io".into(),
        version: "v1".into(),
        plural: "priorityclasses".into(),
    };
    let mut classes = state.store.live(&resource).map(|(_, class)| class);
    classes.find(|class| class["globalDefault"] == true).cloned()
}

/// A pod stays for five minutes on a node that does not answer.
pub(super) fn tolerations(pod: &mut Value) {
    if !pod["spec"].is_object() {
        return;
    }
    let mut list = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let known = list.iter().any(|toleration| {
            let all = toleration["key"].as_str().unwrap_or_default().is_empty()
                && toleration["operator"] == "Exists";
            let effect = toleration["effect"].as_str().unwrap_or_default();
            (toleration["key"] == key || all) && (effect.is_empty() || effect == "NoExecute")
        });
        if !known {
            list.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
        }
    }
    pod["spec"]["tolerations"] = json!(list);
}
