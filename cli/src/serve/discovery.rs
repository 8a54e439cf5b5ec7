use kubetape::gather::{Capture, Kind, escape};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is said of itself by the server that a capture is of: as captured, else as its objects let it be told.
pub(super) struct Documents {
    files: BTreeMap<String, Vec<u8>>,
    /// `APIGroupDiscoveryList`s of the core group, and of all others.
    core: Value,
    groups: Value,
    version: Value,
}

/// One version of a kind as discovery has it.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) kind: String,
    pub(super) namespaced: bool,
    pub(super) subresources: Vec<String>,
}

impl Documents {
    pub(super) fn of(files: BTreeMap<String, Vec<u8>>, capture: &Capture) -> Self {
        let parse =
            |name: &str| files.get(name).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let made = |core| aggregated(capture.kinds.iter().filter(|kind| kind.group.is_empty() == core));
        let core = parse("discovery/api.json").unwrap_or_else(|| made(true));
        let groups = parse("discovery/apis.json").unwrap_or_else(|| made(false));
        let version = parse("version.json").unwrap_or_else(|| version(&capture.manifest["kubernetes"]));
        Self { core, groups, version, files }
    }

    /// The newest resourceVersion that the lists of the capture had.
    pub(super) fn newest(&self) -> Option<u64> {
        let run: Value = serde_json::from_slice(self.files.get("run.json")?).ok()?;
        let versions = run["resourceVersions"].as_object()?;
        versions.values().filter_map(|version| version.as_str()?.parse().ok()).max()
    }

    /// The kind at a path, if there is one.
    pub(super) fn served(&self, group: &str, version: &str, plural: &str) -> Option<Served> {
        let found = self.version(group, version)?;
        let resource = list(&found["resources"]).iter().find(|resource| resource["resource"] == plural)?;
        Some(Served {
            kind: text(&resource["responseKind"]["kind"]),
            namespaced: resource["scope"] == "Namespaced",
            subresources: list(&resource["subresources"])
                .iter()
                .map(|sub| text(&sub["subresource"]))
                .collect(),
        })
    }

    fn version(&self, group: &str, version: &str) -> Option<&Value> {
        let root = if group.is_empty() { &self.core } else { &self.groups };
        let found = list(&root["items"]).iter().find(|item| text(&item["metadata"]["name"]) == group)?;
        list(&found["versions"]).iter().find(|found| found["version"] == version)
    }

    /// The document at a path without objects, with its media type.
    pub(super) fn at(&self, path: &str, accept: &str) -> Option<(&'static str, Vec<u8>)> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let ["healthz" | "livez" | "readyz", ..] = parts.as_slice() {
            return Some(("text/plain; charset=utf-8", b"ok".to_vec()));
        }
        if let ["openapi", "v3", key @ ..] = parts.as_slice() {
            return self.openapi(key).map(|bytes| ("application/json", bytes));
        }
        let wants_aggregated = accept.contains("as=APIGroupDiscoveryList") && accept.contains("v=v2");
        if let (true, [root @ ("api" | "apis")]) = (wants_aggregated, parts.as_slice())
            && !self.files.contains_key(&format!("discovery/legacy/{root}.json"))
        {
            let document = if *root == "api" { &self.core } else { &self.groups };
            let media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
            return Some((media, document.to_string().into_bytes()));
        }
        if let Some(bytes) = self.files.get(&format!("discovery/legacy/{}.json", parts.join("/"))) {
            return Some(("application/json", bytes.clone()));
        }
        let document = match parts.as_slice() {
            [] => {
                json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]})
            }
            ["version"] => self.version.clone(),
            ["api"] => {
                let versions: Vec<&Value> = list(&self.core["items"])
                    .iter()
                    .flat_map(|item| list(&item["versions"]))
                    .map(|v| &v["version"])
                    .collect();
                json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []})
            }
            ["apis"] => {
                let groups: Vec<Value> = list(&self.groups["items"]).iter().map(group).collect();
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
            }
            ["apis", name] => {
                let found = list(&self.groups["items"])
                    .iter()
                    .find(|item| text(&item["metadata"]["name"]) == *name)?;
                let mut found = group(found);
                found["kind"] = json!("APIGroup");
                found["apiVersion"] = json!("v1");
                found
            }
            ["api", version] => resources(version, self.version("", version)?),
            ["apis", group, version] => {
                resources(&format!("{group}/{version}"), self.version(group, version)?)
            }
            _ => return None,
        };
        Some(("application/json", document.to_string().into_bytes()))
    }

    /// The index of OpenAPI, with the documents that were captured; or one of these.
    fn openapi(&self, key: &[&str]) -> Option<Vec<u8>> {
        let file = |key: &str| format!("openapi/v3/{}.json", escape(&key.replace('/', "__")));
        if !key.is_empty() {
            return self.files.get(&file(&key.join("/"))).cloned();
        }
        let mut index: Value = serde_json::from_slice(self.files.get("openapi/v3.json")?).ok()?;
        if let Some(paths) = index["paths"].as_object_mut() {
            paths.retain(|key, _| self.files.contains_key(&file(key)));
        }
        Some(index.to_string().into_bytes())
    }
}

