//! What a write makes of an object: the four kinds of patch, and who owns which field.
//!
//! In come the live object, the patch or the applied configuration, and the schema; out come the new object
//! and its `managedFields`. Plain functions: this room reads no clock, stores nothing and validates nothing.

mod error;
mod json_patch;
mod merge_patch;

pub use error::{Conflict, Error};
pub use json_patch::json_patch;
pub use merge_patch::merge_patch;
