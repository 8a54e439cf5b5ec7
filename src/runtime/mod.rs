//! The one deterministic runtime: a fresh thread, a paused clock, one request at a time.
//!
//! In goes an async scenario and services to put behind the [`Gate`]; out comes what the scenario
//! returned, or why it was stopped. Whenever no task can run, the gate lets one request through, the
//! smallest by actor, method, path and body; when none waits, the world is idle and the driver decides
//! what happens next. Time moves only when nothing else can, and nothing else happens while `spawn_blocking` has work
//! under way. On Linux, `getrandom` and the wall clock are interposed for this thread and its blocking one, so hash
//! order, jitter and event names repeat; threads that an operator starts by itself are counted. No I/O driver runs: a
//! socket of tokio panics, and says so.
//!
//! This room never looks into a request and knows no tape.

mod blocking;
mod gate;
mod run;
mod shim;

pub use gate::{Gate, Gated};
pub use run::{Clock, Driver, Next, Options, Stopped, run};
