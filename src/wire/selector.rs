use serde_json::Value;
use std::collections::BTreeSet;

/// A selector that cannot be read, in the words of the API server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

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
    /// When the text is not of the grammar, or a key or value could not be that of a label.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self(Reader::new(text).requirements()?))
    }

    /// Whether `object`'s labels satisfy every requirement.
    pub fn matches(&self, object: &Value) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let labels = object.pointer("/metadata/labels");
        self.0.iter().all(|r| r.matches(labels.and_then(|l| l.get(&r.key)).and_then(Value::as_str)))
    }
}

impl Requirement {
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

/// The lexer and parser of label selectors: words, and the signs between them.
struct Reader {
    tokens: Vec<String>,
    at: usize,
}

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

impl Reader {
    fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let mut token = String::from(letter);
            match letter {
                ' ' | '\t' | '\r' | '\n' => continue,
                '=' | '!' => {
                    if letters.next_if_eq(&'=').is_some() {
                        token.push('=');
                    }
                }
                sign if is_sign(sign) => {}
                _ => {
                    while let Some(next) = letters.next_if(|next| !is_sign(*next) && !next.is_whitespace()) {
                        token.push(next);
                    }
                }
            }
            tokens.push(token);
        }
        Self { tokens, at: 0 }
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    fn requirements(mut self) -> Result<Vec<Requirement>, SelectorError> {
        let mut found = Vec::new();
        if self.tokens.is_empty() {
            return Ok(found);
        }
        loop {
            let token = self.peek().to_owned();
            if token != "!" && !is_word(&token) {
                let message = format!("found '{token}', expected: !, identifier, or 'end of string'");
                return Err(SelectorError(message));
            }
            let requirement = self
                .requirement()
                .map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?;
            found.push(requirement);
            match self.next().as_str() {
                "" => return Ok(found),
                "," => {
                    let after = self.peek();
                    if after != "!" && !is_word(after) {
                        let message = format!("found '{after}', expected: identifier after ','");
                        return Err(SelectorError(message));
                    }
                }
                other => {
                    let message = format!("found '{other}', expected: ',' or 'end of string'");
                    return Err(SelectorError(message));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let missing = self.peek() == "!";
        if missing {
            self.at += 1;
        }
        let key = self.next();
        if !is_word(&key) {
            return Err(SelectorError(format!("found '{key}', expected: identifier")));
        }
        check(super::label::key_error(&key), "", &key)?;
        if missing {
            return Ok(Requirement { key, test: Test::Missing });
        }
        let test = match self.peek().to_owned().as_str() {
            "" | "," => Test::Exists,
            operator => {
                self.at += 1;
                self.test(&key, operator)?
            }
        };
        Ok(Requirement { key, test })
    }

    fn test(&mut self, key: &str, operator: &str) -> Result<Test, SelectorError> {
        match operator {
            "in" => Ok(Test::In(self.set(key)?)),
            "notin" => Ok(Test::NotIn(self.set(key)?)),
            "=" | "==" => Ok(Test::In(BTreeSet::from([self.value(key)?]))),
            "!=" => Ok(Test::NotIn(BTreeSet::from([self.value(key)?]))),
            ">" | "<" => {
                let value = self.value(key)?;
                let number = value.parse().map_err(|_| {
                    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                    SelectorError(format!("values[0]: Invalid value: {value:?}: {why}"))
                })?;
                Ok(if operator == ">" { Test::Over(number) } else { Test::Under(number) })
            }
            other => Err(SelectorError(format!("found '{other}', expected: {OPERATORS}"))),
        }
    }

    /// One value; nothing at all is the empty string.
    fn value(&mut self, key: &str) -> Result<String, SelectorError> {
        let token = self.peek().to_owned();
        if token.is_empty() || token == "," {
            return Ok(String::new());
        }
        if !is_word(&token) {
            return Err(SelectorError(format!("found '{token}', expected: identifier")));
        }
        self.at += 1;
        check(super::label::value_error(&token), &format!("values[0][{key}]"), &token)?;
        Ok(token)
    }

    fn set(&mut self, key: &str) -> Result<BTreeSet<String>, SelectorError> {
        let open = self.next();
        if open != "(" {
            return Err(SelectorError(format!("found '{open}' expected: '('")));
        }
        let mut values = BTreeSet::new();
        loop {
            let token = self.next();
            match token.as_str() {
                ")" => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                "," => {
                    if matches!(self.peek(), "," | ")") {
                        values.insert(String::new());
                    }
                }
                word if is_word(word) => {
                    let field = format!("values[{}][{key}]", values.len());
                    check(super::label::value_error(word), &field, word)?;
                    values.insert(token);
                }
                other => {
                    // Behind a value there is no room for another one.
                    let expected = if values.is_empty() { "',', ')' or identifier" } else { "',' or ')'" };
                    return Err(SelectorError(format!("found '{other}', expected: {expected}")));
                }
            }
        }
    }
}

fn check(error: Option<String>, field: &str, value: &str) -> Result<(), SelectorError> {
    let field = if field.is_empty() { "<nil>" } else { field };
    match error {
        None => Ok(()),
        Some(why) => Err(SelectorError(format!("{field}: Invalid value: {value:?}: {why}"))),
    }
}

fn is_sign(letter: char) -> bool {
    matches!(letter, '=' | '!' | '(' | ')' | ',' | '<' | '>')
}

fn is_word(token: &str) -> bool {
    token.chars().next().is_some_and(|first| !is_sign(first))
}

/// A parsed `fieldSelector`: conjunctions of `path=value` and `path!=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `metadata.name=a,status.phase!=Failed`; a backslash makes `,`, `=` and itself ordinary in values.
    ///
    /// # Errors
    /// When a part has no `=`, or a value has an unescaped one.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut found = Vec::new();
        for part in parts(text).into_iter().filter(|part| !part.is_empty()) {
            let pair = part.split_once("!=").map(|(path, value)| (path, false, value)).or_else(|| {
                part.split_once("==").or_else(|| part.split_once('=')).map(|(p, v)| (p, true, v))
            });
            let (path, equal, value) = pair.ok_or_else(|| {
                SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            found.push((path.trim().to_owned(), equal, unescape(value)?));
        }
        Ok(Self(found))
    }

    /// Whether `object` satisfies every requirement; a missing field counts as the empty string.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, equal, wanted)| (field(object, path) == *wanted) == *equal)
    }

    /// The requirements: path, whether the value is asked for or refused, and the value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool, &str)> {
        self.0.iter().map(|(path, equal, value)| (path.as_str(), *equal, value.as_str()))
    }

    /// The same requirements about other paths, one for each; what stands behind a `|` is the value where there is none.
    pub fn renamed(self, paths: &[String]) -> Self {
        let pairs = self.0.into_iter().zip(paths);
        Self(pairs.map(|((_, equal, value), path)| (path.clone(), equal, value)).collect())
    }

    /// One more requirement, that `path` has `value`.
    pub fn and(mut self, path: &str, value: &str) -> Self {
        self.0.push((path.to_owned(), true, value.to_owned()));
        self
    }
}

/// The parts between commas that no backslash stands before.
fn parts(text: &str) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for letter in text.chars() {
        match (letter, escaped) {
            (',', false) => parts.push(String::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(letter)),
        }
        escaped = letter == '\\' && !escaped;
    }
    parts
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let (mut out, mut letters) = (String::new(), value.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                other => {
                    let tail: String = other.into_iter().collect();
                    return Err(SelectorError(format!(
                        "invalid field selector: invalid escape sequence: \\{tail}"
                    )));
                }
            },
            '=' => {
                let message = "invalid field selector: unescaped character in value: 61";
                return Err(SelectorError(message.to_owned()));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn field(object: &Value, path: &str) -> String {
    let (path, absent) = path.split_once('|').unwrap_or((path, ""));
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        None | Some(Value::Null) => absent.to_owned(),
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
