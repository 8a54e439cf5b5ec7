//! Patterns of schemas as Go reads them: its classes of letters, digits and spaces are those of ASCII.

use regex::Regex;
use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

/// So many patterns are kept compiled; then all are forgotten.
const KEPT: usize = 1000;

/// A pattern, compiled once; `None` when it cannot be read.
pub(super) fn compiled(pattern: &str) -> Option<Regex> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Option<Regex>>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(pattern) {
        return known.clone();
    }
    if known.len() >= KEPT {
        known.clear();
    }
    let compiled = Regex::new(&plain(pattern)).ok();
    known.insert(pattern.to_owned(), compiled.clone());
    compiled
}

/// The pattern with classes and edges that mean what they mean in Go.
fn plain(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut letters, mut class) = (pattern.chars(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let Some(name) = letters.next() else {
                    out.push('\\');
                    break;
                };
                match replaced(name, class) {
                    Some(text) => out.push_str(text),
                    None => out.extend(['\\', name]),
                }
            }
            '[' if class => {
                // In a class a bracket is a bracket, unless it opens a named class.
                let named = letters.as_str().starts_with(':');
                out.push_str(if named { "[" } else { "\\[" });
                if named {
                    let rest = letters.as_str();
                    let end = rest.find(":]").map_or(0, |end| end + 2);
                    out.push_str(&rest[..end]);
                    letters = rest[end..].chars();
                }
            }
            // Operators between classes are plain letters in Go.
            '&' | '~' if class => out.extend(['\\', letter]),
            '[' => {
                class = true;
                out.push('[');
                for first in ['^', ']'] {
                    if letters.as_str().starts_with(first) {
                        letters.next();
                        out.push_str(if first == ']' { "\\]" } else { "^" });
                    }
                }
            }
            ']' => {
                class = false;
                out.push(']');
            }
            letter => out.push(letter),
        }
    }
    out
}

fn replaced(name: char, class: bool) -> Option<&'static str> {
    Some(match (name, class) {
        ('d', false) => "[0-9]",
        ('D', _) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('s', false) => r"[\t\n\f\r ]",
        ('S', _) => r"[^\t\n\f\r ]",
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => r"\t\n\f\r ",
        ('b', false) => r"(?-u:\b)",
        ('B', false) => r"(?-u:\B)",
        ('Q', false) => return None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        compiled(pattern).unwrap().is_match(text)
    }

    #[test]
    fn classes_are_those_of_ascii() {
        for (pattern, good, bad) in [
            (r"^\d+$", "17", "١٧"),
            (r"^\w+$", "ab_1", "é"),
            (r"^[\w-]+$", "a-b", "é-b"),
            (r"^\s$", "\t", "\u{a0}"),
            (r"^[^\d]$", "x", "7"),
            (r"^[\D]$", "x", "7"),
            (r"^\bx\b$", "x", "y"),
            ("^[[]$", "[", "]"),
            ("^[]a]$", "]", "b"),
            ("^[^]a]$", "b", "]"),
            ("^[[:alpha:]&]+$", "a&", "1"),
        ] {
            assert!(matches(pattern, good), "{pattern} {good}");
            assert!(!matches(pattern, bad), "{pattern} {bad}");
        }
        assert!(matches("^.$", "é"));
        assert!(compiled("(").is_none());
        assert!(compiled("\\").is_none());
    }
}
