//! Record and replay testing for Kubernetes operators.

pub mod cluster;
