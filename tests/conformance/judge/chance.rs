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
        Ok(chance)
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
