//! Real control planes: what starts, what is left behind, what is said when it fails.

mod attached;
mod messages;
mod owner;
mod real;
mod stand_in;
mod support;
