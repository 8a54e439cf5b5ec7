//! What kind of cluster is wanted. Building an [`Options`] touches nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;

/// The contexts that may be used without being named: all of them are made for tests.
const ALLOWED: [&str; 5] = ["kind-*", "k3d-*", "kwok-*", "minikube", "envtest"];

/// Who runs the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Provider {
    /// etcd and kube-apiserver as plain processes, started by this crate.
    Envtest,
    /// `kwokctl` with its binary runtime.
    Kwok,
    /// `kind`, which needs a container engine.
    Kind,
    /// A context of the user's kubeconfig; nothing is started or stopped.
    Current,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envtest => "envtest",
            Self::Kwok => "kwok",
            Self::Kind => "kind",
            Self::Current => "current",
        })
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "envtest" => Ok(Self::Envtest),
            "kwok" => Ok(Self::Kwok),
            "kind" => Ok(Self::Kind),
            "current" => Ok(Self::Current),
            _ => Err(Error::Provider { name: name.to_owned() }),
        }
    }
}

/// What [`start`](super::start) and [`up`](super::up) shall start.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) provider: Provider,
    pub(super) name: Option<String>,
    pub(super) controller_manager: bool,
    pub(super) scheduler: bool,
    pub(super) kwok: bool,
    pub(super) nodes: u32,
    pub(super) stages: Vec<PathBuf>,
    pub(super) context: Option<String>,
    pub(super) allowed: Vec<String>,
    pub(super) assets: Option<PathBuf>,
    pub(super) kind: PathBuf,
    pub(super) wait: Duration,
}

impl Options {
    /// The least that `provider` can be: for envtest an API server and nothing else.
    pub fn new(provider: Provider) -> Self {
        Self {
            provider,
            name: None,
            controller_manager: false,
            scheduler: false,
            kwok: false,
            nodes: 0,
            stages: Vec::new(),
            context: None,
            allowed: ALLOWED.map(str::to_owned).to_vec(),
            assets: None,
            kind: PathBuf::from("kind"),
            wait: Duration::from_secs(120),
        }
    }

    /// Everything a Deployment needs to become available: controllers, scheduler, kwok
    /// and one node. kwokctl and kind bring the controllers and the scheduler anyway.
    pub fn full(self) -> Self {
        let nodes = self.nodes.max(1);
        self.controller_manager(true).scheduler(true).nodes(nodes)
    }

    /// The cluster's name. Default: `kubetape` for [`up`](super::up), a fresh one for
    /// [`start`](super::start).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// envtest: run kube-controller-manager. Default: no. Without it there is no garbage
    /// collection, no Deployment controller, and ServiceAccount admission is off.
    pub fn controller_manager(mut self, on: bool) -> Self {
        self.controller_manager = on;
        self
    }

    /// envtest: run kube-scheduler. Default: no.
    pub fn scheduler(mut self, on: bool) -> Self {
        self.scheduler = on;
        self
    }

    /// envtest: run kwok, which plays kubelet for every node. Default: no.
    pub fn kwok(mut self, on: bool) -> Self {
        self.kwok = on;
        self
    }

    /// How many nodes kwok plays (this turns kwok on), or how many workers kind gets.
    /// Default: 0.
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self.kwok |= nodes > 0;
        self
    }

    /// A file of kwok Stages (`kind: Stage` documents); may be given again. The first one
    /// replaces the built-in Stages, which make pods ready after 0.5 to 1 s.
    pub fn stage(mut self, file: impl Into<PathBuf>) -> Self {
        self.stages.push(file.into());
        self
    }

    /// current: this context instead of the current one. Naming it lifts the allow-list.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// current: the contexts that may be used unnamed, `*` standing for any text.
    /// Default: `kind-*`, `k3d-*`, `kwok-*`, `minikube`, `envtest`.
    pub fn allowed<S: Into<String>>(mut self, globs: impl IntoIterator<Item = S>) -> Self {
        self.allowed = globs.into_iter().map(Into::into).collect();
        self
    }

    /// The folder of the binaries. Default: `KUBEBUILDER_ASSETS`, else the newest
    /// `assets/kubernetes-*` in `KUBETAPE_CACHE` or `~/.cache/kubetape`.
    pub fn assets(mut self, folder: impl Into<PathBuf>) -> Self {
        self.assets = Some(folder.into());
        self
    }

    /// kind: the program to call. Default: `kind` on `PATH`.
    pub fn kind_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.kind = program.into();
        self
    }

    /// How long the whole start may take. Default: 2 minutes, since test machines are busy.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// Whether `name` may become part of file names, context names and container names.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned() })
}
