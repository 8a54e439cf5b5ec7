//! What a real server leaves to chance.

use super::json::text;
use regex::Regex;
use serde_json::Value;
use std::path::Path;

/// What a real server does otherwise each time, by transcript.
#[derive(Debug, Default)]
pub(crate) struct Chance {
    known: Vec<(String, Regex)>,
    pub(crate) unordered: Vec<(String, u64)>,
    lost: Vec<(String, u64, Vec<u8>)>,
}

impl Chance {
    /// Reads the list; what is chance has a reason each.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let list: Value =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut chance = Self::default();
        for entry in list["known"].as_array().into_iter().flatten() {
            let pattern = Regex::new(text_of(entry, "difference")?);
            let pattern = pattern.map_err(|error| error.to_string())?;
            chance.known.push((text_of(entry, "transcript")?.to_owned(), pattern));
        }
        for entry in list["unordered"].as_array().into_iter().flatten() {
            let line = entry["line"].as_u64().ok_or("a line without a number")?;
            chance.unordered.push((text_of(entry, "transcript")?.to_owned(), line));
        }
        for entry in list["lost"].as_array().into_iter().flatten() {
            let line = entry["line"].as_u64().ok_or("a line without a number")?;
            let bytes = text_of(entry, "bytes")?.split(' ').map(|byte| u8::from_str_radix(byte, 16));
            let bytes = bytes.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            chance.lost.push((text_of(entry, "transcript")?.to_owned(), line, bytes));
        }
        Ok(chance)
    }

    /// A body that was recorded as text, with the bytes that were lost in that.
    pub(crate) fn raw(&self, name: &str, line: u64, text: &str) -> Vec<u8> {
        let own = self.lost.iter().find(|(own, number, _)| own == name && *number == line);
        let mut lost = own.map(|(.., bytes)| bytes.as_slice()).unwrap_or_default().iter();
        let mut out = Vec::new();
        for letter in text.chars() {
            match (letter, lost.as_slice().is_empty()) {
                ('\u{fffd}', false) => out.extend(lost.next()),
                _ => out.extend(letter.to_string().bytes()),
            }
        }
        out
    }

    /// Whether a difference is chance.
    pub(crate) fn excuses(&self, name: &str, difference: &str) -> bool {
        self.known.iter().any(|(own, pattern)| (own == "*" || own == name) && pattern.is_match(difference))
    }
}

fn text_of<'a>(entry: &'a Value, key: &str) -> Result<&'a str, String> {
    let filled = entry[key].as_str().filter(|_| !text(entry, "reason").is_empty());
    filled.ok_or_else(|| format!("an entry needs {key} and a reason: {entry}"))
}
