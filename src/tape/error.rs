use std::{io, path::PathBuf};

/// Why a tape could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("failed to open tape {}; record it with KUBETAPE_RECORD=once", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read further.
    #[error("failed to read the tape after line {line}; check the disk and try again")]
    Read {
        /// The last line that was read.
        line: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("failed to write tape {}; check the directory and the free space, then record again", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first record is no header of a tape.
    #[error("not a tape: the first line is no {{\"kubetape\":…}} record; name a .ktape file")]
    NotATape,
    /// The tape was written by a later format.
    #[error(
        "the tape has format {version}, this kubetape reads up to {ours}; \
         update kubetape or record again with KUBETAPE_RECORD=all"
    )]
    Newer {
        /// The tape's format.
        version: u64,
        /// The newest format that is read here.
        ours: u64,
    },
    /// A record is no JSON.
    #[error("line {line} is no JSON record; record again with KUBETAPE_RECORD=all")]
    Json {
        /// Where the record begins.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record has not the fields of any kind of record.
    #[error("the record at line {line} cannot be understood: {what}; record again with KUBETAPE_RECORD=all")]
    Shape {
        /// Where the record begins.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Two branches recorded the same tape.
    #[error(
        "line {line} is a merge conflict, and tapes cannot be merged by hand; \
         record again with KUBETAPE_RECORD=all"
    )]
    Conflict {
        /// Where the marker stands.
        line: usize,
    },
    /// The end record is missing.
    #[error("the tape is cut off after line {line} ({events} events); kubetape fmt keeps what is whole")]
    Cut {
        /// Where the last whole record ends.
        line: usize,
        /// How many whole events there are.
        events: u64,
    },
    /// The bytes are not those that were sealed.
    #[error(
        "the tape was changed after it was sealed (its digest does not fit); \
         restore it with git checkout or record again with KUBETAPE_RECORD=all"
    )]
    Digest,
    /// A symbol stands for nothing.
    #[error("event {n} holds {symbol}, which has no binding; record again with KUBETAPE_RECORD=all")]
    Symbol {
        /// The event's number.
        n: u64,
        /// The symbol.
        symbol: String,
    },
}
