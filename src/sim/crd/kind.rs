use crate::{
    sim::{
        discovery::{Custom, Kind, Rules, Subresource},
        schema::Schema,
    },
    wire::Resource,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};

/// The type that a version of a definition makes.
pub(super) fn kind(object: &Value, version: &Value) -> Kind {
    let (spec, names) = (&object["spec"], &object["status"]["acceptedNames"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let resource = Resource {
        group: text(&spec["group"]),
        version: text(&version["name"]),
        plural: text(&names["plural"]),
    };
    let versions = spec["versions"].as_array().into_iter().flatten();
    let storage = versions.into_iter().find(|version| version["storage"] == true);
    let storage_version = storage.map(|version| text(&version["name"])).unwrap_or_default();
    let verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    let folder = format!("{}/{}", resource.group, resource.plural);
    Kind {
        storage: resource.clone(),
        singular: text(&names["singular"]),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: verbs.map(str::to_owned).to_vec(),
        short: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        hash: Some(storage_hash(&resource.group, &storage_version, &text(&names["kind"]))),
        own: None,
        subresources: subresources(version, &text(&names["kind"])),
        rules: Rules { conditional: true, generation: true, folder, ..Rules::default() },
        custom: Some(Arc::new(Custom {
            storage_version,
            schema: Schema::custom(&version["schema"]["openAPIV3Schema"]),
            served: served(spec),
            version: version.clone(),
            terminating: object["metadata"].get("deletionTimestamp").is_some(),
            webhook: spec["conversion"]["strategy"] == "Webhook",
        })),
        built_in: Default::default(),
        resource,
    }
}

/// What tells how objects are stored, as discovery shows it.
fn storage_hash(group: &str, version: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{group}/{version}/{kind}"));
    STANDARD.encode(&digest[..8])
}

/// The `apiVersion`s that a definition serves.
fn served(spec: &Value) -> Vec<String> {
    let versions = spec["versions"].as_array().into_iter().flatten();
    let named = versions.filter(|version| version["served"] == true).filter_map(|v| v["name"].as_str());
    named.map(|name| format!("{}/{name}", spec["group"].as_str().unwrap_or_default())).collect()
}

fn subresources(version: &Value, kind: &str) -> BTreeMap<String, Subresource> {
    let verbs = ["get", "patch", "update"].map(str::to_owned).to_vec();
    let mut found = BTreeMap::new();
    if version["subresources"].get("status").is_some() {
        let sub = Subresource {
            name: "status".into(),
            kind: kind.into(),
            group: None,
            version: None,
            verbs: verbs.clone(),
        };
        found.insert("status".to_owned(), sub);
    }
    if version["subresources"].get("scale").is_some() {
        let (group, version) = (Some("autoscaling".into()), Some("v1".into()));
        found.insert(
            "scale".to_owned(),
            Subresource { name: "scale".into(), kind: "Scale".into(), group, version, verbs },
        );
    }
    found
}
