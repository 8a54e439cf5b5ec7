use crate::{cluster, runtime, tape};
use std::path::PathBuf;

/// Why a scenario could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no tape, and nothing to record from.
    #[error(
        "there is no tape yet at {}\n\n  record one on a real control plane:\n    \
         KUBETAPE_CLUSTER=envtest KUBETAPE_RECORD=once cargo test {test} -- --include-ignored\n  \
         or run on a simulated cluster, with no tape:\n    \
         KUBETAPE_CLUSTER=sim cargo test {test}", path.display()
    )]
    NoTape {
        /// Where it should be.
        path: PathBuf,
        /// The test's name.
        test: String,
    },
    /// A variable of the environment cannot be understood.
    #[error("{variable}={value:?} is not known; use one of {known}")]
    Environment {
        /// Which variable.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        known: &'static str,
    },
    /// The settings file cannot be read.
    #[error("{} cannot be understood: {why}; see the README for its keys", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The tape cannot be read.
    #[error("tape {} cannot be used", path.display())]
    Tape {
        /// The tape.
        path: PathBuf,
        /// Why.
        #[source]
        source: tape::Error,
    },
    /// The recording of the tape ended early.
    #[error("tape {} is not whole: {end}; record it again with KUBETAPE_RECORD=all", path.display())]
    Unfinished {
        /// The tape.
        path: PathBuf,
        /// How its recording ended.
        end: String,
    },
    /// The scenario has no tape.
    #[error(
        "this scenario runs on a cluster alone\n\n    \
         KUBETAPE_CLUSTER=envtest cargo test {test} -- --include-ignored"
    )]
    NeedsCluster {
        /// The test's name.
        test: String,
    },
    /// No control plane could be had.
    #[error("no control plane to run the scenario on")]
    Cluster(#[source] cluster::Error),
    /// The API server refused something that the scenario needs before it starts.
    #[error("failed to {what}; look at the API server's answer, and whether the cluster is the one you mean")]
    Prepare {
        /// What was tried.
        what: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// The runtime stopped the scenario.
    #[error("the scenario was stopped")]
    Stopped(#[source] runtime::Stopped),
}

/// The error and its causes, a line each.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!("\n  because: {source}");
        next = source.source();
    }
    text
}
