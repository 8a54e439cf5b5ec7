//! What controllers are still to look at, and what they have said in events.
//!
//! In go objects that somebody should look at, now or later, and events before they are written. Out come the
//! next thing to do, and events as the recorders of controllers leave them: counted, put together, or dropped.
//! This room writes nothing and reads no clock.

mod correlator;
mod queue;

pub use correlator::{Correlator, Said};
pub use queue::Agenda;
