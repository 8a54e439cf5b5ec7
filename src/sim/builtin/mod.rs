//! What the code of the built-in types does, beyond what their schemas say: defaults, what a new object starts
//! with, what is wrong with one, and what may not change.
//!
//! In go decoded objects, out come the same objects filled in, or errors with the server's texts. Plain
//! functions over one object: this room sees no other objects and stores nothing.

mod checks;
mod cron;
mod defaults;
mod quantity;
mod usage;
mod warnings;

pub use checks::{errors, resize_errors};
pub use cron::Schedule;
pub use defaults::fill;
pub use quantity::{canonical_quantities, qos};
pub use usage::{Usage, in_scope, usage};
pub use warnings::warnings;
