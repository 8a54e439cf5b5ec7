//! The recorded servers held definitions of `example.com` that other scenarios had left. They are no part of
//! what a transcript says: discovery and lists are compared without them, on both sides.

use super::{compare::name_of, json::text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const GROUP: &str = "example.com";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The definitions of the group that a transcript has made itself, up to a line.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    made: Vec<(u64, Value)>,
    names: BTreeSet<String>,
    kinds: BTreeSet<String>,
    versions: BTreeSet<String>,
}

impl Leftovers {
    /// Reads which definitions a transcript makes.
    pub(crate) fn of(lines: &[Value]) -> Self {
        let makes = |line: &&Value| {
            matches!(text(line, "method"), "POST" | "PUT")
                && text(line, "path").starts_with(DEFINITIONS)
                && !text(line, "path").contains("dryRun")
                && line["body"]["spec"]["group"] == GROUP
        };
        let made = lines.iter().filter(makes);
        let made = made.map(|line| (line["n"].as_u64().unwrap_or(0), line["body"].clone())).collect();
        let mut own = Self { made, ..Self::default() };
        own.at(u64::MAX);
        own
    }

    /// Moves to a line: later definitions are not there yet.
    pub(crate) fn at(&mut self, line: u64) {
        let bodies: Vec<&Value> = self.made.iter().filter(|(n, _)| *n < line).map(|(_, body)| body).collect();
        let all = |pick: &dyn Fn(&Value) -> Vec<String>| bodies.iter().flat_map(|body| pick(body)).collect();
        let one = |value: &Value| value.as_str().map(str::to_owned).into_iter().collect();
        let names: BTreeSet<String> = all(&|body| one(&body["metadata"]["name"]));
        let kinds = all(&|body| one(&body["spec"]["names"]["kind"]));
        let versions = all(&|body| {
            let versions = body["spec"]["versions"].as_array().into_iter().flatten();
            versions.flat_map(|version| one(&version["name"])).collect()
        });
        (self.names, self.kinds, self.versions) = (names, kinds, versions);
    }

    fn foreign(&self, definition: &str) -> bool {
        definition.ends_with(&format!(".{GROUP}")) && !self.names.contains(definition)
    }

    fn foreign_plural(&self, plural: &str) -> bool {
        self.foreign(&format!("{plural}.{GROUP}"))
    }

    fn own_version(&self, group_version: &str) -> bool {
        group_version.strip_prefix(&format!("{GROUP}/")).is_none_or(|version| self.versions.contains(version))
    }

    /// A list without foreign definitions.
    pub(crate) fn items(&self, items: &[Value]) -> Vec<Value> {
        items.iter().filter(|item| !name_of(item).is_some_and(|name| self.foreign(name))).cloned().collect()
    }

    /// A body without what foreign definitions bring.
    pub(crate) fn body(&self, body: &Value) -> Value {
        let mut body = body.clone();
        match text(&body, "kind") {
            "APIResourceList" if text(&body, "groupVersion").starts_with(&format!("{GROUP}/")) => {
                keep(&mut body["resources"], |resource| {
                    !self.foreign_plural(text(resource, "name").split('/').next().unwrap_or_default())
                });
            }
            "APIGroup" => self.group(&mut body),
            "APIGroupList" => {
                keep(&mut body["groups"], |group| group["name"] != GROUP || !self.versions.is_empty());
                each(&mut body["groups"], |group| self.group(group));
            }
            "APIGroupDiscoveryList" => self.aggregated(&mut body),
            _ if body.get("openapi").is_some() => self.document(&mut body),
            _ if body.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("paths")) => {
                self.paths(&mut body["paths"]);
            }
            _ => {}
        }
        body
    }

    fn group(&self, group: &mut Value) {
        if group["name"] == GROUP {
            keep(&mut group["versions"], |version| self.own_version(text(version, "groupVersion")));
        }
    }

    fn aggregated(&self, body: &mut Value) {
        let ours = |group: &Value| group["metadata"]["name"] == GROUP;
        keep(&mut body["items"], |group| !ours(group) || !self.versions.is_empty());
        each(&mut body["items"], |group| {
            if !ours(group) {
                return;
            }
            keep(&mut group["versions"], |version| self.versions.contains(text(version, "version")));
            each(&mut group["versions"], |version| {
                keep(&mut version["resources"], |resource| !self.foreign_plural(text(resource, "resource")));
            });
        });
    }

    fn document(&self, body: &mut Value) {
        if let Some(paths) = body["paths"].as_object_mut() {
            paths.retain(|path, _| {
                let rest =
                    path.strip_prefix(&format!("/apis/{GROUP}/")).and_then(|rest| rest.split_once('/'));
                let rest = rest.map(|(_, rest)| rest.strip_prefix("namespaces/{namespace}/").unwrap_or(rest));
                let plural = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
                plural.is_empty() || !self.foreign_plural(plural)
            });
        }
        if let Some(schemas) = body["components"]["schemas"].as_object_mut() {
            schemas.retain(|name, _| {
                let kind = name.strip_prefix("com.example.").and_then(|rest| rest.split_once('.'));
                kind.is_none_or(|(_, kind)| self.kinds.contains(kind.strip_suffix("List").unwrap_or(kind)))
            });
        }
    }

    /// Roots and paths of documents; which health checks there are depends on the build.
    fn paths(&self, paths: &mut Value) {
        let own = |path: &str| {
            let path = path.strip_prefix('/').unwrap_or(path);
            let check = ["healthz/", "livez/", "readyz/"].iter().any(|check| path.starts_with(check));
            let rest = path.strip_prefix("apis/").unwrap_or(path);
            !check && self.own_version(rest) && (rest != GROUP || !self.versions.is_empty())
        };
        match paths {
            Value::Object(map) => map.retain(|path, _| own(path)),
            Value::Array(_) => keep(paths, |path| path.as_str().is_none_or(own)),
            _ => *paths = json!({}),
        }
    }
}

fn keep(list: &mut Value, own: impl Fn(&Value) -> bool) {
    if let Some(items) = list.as_array_mut() {
        items.retain(own);
    }
}

fn each(list: &mut Value, change: impl Fn(&mut Value)) {
    list.as_array_mut().into_iter().flatten().for_each(change);
}
