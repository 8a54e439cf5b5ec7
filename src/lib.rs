//! Record and replay testing for Kubernetes operators.

pub mod cluster;
pub mod entropy;
pub mod harness;
pub mod history;
pub mod runtime;
pub mod scrub;
#[cfg(feature = "insta")]
pub mod snapshot;
pub mod tape;
pub mod wire;

pub use harness::{Failure, Ground, Operator, Options, Trace, World, run, try_run};
pub use kubetape_macros::test;
#[cfg(feature = "insta")]
pub use snapshot::{Objects, ObjectsOf};
pub use tape::{Level, Recorder, Tape};

/// The insta that the snapshot macros expand to, so that a test needs no dependency of its own on it.
#[cfg(feature = "insta")]
#[doc(hidden)]
pub use insta as __insta;
