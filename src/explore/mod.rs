//! Runs a scenario again and again on the simulated cluster, each time with one thing that goes wrong.
//!
//! In go a scenario and its options; out comes a pass, or a panic whose text names what went wrong where, how the
//! cluster ended otherwise, and the line that repeats this one run. Nothing here talks to a cluster or writes a
//! file; what a run is made of belongs to `harness`.

mod crash;
mod states;

pub use crash::crash_everywhere;
