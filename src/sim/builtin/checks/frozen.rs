use crate::sim::{discovery::Kind, refusal::FieldError};
use serde_json::Value;

const IMMUTABLE: &str = "field is immutable";
const SET: &str = "field is immutable when `immutable` is set";

/// What changed that may not change.
pub(super) fn errors(kind: &Kind, object: &Value, old: &Value) -> Vec<FieldError> {
    match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
        ("apps", "deployments" | "replicasets" | "daemonsets") => {
            frozen(object, old, &["spec.selector"], IMMUTABLE)
        }
        ("apps", "statefulsets") => stateful_set(object, old),
        ("batch", "jobs") => frozen(
            object,
            old,
            &["spec.completions", "spec.selector", "spec.template", "spec.completionMode"],
            IMMUTABLE,
        ),
        ("", "configmaps") => sealed(object, old, &["data", "binaryData"]),
        ("", "secrets") => {
            let mut errors = frozen(object, old, &["type"], IMMUTABLE);
            errors.extend(sealed(object, old, &["data"]));
            errors
        }
        ("", "services") => service(object, old),
        ("", "pods") => pod(object, old),
        ("", "persistentvolumeclaims") => claim(object, old),
        ("storage.k8s.io", "storageclasses") => frozen(
            object,
            old,
            &["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"],
            IMMUTABLE,
        ),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => role_ref(object, old),
        _ => Vec::new(),
    }
}

fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(object, |value, part| &value[part])
}

fn frozen(object: &Value, old: &Value, paths: &[&str], why: &str) -> Vec<FieldError> {
    let changed = paths.iter().filter(|path| at(object, path) != at(old, path));
    changed.map(|path| FieldError::invalid(*path, at(object, path), why)).collect()
}

/// An object that calls itself immutable.
fn sealed(object: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if old["immutable"] != true {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if object["immutable"] != true {
        errors.push(FieldError::forbidden("immutable", SET));
    }
    let changed = fields.iter().filter(|field| object[**field] != old[**field]);
    errors.extend(changed.map(|field| FieldError::forbidden(*field, SET)));
    errors
}

fn stateful_set(object: &Value, old: &Value) -> Vec<FieldError> {
    let free = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let rest = |object: &Value| {
        let members = object["spec"].as_object().into_iter().flatten();
        let kept = members.filter(|(key, _)| !free.contains(&key.as_str()));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    if rest(object) == rest(old) {
        return Vec::new();
    }
    let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
               'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
               'minReadySeconds' are forbidden";
    vec![FieldError::forbidden("spec", why)]
}

fn service(object: &Value, old: &Value) -> Vec<FieldError> {
    let address = |service: &Value| service["spec"]["clusterIPs"][0].as_str().unwrap_or_default().to_owned();
    let (new, before) = (address(object), address(old));
    let external = object["spec"]["type"] == "ExternalName";
    if before.is_empty() || new == before || external {
        return Vec::new();
    }
    let shown = &object["spec"]["clusterIPs"];
    vec![FieldError::invalid("spec.clusterIPs[0]", shown, "may not change once set")]
}

fn pod(object: &Value, old: &Value) -> Vec<FieldError> {
    let count = |pod: &Value, list: &str| pod["spec"][list].as_array().map_or(0, Vec::len);
    for list in ["containers", "initContainers"] {
        if count(object, list) != count(old, list) {
            let why = "pod updates may not add or remove containers";
            return vec![FieldError::forbidden(format!("spec.{list}"), why)];
        }
    }
    let errors = [deadline, tolerations, gates].iter().flat_map(|check| check(&object["spec"], &old["spec"]));
    let mut errors: Vec<FieldError> = errors.collect();
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates", "ephemeralContainers"] {
            spec.as_object_mut().map(|spec| spec.remove(field));
        }
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                for field in ["image", "resources"] {
                    container.as_object_mut().map(|container| container.remove(field));
                }
            }
        }
        spec
    };
    let (mut new, before) = (fixed(object), fixed(old));
    if before["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0)
        && new["terminationGracePeriodSeconds"] == 1
    {
        new["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"].clone();
    }
    if items(old, "schedulingGates").next().is_some() {
        errors.extend(selector(&mut new, &before));
    }
    if new == before {
        return errors;
    }
    let why = "pod updates may not change fields other than `spec.containers[*].image`,\
               `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
               existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
               previously negative)\n";
    errors.push(FieldError::forbidden("spec", why));
    errors
}

