use crate::wire::escaped;
use serde_json::Value;
use std::collections::BTreeSet;

/// A kind of object that an API server has, in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// The name in paths, such as `deployments`.
    pub plural: String,
    /// The name of one, such as `deployment`; may be empty.
    pub singular: String,
    /// The name in objects, such as `Deployment`.
    pub kind: String,
    /// Names to type, such as `deploy`.
    pub short_names: Vec<String>,
    /// Names of groups of kinds, such as `all`.
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it, such as `list`.
    pub verbs: Vec<String>,
}

impl Kind {
    /// The kinds of an aggregated discovery document, the versions of a group in the server's order, without
    /// subresources.
    pub fn from_discovery(document: &Value) -> Vec<Self> {
        let mut kinds = Vec::new();
        for group in array(&document["items"]) {
            let name = text(&group["metadata"]["name"]);
            for version in array(&group["versions"]) {
                for resource in array(&version["resources"]) {
                    let kind = Self {
                        group: name.clone(),
                        version: text(&version["version"]),
                        plural: text(&resource["resource"]),
                        singular: text(&resource["singularResource"]),
                        kind: text(&resource["responseKind"]["kind"]),
                        namespaced: resource["scope"] == "Namespaced",
                        ..Self::names(resource)
                    };
                    kinds.extend((!kind.plural.is_empty()).then_some(kind));
                }
            }
        }
        kinds
    }

    /// The kinds of an `APIResourceList`, without subresources.
    pub fn from_legacy(document: &Value) -> Vec<Self> {
        let group_version = text(&document["groupVersion"]);
        let (group, version) = group_version.split_once('/').unwrap_or(("", &group_version));
        let kinds = array(&document["resources"]).iter().map(|resource| Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: text(&resource["name"]),
            singular: text(&resource["singularName"]),
            kind: text(&resource["kind"]),
            namespaced: resource["namespaced"] == true,
            ..Self::names(resource)
        });
        kinds.filter(|kind| !kind.plural.is_empty() && !kind.plural.contains('/')).collect()
    }

    fn names(resource: &Value) -> Self {
        let texts = |key: &str| array(&resource[key]).iter().map(text).collect();
        Self {
            short_names: texts("shortNames"),
            categories: texts("categories"),
            verbs: texts("verbs"),
            ..Self::default()
        }
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods`.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The path of its list, in one namespace or everywhere.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let namespace = namespace.map(|name| format!("/namespaces/{}", escaped(name))).unwrap_or_default();
        format!("{root}/{}{namespace}/{}", self.api_version(), self.plural)
    }

    /// Whether objects of it can be had all at once.
    pub(super) fn is_listable(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "list")
    }

    /// Whether a person means it by `word`: plural, singular, short name or kind, with or without `.group` or
    /// `.version.group`.
    pub fn is_called(&self, word: &str) -> bool {
        let (name, rest) = word.split_once('.').unwrap_or((word, ""));
        let name = name.to_lowercase();
        let named = [&self.plural, &self.singular].into_iter().chain(&self.short_names).any(|n| *n == name)
            || self.kind.to_lowercase() == name;
        let grouped = rest.is_empty()
            || rest == self.group
            || rest == self.version
            || rest
                .split_once('.')
                .is_some_and(|(version, group)| version == self.version && group == self.group);
        named && grouped
    }
}

/// The kinds of a server, each once, in the version that it prefers.
#[derive(Clone, Debug, Default)]
pub struct Kinds(Vec<Kind>);

impl Kinds {
    /// Keeps the first version of each kind that is given.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let mut seen = BTreeSet::new();
        let first = |kind: &Kind| seen.insert((kind.group.clone(), kind.plural.clone()));
        Self(kinds.into_iter().filter(first).collect())
    }

    /// All of them, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.0.iter()
    }

    /// What a person means by `deploy`, `deployments.apps`, `Deployment` or the category `all`: the kinds of a
    /// category, else the first kind of that name, as kubectl takes it. Empty when there is none.
    pub fn resolve(&self, word: &str) -> Vec<&Kind> {
        if let Some(kind) = self.0.iter().find(|kind| kind.is_called(word)) {
            return vec![kind];
        }
        self.0.iter().filter(|kind| kind.categories.iter().any(|name| name == word)).collect()
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kinds() -> Kinds {
        let resource = |plural: &str, kind: &str, short: &str| {
            json!({"resource": plural, "singularResource": kind.to_lowercase(), "scope": "Namespaced",
                "responseKind": {"kind": kind}, "shortNames": [short], "categories": ["all"], "verbs": ["get", "list"]})
        };
        let document = json!({"items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [resource("pods", "Pod", "po")]}]},
            {"metadata": {"name": "apps"}, "versions": [
                {"version": "v1", "resources": [resource("deployments", "Deployment", "deploy")]},
                {"version": "v1beta1", "resources": [resource("deployments", "Deployment", "deploy")]}]},
            {"metadata": {"name": "other.io"}, "versions": [{"version": "v2", "resources": [resource("pods", "Pod", "po")]}]},
        ]});
        Kinds::new(Kind::from_discovery(&document))
    }

    #[test]
    fn kinds_are_found_by_what_people_type() {
        let kinds = kinds();
        let names = |word: &str| kinds.resolve(word).iter().map(|kind| kind.full_name()).collect::<Vec<_>>();
        for word in ["deploy", "deployment", "Deployment", "deployments.apps", "deploy.v1.apps"] {
            assert_eq!(names(word), ["deployments.apps"], "{word}");
        }
        assert_eq!(names("po"), ["pods"]);
        assert_eq!(names("po.other.io"), ["pods.other.io"]);
        assert_eq!(names("all").len(), 3);
        assert!(names("deploy.v1beta1.apps").is_empty() && names("widgets").is_empty());
    }

    #[test]
    fn legacy_lists_say_the_same() {
        let list = json!({"groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "kind": "Deployment", "namespaced": true,
             "shortNames": ["deploy"], "categories": ["all"], "verbs": ["get", "list"]},
            {"name": "deployments/status", "singularName": "", "kind": "Deployment", "namespaced": true, "verbs": ["get"]}]});
        let legacy = Kind::from_legacy(&list);
        assert_eq!(legacy.iter().collect::<Vec<_>>(), kinds().resolve("deploy"));
        assert_eq!(legacy[0].path(Some("shop")), "/apis/apps/v1/namespaces/shop/deployments");
    }
}
