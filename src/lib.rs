//! Record and replay testing for Kubernetes operators.
