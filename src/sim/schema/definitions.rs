use super::Schema;
use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

/// The definition of `metadata`, which custom resources share.
pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The built-in types of one Kubernetes version. A definition is parsed when it is first asked for.
#[derive(Debug)]
pub struct Definitions {
    by_name: BTreeMap<&'static str, Definition>,
    by_kind: BTreeMap<&'static str, &'static str>,
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Definition {
    name: &'static str,
    text: &'static str,
    kinds: &'static str,
    table: fn() -> &'static Definitions,
    schema: OnceLock<Option<Schema>>,
}

impl Definition {
    pub(super) fn schema(&'static self) -> Option<&'static Schema> {
        let parse = || {
            let text = serde_json::from_str(self.text).ok()?;
            Some(Schema { name: self.name.rsplit('.').next(), ..Schema::parse(&text, Some((self.table)())) })
        };
        self.schema.get_or_init(parse).as_ref()
    }
}

impl Definitions {
    /// Kubernetes 1.36.
    pub fn v1_36() -> &'static Self {
        static TABLE: LazyLock<Definitions> = LazyLock::new(|| {
            Definitions::read(include_str!("../data/v1_36/definitions.txt"), Definitions::v1_36)
        });
        &TABLE
    }

    /// The newest version that is known.
    pub fn latest() -> &'static Self {
        Self::v1_36()
    }

    fn read(text: &'static str, table: fn() -> &'static Self) -> Self {
        let (mut by_name, mut by_kind) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            let mut columns = line.splitn(3, '\t');
            let (Some(name), Some(kinds), Some(text)) = (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            by_kind.extend(kinds.split_whitespace().map(|kind| (kind, name)));
            by_name.insert(name, Definition { name, text, kinds, table, schema: OnceLock::new() });
        }
        Self { by_name, by_kind }
    }

    /// The definition of that name, such as `io.k8s.api.core.v1.Pod`.
    pub fn get(&'static self, name: &str) -> Option<&'static Schema> {
        self.entry(name)?.schema()
    }

    pub(super) fn entry(&'static self, name: &str) -> Option<&'static Definition> {
        self.by_name.get(name)
    }

    /// The line of a definition: its schema as text, and the kinds that it is, spelled `GROUP/VERSION/KIND`.
    pub fn source(&'static self, name: &str) -> Option<(&'static str, &'static str)> {
        self.entry(name).map(|definition| (definition.text, definition.kinds))
    }

    /// The name of the definition of a built-in kind; the core group is the empty one.
    pub fn name(&'static self, group: &str, version: &str, kind: &str) -> Option<&'static str> {
        self.by_kind.get(format!("{group}/{version}/{kind}").as_str()).copied()
    }

    /// The schema of a built-in kind; the core group is the empty one.
    pub fn kind(&'static self, group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
        self.get(self.by_kind.get(format!("{group}/{version}/{kind}").as_str())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schema::{Kind, ListType};

    #[test]
    fn a_deployment_is_known_down_to_its_ports() {
        let deployment = Definitions::latest().kind("apps", "v1", "Deployment").unwrap();
        let spec =
            ["spec", "template", "spec"].iter().fold(deployment, |schema, key| schema.field(key).unwrap());
        let ports = spec.field("containers").unwrap().item().unwrap().field("ports").unwrap();
        assert_eq!(ports.list_type(), Some(&ListType::Map(vec!["containerPort".into(), "protocol".into()])));
        assert_eq!(ports.patch.key.as_deref(), Some("containerPort"));
        assert_eq!(ports.item().unwrap().field("protocol").unwrap().default, Some("TCP".into()));
        assert_eq!(spec.field("restartPolicy").unwrap().kind(), Some(Kind::String));
    }

    #[test]
    fn every_line_parses_and_recursive_types_end() {
        let all = Definitions::latest();
        for name in all.by_name.keys() {
            assert!(all.get(name).is_some(), "{name}");
        }
        let crd = all.kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition").unwrap();
        let versions = crd.field("spec").unwrap().field("versions").unwrap().item().unwrap();
        let schema = versions.field("schema").unwrap().field("openAPIV3Schema").unwrap();
        assert!(schema.field("properties").unwrap().member("x").unwrap().field("properties").is_some());
    }

    #[test]
    fn every_reference_is_met() {
        let all = Definitions::latest();
        for definition in all.by_name.values() {
            for (at, _) in definition.text.match_indices("\"$ref\":\"") {
                let name = definition.text[at + 8..].split('"').next().unwrap();
                assert!(all.by_name.contains_key(name), "{name}");
            }
        }
    }
}
