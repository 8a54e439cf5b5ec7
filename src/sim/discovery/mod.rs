//! Which types the server serves, and the documents that say so.
//!
//! In go the tables of a Kubernetes version and the definitions of custom resources; out come the [`Kind`]
//! of a path and discovery documents. This room holds no objects.

mod documents;
mod kind;
mod openapi;
mod registry;

pub use documents::{Document, document};
pub use kind::{Custom, Kind, Rules, Subresource};
pub use openapi::{OpenApi, openapi};
pub use registry::{Registry, columns};
