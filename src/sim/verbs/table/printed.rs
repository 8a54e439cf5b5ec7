use super::rows::{cells, custom_cells, custom_definitions, definitions};
use crate::sim::discovery::Registry;
use jiff::Timestamp;
use serde_json::Value;

/// Objects of one kind as an API server prints them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Printed {
    /// `columnDefinitions` of a `Table`.
    pub columns: Vec<Value>,
    /// The cells of each object.
    pub rows: Vec<Vec<Value>>,
}

impl Printed {
    /// As a server of this version prints a built-in kind; nothing for others.
    pub fn built_in(group: &str, kind: &str, objects: &[&Value], now: Timestamp) -> Option<Self> {
        let registry = Registry::v1_36();
        let kind = registry.named(group, kind)?;
        let columns = definitions(kind).as_array().cloned().filter(|columns| !columns.is_empty())?;
        let rows = objects.iter().map(|object| cells(kind, object, now)).collect();
        Some(Self { columns, rows })
    }

    /// As one version of a CustomResourceDefinition, an item of its `spec.versions`, says.
    pub fn custom(version: &Value, objects: &[&Value], now: Timestamp) -> Self {
        let rows = objects.iter().map(|object| custom_cells(version, object, now)).collect();
        Self { columns: custom_definitions(version), rows }
    }
}