fn items<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    pod["spec"][list].as_array().into_iter().flatten()
}

/// A deadline may come, and it may come nearer.
fn deadline(new: &Value, old: &Value) -> Vec<FieldError> {
    let field = "spec.activeDeadlineSeconds";
    let why = match (new["activeDeadlineSeconds"].as_i64(), old["activeDeadlineSeconds"].as_i64()) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            "must be between 0 and 2147483647, inclusive"
        }
        (Some(new), Some(old)) if old < new => "must be less than or equal to previous value",
        (None, Some(_)) => "must not update from a positive integer to nil value",
        _ => return Vec::new(),
    };
    vec![FieldError::invalid(field, &new["activeDeadlineSeconds"], why)]
}

/// Tolerations may come, and be for another time; none may go.
fn tolerations(new: &Value, old: &Value) -> Vec<FieldError> {
    let bare = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration.as_object_mut().map(|members| members.remove("tolerationSeconds"));
        toleration
    };
    let list = |spec: &Value| {
        let items = spec["tolerations"].as_array().into_iter().flatten();
        items.map(bare).collect::<Vec<_>>()
    };
    let kept = list(new);
    if list(old).iter().all(|toleration| kept.contains(toleration)) {
        return Vec::new();
    }
    let why = "existing toleration can not be modified except its tolerationSeconds";
    vec![FieldError::forbidden("spec.tolerations", why)]
}

/// Gates may go; none may come.
fn gates(new: &Value, old: &Value) -> Vec<FieldError> {
    let known = old["schedulingGates"].as_array().cloned().unwrap_or_default();
    let list = new["schedulingGates"].as_array().into_iter().flatten().enumerate();
    let added = list.filter(|(_, gate)| !known.iter().any(|old| old["name"] == gate["name"]));
    let error = |(at, gate): (usize, &Value)| {
        let name = gate["name"].as_str().unwrap_or_default();
        let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
        FieldError::forbidden(format!("spec.schedulingGates[{at}].name"), &why)
    };
    added.map(error).collect()
}

/// A pod that waits behind gates may be bound to more labels of nodes, and to no fewer.
fn selector(new: &mut Value, old: &Value) -> Vec<FieldError> {
    if new.get("nodeSelector") == old.get("nodeSelector") {
        return Vec::new();
    }
    let kept = |(key, value): (&String, &Value)| new["nodeSelector"].get(key) == Some(value);
    let all = old["nodeSelector"].as_object().into_iter().flatten().all(kept);
    let asked = new["nodeSelector"].clone();
    match old.get("nodeSelector").cloned() {
        Some(selector) => new["nodeSelector"] = selector,
        None => _ = new.as_object_mut().map(|spec| spec.remove("nodeSelector")),
    }
    if all {
        return Vec::new();
    }
    let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    vec![FieldError::invalid("spec.nodeSelector", &asked, why)]
}

fn claim(object: &Value, old: &Value) -> Vec<FieldError> {
    let fixed = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        for field in ["resources", "volumeName", "volumeAttributesClassName"] {
            spec.as_object_mut().map(|spec| spec.remove(field));
        }
        spec
    };
    if fixed(object) == fixed(old) {
        return Vec::new();
    }
    let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";
    vec![FieldError::forbidden("spec", why)]
}

fn role_ref(object: &Value, old: &Value) -> Vec<FieldError> {
    let role = &object["roleRef"];
    if *role == old["roleRef"] {
        return Vec::new();
    }
    // The server prints its own struct here, fields in its order.
    let shown =
        format!("{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}", role["apiGroup"], role["kind"], role["name"]);
    let message = format!("Invalid value: {shown}: cannot change roleRef");
    vec![FieldError { field: "roleRef".into(), reason: "FieldValueInvalid", message }]
}
