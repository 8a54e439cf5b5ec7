use super::{Kind, api::Why, layout::object_path, manifest::Missing};
use crate::scrub::{Scrub, Scrubber};
use serde_json::{Value, json};

/// Fields of heartbeats, by kind.
const HEARTBEATS: [(&str, &str, &[&str]); 1] =
    [("coordination.k8s.io", "leases", &["/spec/renewTime", "/metadata/resourceVersion"])];

/// An object as it came, with the cells of its row where it came in a table.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) value: Value,
    pub(super) cells: Option<Vec<Value>>,
}

/// A secret in a cell is one of the object, which is looked through before.
impl Scrub for Object {
    fn scrub(&mut self, scrubber: &mut Scrubber) {
        scrubber.json("object", &mut self.value);
        for cell in self.cells.iter_mut().flatten() {
            if let Value::String(text) = cell {
                scrubber.text(text);
            }
        }
    }
}

impl Object {
    /// Reads an item of a list of `kind`, which need not say its kind.
    pub(super) fn parse(bytes: &[u8], kind: &Kind) -> Result<Self, Missing> {
        let garbled = |message: String| Missing::new(kind.full_name(), Why::Garbled, message);
        let mut value: Value = serde_json::from_slice(bytes).map_err(|error| garbled(error.to_string()))?;
        let mut cells = None;
        if let Some(Value::Array(row)) = value.get_mut("cells").map(Value::take) {
            cells = Some(row);
            value = value.get_mut("object").map(Value::take).unwrap_or_default();
        }
        let Some(fields) = value.as_object_mut() else {
            return Err(garbled(format!("an item is no object: {}", head(bytes))));
        };
        fields.entry("apiVersion").or_insert_with(|| json!(kind.api_version()));
        fields.entry("kind").or_insert_with(|| json!(kind.kind));
        let object = Self { value, cells };
        match object.name() {
            "" => Err(garbled(format!("an item has no name: {}", head(bytes)))),
            _ => Ok(object),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str().filter(|name| !name.is_empty())
    }

    /// Where it stands in the capture.
    pub(super) fn path(&self, kind: &Kind) -> String {
        object_path(self.namespace().filter(|_| kind.namespaced), &kind.group, &kind.plural, self.name())
    }

    /// Takes out what is noise in a capture.
    pub(super) fn quiet(&mut self, kind: &Kind, managed_fields: bool) {
        if !managed_fields && let Some(Value::Object(metadata)) = self.value.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        for (group, plural, fields) in HEARTBEATS {
            if (group, plural) == (kind.group.as_str(), kind.plural.as_str()) {
                fields.iter().for_each(|field| remove(&mut self.value, field));
            }
        }
    }

    /// The object as YAML, its keys in order.
    pub(super) fn yaml(&self) -> Result<String, Missing> {
        serde_saphyr::to_string(&self.value)
            .map_err(|error| Missing::new(self.name(), Why::Failed, error.to_string()))
    }
}

fn remove(value: &mut Value, pointer: &str) {
    if let Some((parent, field)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.remove(field);
    }
}

/// What names an item that was too large to be read, as far as its beginning tells.
pub(super) fn too_large(head: &[u8], bytes: u64, kind: &Kind, limit: usize) -> Missing {
    let text = String::from_utf8_lossy(head);
    let field = |key: &str| {
        let rest = text.split_once(&format!("\"{key}\":"))?.1;
        Some(rest.trim_start().strip_prefix('"')?.split('"').next()?.to_owned())
    };
    let name = field("name").unwrap_or_else(|| "an object without a name in its beginning".to_owned());
    let name = field("namespace").map_or(name.clone(), |namespace| format!("{namespace}/{name}"));
    let message = format!("{bytes} bytes are more than the {limit} that an object may have");
    Missing::new(format!("{}/{name}", kind.plural), Why::TooLarge, message)
}

fn head(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(80).collect()
}

/// The columns whose cells tell an age.
pub(super) fn ages(columns: &Value) -> Vec<Age> {
    let columns = columns.as_array().map_or(&[][..], Vec::as_slice);
    let age = |column: &Value| match column["name"].as_str().unwrap_or_default() {
        "Age" | "Last Seen" | "First Seen" | "Last Schedule" => Age::Whole,
        "Restarts" => Age::InBrackets,
        _ if column["type"] == "date" => Age::Whole,
        _ => Age::None,
    };
    columns.iter().map(age).collect()
}

/// What of a cell tells an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    None,
    Whole,
    InBrackets,
}

