//! Judges a server by what a real one was recorded to answer.
//!
//! In go vectors, transcripts and a [`server::Ground`] that gives fresh servers; out come differences as lines.
//! What changes from run to run is told from what does not by `volatile`, and must still keep its identity.
//! It never asks whether a difference matters: what a real server leaves to chance stands in a list beside the
//! recordings.

pub(crate) mod answers;
pub(crate) mod chance;
pub(crate) mod compare;
pub(crate) mod expect;
pub(crate) mod json;
pub(crate) mod leftovers;
pub(crate) mod mapping;
pub(crate) mod sending;
pub(crate) mod server;
pub(crate) mod tables;
pub(crate) mod transcripts;
pub(crate) mod vectors;
pub(crate) mod volatile;
