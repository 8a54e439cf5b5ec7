//! What can go wrong with a control plane, and what to do then.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a cluster could not be started, found or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No folder with control-plane binaries is known.
    #[error(
        "no control plane binaries found in {}; build them with `just assets`, or use those of \
         setup-envtest: export KUBEBUILDER_ASSETS=<folder>",
        .looked.display()
    )]
    NoAssets {
        /// The folder whose newest `kubernetes-*` entry would have been taken.
        looked: PathBuf,
    },
    /// The folder lacks one binary.
    #[error(
        "{program} is not in {}; setup-envtest ships only etcd, kube-apiserver and kubectl, \
         so build the rest with `just assets` and export KUBEBUILDER_ASSETS=$(kwok/assets.sh --dir)",
        .folder.display()
    )]
    Missing {
        /// The binary's name.
        program: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A program is not on `PATH`.
    #[error("{program} is not on PATH; {help}")]
    NotOnPath {
        /// The program's name.
        program: String,
        /// How to get it.
        help: &'static str,
    },
    /// A program could not be started.
    #[error("failed to start {}; check that it is executable on this machine", .program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A component ended although it should run.
    #[error("{program} ended by itself ({status}); whole log: {}\n{tail}", .log.display())]
    Ended {
        /// The component's name.
        program: String,
        /// How it ended.
        status: String,
        /// Its whole log; gone once an owned cluster is cleaned up, hence the tail.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A command that should succeed did not.
    #[error("`{command}` failed ({status}); try it by hand\n{tail}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote.
        tail: String,
    },
    /// Something did not happen in time.
    #[error(
        "{what} not reached within {waited:?}; last answer: {last}; allow more time with \
         `Options::wait` or `--wait`\n{tail}"
    )]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// The last thing that was heard.
        last: String,
        /// The last lines of the API server's log.
        tail: String,
    },
    /// The context is not on the allow-list.
    #[error(
        "refusing to use context {context}\n  not in the allowed contexts: {}\n  \
         if you mean it, name it: KUBETAPE_CONTEXT={context} or --context {context}",
        .allowed.join(", ")
    )]
    Refused {
        /// The context that was asked for.
        context: String,
        /// The globs that would have been accepted.
        allowed: Vec<String>,
    },
    /// The kubeconfig names no current context, or not this one.
    #[error("{what} in the kubeconfig; see `kubectl config get-contexts`")]
    NoContext {
        /// What is missing.
        what: String,
    },
    /// A kubeconfig could not be read.
    #[error("failed to read the kubeconfig; check KUBECONFIG")]
    Kubeconfig(#[source] Box<kube::config::KubeconfigError>),
    /// A request to the cluster failed.
    #[error(
        "failed to {what}; is the cluster still running? `kubetape cluster list` tells \
         (https needs one of kube's TLS features, such as `rustls-tls`)"
    )]
    Request {
        /// What was attempted.
        what: String,
        /// The client's reason.
        #[source]
        source: Box<kube::Error>,
    },
    /// A cluster of this name is running.
    #[error(
        "a cluster named {name} is already running; use it with `export KUBECONFIG={}` \
         or end it with `kubetape cluster down --name {name}`",
        .kubeconfig.display()
    )]
    Exists {
        /// The cluster's name.
        name: String,
        /// Its kubeconfig.
        kubeconfig: PathBuf,
    },
    /// A cluster of this name is being started by someone else, or was left half-made.
    #[error(
        "a cluster named {name} is being started by another process, or was left half-made; \
         if it is the latter, `kubetape cluster down --name {name}` clears it"
    )]
    Busy {
        /// The cluster's name.
        name: String,
    },
    /// The name cannot be used for a cluster.
    #[error("{name:?} cannot name a cluster; use 1 to 40 of a-z, 0-9 and -")]
    Name {
        /// The name.
        name: String,
    },
    /// No such provider.
    #[error("no provider {name:?}; use envtest, kwok, kind or current")]
    Provider {
        /// The name.
        name: String,
    },
    /// The provider cannot do this.
    #[error("a cluster of provider {provider} cannot {what}; {help}")]
    Unsupported {
        /// The provider.
        provider: super::Provider,
        /// What was asked of it.
        what: &'static str,
        /// What can be done instead.
        help: &'static str,
    },
    /// What is written about a cluster cannot be understood.
    #[error(
        "{} cannot be understood; it is another version's or damaged: end the cluster by hand \
         and remove the folder", .path.display()
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A file or folder could not be used.
    #[error("failed to {what} {}; check its permissions and the free space", .path.display())]
    Files {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(super) fn files(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files { what, path, source }
    }

    /// Whether another process took a port between our choosing it and the child's binding it.
    pub(super) fn is_taken_port(&self) -> bool {
        matches!(self, Self::Ended { tail, .. } if tail.contains("address already in use"))
    }
}
