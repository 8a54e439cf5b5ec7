use crate::{
    history::metadata_of,
    sim::{
        discovery::{Kind, columns},
        refusal::bad_request,
    },
    wire::Failure,
};
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
) -> Result<Value, Failure> {
    let rows = objects.iter().map(|object| row(kind, object, include)).collect::<Result<Vec<_>, _>>()?;
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
pub fn row(kind: &Kind, object: &Value, include: Option<&str>) -> Result<Value, Failure> {
    let cells: Vec<Value> = definitions(kind)
        .as_array()
        .into_iter()
        .flatten()
        .map(|column| match column["name"].as_str() {
            Some("Name") => object["metadata"]["name"].clone(),
            Some("Created At") => object["metadata"]["creationTimestamp"].clone(),
            _ => json!("<unknown>"),
        })
        .collect();
    let mut row = json!({ "cells": cells });
    if let Some(object) = object_of(object, include)? {
        row["object"] = object;
    }
    Ok(row)
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
    match columns(&kind.resource).and_then(Value::as_array) {
        Some(rows) => rows.iter().map(column).collect(),
        None => json!([
            {"name": "Name", "type": "string", "format": "name", "priority": 0, "description": ""},
            {"name": "Age", "type": "date", "format": "", "priority": 0, "description": ""},
        ]),
    }
}
