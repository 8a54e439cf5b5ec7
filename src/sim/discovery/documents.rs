use super::{Kind, Registry};
use serde_json::{Value, json};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A document that is no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub content_type: &'static str,
    /// Its text.
    pub text: String,
    /// Its entity tag; a document with one may be cached.
    pub tag: Option<String>,
}

impl Document {
    fn json(value: &Value) -> Self {
        Self { content_type: "application/json", text: format!("{value}\n"), tag: None }
    }

    fn plain(text: impl Into<String>) -> Self {
        Self { content_type: "text/plain; charset=utf-8", text: text.into(), tag: None }
    }
}

/// The document at a path, when there is one.
pub fn document(registry: &Registry, path: &str, verbose: bool, accept: &str) -> Option<Document> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let aggregated = wants_aggregated(accept);
    match parts.as_slice() {
        [] => Some(paths(registry)),
        ["version"] => {
            let text = include_str!("../data/v1_36/version.json");
            Some(Document { content_type: "application/json", text: text.trim_end().to_owned(), tag: None })
        }
        [check @ ("healthz" | "livez" | "readyz")] => Some(Document::plain(health(check, verbose))),
        ["healthz" | "livez" | "readyz", "ping" | "log" | "etcd"] => Some(Document::plain("ok")),
        ["api"] if aggregated => Some(self::aggregated(registry, true)),
        ["apis"] if aggregated => Some(self::aggregated(registry, false)),
        ["api"] => Some(Document::json(&json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
        }))),
        ["apis"] => Some(Document::json(&json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": registry.groups().iter().filter(|g| !g.name.is_empty()).map(group).collect::<Vec<_>>(),
        }))),
        ["apis", name] => {
            let found = registry.groups().iter().find(|group| group.name == *name)?;
            let mut value = group(found);
            value["kind"] = json!("APIGroup");
            value["apiVersion"] = json!("v1");
            Some(Document::json(&value))
        }
        ["api", version] => resources(registry, "", version),
        ["apis", group, version] => resources(registry, group, version),
        _ => None,
    }
}

fn wants_aggregated(accept: &str) -> bool {
    let clause = |clause: &str| {
        let has = |wanted: &str| clause.split(';').any(|part| part.trim() == wanted);
        clause.trim_start().starts_with("application/json")
            && has("as=APIGroupDiscoveryList")
            && has("v=v2")
            && has("g=apidiscovery.k8s.io")
    };
    accept.split(',').any(clause)
}

fn paths(registry: &Registry) -> Document {
    let table: Value = serde_json::from_str(include_str!("../data/v1_36/paths.json")).unwrap_or_default();
    let mut paths: Vec<String> = table["paths"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str().map(str::to_owned))
        .collect();
    for group in registry.groups().iter().filter(|group| group.custom) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|(version, _)| format!("/apis/{}/{version}", group.name)));
    }
    paths.sort();
    paths.dedup();
    let text = format!("{:#}", json!({ "paths": paths }));
    Document { content_type: "application/json", text, tag: None }
}

fn health(check: &str, verbose: bool) -> String {
    if verbose {
        format!("[+]ping ok\n[+]log ok\n[+]etcd ok\n{check} check passed\n")
    } else {
        "ok".to_owned()
    }
}

fn group(group: &super::registry::Group) -> Value {
    let version = |name: &str| json!({"groupVersion": format!("{}/{name}", group.name), "version": name});
    json!({
        "name": group.name,
        "versions": group.versions.iter().map(|(name, _)| version(name)).collect::<Vec<_>>(),
        "preferredVersion": group.versions.first().map(|(name, _)| version(name)),
    })
}

fn resources(registry: &Registry, group: &str, version: &str) -> Option<Document> {
    let kinds = registry.version(group, version)?;
    let mut rows = Vec::new();
    for kind in kinds {
        rows.push(legacy(kind));
        for sub in kind.listed_subresources() {
            let mut row = json!({
                "name": format!("{}/{}", kind.resource.plural, sub.name), "singularName": "",
                "namespaced": kind.namespaced, "kind": sub.kind, "verbs": sub.verbs,
            });
            if let (Some(group), Some(version)) = (&sub.group, &sub.version) {
                row["group"] = json!(group);
                row["version"] = json!(version);
            }
            rows.push(row);
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows,
    });
    let mut list = list;
    if group.is_empty() {
        // The list of the core group names no version of its own kind.
        list.as_object_mut()?.remove("apiVersion");
    }
    Some(Document::json(&list))
}

fn legacy(kind: &Kind) -> Value {
    let mut row = json!({
        "name": kind.resource.plural, "singularName": kind.singular,
        "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs(kind),
    });
    if !kind.short.is_empty() {
        row["shortNames"] = json!(kind.short);
    }
    if !kind.categories.is_empty() {
        row["categories"] = json!(kind.categories);
    }
    if let Some((group, version)) = &kind.own {
        row["group"] = json!(group);
        row["version"] = json!(version);
    }
    if let Some(hash) = &kind.hash {
        row["storageVersionHash"] = json!(hash);
    }
    row
}

/// Custom resources have an order of their own in the legacy documents.
fn verbs(kind: &Kind) -> Vec<&str> {
    match &kind.custom {
        Some(custom) if custom.terminating => vec!["delete", "deletecollection", "get", "list", "watch"],
        Some(_) => vec!["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
        None => kind.verbs.iter().map(String::as_str).collect(),
    }
}

fn aggregated(registry: &Registry, core: bool) -> Document {
    let groups = registry.groups().iter().filter(|group| group.name.is_empty() == core);
    let items = groups.map(|group| {
        let versions = group.versions.iter().map(|(version, kinds)| {
            let resources: Vec<_> = kinds.iter().map(|kind| discovered(kind)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        });
        let metadata = if group.name.is_empty() { json!({}) } else { json!({ "name": group.name }) };
        json!({"metadata": metadata, "versions": versions.collect::<Vec<_>>()})
    });
    let text = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items.collect::<Vec<_>>(),
    });
    let text = format!("{text}\n");
    let tag = super::openapi::digest(&text);
    Document { content_type: AGGREGATED, text, tag: Some(format!("\"{tag}\"")) }
}

fn discovered(kind: &Kind) -> Value {
    let (group, version) = match (&kind.own, &kind.custom) {
        (Some((group, version)), _) => (group.as_str(), version.as_str()),
        (None, Some(_)) => (kind.resource.group.as_str(), kind.resource.version.as_str()),
        (None, None) => ("", ""),
    };
    let mut row = json!({
        "resource": kind.resource.plural,
        "responseKind": {"group": group, "version": version, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": verbs(kind),
    });
    if !kind.short.is_empty() {
        row["shortNames"] = json!(kind.short);
    }
    if !kind.categories.is_empty() {
        row["categories"] = json!(kind.categories);
    }
    let subresources: Vec<_> = kind
        .listed_subresources()
        .into_iter()
        .map(|sub| {
            let (group, version) = match (&sub.group, &sub.version) {
                (Some(group), Some(version)) => (group.as_str(), version.as_str()),
                _ => (group, version),
            };
            json!({
                "subresource": sub.name, "verbs": sub.verbs,
                "responseKind": {"group": group, "version": version, "kind": sub.kind},
            })
        })
        .collect();
    if !subresources.is_empty() {
        row["subresources"] = json!(subresources);
    }
    row
}
