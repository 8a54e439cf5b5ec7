//! The writes on a tape, told apart by what they did.
//!
//! In comes a [`Tape`](super::Tape), out go its writes in the order in which they were sent, each effective, a
//! repeat or failed. Operators reconcile again and again, and most of what they send changes nothing; two
//! recordings of one scenario agree only in the writes that did something.
//!
//! - **failed**: the status is 400 or more, or no answer came.
//! - **repeat**: the body equals that of the last effective write in its slot (actor, object, subresource), times,
//!   `resourceVersion` and `managedFields` aside, and the server's answers show that nothing changed.
//! - **effective**: all others.
//!
//! What the server shows: 201 made something. A resourceVersion that stood on the tape before the request was sent
//! changed nothing. Else the nearest earlier whole version of the object is looked at: where it differs from the
//! body and the answer agrees with the body, the write changed that field; and a risen `metadata.generation` that
//! no other effective write explains was this write's. A `Status` that answers a delete means that the object is
//! gone. What remains is a repeat. This room does not judge whether a write was right.

mod body;
mod classify;
mod contradict;
mod history;

pub use body::same_body;
pub(crate) use classify::term;
pub use classify::{Class, Write, classify};
