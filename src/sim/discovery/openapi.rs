use super::{Document, Kind, Registry};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};
use std::{fmt::Write, sync::Arc};

/// What a path below `/openapi/v3` is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenApi {
    /// The list of the documents.
    Index(Document),
    /// The document of a group version.
    Document(Document),
    /// The document has changed: it is at this place now, and has this tag.
    Moved(String, String),
}

/// The answer for a path below `/openapi/v3`; `hash` is what the client believes the document to be.
pub fn openapi(registry: &Registry, path: &str, hash: Option<&str>) -> Option<OpenApi> {
    let rest = path.strip_prefix("/openapi/v3")?.trim_matches('/');
    if rest.is_empty() {
        return Some(OpenApi::Index(index(registry)));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let kinds = match parts.as_slice() {
        ["api", version] => registry.version("", version),
        ["apis", group, version] => registry.version(group, version),
        _ => None,
    }?;
    let text = text_of(kinds);
    let tag = digest(&text);
    if hash.is_some_and(|hash| hash != tag) {
        return Some(OpenApi::Moved(format!("/openapi/v3/{rest}?hash={tag}"), format!("\"{tag}\"")));
    }
    let tag = Some(format!("\"{tag}\""));
    Some(OpenApi::Document(Document { content_type: "application/json", text, tag }))
}

/// What tells a document from others, as an ETag has it.
pub(super) fn digest(text: &str) -> String {
    Sha512::digest(text).iter().fold(String::new(), |mut tag, byte| {
        let _ = write!(tag, "{byte:02X}");
        tag
    })
}

fn index(registry: &Registry) -> Document {
    let mut paths = Map::new();
    for group in registry.groups() {
        for (version, kinds) in &group.versions {
            let path = match group.name.as_str() {
                "" => format!("api/{version}"),
                name => format!("apis/{name}/{version}"),
            };
            let hash = digest(&text_of(kinds));
            let place = json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}") });
            paths.insert(path, place);
        }
    }
    let text = json!({ "paths": paths }).to_string();
    Document { content_type: "text/plain; charset=utf-8", text, tag: None }
}

/// The document of the types of a group version: their paths, and schemas as far as clients read them.
fn text_of(kinds: &[Arc<Kind>]) -> String {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for kind in kinds {
        let name = schema_name(kind);
        for (path, operations) in operations(kind, &name) {
            paths.insert(path, operations);
        }
        schemas.insert(name, schema(kind));
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": paths, "components": {"schemas": schemas},
    })
    .to_string()
}

/// `com.example.v1.Foo`.
fn schema_name(kind: &Kind) -> String {
    let mut parts: Vec<&str> = kind.resource.group.split('.').rev().filter(|part| !part.is_empty()).collect();
    parts.extend([kind.resource.version.as_str(), kind.kind.as_str()]);
    parts.join(".")
}

fn group_version_kind(kind: &Kind) -> Value {
    let (group, version) = match &kind.own {
        Some((group, version)) => (group, version),
        None => (&kind.resource.group, &kind.resource.version),
    };
    json!({"group": group, "version": version, "kind": kind.kind})
}

fn operations(kind: &Kind, name: &str) -> Vec<(String, Value)> {
    let namespace = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let list = format!("{}{namespace}/{}", kind.resource.prefix(), kind.resource.plural);
    let says = group_version_kind(kind);
    let body = json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let ok = json!({"200": {"description": "OK", "content": {"application/json": body}}});
    let options: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation"]
        .iter()
        .map(|option| json!({"name": option, "in": "query", "schema": {"type": "string"}}))
        .collect();
    let operation = |action: &str, takes: &[&str]| {
        let mut operation = json!({
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": says, "responses": ok,
        });
        if !takes.is_empty() {
            let content: Map<_, _> = takes.iter().map(|media| ((*media).to_owned(), body.clone())).collect();
            operation["parameters"] = json!(options);
            operation["requestBody"] = json!({ "content": content });
        }
        operation
    };
    let patches =
        ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
    let (mut all, mut one) = (Map::new(), Map::new());
    for verb in &kind.verbs {
        match verb.as_str() {
            "list" => drop(all.insert("get".into(), operation("list", &[]))),
            "create" => drop(all.insert("post".into(), operation("post", &["*/*"]))),
            "get" => drop(one.insert("get".into(), operation("get", &[]))),
            "update" => drop(one.insert("put".into(), operation("put", &["*/*"]))),
            "patch" => drop(one.insert("patch".into(), operation("patch", &patches))),
            "delete" => drop(one.insert("delete".into(), operation("delete", &[]))),
            _ => {}
        }
    }
    let paths = [(list.clone(), all), (format!("{list}/{{name}}"), one)];
    paths
        .into_iter()
        .filter(|(_, operations)| !operations.is_empty())
        .map(|(path, o)| (path, Value::Object(o)))
        .collect()
}

/// The schema of a type; of built-in ones only that they are objects.
fn schema(kind: &Kind) -> Value {
    let mut schema = match &kind.custom {
        Some(custom) => custom.version["schema"]["openAPIV3Schema"].clone(),
        None => json!({"type": "object"}),
    };
    if schema.is_object() {
        schema["x-kubernetes-group-version-kind"] = json!([group_version_kind(kind)]);
    }
    schema
}
