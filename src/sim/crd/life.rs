use super::kind::kind;
use crate::{
    sim::verbs::{State, act},
    wire::{ObjectKey, Resource},
};
use serde_json::{Value, json};

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MANAGER: &str = "kube-apiserver";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

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
    let spec = &mut object["spec"];
    if !spec["names"].is_object() {
        return;
    }
    let kind = text(&spec["names"]["kind"]);
    if text(&spec["names"]["singular"]).is_empty() && !kind.is_empty() {
        spec["names"]["singular"] = json!(kind.to_lowercase());
    }
    if text(&spec["names"]["listKind"]).is_empty() && !kind.is_empty() {
        spec["names"]["listKind"] = json!(format!("{kind}List"));
    }
    if spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
    if spec["conversion"]["webhook"]["clientConfig"]["service"].is_object() {
        let service = &mut spec["conversion"]["webhook"]["clientConfig"]["service"];
        if service["port"].is_null() {
            service["port"] = json!(443);
        }
    }
}

fn status_of<'a>(object: &'a Value, wanted: &str) -> Option<&'a str> {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == wanted)
        .and_then(|condition| condition["status"].as_str())
}

/// Takes the next step of a definition: its names, its types, or its end.
pub fn written(state: &mut State, object: &Value) {
    if object["metadata"].get("deletionTimestamp").is_some() {
        serve(state, object);
        clean_up(state, object);
        return;
    }
    if status_of(object, "Established") == Some("True") {
        store_version(state, object);
        serve(state, object);
    } else {
        accept(state, object);
    }
}

/// Accepts the names of a definition, unless another one of the group has them.
fn accept(state: &mut State, object: &Value) {
    let now = state.clock.seconds();
    let condition = |kind: &str, good: bool, reason: &str, message: &str| {
        json!({
            "type": kind, "status": if good { "True" } else { "False" }, "lastTransitionTime": now,
            "reason": reason, "message": message,
        })
    };
    let mut next = object.clone();
    let named = status_of(object, "NamesAccepted");
    if let Some((reason, name)) = conflict(state, object) {
        if named.is_some() {
            return;
        }
        let message = format!("{name:?} is already in use");
        next["status"]["conditions"] = json!([
            condition("NamesAccepted", false, reason, &message),
            condition("Established", false, "NotAccepted", "not all names are accepted"),
        ]);
    } else {
        let accepted = condition("NamesAccepted", true, "NoConflicts", "no conflicts found");
        let message = "the initial names have been accepted";
        let established = match named {
            Some("True") => condition("Established", true, "InitialNamesAccepted", message),
            _ => condition("Established", false, "Installing", message),
        };
        next["status"]["acceptedNames"] = object["spec"]["names"].clone();
        next["status"]["conditions"] = json!([accepted, established]);
    }
    write_status(state, &next);
}

fn write_status(state: &mut State, object: &Value) {
    let path = format!("{PATH}/{}/status", text(&object["metadata"]["name"]));
    // A write that fails leaves the definition as it is, for the next one to go on.
    let _ = act(state, MANAGER, &http::Method::PUT, &path, object);
}

/// Why the names of a definition are taken, and which.
fn conflict(state: &State, object: &Value) -> Option<(&'static str, String)> {
    let names = &object["spec"]["names"];
    let others: Vec<&Value> = state
        .store
        .live(&definitions())
        .map(|(_, other)| &**other)
        .filter(|other| other["spec"]["group"] == object["spec"]["group"])
        .filter(|other| other["metadata"]["uid"] != object["metadata"]["uid"])
        .map(|other| &other["status"]["acceptedNames"])
        .collect();
    let list = |names: &Value| {
        let short = names["shortNames"].as_array().into_iter().flatten().map(text);
        [text(&names["plural"]), text(&names["singular"])].into_iter().chain(short).collect::<Vec<_>>()
    };
    let resources: Vec<String> = others.iter().flat_map(|other| list(other)).collect();
    let kinds: Vec<String> =
        others.iter().flat_map(|other| [text(&other["kind"]), text(&other["listKind"])]).collect();
    let mut wanted = vec![
        ("PluralConflict", text(&names["plural"]), &resources),
        ("SingularConflict", text(&names["singular"]), &resources),
        ("KindConflict", text(&names["kind"]), &kinds),
        ("ListKindConflict", text(&names["listKind"]), &kinds),
    ];
    let short = names["shortNames"].as_array().into_iter().flatten();
    wanted.extend(short.map(|name| ("ShortNamesConflict", text(name), &resources)));
    wanted.into_iter().find(|(_, name, taken)| taken.contains(name)).map(|(reason, name, _)| (reason, name))
}

