//! The echo operator as a crate of its own.

#[path = "../../../examples/echo/operator.rs"]
pub mod echo;
