//! Record and replay testing for Kubernetes operators.

pub mod cluster;
pub mod entropy;
pub mod harness;
pub mod history;
pub mod runtime;
pub mod scrub;
pub mod tape;
pub mod wire;

pub use harness::{Failure, Ground, Operator, Options, World, run, try_run};
pub use kubetape_macros::test;
pub use tape::{Level, Recorder, Tape};
