use crate::{sim::verbs::State, wire::Resource};
use serde_json::{Value, json};

/// Claims and volumes are not deleted while they are used.
pub(super) fn protect(plural: &str, object: &mut Value) {
    let finalizer = match plural {
        "persistentvolumeclaims" => "kubernetes.io/pvc-protection",
        _ => "kubernetes.io/pv-protection",
    };
    let mut list = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !list.iter().any(|known| known == finalizer) {
        list.push(json!(finalizer));
    }
    object["metadata"]["finalizers"] = json!(list);
}

/// A claim or an ingress without a class gets the default one, the newest of several.
pub(super) fn default_class(
    state: &State,
    group: &str,
    plural: &str,
    annotation: &str,
    field: &str,
    object: &mut Value,
) {
    if !object["spec"].is_object() || !object["spec"][field].is_null() {
        return;
    }
    let resource = Resource::new(group, "v1", plural);
    let marked = |class: &Value| class["metadata"]["annotations"][annotation] == "true";
    let newest = state
        .store
        .live(&resource)
        .map(|(_, class)| class)
        .filter(|class| marked(class))
        .max_by_key(|class| class["metadata"]["creationTimestamp"].as_str().map(str::to_owned));
    if let Some(class) = newest {
        object["spec"][field] = class["metadata"]["name"].clone();
    }
}
