use super::{Kind, definition};
use crate::sim::schema::Definitions;
use serde_json::{Map, Value, json};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
/// What requests and answers of every group have.
const OPTIONS: [&str; 2] =
    ["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"];
const PLACE: &str = "#/components/schemas/";

/// The schemas of a document: those that were asked for, and all that they refer to.
pub(super) struct Schemas {
    own: (String, String),
    found: Map<String, Value>,
}

impl Schemas {
    /// Those of a document of a group version.
    pub(super) fn new(group: &str, version: &str) -> Self {
        Self { own: (group.to_owned(), version.to_owned()), found: Map::new() }
    }

    /// A reference to a definition of Kubernetes itself.
    pub(super) fn built_in(&mut self, name: &str) -> Value {
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            if self.found.contains_key(&name) {
                continue;
            }
            let (text, kinds) = Definitions::v1_36().source(&name).unwrap_or(("{}", ""));
            let lean: Value = serde_json::from_str(text).unwrap_or_default();
            let mut schema = published(&lean, false, &mut open);
            let mut kinds: Vec<_> = kinds.split_whitespace().map(named).collect();
            if OPTIONS.contains(&name.as_str()) {
                // They are of every group; a document names its own.
                kinds.truncate(1);
                let kind = name.rsplit('.').next().map(str::to_owned);
                let (group, version) = &self.own;
                kinds.extend(
                    Some(json!({"group": group, "version": version, "kind": kind}))
                        .filter(|own| !kinds.contains(own)),
                );
            }
            if !kinds.is_empty() {
                schema["x-kubernetes-group-version-kind"] = kinds.into();
            }
            self.found.insert(name, schema);
        }
        reference(name)
    }

    /// A reference to a definition of the package of metadata.
    pub(super) fn meta(&mut self, name: &str) -> Value {
        self.built_in(&format!("{META}.{name}"))
    }

    /// A reference to the schema of a type.
    pub(super) fn of(&mut self, kind: &Kind) -> Value {
        let name = name_of(kind);
        if kind.custom.is_none() {
            return self.built_in(&name);
        }
        if !self.found.contains_key(&name) {
            let schema = self.custom(kind);
            self.found.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// A reference to the schema of lists of a type.
    pub(super) fn list_of(&mut self, kind: &Kind) -> Value {
        let (name, item) = (format!("{}List", name_of(kind)), self.of(kind));
        if self.found.contains_key(&name) {
            return reference(&name);
        }
        let metadata = self.meta("ListMeta");
        let (group, version) = group_version(kind);
        let (mut metadata, items) = (json!({ "allOf": [metadata] }), json!({"type": "array", "items": item}));
        if kind.custom.is_none() {
            metadata["default"] = json!({});
        }
        let mut list = json!({
            "type": "object", "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"}, "items": items, "kind": {"type": "string"}, "metadata": metadata,
            },
            "x-kubernetes-group-version-kind": [{"group": group, "kind": kind.list_kind, "version": version}],
        });
        if let Some(fields) =
            kind.custom.as_ref().and_then(|custom| custom.version["selectableFields"].as_array())
        {
            let path = |field: &Value| {
                field["jsonPath"].as_str().unwrap_or_default().trim_start_matches('.').to_owned()
            };
            let fields: Vec<_> = fields.iter().map(|field| json!({ "fieldPath": path(field) })).collect();
            list["x-kubernetes-selectable-fields"] = fields.into();
        }
        self.found.insert(name.clone(), list);
        reference(&name)
    }

    /// The schema of a custom resource with the parts that every object has.
    fn custom(&mut self, kind: &Kind) -> Value {
        let own = kind.custom.as_ref().map(|custom| &custom.version["schema"]["openAPIV3Schema"]);
        let mut schema = own.cloned().filter(Value::is_object).unwrap_or_else(|| json!({"type": "object"}));
        let metadata = self.meta("ObjectMeta");
        if let Some(members) = schema.as_object_mut() {
            let properties = members.entry("properties").or_insert_with(|| json!({}));
            properties["apiVersion"] = json!({"type": "string"});
            properties["kind"] = json!({"type": "string"});
            properties["metadata"] = json!({ "allOf": [metadata] });
            let (group, version) = group_version(kind);
            let named = json!([{"group": group, "kind": kind.kind, "version": version}]);
            members.insert("x-kubernetes-group-version-kind".to_owned(), named);
        }
        schema
    }

    /// All of them.
    pub(super) fn whole(self) -> Map<String, Value> {
        let mut all: Vec<_> = self.found.into_iter().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.into_iter().collect()
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{PLACE}{name}") })
}

/// `GROUP/VERSION/KIND` in the form of the document.
fn named(kind: &str) -> Value {
    let parts: Vec<&str> = kind.split('/').collect();
    json!({"group": parts[0], "version": parts.get(1), "kind": parts.get(2)})
}

/// Group and version of the kind, which may be others than those of its path.
pub(super) fn group_version(kind: &Kind) -> (&str, &str) {
    match &kind.own {
        Some((group, version)) => (group, version),
        None => (&kind.resource.group, &kind.resource.version),
    }
}

/// `io.k8s.api.apps.v1.Deployment`, or `com.example.v1.Foo` for a custom resource.
fn name_of(kind: &Kind) -> String {
    let (group, version) = group_version(kind);
    if let Some(name) = definition(group, version, &kind.kind).filter(|_| kind.custom.is_none()) {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = group.split('.').rev().filter(|part| !part.is_empty()).collect();
    parts.extend([version, kind.kind.as_str()]);
    parts.join(".")
}

/// A definition of the table as OpenAPI has it; what it refers to is added to `open`.
fn published(lean: &Value, member: bool, open: &mut Vec<String>) -> Value {
    let mut schema = Map::new();
    for (key, value) in lean.as_object().into_iter().flatten() {
        let value = match key.as_str() {
            // What Go makes of it is nothing that clients are told.
            "x" | "go" | "bare" | "$ref" => continue,
            "properties" => {
                let inner = value.as_object().into_iter().flatten();
                let inner = inner.map(|(name, schema)| (name.clone(), published(schema, true, open)));
                Value::Object(inner.collect())
            }
            "items" | "additionalProperties" if value.is_object() => published(value, false, open),
            _ => value.clone(),
        };
        schema.insert(key.clone(), value);
    }
    if let Some(name) = lean["$ref"].as_str() {
        open.push(name.to_owned());
        let reference = reference(name);
        // Nothing can stand beside a reference: members have a description there, or a default.
        if (!member || lean["bare"] == true) && schema.is_empty() {
            return reference;
        }
        schema.insert("allOf".to_owned(), json!([reference]));
    }
    Value::Object(schema)
}
