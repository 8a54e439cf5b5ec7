use std::fmt;

/// A uid or a resourceVersion in little room: as a number where it is one, which for a hundred thousand objects is a
/// third of what their texts take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Brief {
    /// The digits of a number, without zeros before them.
    Number(u64),
    /// The halves of a UUID in small letters.
    Uuid(u64, u64),
    /// Anything else.
    Text(Box<str>),
}

impl Brief {
    pub(super) fn new(text: &str) -> Self {
        let number = text.parse().ok().map(Self::Number);
        let found = number.or_else(|| uuid(text)).filter(|brief| brief.to_string() == text);
        found.unwrap_or_else(|| Self::Text(text.into()))
    }

    /// The number, if it is one.
    pub(super) fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

/// What may be a UUID.
fn uuid(text: &str) -> Option<Brief> {
    if text.len() != 36 {
        return None;
    }
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok()?;
    Some(Brief::Uuid((number >> 64) as u64, number as u64))
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Uuid(high, low) => write!(
                f,
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                high >> 16 & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            ),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in [
            "",
            "0",
            "007",
            "+7",
            "18446744073709551615",
            "18446744073709551616",
            "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
            "3f2504e04-f89-41d3-9a0c-0305e82c3301",
            "00000000-0000-0000-0000-000000000000",
            "+f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "a",
        ] {
            assert_eq!(Brief::new(text).to_string(), text);
        }
        assert!(matches!(Brief::new("3f2504e0-4f89-41d3-9a0c-0305e82c3301"), Brief::Uuid(..)));
        assert_ne!(Brief::new("7"), Brief::new("007"));
        assert!(size_of::<Brief>() <= 24);
    }
}
