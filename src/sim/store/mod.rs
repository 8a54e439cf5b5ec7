//! What the server holds: one counter of revisions, one history, and who waits for news of a type.
//!
//! In go whole objects that a verb made; each gets the next resourceVersion. Out come objects, lists and
//! events, shared and never copied. This room checks nothing and calls nobody: watches read it by revision.

mod objects;

pub use objects::{News, Store};
