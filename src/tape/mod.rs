//! Tapes: recorded API traffic, from the wire to a file and back.
//!
//! In come exchanges on their way between an operator and an API server, and `.ktape` files; out go the same.
//! A tape is written while it is recorded ([`Writer`], one record a line), sealed for keeping ([`seal()`]), and
//! read record by record ([`Reader`]) or whole ([`Tape`]). `docs/tape-format.md` says what stands in it. A
//! [`Player`] answers requests from a tape; nothing else here does.

mod again;
mod clean;
mod diff;
mod error;
mod format;
mod lint;
mod load;
mod read;
pub mod record;
mod replay;
#[cfg(test)]
pub(crate) mod sample;
mod seal;
mod spell;
mod summary;
mod symbol;
mod write;
mod writes;

pub(crate) use again::scrub_again;
pub use diff::{Difference, Entry, Note, diff};
pub use error::Error;
pub use format::{Answer, Event, Header, Payload, Record, Sent};
pub use lint::{Finding, LintOptions, lint};
pub use load::{Tape, TapeEvent};
pub use read::Reader;
pub use record::Recorder;
pub use replay::{DRIVER, Divergence, DivergenceKind, Level, Player, Playing, Quiet, Served, Taped};
pub use seal::{SealOptions, Sealed, seal};
pub use summary::{Filter, Row, summary};
pub use write::Writer;
pub(crate) use writes::term;
pub use writes::{Class, Write, classify, same_body};

/// The format that this version writes; `docs/tape-format.md` is the contract.
///
/// - 1: the first.
pub const FORMAT_VERSION: u64 = 1;
