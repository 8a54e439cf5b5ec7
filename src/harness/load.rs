use super::{error::chain, world::World};
use crate::{
    gather::{Capture, Id, Kind},
    scrub,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    panic::Location,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// How objects are put into a cluster: the data of `load.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// Kinds that others need, in this order.
    first: Vec<String>,
    /// Kinds that a cluster makes by itself.
    left_out: Vec<String>,
    made_by_the_server: Vec<Fields>,
}

/// Fields that a server fills in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    kind: String,
    fields: Vec<String>,
}

static RULES: LazyLock<Rules> =
    LazyLock::new(|| serde_json::from_str(include_str!("load.json")).expect("load.json is tested"));

impl World {
    /// Puts the objects of a capture into the cluster: a directory or an archive of `kubetape gather`, one file of
    /// it, or any manifests. Owners come before what they own, and references to them follow their new uids;
    /// status is restored. What stands in one namespace is put into [`World::namespace`]; what stands in
    /// several keeps them. Redacted secrets get stand-ins, the same for the same symbol. Objects that the
    /// cluster has already are left as they are, and kinds that it makes by itself, such as Events, are left out.
    ///
    /// # Panics
    /// When the capture cannot be read, or the server refuses an object.
    #[track_caller]
    pub fn load(&self, path: impl AsRef<Path>) -> impl Future<Output = ()> + Send {
        let (world, at, path) = (self.clone(), Location::caller(), path.as_ref().to_owned());
        async move {
            world.at(at, format!("load({path:?})"));
            load(&world, &path).await;
        }
    }
}

async fn load(world: &World, path: &PathBuf) {
    let capture = Capture::open(path).unwrap_or_else(|error| panic!("failed to load: {}", chain(&error)));
    if let Some(note) = capture.notes.first() {
        panic!("failed to load {}: {note}; mend the file, or take it out", path.display());
    }
    let spaces: BTreeSet<&str> =
        capture.objects.keys().map(|id| id.namespace.as_str()).filter(|n| !n.is_empty()).collect();
    let mut loading = Loading { world, moved: spaces.len() == 1, uids: BTreeMap::new() };
    for (id, object) in in_order(&capture) {
        let kind = capture.kinds.iter().find(|kind| kind.group == id.group && kind.kind == id.kind);
        loading.object(kind.expect("a capture knows the kinds of its objects"), id, object).await;
    }
}

/// The objects that are loaded, each after those that it needs.
fn in_order(capture: &Capture) -> Vec<(&Id, &Value)> {
    let wanted = |(id, _): &(&Id, &Value)| !RULES.left_out.contains(&id.kind);
    let mut waiting: Vec<(&Id, &Value)> = capture.objects.iter().filter(wanted).collect();
    let rank = |id: &Id| RULES.first.iter().position(|kind| *kind == id.kind).unwrap_or(RULES.first.len());
    waiting.sort_by_key(|(id, _)| rank(id));
    let mut ordered: Vec<(&Id, &Value)> = Vec::new();
    while !waiting.is_empty() {
        let uids: BTreeSet<&str> = waiting.iter().filter_map(|(_, object)| uid(object)).collect();
        let free = |object: &Value| !owners(object).any(|owner| uids.contains(owner));
        let (mut ready, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, object)| free(object));
        // Owners in a circle cannot be put in order; they come as they are.
        waiting = if ready.is_empty() { Vec::new() } else { later.clone() };
        ordered.append(&mut ready);
        if waiting.is_empty() && !later.is_empty() {
            ordered.extend(later);
        }
    }
    ordered
}

fn uid(object: &Value) -> Option<&str> {
    object["metadata"]["uid"].as_str()
}

fn owners(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| owner["uid"].as_str())
}

struct Loading<'a> {
    world: &'a World,
    /// Whether everything namespaced goes into the world's own namespace.
    moved: bool,
    /// New uids by old ones.
    uids: BTreeMap<String, String>,
}

