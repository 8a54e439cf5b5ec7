use super::{Kind, Rules, Subresource};
use crate::wire::Resource;
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

/// The types that are served now.
#[derive(Clone, Debug)]
pub struct Registry {
    groups: Vec<Group>,
}

/// One group and its versions, the preferred one first.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) custom: bool,
    pub(super) versions: Vec<(String, Vec<Arc<Kind>>)>,
}

impl Registry {
    /// The types of Kubernetes 1.36.
    pub fn v1_36() -> Self {
        static TABLE: OnceLock<Registry> = OnceLock::new();
        let read = || {
            Registry::read(include_str!("../data/v1_36/kinds.json"), include_str!("../data/v1_36/rules.json"))
                .expect("the table of kinds is well formed: a test reads it")
        };
        TABLE.get_or_init(read).clone()
    }

    fn read(kinds: &str, rules: &str) -> Result<Self, serde_json::Error> {
        let (rows, rules): (Vec<Row>, Table) = (serde_json::from_str(kinds)?, serde_json::from_str(rules)?);
        let mut registry = Self { groups: Vec::new() };
        for row in rows {
            registry.add(row.into_kind(&rules));
        }
        Ok(registry)
    }

    /// Serves a type.
    pub fn add(&mut self, kind: Kind) {
        let (name, custom) = (kind.resource.group.clone(), kind.custom.is_some());
        let at = self.groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            self.groups.push(Group { name, custom, versions: Vec::new() });
            self.groups.len() - 1
        });
        let versions = &mut self.groups[at].versions;
        let version = kind.resource.version.clone();
        let at = versions.iter().position(|(name, _)| *name == version).unwrap_or_else(|| {
            versions.push((version, Vec::new()));
            versions.len() - 1
        });
        versions[at].1.push(Arc::new(kind));
        if custom {
            versions[at].1.sort_by(|a, b| a.resource.plural.cmp(&b.resource.plural));
            versions.sort_by_key(|(name, _)| std::cmp::Reverse(priority(name)));
            self.groups.sort_by_key(|group| (group.custom, group.custom.then(|| group.name.clone())));
        }
    }

    /// Serves a type no more.
    pub fn remove(&mut self, group: &str, plural: &str) {
        for found in self.groups.iter_mut().filter(|found| found.name == group) {
            for (_, kinds) in &mut found.versions {
                kinds.retain(|kind| kind.resource.plural != plural);
            }
            found.versions.retain(|(_, kinds)| !kinds.is_empty());
        }
        self.groups.retain(|group| !group.versions.is_empty());
    }

    /// The type of a path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        let kinds = self.version(group, version)?;
        kinds.iter().find(|kind| kind.resource.plural == plural)
    }

    /// The type of a kind.
    pub fn by_kind(&self, group: &str, version: &str, name: &str) -> Option<&Arc<Kind>> {
        self.version(group, version)?.iter().find(|kind| kind.kind == name)
    }

    /// A type of a kind, in the version that is preferred.
    pub fn named(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        let group = self.groups.iter().find(|found| found.name == group)?;
        group.versions.iter().flat_map(|(_, kinds)| kinds).find(|found| found.kind == kind)
    }

    /// A type in the version that is preferred.
    pub fn preferred(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        let group = self.groups.iter().find(|found| found.name == group)?;
        let mut kinds = group.versions.iter().flat_map(|(_, kinds)| kinds);
        kinds.find(|kind| kind.resource.plural == plural)
    }

    /// The types whose objects stand in namespaces, as they are stored.
    pub fn namespaced(&self) -> Vec<Resource> {
        let kinds = self
            .groups
            .iter()
            .flat_map(|group| group.versions.first().into_iter().flat_map(|(_, kinds)| kinds));
        let stored = kinds.filter(|kind| kind.namespaced && kind.storage == kind.resource);
        stored.map(|kind| kind.storage.clone()).collect()
    }

    /// Every type in every version.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.groups.iter().flat_map(|group| group.versions.iter().flat_map(|(_, kinds)| kinds))
    }

    /// Whether a group is one of Kubernetes itself.
    pub fn is_built_in(&self, group: &str) -> bool {
        self.groups.iter().any(|found| found.name == group && !found.custom)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn version(&self, group: &str, version: &str) -> Option<&Vec<Arc<Kind>>> {
        let group = self.groups.iter().find(|found| found.name == group)?;
        group.versions.iter().find(|(name, _)| name == version).map(|(_, kinds)| kinds)
    }
}

