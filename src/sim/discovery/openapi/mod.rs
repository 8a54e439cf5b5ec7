//! The OpenAPI v3 documents of the types that are served: their operations and their schemas, without prose.
//!
//! In go the registry and a path, out come documents. What is the same for all servers of a version is data or a
//! rule; only custom resources bring schemas of their own.

mod operations;
mod parameters;
mod schemas;

use super::{Document, Kind, Registry};
use crate::sim::schema::Definitions;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, LazyLock},
};

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
    let Some(rest) = path.strip_prefix("/openapi/v3/") else {
        return (path == "/openapi/v3").then(|| OpenApi::Index(index(registry)));
    };
    let page = Page::find(registry, rest)?;
    let tag = page.hash(rest);
    if hash.is_some_and(|hash| hash != tag) {
        return Some(OpenApi::Moved(format!("/openapi/v3/{rest}?hash={tag}"), format!("\"{tag}\"")));
    }
    let tag = Some(format!("\"{tag}\""));
    Some(OpenApi::Document(Document { content_type: "application/json", text: page.text(), tag }))
}

/// What tells a document from others, as an ETag has it.
pub(super) fn digest(text: &str) -> String {
    Sha512::digest(text).iter().fold(String::new(), |mut tag, byte| {
        let _ = write!(tag, "{byte:02X}");
        tag
    })
}

/// The documents that have no objects: their path, the operation, and the schema of the answer.
const OTHERS: [(&str, &str, &str, &str); 5] = [
    (".well-known/openid-configuration", "WellKnown", "getServiceAccountIssuerOpenIDConfiguration", ""),
    ("api", "core", "getCoreAPIVersions", "io.k8s.apimachinery.pkg.apis.meta.v1.APIVersions"),
    ("apis", "apis", "getAPIVersions", "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroupList"),
    ("openid/v1/jwks", "openid", "getServiceAccountIssuerOpenIDKeyset", ""),
    ("version", "version", "getCodeVersion", "io.k8s.apimachinery.pkg.version.Info"),
];

