//! What a cluster said over time: object versions in revision order, and cursors that read them.
//!
//! In go versions of objects, each with its resourceVersion; out come lists, pages and watch frames,
//! with selectors applied to transitions as the API server does it. A watch stream is a [`Cursor`].
//! This room decides nothing about when a version becomes known, and knows neither tapes nor time.

mod cursor;
mod log;
mod page;

pub use cursor::{Cursor, Event, Start};
pub use log::{Current, History};
pub use page::{Page, PageError, Slice};

use crate::wire::{FieldSelector, LabelSelector, ObjectKey, RequestInfo, Resource, SelectorError};
use serde_json::{Value, json};

/// Which objects a list or a watch is about.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Their type.
    pub resource: Resource,
    /// Their namespace; `None` for all of them and for cluster-scoped types.
    pub namespace: Option<String>,
    /// The label selector.
    pub labels: LabelSelector,
    /// The field selector.
    pub fields: FieldSelector,
}

impl Scope {
    /// The scope of a list or watch request; `None` when the path names no resource.
    ///
    /// # Errors
    /// When a selector cannot be parsed.
    pub fn of(info: &RequestInfo) -> Result<Option<Self>, SelectorError> {
        let Some(resource) = info.resource.clone() else { return Ok(None) };
        let text = |key| info.query.get(key).unwrap_or_default();
        Ok(Some(Self {
            resource,
            namespace: info.namespace.clone(),
            labels: LabelSelector::parse(text("labelSelector"))?,
            fields: FieldSelector::parse(text("fieldSelector"))?,
        }))
    }

    /// Whether the namespace fits.
    pub fn covers(&self, key: &ObjectKey) -> bool {
        self.namespace.is_none() || self.namespace == key.namespace
    }

    /// Whether both selectors fit.
    pub fn selects(&self, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }
}

/// `object` as `PartialObjectMetadata`.
pub fn metadata_of(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}