/// Whether a cell is such as `5m10s`; in the same columns stand times, `<none>` and `<unknown>`.
fn is_age(cell: &Value) -> bool {
    cell.as_str().is_some_and(|text| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text.ends_with(['s', 'm', 'h', 'd', 'y'])
            && text.bytes().all(|b| b.is_ascii_digit() || b"smhdy".contains(&b))
    })
}

/// The line of an object in the table of its kind.
pub(super) fn row(object: &Object, ages: &[Age]) -> Option<String> {
    let cells = object.cells.as_ref()?.iter().enumerate().map(|(at, cell)| match ages.get(at) {
        Some(Age::Whole) if is_age(cell) => Value::Null,
        Some(Age::InBrackets) => {
            cell.as_str().map_or_else(|| cell.clone(), |text| json!(text.split(" (").next().unwrap_or(text)))
        }
        _ => cell.clone(),
    });
    let cells: Vec<Value> = cells.collect();
    let mut line = json!({"name": object.name(), "cells": cells});
    if let Some(namespace) = object.namespace() {
        line["namespace"] = json!(namespace);
    }
    Some(format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &str, plural: &str, kind: &str) -> Kind {
        let (group, plural, kind) = (group.into(), plural.into(), kind.into());
        Kind { group, plural, kind, version: "v1".into(), namespaced: true, ..Kind::default() }
    }

    #[test]
    fn items_of_lists_and_rows_of_tables_are_objects() {
        let pods = kind("", "pods", "Pod");
        let object = Object::parse(br#"{"metadata":{"name":"a","namespace":"n"}}"#, &pods).unwrap();
        assert_eq!(
            (object.value["kind"].as_str(), object.value["apiVersion"].as_str()),
            (Some("Pod"), Some("v1"))
        );
        assert_eq!(object.path(&pods), "namespaces/n/core/pods/a.yaml");
        let row = br#"{"cells":["a","1 (2m ago)","5m"],"object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}}"#;
        let object = Object::parse(row, &pods).unwrap();
        let columns = json!([{"name": "Name"}, {"name": "Restarts"}, {"name": "Age"}]);
        assert_eq!(
            super::row(&object, &ages(&columns)).unwrap(),
            "{\"cells\":[\"a\",\"1\",null],\"name\":\"a\"}\n"
        );
        let created = json!({"name": "Created At", "type": "date"});
        assert_eq!(ages(&json!([created])), [Age::Whole]);
        assert!(
            is_age(&json!("2d4h")) && !is_age(&json!("2026-11-25T07:22:08Z")) && !is_age(&json!("<none>"))
        );
        for bad in ["7", r#"{"metadata":{}}"#, r#"{"cells":[1]}"#, "{"] {
            assert_eq!(Object::parse(bad.as_bytes(), &pods).unwrap_err().why, Why::Garbled, "{bad}");
        }
    }

    #[test]
    fn noise_is_taken_out_and_only_noise() {
        let leases = kind("coordination.k8s.io", "leases", "Lease");
        let item = br#"{"metadata":{"name":"a","resourceVersion":"7","uid":"u","managedFields":[]},"spec":{"renewTime":"t","holderIdentity":"me"}}"#;
        let mut object = Object::parse(item, &leases).unwrap();
        object.quiet(&leases, false);
        assert_eq!(object.value["metadata"], json!({"name": "a", "uid": "u"}));
        assert_eq!(object.value["spec"], json!({"holderIdentity": "me"}));
        let mut other = Object::parse(item, &kind("", "pods", "Pod")).unwrap();
        other.quiet(&kind("", "pods", "Pod"), true);
        assert_eq!(other.value["spec"]["renewTime"], "t");
        assert_eq!(other.value["metadata"]["managedFields"], json!([]));
    }

    #[test]
    fn what_was_too_large_is_named() {
        let head = br#"{"metadata":{"name":"big","namespace":"shop"},"data":"#;
        let missing = too_large(head, 5000, &kind("", "configmaps", "ConfigMap"), 1000);
        assert_eq!(missing.what, "configmaps/shop/big");
        assert_eq!(missing.message, "5000 bytes are more than the 1000 that an object may have");
    }
}
