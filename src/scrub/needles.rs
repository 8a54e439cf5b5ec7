use std::collections::BTreeMap;

/// A secret of fewer bytes is not looked for in other texts, where it would be found by chance.
pub const SHORTEST: usize = 8;
/// Bits of the filter, a power of two.
const BITS: usize = 1 << 22;

/// Texts to be found in other texts, however many they are: a look at eight bytes tells for nearly every place
/// that no needle begins there. One is added at any time, at no cost to the others.
#[derive(Default)]
pub(super) struct Needles {
    known: BTreeMap<Box<[u8]>, Needle>,
    /// Which beginnings there are, by hash; empty while there are none.
    filter: Vec<u64>,
}

/// What stands in the place of a needle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Needle {
    pub(super) symbol: String,
    /// It could be the name of an object, so it is not hunted where names stand.
    pub(super) like_a_name: bool,
}

impl Needles {
    /// Adds a needle, unless it is known or too short.
    pub(super) fn add(&mut self, text: &str, needle: impl FnOnce() -> Needle) {
        let Some(window) = text.as_bytes().first_chunk() else { return };
        if self.filter.is_empty() {
            self.filter = vec![0; BITS / 64];
        }
        let bit = bit(window);
        self.filter[bit / 64] |= 1 << (bit % 64);
        if !self.known.contains_key(text.as_bytes()) {
            self.known.insert(text.as_bytes().into(), needle());
        }
    }

    /// The first needle in `text` from `from` on, the longest of those that begin there: where it begins, its
    /// length, and what it is.
    pub(super) fn find(&self, text: &[u8], from: usize, names: bool) -> Option<(usize, usize, &Needle)> {
        if self.filter.is_empty() {
            return None;
        }
        let windows = text.get(from..)?.windows(SHORTEST).enumerate();
        windows.filter(|(_, window)| self.may_begin(window)).find_map(|(at, _)| {
            let (length, needle) = self.longest(&text[from + at..], names)?;
            Some((from + at, length, needle))
        })
    }

    fn may_begin(&self, window: &[u8]) -> bool {
        window.first_chunk().is_some_and(|window| {
            let bit = bit(window);
            self.filter[bit / 64] >> (bit % 64) & 1 == 1
        })
    }

    /// The longest needle with which `text` begins.
    fn longest(&self, text: &[u8], names: bool) -> Option<(usize, &Needle)> {
        let mut end = text.len();
        loop {
            // All needles with which the text begins stand before it in order, the longest next to it but for
            // those that share only a part.
            let (found, needle) = self
                .known
                .range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(&text[..end])))
                .next_back()?;
            let shared = found.iter().zip(text).take_while(|(a, b)| a == b).count();
            if shared == found.len() && !(names && needle.like_a_name) {
                return Some((shared, needle));
            }
            end = shared.min(found.len().saturating_sub(1));
            if end < SHORTEST {
                return None;
            }
        }
    }
}

fn bit(window: &[u8; SHORTEST]) -> usize {
    let mixed = u64::from_le_bytes(*window).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (64 - BITS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(texts: &[String]) -> Needles {
        let mut needles = Needles::default();
        for text in texts {
            needles.add(text, || Needle { symbol: text.clone(), like_a_name: text.contains('n') });
        }
        needles
    }

    /// The same, by trying every needle everywhere.
    fn by_trying(texts: &[String], text: &str, names: bool) -> Option<(usize, usize)> {
        (0..text.len()).find_map(|at| {
            let here = |needle: &&String| needle.len() >= SHORTEST && text[at..].starts_with(needle.as_str());
            let wanted = |needle: &&String| !(names && needle.contains('n'));
            let longest = texts.iter().filter(here).filter(wanted).max_by_key(|needle| needle.len())?;
            Some((at, longest.len()))
        })
    }

    #[test]
    fn what_is_found_is_what_trying_finds() {
        let mut dice = fastrand::Rng::with_seed(7);
        // Few letters, so that needles share their beginnings and stand inside one another.
        let mut word = |most: usize| -> String {
            let length = dice.usize(most / 2..most);
            (0..length).map(|_| dice.choice(['a', 'a', 'n']).unwrap()).collect()
        };
        let mut found = 0;
        for _ in 0..300 {
            let texts: Vec<String> = (0..40).map(|_| word(14)).collect();
            let needles = needles(&texts);
            for names in [false, true] {
                let text = word(300);
                let expected = by_trying(&texts, &text, names);
                let got = needles.find(text.as_bytes(), 0, names).map(|(at, length, _)| (at, length));
                assert_eq!(got, expected, "{texts:?} in {text}");
                found += usize::from(got.is_some());
            }
        }
        assert!(found > 100, "only {found} texts had a needle in them");
    }

    #[test]
    fn short_texts_are_no_needles() {
        let needles = needles(&["1234567".to_owned()]);
        assert_eq!(needles.find(b"1234567 1234567", 0, false), None);
        assert_eq!(Needles::default().find(b"1234567890", 0, false), None);
    }
}
