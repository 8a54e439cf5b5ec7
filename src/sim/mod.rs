//! An API server in the process, that a client cannot tell from a kube-apiserver.
//!
//! In come API requests, out come its answers and watch events. It opens no socket and no file and knows no
//! tape; time and chance come from `entropy`. What is not simulated answers 501 and
//! says so, but for the few things that `docs/sim-coverage.md` lists.

#![allow(unreachable_pub, reason = "the inner rooms are private to the simulator; `pub` marks their doors")]

mod admission;
mod agenda;
mod bootstrap;
mod builtin;
mod controllers;
mod crd;
mod discovery;
pub mod merge;
mod protobuf;
mod refusal;
pub mod schema;
mod service;
mod store;
mod verbs;

pub use admission::PLUGINS;
pub use controllers::CONTROLLERS;
pub use service::{Options, Sim};
pub use verbs::Printed;

/// The version of Kubernetes that is simulated, as `/version` tells it.
pub const VERSION: &str = "v1.36.2";
