//! Record and replay testing for Kubernetes operators.

pub mod entropy;
pub mod history;
pub mod runtime;
pub mod scrub;
pub mod tape;
pub mod wire;
