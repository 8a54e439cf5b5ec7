//! What a write makes of an object: the four kinds of patch, and who owns which field.
//!
//! In come the live object, the patch or the applied configuration, and the schema; out come the new object
//! and its `managedFields`. Plain functions: this room reads no clock, stores nothing and validates nothing.

mod apply;
#[cfg(test)]
mod apply_tests;
mod changes;
mod error;
mod fieldset;
mod go_syntax;
mod json_patch;
mod last_applied;
mod managers;
mod merge_patch;
mod order;
mod path;
mod removal;
mod scale;
mod strategic;
mod typed;
mod union;

pub use apply::{Write, apply, keep_times, track_update};
pub use error::{Conflict, Error};
pub use json_patch::json_patch;
pub use merge_patch::merge_patch;
pub use scale::{scale_managers, scaled_managers};
pub use strategic::strategic_merge;
pub(super) use typed::go_type;
