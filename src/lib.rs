//! Record and replay testing for Kubernetes operators.

pub mod entropy;
pub mod scrub;
pub mod tape;
pub mod wire;
