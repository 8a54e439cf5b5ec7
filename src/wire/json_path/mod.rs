//! JSONPath as kubectl and API servers know it: templates such as `{range .items[*]}{.metadata.name}{"\n"}{end}`.
//!
//! In go a template and JSON; out come the values that it names, or the text that it makes of them. It is the
//! dialect of Kubernetes, not RFC 9535: a key that is not there is nothing, an index that is not there is an error.

mod parse;
mod print;
mod walk;

pub use print::{go_escaped, go_print};
use serde_json::Value;
use std::borrow::Cow;

/// Why a template cannot be understood, or does not fit the values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonPathError(String);

/// A template.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// What stands in braces.
    Action(Vec<Step>),
    /// What is repeated for every value that the steps find.
    Range(Vec<Step>, Vec<Part>),
}

/// A step from values to others.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Wildcard,
    /// `..`
    Recursive,
    /// `[1]`, `[-1:]`, `[0:4:2]`
    Slice(Slice),
    /// `[0,2]`
    Union(Vec<Vec<Step>>),
    /// `[?(@.a=="b")]`; without a comparison, whether it is there.
    Filter(Vec<Step>, Option<(Compare, Vec<Step>)>),
    Literal(Value),
}

#[derive(Clone, Debug, PartialEq)]
struct Slice {
    from: i64,
    /// None is the end of the list.
    to: Option<i64>,
    /// Whether `to` was not written, but follows from a single index.
    single: bool,
    step: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl JsonPath {
    /// Reads a template: text, and paths in braces.
    ///
    /// # Errors
    /// When a brace, bracket or quote is not closed, or something stands there that no path has.
    pub fn parse(template: &str) -> Result<Self, JsonPathError> {
        parse::template(template).map(Self)
    }

    /// Reads a single path, which may do without its braces and its first dot.
    ///
    /// # Errors
    /// When it is not a single path.
    pub fn relaxed(text: &str) -> Result<Self, JsonPathError> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let inner = inner.strip_prefix('.').unwrap_or(inner);
        if inner.is_empty() || inner.contains(['{', '}']) {
            return Err(JsonPathError(format!(
                "{text:?} is no path of the form .a.b, a.b, {{.a.b}} or {{a.b}}"
            )));
        }
        // A bracket begins a path without a dot.
        let dot = if inner.starts_with('[') { "" } else { "." };
        Self::parse(&format!("{{{dot}{inner}}}"))
    }

    /// The values that the first path names.
    ///
    /// # Errors
    /// When an index lies outside its list, or what should be a list is none.
    pub fn find<'a>(&'a self, value: &'a Value) -> Result<Vec<Cow<'a, Value>>, JsonPathError> {
        match self.0.first() {
            Some(Part::Action(steps)) => walk::all(vec![Cow::Borrowed(value)], steps),
            _ => Ok(Vec::new()),
        }
    }

    /// The text that it makes of a value.
    ///
    /// # Errors
    /// Where [`JsonPath::find`] has one.
    pub fn fill(&self, value: &Value) -> Result<String, JsonPathError> {
        let mut text = String::new();
        fill(&self.0, value, &mut text)?;
        Ok(text)
    }
}

fn fill(parts: &[Part], value: &Value, out: &mut String) -> Result<(), JsonPathError> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Action(steps) => {
                let found = walk::all(vec![Cow::Borrowed(value)], steps)?;
                let found: Vec<String> = found.iter().map(|value| print::plain(value)).collect();
                out.push_str(&found.join(" "));
            }
            Part::Range(steps, body) => {
                for item in walk::all(vec![Cow::Borrowed(value)], steps)? {
                    fill(body, &item, out)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
