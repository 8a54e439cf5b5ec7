//! Starts, finds and stops a real control plane.
//!
//! In: [`Options`], which say which [`Provider`] and which parts. Out: a [`Cluster`] with
//! a kubeconfig file of its own and a [`kube::Config`]. Everything here blocks the
//! calling thread, because a control plane takes seconds to start and a test wants it
//! before its first `await`.
//!
//! | provider | what runs | needs |
//! |---|---|---|
//! | `envtest` | etcd and kube-apiserver; on request the controllers, the scheduler, kwok | `KUBEBUILDER_ASSETS` or `just assets` |
//! | `kwok` | what `kwokctl` starts with its binary runtime | the same |
//! | `kind` | a node in a container | `kind`, `kubectl`, a container engine |
//! | `current` | nothing: the kubeconfig's current context, if it is allowed | a kubeconfig |
//!
//! [`start`] owns what it starts: when the [`Cluster`] is dropped, when the test panics,
//! when the process is killed with SIGKILL, a watchdog (`/bin/sh` reading a pipe) ends the
//! processes and removes the folder. [`up`] leaves the cluster running for [`find`],
//! [`list`] and [`down`], in this process or another one.
//!
//! This room never writes the user's kubeconfig, never picks a context that is not on the
//! allow-list, never downloads anything, and knows nothing of tapes or of the simulator.
//! The kind provider was tested against a stand-in for `kind` only; macOS was not run.
//!
//! ```no_run
//! use kubetape::cluster::{self, Options, Provider};
//!
//! # async fn t() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = cluster::start(&Options::new(Provider::Envtest).full())?;
//! let client = kube::Client::try_from(cluster.config().await?)?;
//! # Ok(()) }
//! ```

mod api;
mod contexts;
mod envtest;
mod error;
mod folders;
mod kind;
mod kwok;
mod options;
mod plane;
mod ports;
mod process;
mod registry;
mod site;
mod stages;
mod wall;
mod watchdog;

pub use error::Error;
pub use options::{Options, Provider};
pub use plane::{Cluster, start};
pub use registry::{Entry, Registry, down, find, list, up};
