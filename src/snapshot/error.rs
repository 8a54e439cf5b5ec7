use crate::gather;
use std::path::PathBuf;

/// Why objects could not be compared with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] gather::Error),
    /// A part of the capture cannot be read.
    #[error("{} was not read whole: {note}; mend the file, or take it out", path.display())]
    Unread {
        /// The capture.
        path: PathBuf,
        /// What, and why.
        note: String,
    },
    /// The capture was cut off.
    #[error("{} was cut off before it was whole; capture it again with `kubetape gather`", path.display())]
    Partial {
        /// The capture.
        path: PathBuf,
    },
    /// The capture misses objects of a kind.
    #[error(
        "{} misses {kind}: {why}; capture it again with the right to read them, or choose other kinds",
        path.display()
    )]
    Missing {
        /// The capture.
        path: PathBuf,
        /// The kind, as `deployments.apps`.
        kind: String,
        /// The reason that the capture gives.
        why: String,
    },
    /// The capture holds objects of several namespaces, and nobody said which one is meant.
    #[error(
        "{} holds such objects in the namespaces {}; say which one is meant: \
         assert_cluster_snapshot!(…, capture = …, namespace = \"{}\")",
        path.display(), namespaces.join(", "), namespaces.first().map_or("", String::as_str)
    )]
    Namespaces {
        /// The capture.
        path: PathBuf,
        /// Which ones.
        namespaces: Vec<String>,
    },
}
