//! Reads captures: ours, and what others wrote down of a cluster. In: a directory, an archive or a file. Out: a
//! [`Capture`], the objects by key, with the kinds, tables and logs that came along, and a note for everything
//! that could not be read. It writes nothing, unpacks nothing to disk, and follows no link.

mod capture;
mod document;
mod known;
mod log;
mod source;

pub use capture::{Capture, Id, Origin, Table};
pub use log::LogFile;
pub use source::documents;
