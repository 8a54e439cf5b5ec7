use super::{
    age::age,
    cell::{at, cell, programs},
};
use crate::{
    history::metadata_of,
    sim::{
        discovery::{Kind, columns},
        refusal::bad_request,
    },
    wire::Failure,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

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

fn cells(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    if kind.custom.is_some() {
        let own = custom_columns(kind);
        let cells = own.iter().map(|column| custom_cell(column, object, now));
        return std::iter::once(name).chain(cells).collect();
    }
    match programs(kind) {
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
    let column = |row: &Value| json!({"name": row[0], "type": row[1], "format": row[2], "priority": row[3], "description": row[4]});
    if kind.custom.is_none() {
        let rows = columns(&kind.resource).and_then(Value::as_array).into_iter().flatten();
        return rows.map(column).collect();
    }
    let config = columns(&crate::wire::Resource {
        group: String::new(),
        version: "v1".into(),
        plural: "configmaps".into(),
    });
    let name = config.and_then(|rows| rows.get(0)).map(column).unwrap_or_default();
    let own = custom_columns(kind).into_iter().map(|column| {
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

fn custom_columns(kind: &Kind) -> Vec<Value> {
    let columns =
        kind.custom.as_ref().and_then(|custom| custom.version["additionalPrinterColumns"].as_array());
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
    let value = custom_value(object, path);
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

/// The first value that a JSONPath of fields, indexes and simple filters names.
fn custom_value(object: &Value, path: &str) -> Value {
    let mut value = object;
    for part in path_parts(path) {
        value = match part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
            Some(inner) => match (inner.parse::<usize>(), filter(inner)) {
                (Ok(index), _) => &value[index],
                (_, Some((key, wanted))) => {
                    let items = value.as_array().into_iter().flatten();
                    items.into_iter().find(|item| at(item, &key) == &json!(wanted)).unwrap_or(&Value::Null)
                }
                _ => &value[inner.trim_matches(['\'', '"'])],
            },
            None => &value[part.as_str()],
        };
    }
    value.clone()
}

/// `?(@.type=="Ready")` as the path and the text.
fn filter(inner: &str) -> Option<(String, String)> {
    let (path, wanted) = inner.strip_prefix("?(@")?.strip_suffix(')')?.split_once("==")?;
    Some((path.trim().to_owned(), wanted.trim().trim_matches(['\'', '"']).to_owned()))
}

/// The fields and brackets of a JSONPath.
fn path_parts(path: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0usize);
    for letter in path.chars() {
        match letter {
            '.' if depth == 0 => parts.push(String::new()),
            '[' if depth == 0 => {
                depth += 1;
                parts.push("[".to_owned());
            }
            other => {
                match other {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
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
    fn paths_of_columns_find_fields_indexes_and_conditions() {
        let object =
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "a": {"b.c": 1}});
        let ready = ".status.conditions[?(@.type==\"Ready\")].status";
        assert_eq!(custom_value(&object, ready), "True");
        assert_eq!(custom_value(&object, ".status.conditions[0].type"), "Ready");
        assert_eq!(custom_value(&object, ".a['b.c']"), 1);
        assert_eq!(custom_value(&object, ".x.y"), Value::Null);
    }
}
