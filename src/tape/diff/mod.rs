//! Compares two recordings.
//!
//! In come two tapes, out goes a [`Difference`]. Two recordings are equal when they have the same effective writes
//! for every object and the same last status; any time stands for any other, and uids, revisions, generated names
//! and the namespace of the scenario are compared by what they stand for. Intermediate status, repeats, failures,
//! leases, events and reads are noted and never counted. This room does not say which recording is right.

mod compare;
mod normal;
mod text;

pub use compare::{Difference, Entry, Note, diff};

use super::{Class, Event, Tape, Write, classify, same_body};
