//! Plays a tape to operators: matches what they write, and says what the world said.
//!
//! In come requests, and calls of [`Player::quiet`] from whoever owns the clock; out come responses,
//! watch frames, and at the first difference a [`Divergence`]. The rules are in `docs/replay.md`. This
//! folder never invents an answer, opens no file and owns no clock.

mod core;
mod divergence;
mod items;
mod ledger;
mod plan;
mod player;
mod reads;
mod roots;
mod schedule;
mod stale;
mod stand_ins;
mod state;
mod texts;
mod versions;
mod watches;
mod writes;

pub use core::{Level, Served};
pub use divergence::{Divergence, DivergenceKind, Taped};
pub use plan::DRIVER;
pub use player::{Player, Playing, Quiet};
