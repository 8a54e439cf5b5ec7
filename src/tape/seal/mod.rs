//! Makes the form of a tape that is kept in a repository.
//!
//! In comes a [`Tape`] with real values; out goes a file in which uids, revisions, times and generated names are
//! symbols numbered by their first use, so that a new recording of the same scenario differs only where the
//! traffic does. The real values stay in the bindings record: loading a sealed tape gives exactly the tape that
//! was sealed. `managedFields` are left out unless asked for, answers that repeat an earlier one refer to it, keys
//! are sorted, and a digest ends the file, which appears whole or not at all. This room never changes the order,
//! the offsets or the number of events.

mod encode;
mod file;
mod known;
mod pretty;

pub use file::{SealOptions, Sealed, seal};

#[cfg(test)]
pub(super) use file::tests::tape as rich_tape;

use super::{Event, Payload, Tape};
