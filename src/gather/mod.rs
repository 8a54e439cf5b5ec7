//! Captures: the state of a live cluster as files, and what others wrote down of theirs.
//!
//! In: a client and what is wanted of the cluster; or a capture on disk. Out: a capture in the format of
//! `docs/capture-format.md`; or its objects. It only reads the cluster: it never creates, changes or deletes
//! anything there, and never writes what `scrub` has not seen.

mod ahead;
mod api;
mod archive;
mod collect;
mod differ;
mod discover;
mod error;
mod items;
mod kinds;
mod layout;
mod list;
mod logs;
mod manifest;
mod object;
mod options;
mod pattern;
mod progress;
mod rbac;
mod read;
mod related;
mod run;
mod sink;
mod watch;

pub use api::Why;
pub use archive::Format;
pub use differ::{ObjectChange, diff};
pub use error::Error;
pub use kinds::{Kind, Kinds};
pub use layout::{escape, unescape};
pub use manifest::{FORMAT_VERSION, KindReport, LogReport, Manifest, Missing, WatchReport};
pub use options::{Logs, Options};
pub use pattern::{Filter, Pattern};
pub use progress::{Counts, Progress};
pub use rbac::rbac;
pub use read::{Capture, Id, LogFile, Origin, Table, documents};
pub use run::gather;
