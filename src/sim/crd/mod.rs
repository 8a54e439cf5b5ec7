//! What becomes of a CustomResourceDefinition: its names, its conditions, and the types that it serves.
//!
//! In go definitions as they are written, out come status writes through the verbs and entries of the registry.
//! What stands inside a schema is the business of `schema`.

mod checks;
mod kind;
mod life;
#[cfg(test)]
mod recorded_tests;

pub use checks::errors;
pub use life::{complete, dying, left, prepare, removed, written};
