//! Captures of a server that lives in this process and does all that servers do when they are ill.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
mod lists;
mod places;
mod real;
mod replayed;
mod secrets;
mod watch;
