//! What an object of a type may be, for built-in types and custom resources alike.
//!
//! In come schemas and objects; out come objects with defaults and without what their type does not know, and
//! errors with the server's texts. Plain functions: this room stores nothing and knows no request.

#[cfg_attr(not(feature = "cel"), path = "without_cel.rs")]
mod cel;
#[cfg(feature = "cel")]
mod cel_types;
mod checks;
mod custom_schema;
mod definitions;
mod format;
mod go_decode;
mod literals;
mod model;
mod pattern;
mod prune;
mod structural;
mod validate;
#[cfg(test)]
mod validate_tests;
mod zero;

pub use cel::Compiled;
pub use checks::{Checks, Rule};
pub use custom_schema::{needs_cel, schema_errors, unknown_formats};
pub use definitions::Definitions;
pub use go_decode::go_kind;
pub use model::{Kind, ListType, Schema, Strategy, Zero};
