//! Objects as the rows that kubectl prints.
//!
//! In go objects and the table of their columns and cells, out come `Table`s. Which cell shows what is data;
//! what no path can say has a function of its own here.

mod age;
mod cell;
mod network;
mod printed;
mod rows;
mod workload;

pub use printed::Printed;
pub use rows::{definitions, row, scale, table};
