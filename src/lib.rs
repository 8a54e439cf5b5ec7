//! Record and replay testing for Kubernetes operators.

pub mod entropy;
pub mod tape;
pub mod wire;