impl Loading<'_> {
    async fn object(&mut self, kind: &Kind, id: &Id, object: &Value) {
        if self.moved && id.kind == "Namespace" && id.group.is_empty() {
            return;
        }
        let mut object = object.clone();
        let (old, status) = (uid(&object).map(str::to_owned), object["status"].clone());
        self.clean(&mut object, kind);
        let made = self.create(kind, id, &object).await;
        self.uids.extend(old.zip(made.metadata.uid));
        if id.kind == "CustomResourceDefinition" {
            let crds: Api<CustomResourceDefinition> = Api::all(self.world.client());
            let established = await_condition(crds, &id.name, is_crd_established());
            established.await.unwrap_or_else(|error| panic!("failed to load {id}: {}", chain(&error)));
        } else if status.as_object().is_some_and(|status| !status.is_empty()) && id.kind != "Namespace" {
            self.status(kind, id, &status).await;
        }
    }

    /// Makes of a captured object one that can be created.
    fn clean(&self, object: &mut Value, kind: &Kind) {
        let headless = object["spec"]["clusterIP"] == "None";
        let rules = RULES.made_by_the_server.iter().filter(|rule| rule.kind == "*" || rule.kind == kind.kind);
        for field in rules.flat_map(|rule| &rule.fields) {
            let (parent, name) = field.rsplit_once('/').expect("a pointer begins with a slash");
            let name = name.replace("~1", "/");
            if let Some(Value::Object(fields)) = object.pointer_mut(parent) {
                fields.remove(&name);
            }
        }
        if headless && kind.kind == "Service" {
            object["spec"]["clusterIP"] = json!("None");
        }
        if let Some(Value::Array(owners)) = object["metadata"].get_mut("ownerReferences") {
            owners.retain_mut(|owner| {
                let new = owner["uid"].as_str().and_then(|uid| self.uids.get(uid)).cloned();
                let known = new.is_some();
                owner["uid"] = json!(new);
                known
            });
        }
        if self.moved && kind.namespaced {
            object["metadata"]["namespace"] = json!(self.world.namespace());
        }
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        scrub::serve(object);
    }

    fn api(&self, kind: &Kind, id: &Id) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: kind.group.clone(),
            version: kind.version.clone(),
            api_version: kind.api_version(),
            kind: kind.kind.clone(),
            plural: kind.plural.clone(),
        };
        let client = self.world.client();
        match kind.namespaced {
            true if self.moved => Api::namespaced_with(client, self.world.namespace(), &resource),
            true => Api::namespaced_with(client, &id.namespace, &resource),
            false => Api::all_with(client, &resource),
        }
    }

    async fn create(&self, kind: &Kind, id: &Id, object: &Value) -> DynamicObject {
        let fail = |error: &dyn std::error::Error| -> ! { panic!("failed to load {id}: {}", chain(error)) };
        let object: DynamicObject =
            serde_json::from_value(object.clone()).unwrap_or_else(|error| fail(&error));
        let api = self.api(kind, id);
        match api.create(&PostParams::default(), &object).await {
            Ok(made) => made,
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                api.get(&id.name).await.unwrap_or_else(|error| fail(&error))
            }
            Err(error) => fail(&error),
        }
    }

    async fn status(&self, kind: &Kind, id: &Id, status: &Value) {
        let mut patch = json!({ "status": status });
        scrub::serve(&mut patch);
        let done =
            self.api(kind, id).patch_status(&id.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        match done {
            // Kinds without the subresource have got their status with the object.
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => {}
            Err(error) => panic!("failed to restore the status of {id}: {}", chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_come_before_what_they_own() {
        let object = |kind: &str, name: &str, uid: &str, owner: &str| {
            let id = Id { kind: kind.into(), name: name.into(), ..Id::default() };
            (id, json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": owner}]}}))
        };
        let objects = [
            object("A", "pod", "3", "2"),
            object("B", "set", "2", "1"),
            object("C", "deploy", "1", "elsewhere"),
            object("Secret", "pw", "4", ""),
            object("Event", "e", "5", ""),
        ];
        let capture = Capture { objects: objects.into_iter().collect(), ..Capture::default() };
        let names: Vec<&str> = in_order(&capture).iter().map(|(id, _)| id.name.as_str()).collect();
        assert_eq!(names, ["pw", "deploy", "set", "pod"]);
    }

    #[test]
    fn owners_in_a_circle_are_loaded_as_they_are() {
        let object = |name: &str, uid: &str, owner: &str| {
            let id = Id { kind: "A".into(), name: name.into(), ..Id::default() };
            (id, json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": owner}]}}))
        };
        let capture =
            Capture { objects: [object("a", "1", "2"), object("b", "2", "1")].into(), ..Capture::default() };
        assert_eq!(in_order(&capture).len(), 2);
    }
}
