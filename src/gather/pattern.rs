use super::Error;
use regex::Regex;
use std::{fmt, str::FromStr};

/// What a name must look like: a glob over the whole of it, or `/regular expression/` in any part of it.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
    exact: bool,
}

impl Pattern {
    /// Whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        if self.exact { self.text == name } else { self.regex.is_match(name) }
    }

    /// The one name that is meant, if it is one.
    pub(super) fn exact(&self) -> Option<&str> {
        self.exact.then_some(self.text.as_str())
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::Pattern { text: text.to_owned(), why };
        if text.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let (source, exact) = match inner {
            Some(regex) => (regex.to_owned(), false),
            None => (format!("^(?s:{})$", glob(text)), !text.contains(['*', '?'])),
        };
        let regex = Regex::new(&source).map_err(|error| bad(last_line(&error.to_string())))?;
        Ok(Self { text: text.to_owned(), regex, exact })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The regular expression of a glob: `*` is any text and `?` one letter.
fn glob(text: &str) -> String {
    let mut source = String::new();
    for letter in text.chars() {
        match letter {
            '*' => source.push_str(".*"),
            '?' => source.push('.'),
            other => source.push_str(&regex::escape(&other.to_string())),
        }
    }
    source
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
}

/// What must match, and what must not. Nothing to include means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these.
    pub include: Vec<Pattern>,
    /// None of these.
    pub exclude: Vec<Pattern>,
}

impl Filter {
    /// Whether a name passes.
    pub fn admits(&self, name: &str) -> bool {
        self.admits_any(&[name])
    }

    /// Whether something with several names passes.
    pub(super) fn admits_any(&self, names: &[&str]) -> bool {
        let hit = |patterns: &[Pattern]| patterns.iter().any(|p| names.iter().any(|name| p.matches(name)));
        (self.include.is_empty() || hit(&self.include)) && !hit(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names_and_expressions_any_part() {
        let matches = |pattern: &str, name: &str| pattern.parse::<Pattern>().unwrap().matches(name);
        assert!(matches("web-*", "web-1") && matches("web-*", "web-"));
        assert!(!matches("web", "my-web") && !matches("a.c", "abc"));
        assert!(matches("w?b", "web") && matches("/e/", "web") && !matches("/^e/", "web"));
        for bad in ["", "/(/", "/a{9999999}/"] {
            let error = bad.parse::<Pattern>().unwrap_err().to_string();
            assert!(error.contains("write a glob"), "{error}");
        }
    }

    #[test]
    fn what_is_excluded_never_passes() {
        let filter =
            Filter { include: vec!["web-*".parse().unwrap()], exclude: vec!["web-2".parse().unwrap()] };
        assert!(filter.admits("web-1") && !filter.admits("web-2") && !filter.admits("db"));
        assert!(Filter::default().admits("anything"));
    }
}
