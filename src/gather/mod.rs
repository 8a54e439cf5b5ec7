//! Captures: the state of a live cluster as files, and what others wrote down of theirs.
//!
//! In: a client and what is wanted of the cluster; or a capture on disk. Out: a capture in the format of
//! `docs/capture-format.md`; or its objects. It only reads the cluster: it never creates, changes or deletes
//! anything there, and never writes what `scrub` has not seen.

mod items;
mod layout;

pub use layout::{escape, unescape};
