//! Where test code enters: a scenario, the ground it runs on, and the [`World`] that it sees.
//!
//! In goes an async scenario; out comes a pass, or a panic whose text says what differed and what to do.
//! The same scenario runs on a tape or on the simulated cluster in virtual time, or on a real control plane; on the
//! latter two it can be recorded.
//! This is the only room of the library that reads the environment, and the only one that drives the
//! deterministic runtime.

mod activity;
mod calls;
mod capture;
mod change;
mod check;
mod choice;
mod client;
#[cfg_attr(not(feature = "insta"), expect(dead_code, reason = "only `explore` makes crashes"))]
mod crash;
mod error;
mod failure;
mod fill;
mod live;
mod load;
mod mode;
mod on_cluster;
mod on_sim;
mod operator;
mod options;
mod past;
mod replay;
mod run;
mod simulation;
mod taping;
mod trace;
mod wait;
mod world;

#[cfg(feature = "insta")]
pub(crate) use crash::{Crash, Disturbed, Written};
pub use error::Error;
pub use failure::Failure;
pub use fill::{FillError, fill};
pub use mode::{Check, Mode, Record};
#[cfg(feature = "insta")]
pub(crate) use on_sim::disturbed;
pub use operator::Operator;
pub use options::Options;
pub use run::{Outcome, run, try_run};
pub use simulation::{Difference, Moment, Request, Requests, Sim};
pub use trace::Trace;
pub use world::{Ground, World};
