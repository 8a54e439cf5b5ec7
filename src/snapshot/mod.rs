//! Snapshots of what a scenario left on its cluster, and of what its operators did, compared by insta.
//!
//! In go a [`World`](crate::harness::World)'s objects; out comes YAML in which everything that another run would have
//! otherwise has a stable name, so that one `.snap` holds on a tape, on envtest and on kwok. The assertions are
//! insta's own: the same files, the same `cargo insta review`. Or the objects are compared with those of a capture,
//! field by field. Nothing here writes to a cluster.

mod against;
mod error;
mod macros;
mod objects;
mod path;
mod symbols;

#[doc(hidden)]
pub use against::assert_capture;
pub use error::Error;
pub use objects::{Kinds, Objects, ObjectsOf};
pub(crate) use symbols::symbolic;
