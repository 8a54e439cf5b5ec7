//! Recordings.
mod format;

pub use format::{Answer, Event, Header, Payload, Record, Sent};

/// The format that this version writes; `docs/tape-format.md` is the contract.
///
/// - 1: the first.
pub const FORMAT_VERSION: u64 = 1;
