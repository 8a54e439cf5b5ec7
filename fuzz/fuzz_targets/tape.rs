//! A tape: whatever is read is a tape or an error that says what to do; what is read is classified, compared with
//! itself, and played without a panic.
#![no_main]

use kubetape::tape::{self, Level, Player, Tape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Tape::read(data) {
        Ok(tape) => {
            assert!(tape::diff(&tape, &tape).is_empty());
            let _ = tape::classify(&tape);
            let _ = Player::new(&tape, Level::Semantic);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
