use super::Id;
use crate::gather::{Kind, Kinds};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// A kind that every API server has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    group: String,
    version: String,
    plural: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    short: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
}

static BUILT_IN: LazyLock<Vec<Row>> =
    LazyLock::new(|| serde_json::from_str(include_str!("built_in.json")).expect("built_in.json is tested"));

/// The kinds of a capture: those that its server had, else those that every server has; those of its definitions;
/// and those of its objects.
pub(super) fn kinds(asked: Vec<Kind>, objects: &BTreeMap<Id, Value>) -> Kinds {
    let mut all = asked;
    if all.is_empty() {
        all.extend(BUILT_IN.iter().map(|row| built_in(row, objects)));
    }
    let is = |kind: &Kind, id: &Id| kind.group == id.group && kind.kind == id.kind;
    for (id, definition) in objects.iter().filter(|(id, _)| id.kind == "CustomResourceDefinition") {
        let kind = defined(definition, objects);
        let named = id.group == "apiextensions.k8s.io" && !kind.plural.is_empty();
        if named && !all.iter().any(|known| known.group == kind.group && known.kind == kind.kind) {
            all.push(kind);
        }
    }
    let others: BTreeSet<(&str, &str)> = objects
        .keys()
        .filter(|id| !all.iter().any(|kind| is(kind, id)))
        .map(|id| (id.group.as_str(), id.kind.as_str()))
        .collect();
    let guesses: Vec<Kind> =
        others.into_iter().filter_map(|(group, kind)| first(objects, group, kind)).map(guess).collect();
    all.extend(guesses);
    Kinds::new(all)
}

/// The first object of a kind.
fn first<'a>(objects: &'a BTreeMap<Id, Value>, group: &str, kind: &str) -> Option<(&'a Id, &'a Value)> {
    let from = Id { group: group.to_owned(), kind: kind.to_owned(), ..Id::default() };
    objects.range(from..).next().filter(|(id, _)| id.group == group && id.kind == kind)
}

/// The version of an object, which the kind's other objects have too.
fn version(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.rsplit('/').next().unwrap_or(version).to_owned()
}

fn built_in(row: &Row, objects: &BTreeMap<Id, Value>) -> Kind {
    let found = first(objects, &row.group, &row.kind);
    Kind {
        group: row.group.clone(),
        version: found.map_or_else(|| row.version.clone(), |(_, object)| version(object)),
        plural: row.plural.clone(),
        singular: row.kind.to_lowercase(),
        kind: row.kind.clone(),
        short_names: row.short.clone(),
        categories: row.categories.clone(),
        namespaced: row.namespaced,
        verbs: vec!["list".into()],
    }
}

/// The kind of a CustomResourceDefinition.
fn defined(definition: &Value, objects: &BTreeMap<Id, Value>) -> Kind {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let (names, versions) = (&spec["names"], spec["versions"].as_array());
    let (group, kind) = (text(&spec["group"]), text(&names["kind"]));
    let stored = versions.into_iter().flatten().find(|version| version["storage"] == true);
    let stored = stored.map_or_else(|| text(&spec["version"]), |version| text(&version["name"]));
    let singular = text(&names["singular"]);
    Kind {
        version: first(objects, &group, &kind).map_or(stored, |(_, object)| version(object)),
        plural: text(&names["plural"]),
        singular: if singular.is_empty() { kind.to_lowercase() } else { singular },
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: vec!["list".into()],
        group,
        kind,
    }
}

/// A kind of which only objects are known; its plural is made as English makes it.
fn guess((id, object): (&Id, &Value)) -> Kind {
    let singular = id.kind.to_lowercase();
    let plural = match singular.as_str() {
        word if word.ends_with('s') || word.ends_with('x') || word.ends_with("ch") => format!("{word}es"),
        word if word.ends_with('y') && !word.ends_with("ay") && !word.ends_with("ey") => {
            format!("{}ies", &word[..word.len() - 1])
        }
        word => format!("{word}s"),
    };
    Kind {
        group: id.group.clone(),
        version: version(object),
        plural,
        singular,
        kind: id.kind.clone(),
        namespaced: !id.namespace.is_empty(),
        verbs: vec!["list".into()],
        ..Kind::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What the capture of a real cluster says of itself.
    #[test]
    fn the_built_in_kinds_are_those_of_a_server() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/operators/discovery");
        let mut served = Vec::new();
        for document in ["api", "apis"] {
            let text = std::fs::read_to_string(format!("{folder}/{document}.json")).unwrap();
            served.extend(Kind::from_discovery(&serde_json::from_str(&text).unwrap()));
        }
        let served = Kinds::new(served.into_iter().filter(Kind::is_listable));
        let known = kinds(Vec::new(), &BTreeMap::new());
        for kind in known.iter() {
            let real = served.iter().find(|other| other.full_name() == kind.full_name()).unwrap();
            assert_eq!(Kind { verbs: real.verbs.clone(), ..kind.clone() }, *real);
        }
        assert_eq!(known.iter().count(), 60);
    }

    #[test]
    fn definitions_name_their_kinds_and_objects_their_versions() {
        let definition = json!({"spec": {"group": "a.io", "scope": "Cluster",
            "names": {"plural": "oxen", "kind": "Ox", "shortNames": ["o"]},
            "versions": [{"name": "v2"}, {"name": "v1", "storage": true}]}});
        let id = |group: &str, kind: &str| Id {
            group: group.into(),
            kind: kind.into(),
            name: "x".into(),
            ..Id::default()
        };
        let objects = [
            (id("apiextensions.k8s.io", "CustomResourceDefinition"), definition),
            (id("a.io", "Ox"), json!({"apiVersion": "a.io/v2"})),
            (id("b.io", "Policy"), json!({"apiVersion": "b.io/v1"})),
            (id("policy", "PodDisruptionBudget"), json!({"apiVersion": "policy/v1beta1"})),
        ];
        let found = kinds(Vec::new(), &objects.into_iter().collect());
        let name = |word: &str| {
            found
                .resolve(word)
                .iter()
                .map(|kind| format!("{}/{}", kind.full_name(), kind.version))
                .collect::<Vec<_>>()
        };
        assert_eq!(name("o"), ["oxen.a.io/v2"]);
        assert_eq!(name("policies"), ["policies.b.io/v1"]);
        assert_eq!(name("pdb"), ["poddisruptionbudgets.policy/v1beta1"]);
        assert_eq!(name("deploy"), ["deployments.apps/v1"]);
    }
}
