//! The scenarios that are recorded, as functions of the operator that runs in them: the tests, the proofs
//! and the mutants run the same ones.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary runs some of them")]

use std::time::Duration;

#[path = "../../examples/book/operator.rs"]
pub mod book;
#[path = "../../examples/echo/operator.rs"]
pub mod echo;
#[path = "../../examples/myapp/operator.rs"]
pub mod myapp;

pub mod books;
pub mod echoes;
pub mod myapps;

/// Longer than any operator's own period between two looks at the world.
pub const A_WHILE: Duration = Duration::from_secs(12);
