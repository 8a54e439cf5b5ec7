use serde_json::Value;
use std::collections::BTreeSet;

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse selector {text:?}: {why}")]
pub struct SelectorError {
    text: String,
    why: &'static str,
}

/// A parsed `labelSelector`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Over(i64),
    Under(i64),
}

impl LabelSelector {
    /// Reads `a=b,c in (d,e),!f,g`, the grammar of `k8s.io/apimachinery/pkg/labels`.
    ///
    /// # Errors
    /// When a requirement has no key, or a set is not closed.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let parts = split_outside_parentheses(text);
        let requirements = parts.iter().map(|part| Requirement::parse(part.trim(), text));
        Ok(Self(requirements.collect::<Result<_, _>>()?))
    }

    /// Whether `object`'s labels satisfy every requirement.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.0.iter().all(|r| r.matches(labels.and_then(|l| l.get(&r.key)).and_then(Value::as_str)))
    }
}

impl Requirement {
    fn parse(part: &str, text: &str) -> Result<Self, SelectorError> {
        let fail = |why| SelectorError { text: text.to_owned(), why };
        let (key, test) = if let Some(key) = part.strip_prefix('!') {
            (key, Test::Missing)
        } else if let Some((key, set)) = word(part, " notin ") {
            (key, Test::NotIn(members(set).ok_or_else(|| fail("a set stands in parentheses"))?))
        } else if let Some((key, set)) = word(part, " in ") {
            (key, Test::In(members(set).ok_or_else(|| fail("a set stands in parentheses"))?))
        } else if let Some((key, value)) = part.split_once("!=") {
            (key, Test::NotIn(BTreeSet::from([value.trim().to_owned()])))
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, Test::In(BTreeSet::from([value.trim().to_owned()])))
        } else if let Some((key, value)) = part.split_once('>') {
            (key, Test::Over(value.trim().parse().map_err(|_| fail("a number follows >"))?))
        } else if let Some((key, value)) = part.split_once('<') {
            (key, Test::Under(value.trim().parse().map_err(|_| fail("a number follows <"))?))
        } else {
            (part, Test::Exists)
        };
        let key = key.trim().to_owned();
        if key.is_empty() { Err(fail("a requirement has no key")) } else { Ok(Self { key, test }) }
    }

    fn matches(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(set) => value.is_some_and(|v| set.contains(v)),
            Test::NotIn(set) => value.is_none_or(|v| !set.contains(v)),
            Test::Over(limit) => number().is_some_and(|n| n > *limit),
            Test::Under(limit) => number().is_some_and(|n| n < *limit),
        }
    }
}

fn word<'a>(part: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let at = part.find(word.trim_end()).filter(|_| part.contains('('))?;
    let rest = &part[at + word.trim_end().len()..];
    rest.trim_start().starts_with('(').then(|| (&part[..at], rest))
}

fn members(set: &str) -> Option<BTreeSet<String>> {
    let inner = set.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|member| member.trim().to_owned()).collect())
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A parsed `fieldSelector`: conjunctions of `path=value` and `path!=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `metadata.name=a,status.phase!=Failed`.
    ///
    /// # Errors
    /// When a part has no `=`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let parts = text.split(',').filter(|part| !part.is_empty()).map(|part| {
            let pair = part.split_once("!=").map(|(path, value)| (path, false, value)).or_else(|| {
                part.split_once("==").or_else(|| part.split_once('=')).map(|(p, v)| (p, true, v))
            });
            let (path, equal, value) = pair.ok_or_else(|| SelectorError {
                text: text.to_owned(),
                why: "a field requirement needs = or !=",
            })?;
            Ok((path.trim().to_owned(), equal, value.to_owned()))
        });
        Ok(Self(parts.collect::<Result<_, SelectorError>>()?))
    }

    /// Whether `object` satisfies every requirement; a missing field counts as the empty string.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, equal, wanted)| (field(object, path) == *wanted) == *equal)
    }
}

fn field(object: &Value, path: &str) -> String {
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_follow_the_servers_grammar() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "5"}}});
        let rows = [
            ("", true),
            ("app=web", true),
            ("app==web,tier", true),
            ("app!=web", false),
            ("x!=web", true),
            ("app in (a,web)", true),
            ("app notin (a, web)", false),
            ("!x", true),
            ("!app", false),
            ("tier>4", true),
            ("tier<5", false),
        ];
        for (text, expected) in rows {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&object), expected, "{text}");
        }
        assert!(LabelSelector::parse("=a").is_err());
        assert!(LabelSelector::parse("a in (b").is_err());
    }

    #[test]
    fn field_selectors_read_any_path() {
        let object = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}});
        assert!(FieldSelector::parse("metadata.name=a,status.phase!=Failed").unwrap().matches(&object));
        assert!(FieldSelector::parse("spec.x=").unwrap().matches(&object));
        assert!(FieldSelector::parse("metadata.name").is_err());
    }
}
