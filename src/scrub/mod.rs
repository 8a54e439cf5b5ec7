//! Takes secrets out of what is about to be kept.
//!
//! In come JSON bodies, texts and bytes of Kubernetes exchanges with the request they belong to; out come the
//! same with every secret value replaced by a symbol such as `$secret(web-db.password)`, wrapped in
//! [`Clean`], which nothing else can make. What is sensitive stands in `defaults.json`. Equal values have
//! equal symbols, and a value once known is found again wherever it turns up, in plain, base64 or twice
//! base64. For a replay, [`serve`] puts harmless stand-ins in the place of symbols; scrubbing a stand-in gives
//! its symbol again. This room writes no file and knows nothing of tapes.

mod clean;
mod detect;
mod needles;
mod redact;
mod rules;
mod stand_in;
mod vault;

pub use clean::{Clean, Scrub, Scrubber};
pub use detect::{Finding, suspicious};
pub use needles::SHORTEST;
pub use redact::is_sensitive;
pub use stand_in::{serve, stand_in, symbol_at, symbols_in};
