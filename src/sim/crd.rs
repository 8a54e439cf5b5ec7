//! What becomes of a CustomResourceDefinition: names, conditions, and the types that it serves.

use super::{
    discovery::{Custom, Kind, Rules, Subresource},
    schema::Schema,
    verbs::State,
};
use crate::wire::{ObjectKey, Resource};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Sets what a new definition starts with.
pub fn prepare(object: &mut Value) {
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<_> = versions
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    object["status"] = json!({
        "conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored,
    });
}

/// Fills in the names that follow from the kind, and the conversion.
pub fn complete(object: &mut Value) {
    let Some(kind) = object["spec"]["names"]["kind"].as_str().map(str::to_owned) else { return };
    let spec = &mut object["spec"];
    if spec["names"]["singular"].as_str().unwrap_or_default().is_empty() {
        spec["names"]["singular"] = json!(kind.to_lowercase());
    }
    if spec["names"]["listKind"].as_str().unwrap_or_default().is_empty() {
        spec["names"]["listKind"] = json!(format!("{kind}List"));
    }
    if spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
}

/// Accepts the names of a definition and serves its versions.
pub fn written(state: &mut State, object: &Value) {
    let Some(name) = object["metadata"]["name"].as_str() else { return };
    let resource = definitions();
    let key = ObjectKey::new(&resource, None, name);
    if condition(object, "Established") != Some("True") {
        establish(state, &key, object);
    }
    let Some(current) = state.store.get(&key).map(|current| current.object.clone()) else { return };
    serve(state, &current);
}

fn definitions() -> Resource {
    Resource {
        group: "apiextensions.k8s.io".into(),
        version: "v1".into(),
        plural: "customresourcedefinitions".into(),
    }
}

fn condition<'a>(object: &'a Value, wanted: &str) -> Option<&'a str> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|condition| condition["type"] == wanted).and_then(|c| c["status"].as_str())
}

/// The conditions of a definition whose names nobody else has, in the two steps of a server.
fn establish(state: &mut State, key: &ObjectKey, object: &Value) {
    let now = state.clock.seconds();
    let accepted = json!({
        "type": "NamesAccepted", "status": "True", "lastTransitionTime": now,
        "reason": "NoConflicts", "message": "no conflicts found",
    });
    let established = |status: &str, reason: &str| {
        json!({
            "type": "Established", "status": status, "lastTransitionTime": now,
            "reason": reason, "message": "the initial names have been accepted",
        })
    };
    let mut object = object.clone();
    object["status"]["acceptedNames"] = object["spec"]["names"].clone();
    object["status"]["conditions"] = json!([accepted, established("False", "Installing")]);
    state.store.put(key, object.clone());
    object["status"]["conditions"] = json!([accepted, established("True", "InitialNamesAccepted")]);
    state.store.put(key, object);
}

/// Serves the versions of a definition, instead of what was served of it before.
fn serve(state: &mut State, object: &Value) {
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    state.registry.remove(&group, &plural);
    if condition(object, "Established") == Some("True") {
        let versions = spec["versions"].as_array().into_iter().flatten();
        for version in versions.filter(|version| version["served"] == true) {
            state.registry.add(kind(object, version));
        }
    }
    state.store.tell(&group, &plural);
}

/// The type that a version of a definition makes.
fn kind(object: &Value, version: &Value) -> Kind {
    let (spec, names) = (&object["spec"], &object["status"]["acceptedNames"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let resource = Resource {
        group: text(&spec["group"]),
        version: text(&version["name"]),
        plural: text(&names["plural"]),
    };
    let versions = spec["versions"].as_array().into_iter().flatten();
    let storage = versions.into_iter().find(|version| version["storage"] == true);
    let storage_version = storage.map(|version| text(&version["name"])).unwrap_or_default();
    let verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    let folder = format!("{}/{}", resource.group, resource.plural);
    Kind {
        storage: resource.clone(),
        singular: text(&names["singular"]),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: verbs.map(str::to_owned).to_vec(),
        short: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        hash: None,
        own: None,
        subresources: subresources(version, &text(&names["kind"])),
        rules: Rules { conditional: true, generation: true, folder, ..Rules::default() },
        custom: Some(Arc::new(Custom {
            storage_version,
            schema: Schema::custom(&version["schema"]["openAPIV3Schema"]),
            served: served(spec),
            version: version.clone(),
            terminating: object["metadata"].get("deletionTimestamp").is_some(),
        })),
        built_in: Default::default(),
        resource,
    }
}

/// The `apiVersion`s that a definition serves.
fn served(spec: &Value) -> Vec<String> {
    let versions = spec["versions"].as_array().into_iter().flatten();
    let named = versions.filter(|version| version["served"] == true).filter_map(|v| v["name"].as_str());
    named.map(|name| format!("{}/{name}", spec["group"].as_str().unwrap_or_default())).collect()
}

fn subresources(version: &Value, kind: &str) -> BTreeMap<String, Subresource> {
    let verbs = ["get", "patch", "update"].map(str::to_owned).to_vec();
    let mut found = BTreeMap::new();
    if version["subresources"].get("status").is_some() {
        let sub = Subresource {
            name: "status".into(),
            kind: kind.into(),
            group: None,
            version: None,
            verbs: verbs.clone(),
        };
        found.insert("status".to_owned(), sub);
    }
    if version["subresources"].get("scale").is_some() {
        let (group, version) = (Some("autoscaling".into()), Some("v1".into()));
        found.insert(
            "scale".to_owned(),
            Subresource { name: "scale".into(), kind: "Scale".into(), group, version, verbs },
        );
    }
    found
}

/// Marks a definition that is to be deleted: its objects go first.
pub fn dying(state: &State, object: &mut Value) {
    let list = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !object["metadata"]["deletionTimestamp"].is_null() || list.iter().any(|finalizer| finalizer == CLEANUP)
    {
        return;
    }
    let _ = state;
}

/// Serves a definition no more, and drops what is left of its objects.
pub fn removed(state: &mut State, object: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&object["spec"]["group"]), text(&object["spec"]["names"]["plural"]));
    let resource = Resource { group: group.clone(), version: String::new(), plural: plural.clone() };
    let keys: Vec<ObjectKey> = state.store.live(&resource).map(|(key, _)| key.clone()).collect();
    for key in keys {
        state.store.remove(&key);
    }
    state.registry.remove(&group, &plural);
    state.store.tell(&group, &plural);
}
