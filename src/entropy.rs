//! The only clock, and exact offsets on it.
//!
//! Out go wall-clock readings for recordings and [`Offset`]s since a base. Nothing else in the crate
//! reads the time of day; a replay gets its times from the tape.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, time::Duration};

/// The present time of day.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A monotonic reading, for offsets within one process.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// Seeded dice: the same seed gives the same ids, on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Letters of generated names: no vowels, so no words.
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

    /// Dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.roll(), self.roll());
        let (time, mid, version) = (high >> 32, (high >> 16) & 0xffff, (high & 0x0fff) | 0x4000);
        let (variant, node) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        format!("{time:08x}-{mid:04x}-{version:04x}-{variant:04x}-{node:012x}")
    }

    /// The end of a generated name, `count` letters long.
    pub fn letters(&mut self, count: usize) -> String {
        let letter = |number: u64| char::from(Self::LETTERS[(number % 27) as usize]);
        (0..count).map(|_| letter(self.roll())).collect()
    }
}

/// Time since the start of a tape, exact to the nanosecond, written as seconds: `12.000345678s`. Text beyond a
/// century is no offset: a clock to which it is added would overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub Duration);

impl Offset {
    const CENTURY: u64 = 100 * 366 * 24 * 3600;

    /// The later moment `self + by`.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// `+12.4s`, rounded for people.
    pub fn short(self) -> String {
        format!("+{:.1}s", self.0.as_secs_f64())
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        write!(f, "{}s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Text that is no offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no offset; write seconds such as 12.5s")]
pub struct OffsetError(String);

impl FromStr for Offset {
    type Err = OffsetError;

    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let fail = || OffsetError(text.to_owned());
        let number = text.strip_suffix('s').ok_or_else(fail)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
            return Err(fail());
        }
        let nanos = format!("{part:0<9}").parse().map_err(|_| fail())?;
        let seconds = whole.parse().ok().filter(|seconds| *seconds <= Self::CENTURY).ok_or_else(fail)?;
        Ok(Self(Duration::new(seconds, nanos)))
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_ids_again() {
        let (mut one, mut two, mut other) = (Dice::new(7), Dice::new(7), Dice::new(8));
        let id = one.uuid();
        assert_eq!((&id, one.letters(5)), (&two.uuid(), two.letters(5)));
        assert_ne!(id, other.uuid());
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
    }

    #[test]
    fn offsets_are_exact_both_ways() {
        for (text, nanos) in [("0s", 0), ("1.5s", 1_500_000_000), ("0.000000001s", 1)] {
            let offset: Offset = text.parse().unwrap();
            assert_eq!((offset.0.as_nanos(), offset.to_string().as_str()), (nanos, text));
        }
        for bad in ["", "1", "-1s", "1.0000000000s", "s", "1e3s", "é.és", "1.é"] {
            assert!(bad.parse::<Offset>().is_err(), "{bad}");
        }
        for absurd in ["3162240001s", "18446744073709551615.999999999s", "18446744073709551616s"] {
            assert!(absurd.parse::<Offset>().is_err(), "{absurd}");
        }
    }
}
