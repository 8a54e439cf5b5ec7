//! Records what operators say to an API server.
//!
//! In come requests and responses on their way through a tower layer; out go the records of a tape and the
//! same traffic, unchanged and undelayed. The layer sits outside of authentication and inside of retries: it
//! sees every attempt and no credential. This room never changes or answers a request.

mod layer;
mod recorder;
mod tee;

pub use layer::{RecordLayer, RecordService};
pub use recorder::{DROPPED, Recorder};