/// Of a capture that does not say what server it is of, the version is unknown.
fn version(git: &Value) -> Value {
    let git = git.as_str().filter(|git| !git.is_empty()).unwrap_or("v0.0.0");
    let mut numbers = git.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    json!({
        "major": major, "minor": minor, "gitVersion": git, "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    })
}

/// What discovery would say of kinds of which nobody asked a server.
fn aggregated<'a>(kinds: impl Iterator<Item = &'a Kind>) -> Value {
    let mut groups: Vec<(&str, &str, Vec<Value>)> = Vec::new();
    for kind in kinds {
        let resource = json!({
            "resource": kind.plural, "singularResource": kind.singular, "shortNames": kind.short_names,
            "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
            "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "categories": kind.categories, "verbs": ["get", "list", "watch"],
            "subresources": if kind.plural == "pods" && kind.group.is_empty() {
                json!([{"subresource": "log", "verbs": ["get"], "responseKind": {"group": "", "version": "v1", "kind": "Pod"}}])
            } else {
                json!([])
            },
        });
        match groups
            .iter_mut()
            .find(|(group, version, _)| (*group, *version) == (&*kind.group, &*kind.version))
        {
            Some((.., resources)) => resources.push(resource),
            None => groups.push((&kind.group, &kind.version, vec![resource])),
        }
    }
    let mut items: Vec<Value> = Vec::new();
    for (group, version, resources) in groups {
        let version = json!({"version": version, "resources": resources, "freshness": "Current"});
        match items.iter_mut().find(|item| text(&item["metadata"]["name"]) == group) {
            Some(Value::Object(item)) => {
                if let Some(Value::Array(versions)) = item.get_mut("versions") {
                    versions.push(version);
                }
            }
            _ => items.push(json!({"metadata": {"name": group}, "versions": [version]})),
        }
    }
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(item: &Value) -> Value {
    let name = text(&item["metadata"]["name"]);
    let version = |found: &Value| json!({"groupVersion": format!("{name}/{}", text(&found["version"])), "version": found["version"]});
    let versions: Vec<Value> = list(&item["versions"]).iter().map(version).collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

fn resources(group_version: &str, version: &Value) -> Value {
    let mut rows = Vec::new();
    for resource in list(&version["resources"]) {
        let namespaced = resource["scope"] == "Namespaced";
        rows.push(json!({
            "name": resource["resource"], "singularName": resource["singularResource"], "namespaced": namespaced,
            "kind": resource["responseKind"]["kind"], "verbs": resource["verbs"],
            "shortNames": list(&resource["shortNames"]), "categories": list(&resource["categories"]),
        }));
        for sub in list(&resource["subresources"]) {
            rows.push(json!({
                "name": format!("{}/{}", text(&resource["resource"]), text(&sub["subresource"])), "singularName": "",
                "namespaced": namespaced, "kind": sub["responseKind"]["kind"], "verbs": sub["verbs"],
            }));
        }
    }
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows})
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