/// `v2` before `v1`, `v1` before `v1beta2`, before `v1alpha1`, before all others.
fn priority(version: &str) -> (u8, u32, u32, std::cmp::Reverse<String>) {
    let other = || (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else { return other() };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let Ok(major) = rest[..digits].parse() else { return other() };
    let stage = |rank, minor: &str| {
        minor.parse().map_or_else(|_| other(), |minor| (rank, major, minor, std::cmp::Reverse(String::new())))
    };
    match &rest[digits..] {
        "" => stage(3, "0"),
        tail => match (tail.strip_prefix("beta"), tail.strip_prefix("alpha")) {
            (Some(minor), _) => stage(2, minor),
            (_, Some(minor)) => stage(1, minor),
            _ => other(),
        },
    }
}

#[derive(Deserialize)]
struct Row {
    group: String,
    version: String,
    plural: String,
    singular: String,
    kind: String,
    namespaced: bool,
    verbs: Vec<String>,
    #[serde(default)]
    short: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    hash: Option<String>,
    #[serde(rename = "as")]
    own: Option<(String, String)>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    conditional: BTreeSet<String>,
    create_on_update: BTreeSet<String>,
    returns_deleted: BTreeSet<String>,
    generation: BTreeSet<String>,
    orphan_by_default: BTreeSet<String>,
    path_names: BTreeSet<String>,
    label_names: BTreeSet<String>,
    stored_as: BTreeMap<String, String>,
    folders: BTreeMap<String, String>,
    warnings: BTreeMap<String, String>,
}

impl Row {
    fn into_kind(self, table: &Table) -> Kind {
        let name = format!("{}/{}", self.group, self.plural);
        let resource = Resource::new(self.group, self.version, self.plural);
        let storage = match table.stored_as.get(&name).and_then(|other| other.split_once('/')) {
            Some((group, plural)) => Resource::new(group, "v1", plural),
            None => resource.clone(),
        };
        let path = format!("{}/{}/{}", resource.group, resource.version, resource.plural);
        let rules = Rules {
            conditional: table.conditional.contains(&name),
            create_on_update: table.create_on_update.contains(&name),
            returns_deleted: table.returns_deleted.contains(&name),
            generation: table.generation.contains(&name),
            orphan_by_default: table.orphan_by_default.contains(&name),
            path_names: table.path_names.contains(&name),
            label_names: table.label_names.contains(&name),
            folder: table.folders.get(&name).cloned().unwrap_or_else(|| resource.plural.clone()),
            warning: table.warnings.get(&path).cloned(),
        };
        Kind {
            storage,
            singular: self.singular,
            list_kind: format!("{}List", self.kind),
            kind: self.kind,
            namespaced: self.namespaced,
            verbs: self.verbs,
            short: self.short,
            categories: self.categories,
            hash: self.hash,
            own: self.own,
            subresources: self.subresources.into_iter().map(|sub| (sub.name.clone(), sub)).collect(),
            rules,
            custom: None,
            built_in: Default::default(),
            resource,
        }
    }
}

/// The columns of the tables of Kubernetes 1.36, by `GROUP/VERSION/PLURAL`.
pub fn columns(resource: &Resource) -> Option<&'static Value> {
    static TABLE: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let rows: Vec<Value> = serde_json::from_str(include_str!("../data/v1_36/columns.json"))
            .expect("the table of columns is well formed: a test reads it");
        let named = |row: &Value| Some((row["of"].as_str()?.to_owned(), row["columns"].clone()));
        rows.iter().filter_map(named).collect()
    });
    table.get(&format!("{}/{}", resource.api_version(), resource.plural))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_is_read_and_every_rule_names_a_type() {
        let registry = Registry::v1_36();
        let rules: Value = serde_json::from_str(include_str!("../data/v1_36/rules.json")).unwrap();
        let later = ["leasecandidates", "devicetaintrules"];
        for list in rules.as_object().unwrap().values().filter_map(Value::as_array).flatten() {
            let (group, plural) = list.as_str().unwrap().split_once('/').unwrap();
            let found = registry.all().any(|kind| kind.is(group, plural));
            assert!(found || later.contains(&plural), "{list}");
        }
        assert!(registry.find("apps", "v1", "deployments").is_some_and(|kind| kind.rules.generation));
        assert!(
            registry.find("events.k8s.io", "v1", "events").is_some_and(|kind| kind.storage.group.is_empty())
        );
        assert!(columns(&registry.find("", "v1", "pods").unwrap().resource).is_some());
    }

    #[test]
    fn versions_stand_in_the_servers_order() {
        let mut versions = ["foo", "v1alpha1", "v1", "v1beta2", "v2", "v1beta10", "bar"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v2", "v1", "v1beta10", "v1beta2", "v1alpha1", "bar", "foo"]);
    }
}
