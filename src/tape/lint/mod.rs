//! Looks for what a tape in a repository should not have.
//!
//! In comes the path of a tape, out go its [`Finding`]s: secrets that redaction missed (K001), an old recording
//! (K002), a text that is not the canonical one (K004), a recording of the simulator (K006), a large file (K007), one
//! whose recording ended early (K008), and tapes that cannot be read at all, cut off or with a merge conflict (K000).
//! This room changes no file.

mod check;
mod secrets;

pub use check::{Finding, LintOptions, lint};

use super::{Error, Event, Payload, Reader, Record, SealOptions, Tape};