/// A new storage version joins those that objects may be stored in.
fn store_version(state: &mut State, object: &Value) {
    let mut versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let Some(name) =
        versions.find(|version| version["storage"] == true).map(|version| version["name"].clone())
    else {
        return;
    };
    let stored = object["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
    if !stored.contains(&name) {
        let mut next = object.clone();
        next["status"]["storedVersions"] = json!([stored, vec![name]].concat());
        write_status(state, &next);
    }
}

fn definitions() -> Resource {
    Resource {
        group: "apiextensions.k8s.io".into(),
        version: "v1".into(),
        plural: "customresourcedefinitions".into(),
    }
}

/// Serves the versions of a definition, instead of what was served of it before.
fn serve(state: &mut State, object: &Value) {
    let spec = &object["spec"];
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    state.registry.remove(&group, &plural);
    if status_of(object, "Established") == Some("True") {
        let versions = spec["versions"].as_array().into_iter().flatten();
        for version in versions.filter(|version| version["served"] == true) {
            state.registry.add(kind(object, version));
        }
    }
    state.store.tell(&group, &plural);
}

/// Marks a definition that is to be deleted: its objects go first.
pub fn dying(state: &State, object: &mut Value) {
    if object["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let mut list = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !list.iter().any(|finalizer| finalizer == CLEANUP) {
        list.push(json!(CLEANUP));
    }
    object["metadata"]["finalizers"] = json!(list);
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_terminating(state, object, "True", "InstanceDeletionPending", message);
}

fn set_terminating(state: &State, object: &mut Value, status: &str, reason: &str, message: &str) {
    let condition = json!({
        "type": "Terminating", "status": status, "lastTransitionTime": state.clock.seconds(),
        "reason": reason, "message": message,
    });
    crate::sim::verbs::set_condition(object, condition);
}

/// Deletes the objects of a definition, and the definition once there are none.
fn clean_up(state: &mut State, object: &Value) {
    let waits = object["metadata"]["finalizers"].as_array().into_iter().flatten().any(|f| f == CLEANUP);
    if !waits {
        return;
    }
    for key in objects(state, object) {
        let version = object["spec"]["versions"].as_array().into_iter().flatten();
        let Some(version) = version.into_iter().find(|version| version["served"] == true) else { break };
        let namespace = key.namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
        let (group, version) = (&key.group, text(&version["name"]));
        let path = format!("/apis/{group}/{version}{namespace}/{}/{}", key.plural, key.name);
        // What cannot go now goes later, when whoever holds it lets go.
        let _ = act(state, MANAGER, &http::Method::DELETE, &path, &json!({}));
    }
    if !objects(state, object).is_empty() {
        return;
    }
    let name = text(&object["metadata"]["name"]);
    let Some(current) = state.store.get(&ObjectKey::new(&definitions(), None, &name)) else { return };
    let mut last = (*current.object).clone();
    let finalizers = last["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let kept: Vec<_> = finalizers.into_iter().filter(|finalizer| finalizer != CLEANUP).collect();
    last["metadata"]["finalizers"] = json!(kept);
    set_terminating(state, &mut last, "False", "InstanceDeletionCompleted", "removed all instances");
    write_status(state, &last);
}

fn objects(state: &State, object: &Value) -> Vec<ObjectKey> {
    let (group, plural) = (text(&object["spec"]["group"]), text(&object["spec"]["names"]["plural"]));
    let resource = Resource { group, version: String::new(), plural };
    state.store.live(&resource).map(|(key, _)| key.clone()).collect()
}

/// An object of a custom type went: its definition may have waited for that.
pub fn left(state: &mut State, group: &str, plural: &str) {
    let name = format!("{plural}.{group}");
    let definition = state.store.get(&ObjectKey::new(&definitions(), None, &name));
    let dying = definition.map(|current| current.object.clone());
    if let Some(object) = dying.filter(|object| object["metadata"].get("deletionTimestamp").is_some())
        && objects(state, &object).is_empty()
    {
        clean_up(state, &object);
    }
}

/// Serves a definition no more.
pub fn removed(state: &mut State, object: &Value) {
    let (group, plural) = (text(&object["spec"]["group"]), text(&object["spec"]["names"]["plural"]));
    state.registry.remove(&group, &plural);
    state.store.tell(&group, &plural);
}
