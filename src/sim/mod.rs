//! An API server in the process, that a client cannot tell from a kube-apiserver.
//!
//! In come API requests, out come its answers and watch events. It opens no socket and no file and knows no
//! tape; time and chance come from `entropy`.

pub mod merge;
pub mod schema;
