use std::{io, path::PathBuf};

/// Why a capture could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pattern of a filter.
    #[error("{text:?} is no pattern: {why}; write a glob such as web-*, or /a regular expression/")]
    Pattern {
        /// What was given.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A selector.
    #[error(
        "the {what} {text:?} cannot be understood: {why}; write it as for kubectl, for example app=web,tier!=db"
    )]
    Selector {
        /// `label selector` or `field selector`.
        what: &'static str,
        /// What was given.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A type that the server does not have.
    #[error("the server has no kind {word:?}; `kubectl api-resources` lists those that it has")]
    NoKind {
        /// What was given.
        word: String,
    },
    /// The server cannot be asked what kinds it has.
    #[error(
        "the API server could not be asked what it holds: {why}; see whether `kubectl version` reaches it"
    )]
    Discovery {
        /// What it said, or why it said nothing.
        why: String,
    },
    /// The one object that everything hangs on.
    #[error(
        "{what} cannot be read: {why}; see its name with `kubectl get`, or choose another namespace with -n"
    )]
    Root {
        /// Which object.
        what: String,
        /// What the server said.
        why: String,
    },
    /// Something is there already.
    #[error("{} exists; give another destination, or --force to replace it", path.display())]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// What is there is no capture, so it is not replaced.
    #[error("{} exists and is no capture; give another destination, it is not replaced", path.display())]
    NotOurs {
        /// The destination.
        path: PathBuf,
    },
    /// The capture cannot be written.
    #[error(
        "failed to write the capture; what was written before stands in {} and is readable, but partial; \
         see whether the disk is full, and gather again", path.display()
    )]
    Write {
        /// What was being written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The library was built without archives.
    #[error("{} is an archive, and kubetape was built without them; enable its feature `archive`, or use a directory", path.display())]
    NoArchives {
        /// The archive.
        path: PathBuf,
    },
    /// There is nothing to read.
    #[error("{} cannot be read; see its name with ls, and who may read it", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It holds nothing of a cluster.
    #[error("{} holds no objects and no logs; a capture is made with `kubetape gather`", path.display())]
    Nothing {
        /// What was read.
        path: PathBuf,
    },
    /// Nothing of it can be read.
    #[error(
        "{} holds nothing that can be read: {why}; mend it, copy it again, or capture anew with `kubetape gather`",
        path.display()
    )]
    Garbled {
        /// What was read.
        path: PathBuf,
        /// What was wrong first.
        why: String,
    },
    /// It was written by a later version.
    #[error("{} has format {format}, which this version does not know; read it with a newer kubetape", path.display())]
    Newer {
        /// What was read.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// The changes cannot be kept.
    #[error("failed to write down the changes; see whether the disk is full, and gather again")]
    Tape(#[source] crate::tape::Error),
    /// What is still growing stands in a temporary file.
    #[error("failed to keep what was read in a temporary file; see whether the disk is full, or set TMPDIR")]
    Spool(#[source] io::Error),
}
