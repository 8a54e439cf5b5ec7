use super::{
    age::age,
    cell::{cell, programs},
};
use crate::{
    history::metadata_of,
    sim::{
        discovery::{Kind, columns},
        refusal::bad_request,
    },
    wire::{Failure, JsonPath, Resource},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc};

/// Objects as the rows of a `Table`.
///
/// # Errors
/// 400 for an unknown `includeObject`.
pub fn table(
    kind: &Kind,
    objects: &[Arc<Value>],
    metadata: Value,
    include: Option<&str>,
    now: Timestamp,
) -> Result<Value, Failure> {
    let rows = objects.iter().map(|object| row(kind, object, include, now)).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        object_of(&Value::Null, include)?;
    }
    Ok(json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions(kind), "rows": rows,
    }))
}

/// A `Scale` as a `Table`.
///
/// # Errors
/// 400 for an unknown `includeObject`.
pub fn scale(scale: &Value, include: Option<&str>, now: Timestamp) -> Result<Value, Failure> {
    let cells = programs("autoscaling/scales").into_iter().flatten().map(|program| cell(program, scale, now));
    let name = scale["metadata"]["name"].clone();
    let mut row = json!({ "cells": std::iter::once(name).chain(cells).collect::<Vec<_>>() });
    if let Some(object) = object_of(scale, include)? {
        row["object"] = object;
    }
    let rows = columns(&Resource::new("autoscaling", "v1", "scales")).and_then(Value::as_array);
    Ok(json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": scale["metadata"]["resourceVersion"]},
        "columnDefinitions": rows.into_iter().flatten().map(column).collect::<Vec<_>>(), "rows": [row],
    }))
}

/// One object as a row.
///
/// # Errors
/// 400 for an unknown `includeObject`.
pub fn row(kind: &Kind, object: &Value, include: Option<&str>, now: Timestamp) -> Result<Value, Failure> {
    let mut row = json!({ "cells": cells(kind, object, now) });
    if let Some(object) = object_of(object, include)? {
        row["object"] = object;
    }
    Ok(row)
}

pub(super) fn cells(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    if let Some(custom) = &kind.custom {
        return custom_cells(&custom.version, object, now);
    }
    match programs(&format!("{}/{}", kind.storage.group, kind.storage.plural)) {
        Some(programs) => {
            let cells = programs.iter().map(|program| cell(program, object, now));
            // Events have no leading name.
            if kind.storage.plural == "events" {
                return cells.collect();
            }
            std::iter::once(name).chain(cells).collect()
        }
        None => vec![name, object["metadata"]["creationTimestamp"].clone()],
    }
}

fn object_of(object: &Value, include: Option<&str>) -> Result<Option<Value>, Failure> {
    match include {
        Some("None") => Ok(None),
        Some("Object") => Ok(Some(object.clone())),
        None | Some("" | "Metadata") => Ok(Some(metadata_of(object))),
        Some(other) => Err(bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
             must be 'Metadata', 'Object', 'None', or empty"
        ))),
    }
}

/// The columns of a type.
pub fn definitions(kind: &Kind) -> Value {
    if let Some(custom) = &kind.custom {
        return custom_definitions(&custom.version).into();
    }
    let rows = columns(&kind.resource).and_then(Value::as_array).into_iter().flatten();
    rows.map(column).collect()
}

fn column(row: &Value) -> Value {
    json!({"name": row[0], "type": row[1], "format": row[2], "priority": row[3], "description": row[4]})
}

/// The columns of a version of a definition.
pub(super) fn custom_definitions(version: &Value) -> Vec<Value> {
    let config = columns(&crate::wire::Resource {
        group: String::new(),
        version: "v1".into(),
        plural: "configmaps".into(),
    });
    let name = config.and_then(|rows| rows.get(0)).map(column).unwrap_or_default();
    let own = custom_columns(version).into_iter().map(|column| {
        let path = column["jsonPath"].as_str().unwrap_or_default();
        let description = format!("Custom resource definition column (in JSONPath format): {path}");
        json!({
            "name": column["name"], "type": column["type"],
            "format": column["format"].as_str().unwrap_or_default(),
            "priority": column["priority"].as_i64().unwrap_or(0),
            "description": column["description"].as_str().unwrap_or(&description),
        })
    });
    std::iter::once(name).chain(own).collect()
}

/// What they show of an object.
pub(super) fn custom_cells(version: &Value, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    let own = custom_columns(version);
    let cells = own.iter().map(|column| custom_cell(column, object, now));
    std::iter::once(name).chain(cells).collect()
}

fn custom_columns(version: &Value) -> Vec<Value> {
    let columns = version["additionalPrinterColumns"].as_array();
    match columns.filter(|columns| !columns.is_empty()) {
        Some(columns) => columns.clone(),
        None => vec![json!({
            "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
            "description": AGE,
        })],
    }
}

const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is \
    not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is \
    represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// What a column of a definition shows; a value of another type is shown as nothing.
fn custom_cell(column: &Value, object: &Value, now: Timestamp) -> Value {
    let path = column["jsonPath"].as_str().unwrap_or_default();
    let path = JsonPath::relaxed(path);
    let found = path.as_ref().ok().and_then(|path| path.find(object).ok()?.into_iter().next());
    let value = found.map(Cow::into_owned).unwrap_or_default();
    match (column["type"].as_str().unwrap_or_default(), value) {
        (_, Value::Null) => Value::Null,
        ("integer", value) => {
            value.as_i64().or_else(|| value.as_f64().map(|f| f as i64)).map_or(Value::Null, Value::from)
        }
        ("number", value) => {
            if value.is_number() {
                value
            } else {
                Value::Null
            }
        }
        ("boolean", value) => {
            if value.is_boolean() {
                value
            } else {
                Value::Null
            }
        }
        ("date", value) => json!(age(&value, now)),
        (_, Value::String(text)) => json!(text),
        (_, value) => json!(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::discovery::Registry;

    #[test]
    fn every_built_in_type_has_as_many_cells_as_columns() {
        let registry = Registry::v1_36();
        let now = Timestamp::UNIX_EPOCH;
        for kind in registry.all() {
            let columns = definitions(kind).as_array().map_or(0, Vec::len);
            let cells = cells(kind, &json!({"metadata": {"name": "a"}}), now).len();
            let listed = kind.verbs.iter().any(|verb| verb == "list");
            assert!(!listed || columns == 0 || columns == cells, "{}: {columns} and {cells}", kind.resource);
        }
    }

    #[test]
    fn columns_of_definitions_show_values_of_their_types() {
        let object =
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}], "n": 1.5, "list": [1]}});
        let cell = |path: &str, of: &str| {
            custom_cell(&json!({"jsonPath": path, "type": of}), &object, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(cell(".status.conditions[?(@.type==\"Ready\")].status", "string"), "True");
        assert_eq!(cell(".status.conditions[0].type", "string"), "Ready");
        assert_eq!(cell(".status.list", "string"), "[1]");
        assert_eq!(cell(".status.n", "integer"), 1);
        assert_eq!((cell(".status.n", "boolean"), cell(".x.y", "string")), (Value::Null, Value::Null));
    }
}
