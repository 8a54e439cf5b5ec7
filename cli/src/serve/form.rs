use super::source::Source;
use crate::show::{Found, sheet};
use kubetape::{
    gather::{Id, Kind},
    history::metadata_of,
};
use serde_json::{Value, json};

/// In what form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Whole,
    /// As rows that kubectl prints.
    Table,
    /// Metadata alone.
    Metadata,
}

impl Form {
    /// The first form of an `Accept` header that is made here; `None` when there is none.
    pub(super) fn of(accept: &str) -> Option<Self> {
        if accept.trim().is_empty() {
            return Some(Self::Whole);
        }
        accept.split(',').map(str::trim).find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            let json = matches!(parts.next(), Some("application/json" | "application/*" | "*/*"));
            let shape = parts.find_map(|part| part.strip_prefix("as="));
            match shape.filter(|_| json) {
                Some("Table") => Some(Self::Table),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Self::Metadata),
                Some(_) => None,
                None => json.then_some(Self::Whole),
            }
        })
    }

    /// An object in this form; in a stream the columns stand in the first table alone.
    pub(super) fn object(
        self,
        source: &Source,
        kind: &Kind,
        object: &Value,
        include: &str,
        columns: bool,
    ) -> Value {
        match self {
            Self::Whole => object.clone(),
            Self::Metadata => metadata_of(object),
            Self::Table => {
                let mut table = table(source, kind, &[object], include);
                table["metadata"] = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                if !columns {
                    table["columnDefinitions"] = Value::Null;
                }
                table
            }
        }
    }

    /// A list in this form.
    pub(super) fn list(
        self,
        source: &Source,
        kind: &Kind,
        objects: &[&Value],
        include: &str,
        metadata: Value,
    ) -> Value {
        match self {
            Self::Whole => json!({
                "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata,
                "items": objects,
            }),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": objects.iter().map(|object| metadata_of(object)).collect::<Vec<_>>(),
            }),
            Self::Table => {
                let mut table = table(source, kind, objects, include);
                table["metadata"] = metadata;
                table
            }
        }
    }
}

/// The rows as they were captured.
fn table(source: &Source, kind: &Kind, objects: &[&Value], include: &str) -> Value {
    let ids: Vec<Id> = objects.iter().map(|object| id(kind, object)).collect();
    let found = Found { kind, objects: ids.iter().zip(objects.iter().copied()).collect() };
    let sheet = sheet(&source.capture, &found);
    let rows = sheet.rows.into_iter().zip(objects).map(|(cells, object)| {
        let mut row = json!({"cells": cells});
        match include {
            "None" => {}
            "Object" => row["object"] = (*object).clone(),
            _ => row["object"] = metadata_of(object),
        }
        row
    });
    let rows: Vec<Value> = rows.collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": sheet.columns, "rows": rows})
}

fn id(kind: &Kind, object: &Value) -> Id {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    Id {
        group: kind.group.clone(),
        kind: kind.kind.clone(),
        namespace: text("namespace"),
        name: text("name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_made_here_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(Form::of(kubectl), Some(Form::Table));
        assert_eq!(Form::of("application/vnd.kubernetes.protobuf, application/json"), Some(Form::Whole));
        assert_eq!(
            Form::of("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,*/*"),
            Some(Form::Whole)
        );
        assert_eq!(
            Form::of("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Some(Form::Metadata)
        );
        assert_eq!(Form::of("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(Form::of(""), Some(Form::Whole));
    }
}
