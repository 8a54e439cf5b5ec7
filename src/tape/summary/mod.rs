//! Tells a tape as a table, one row a request.
//!
//! In come a [`Tape`](super::Tape) and a [`Filter`], out go [`Row`]s: when, by whom, what, with which answer and
//! which fields it changed. Watch frames and steps are rows too. This room decides no layout but that of a line.

mod row;
mod rows;
mod what;

pub use row::Row;
pub use rows::{Filter, summary};
