//! Real control planes: what starts, what is left behind, what is said when it fails.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod attached;
mod messages;
mod owner;
mod real;
mod stand_in;
mod support;
