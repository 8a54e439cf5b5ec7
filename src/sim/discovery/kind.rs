use crate::{
    sim::schema::{Definitions, Schema},
    wire::Resource,
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// One served type at one version.
#[derive(Debug)]
pub struct Kind {
    /// Group, version and plural.
    pub resource: Resource,
    /// The type that its objects are stored as.
    pub storage: Resource,
    /// The singular name.
    pub singular: String,
    /// The kind, such as `ConfigMap`.
    pub kind: String,
    /// The kind of its lists.
    pub list_kind: String,
    /// Whether its objects stand in a namespace.
    pub namespaced: bool,
    /// The verbs of discovery.
    pub verbs: Vec<String>,
    /// Short names.
    pub short: Vec<String>,
    /// Categories, such as `all`.
    pub categories: Vec<String>,
    /// What discovery says of the stored version.
    pub hash: Option<String>,
    /// Group and version of the kind where they are not those of the path.
    pub own: Option<(String, String)>,
    /// Subresources by name.
    pub subresources: BTreeMap<String, Subresource>,
    /// How the server treats its objects.
    pub rules: Rules,
    /// What its definition says, for a custom resource.
    pub custom: Option<Arc<Custom>>,
    /// The schema of a built-in type, once it was looked for.
    pub built_in: OnceLock<Option<&'static Schema>>,
}

/// One subresource.
#[derive(Clone, Debug, Deserialize)]
pub struct Subresource {
    /// Its name, such as `status`.
    pub name: String,
    /// The kind of its objects.
    pub kind: String,
    /// The group of that kind, where it is not that of the resource.
    pub group: Option<String>,
    /// The version of that kind, where it is not that of the resource.
    pub version: Option<String>,
    /// The verbs of discovery.
    pub verbs: Vec<String>,
}

/// How the server treats the objects of a type.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// An update must name a resourceVersion.
    pub conditional: bool,
    /// An update of a missing object creates it.
    pub create_on_update: bool,
    /// A delete answers with the object rather than with a `Status`.
    pub returns_deleted: bool,
    /// Its objects have a generation.
    pub generation: bool,
    /// A delete leaves dependents by default.
    pub orphan_by_default: bool,
    /// Any name that can stand in a path is good.
    pub path_names: bool,
    /// Names are DNS labels.
    pub label_names: bool,
    /// The folder of the storage, as it shows in some messages.
    pub folder: String,
    /// What every request is warned of.
    pub warning: Option<String>,
}

/// What a CustomResourceDefinition says about one version.
#[derive(Debug)]
pub struct Custom {
    /// The version that objects are stored in.
    pub storage_version: String,
    /// The structural schema.
    pub schema: Schema,
    /// The versions that are served.
    pub served: Vec<String>,
    /// The entry of `spec.versions`.
    pub version: Value,
    /// The definition is being deleted.
    pub terminating: bool,
    /// A webhook converts between the versions.
    pub webhook: bool,
}

impl Kind {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        self.resource.api_version()
    }

    /// What its objects may be.
    pub fn schema(&self) -> Option<&Schema> {
        if let Some(custom) = &self.custom {
            return Some(&custom.schema);
        }
        let look = || {
            let (group, version) = self.own.as_ref().map_or(
                (self.resource.group.as_str(), self.resource.version.as_str()),
                |(group, version)| (group.as_str(), version.as_str()),
            );
            Definitions::v1_36().kind(group, version, &self.kind)
        };
        *self.built_in.get_or_init(look)
    }

    /// Whether this is the `apiVersion` of its objects.
    pub fn speaks(&self, version: &str) -> bool {
        let Resource { group, version: own, .. } = &self.resource;
        match version.split_once('/') {
            Some((left, right)) => left == group && right == own,
            None => group.is_empty() && version == own,
        }
    }

    /// `ConfigMap` or `Deployment.apps`.
    pub fn group_kind(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.kind.clone(),
            group => format!("{}.{group}", self.kind),
        }
    }

    /// Whether it is of the core group and has this plural.
    pub fn is_core(&self, plural: &str) -> bool {
        self.resource.group.is_empty() && self.resource.plural == plural
    }

    /// Whether it is of this group and has this plural.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.resource.group == group && self.resource.plural == plural
    }

    /// The subresources as discovery lists them: those of custom resources in an order of their own.
    pub(super) fn listed_subresources(&self) -> Vec<&Subresource> {
        let mut all: Vec<_> = self.subresources.values().collect();
        if self.custom.is_some() {
            all.sort_by_key(|sub| sub.name != "status");
        }
        all
    }

    /// Whether `status` is written apart from the rest.
    pub fn has_status(&self) -> bool {
        self.subresources.contains_key("status")
    }
}