/// One document.
enum Page<'a> {
    /// A version of a group of Kubernetes itself.
    BuiltIn(&'a str, &'a str, &'a [Arc<Kind>]),
    /// A version of a group of custom resources.
    Custom(&'a str, &'a str, &'a [Arc<Kind>]),
    /// A group of Kubernetes itself.
    Group(&'a str),
    /// One of [`OTHERS`].
    Other(usize),
}

impl<'a> Page<'a> {
    fn find(registry: &'a Registry, path: &'a str) -> Option<Self> {
        if let Some(at) = OTHERS.iter().position(|(other, ..)| *other == path) {
            return Some(Page::Other(at));
        }
        let parts: Vec<&str> = path.split('/').collect();
        let (group, version) = match parts.as_slice() {
            ["api", version] => ("", *version),
            ["apis", group, version] => (*group, *version),
            ["apis", group] if registry.is_built_in(group) => return Some(Page::Group(group)),
            _ => return None,
        };
        let kinds = registry.version(group, version)?;
        let built_in = registry.is_built_in(group);
        Some(if built_in {
            Page::BuiltIn(group, version, kinds)
        } else {
            Page::Custom(group, version, kinds)
        })
    }

    /// What is built in differs between versions alone, so that nothing needs to be written to tell its hash.
    fn hash(&self, path: &str) -> String {
        static TABLES: LazyLock<String> = LazyLock::new(|| {
            let version = env!("CARGO_PKG_VERSION");
            digest(&format!("{version}{}", include_str!("../../data/v1_36/definitions.txt")))
        });
        match self {
            Page::Custom(..) => digest(&self.text()),
            _ => digest(&format!("{path}{}", *TABLES)),
        }
    }

    fn text(&self) -> String {
        let (group, version) = match self {
            Page::BuiltIn(group, version, _) | Page::Custom(group, version, _) => (*group, *version),
            _ => ("", "v1"),
        };
        let mut schemas = Schemas::new(group, version);
        let paths = match self {
            Page::BuiltIn(group, version, kinds) | Page::Custom(group, version, kinds) => {
                operations::of_version(group, version, kinds, &mut schemas)
            }
            Page::Group(group) => {
                let (tag, id) = (operations::tag(group), format!("get{}APIGroup", operations::prefix(group)));
                let of = "io.k8s.apimachinery.pkg.apis.meta.v1.APIGroup";
                operations::plain(&format!("/apis/{group}/"), &tag, &id, of, &mut schemas)
            }
            Page::Other(at) => {
                let (path, tag, id, of) = OTHERS[*at];
                operations::plain(&format!("/{path}/"), tag, id, of, &mut schemas)
            }
        };
        let mut components = json!({});
        let schemas = schemas.whole();
        if !schemas.is_empty() {
            components["schemas"] = schemas.into();
        }
        let info = if matches!(self, Page::Custom(..)) {
            json!({"title": "Kubernetes CRD Swagger", "version": "v0.1.0"})
        } else {
            let bearer = json!({"type": "apiKey", "name": "authorization", "in": "header"});
            components["securitySchemes"] = json!({ "BearerToken": bearer });
            json!({"title": "Kubernetes", "version": "1.36"})
        };
        json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": components}).to_string()
    }
}

fn index(registry: &Registry) -> Document {
    let mut all: BTreeMap<String, Page<'_>> =
        OTHERS.iter().enumerate().map(|(at, (path, ..))| ((*path).to_owned(), Page::Other(at))).collect();
    for group in registry.groups() {
        if !group.name.is_empty() && !group.custom {
            all.insert(format!("apis/{}", group.name), Page::Group(&group.name));
        }
        for (version, _) in &group.versions {
            let path = match group.name.as_str() {
                "" => format!("api/{version}"),
                name => format!("apis/{name}/{version}"),
            };
            let kinds = registry.version(&group.name, version).map(Vec::as_slice).unwrap_or_default();
            let page = if group.custom { Page::Custom } else { Page::BuiltIn };
            all.insert(path, page(&group.name, version, kinds));
        }
    }
    let place = |(path, page): (String, Page<'_>)| {
        let place = format!("/openapi/v3/{path}?hash={}", page.hash(&path));
        (path, json!({ "serverRelativeURL": place }))
    };
    let paths: Map<String, Value> = all.into_iter().map(place).collect();
    let text = json!({ "paths": paths }).to_string();
    Document { content_type: "text/plain; charset=utf-8", text, tag: None }
}

/// The definition of a kind of Kubernetes itself.
fn definition(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    Definitions::v1_36().name(group, version, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str) -> Value {
        match openapi(&Registry::v1_36(), path, None) {
            Some(OpenApi::Document(document)) => serde_json::from_str(&document.text).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn every_document_of_the_index_is_there_and_its_references_are_met() {
        let registry = Registry::v1_36();
        let Some(OpenApi::Index(index)) = openapi(&registry, "/openapi/v3", None) else { panic!("no index") };
        let index: Value = serde_json::from_str(&index.text).unwrap();
        for place in index["paths"].as_object().unwrap().values() {
            let (path, hash) = place["serverRelativeURL"].as_str().unwrap().split_once("?hash=").unwrap();
            let Some(OpenApi::Document(document)) = openapi(&registry, path, Some(hash)) else {
                panic!("{path} has another hash")
            };
            let whole: Value = serde_json::from_str(&document.text).unwrap();
            for (at, _) in document.text.match_indices("\"$ref\":\"#/components/schemas/") {
                let name = document.text[at + 29..].split('"').next().unwrap();
                assert!(whole["components"]["schemas"][name].is_object(), "{path}: {name}");
            }
        }
    }

    #[test]
    fn clients_find_what_a_patch_takes_and_how_lists_are_merged() {
        let apps = document("/openapi/v3/apis/apps/v1");
        let one = &apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
        let media = one["patch"]["requestBody"]["content"].as_object().unwrap();
        assert!(media.contains_key("application/strategic-merge-patch+json"));
        assert_eq!(one["patch"]["operationId"], "patchAppsV1NamespacedDeployment");
        assert_eq!(one["parameters"][1]["name"], "namespace");
        let ports = &apps["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]["ports"];
        assert_eq!(ports["x-kubernetes-patch-merge-key"], "containerPort");
        assert!(openapi(&Registry::v1_36(), "/openapi/v3/apis/apps/v9", None).is_none());
    }
}
