use crate::{
    gather::{Capture, Id, Kind},
    scrub,
    wire::causes,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// How objects are put into a cluster: the data of `fill.json`.
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
    LazyLock::new(|| serde_json::from_str(include_str!("fill.json")).expect("fill.json is tested"));

/// An object of a capture that a cluster does not take.
#[derive(Debug, thiserror::Error)]
#[error("the cluster does not take {what}: {why}; mend it, or take it out")]
pub struct FillError {
    /// The object.
    what: String,
    /// The server's words.
    why: String,
}

/// Puts the objects of a capture into a cluster, and gives how many; all that are namespaced into one namespace, or
/// each into its own, which is made where it is missing. [`World::load`](super::World::load) says the rest.
///
/// # Errors
/// At the first object that the server refuses.
pub async fn fill(client: &Client, capture: &Capture, into: Option<&str>) -> Result<usize, FillError> {
    let mut filling = Filling { client, into, uids: BTreeMap::new(), spaces: BTreeSet::new(), count: 0 };
    for (id, object) in in_order(capture) {
        let kind = capture.kinds.iter().find(|kind| kind.group == id.group && kind.kind == id.kind);
        let unknown = || FillError { what: id.to_string(), why: "its kind is not known".to_owned() };
        filling.object(kind.ok_or_else(unknown)?, id, object).await?;
    }
    Ok(filling.count)
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

struct Filling<'a> {
    client: &'a Client,
    /// Where everything namespaced goes.
    into: Option<&'a str>,
    /// New uids by old ones.
    uids: BTreeMap<String, String>,
    /// The namespaces that are there.
    spaces: BTreeSet<String>,
    count: usize,
}

impl Filling<'_> {
    async fn object(&mut self, kind: &Kind, id: &Id, object: &Value) -> Result<(), FillError> {
        let is_namespace = id.kind == "Namespace" && id.group.is_empty();
        if self.into.is_some() && is_namespace {
            return Ok(());
        }
        if kind.namespaced && self.into.is_none() {
            self.space(self.place(id)).await?;
        }
        let mut object = object.clone();
        let (old, status) = (uid(&object).map(str::to_owned), object["status"].clone());
        self.clean(&mut object, kind, id);
        let made = self.create(kind, id, &object).await?;
        self.count += 1;
        self.uids.extend(old.zip(made.metadata.uid));
        if is_namespace {
            self.spaces.insert(id.name.clone());
        } else if id.kind == "CustomResourceDefinition" {
            let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
            let established = await_condition(definitions, &id.name, is_crd_established());
            established.await.map_err(|error| failed(id, causes(&error)))?;
        } else if status.as_object().is_some_and(|status| !status.is_empty()) {
            self.status(kind, id, &status).await?;
        }
        Ok(())
    }

    /// The namespace of an object in this cluster.
    fn place<'a>(&'a self, id: &'a Id) -> &'a str {
        match self.into {
            Some(into) => into,
            None if id.namespace.is_empty() => "default",
            None => &id.namespace,
        }
    }

    /// Makes a namespace that is not there yet; manifests often leave it out.
    async fn space(&self, name: &str) -> Result<(), FillError> {
        if self.spaces.contains(name) {
            return Ok(());
        }
        let (group, kind) = (String::new(), "Namespace".to_owned());
        let id = Id { group, kind, namespace: String::new(), name: name.to_owned() };
        let kind = Kind {
            version: "v1".into(),
            plural: "namespaces".into(),
            kind: "Namespace".into(),
            ..Kind::default()
        };
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.create(&kind, &id, &object).await.map(drop)
    }

    /// Makes of a captured object one that can be created.
    fn clean(&self, object: &mut Value, kind: &Kind, id: &Id) {
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
        if kind.namespaced {
            object["metadata"]["namespace"] = json!(self.place(id));
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
        let client = self.client.clone();
        match kind.namespaced {
            true => Api::namespaced_with(client, self.place(id), &resource),
            false => Api::all_with(client, &resource),
        }
    }

    async fn create(&self, kind: &Kind, id: &Id, object: &Value) -> Result<DynamicObject, FillError> {
        let object: DynamicObject =
            serde_json::from_value(object.clone()).map_err(|error| failed(id, causes(&error)))?;
        let api = self.api(kind, id);
        match api.create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => api.get(&id.name).await,
            other => other,
        }
        .map_err(|error| failed(id, said(error)))
    }

    async fn status(&self, kind: &Kind, id: &Id, status: &Value) -> Result<(), FillError> {
        let mut patch = json!({ "status": status });
        scrub::serve(&mut patch);
        let done =
            self.api(kind, id).patch_status(&id.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        match done {
            // Kinds without the subresource have got their status with the object.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => Ok(()),
            other => other.map(drop).map_err(|error| failed(id, said(error))),
        }
    }
}

fn failed(id: &Id, why: String) -> FillError {
    FillError { what: id.to_string(), why }
}

/// A server's message, or what went wrong on the way to it.
fn said(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => causes(&other),
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
