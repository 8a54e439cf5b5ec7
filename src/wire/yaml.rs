use super::{
    go_print,
    scalar::{self, Style},
};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// After this column a text goes on in the next line.
const WIDTH: usize = 80;
/// Longer keys have a `?` before them.
const KEY: usize = 128;

/// YAML as kubectl prints it, which is go-yaml's: keys in its order, lists no deeper than their keys, long texts
/// folded.
pub fn yaml(value: &Value) -> String {
    let mut writer = Writer::default();
    match value {
        Value::Object(members) if !members.is_empty() => writer.members(members, 0),
        Value::Array(items) if !items.is_empty() => writer.items(items, 0),
        other => {
            writer.leaf(other, 0);
            writer.out.push('\n');
        }
    }
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out += text;
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.column = 0;
        self.put(&" ".repeat(indent));
    }

    /// The members of an object from the present column on, which is `indent`; a line break comes after each.
    fn members(&mut self, members: &Map<String, Value>, indent: usize) {
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| natural(a, b));
        for (number, (key, value)) in sorted.into_iter().enumerate() {
            if number > 0 {
                self.put(&" ".repeat(indent));
            }
            if key.len() > KEY {
                self.put("? ");
                self.scalar(key, indent + 2, false);
                self.line(indent);
            } else {
                self.scalar(key, indent + 2, true);
            }
            self.put(":");
            match value {
                Value::Object(members) if !members.is_empty() => {
                    self.line(indent + 2);
                    self.members(members, indent + 2);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.line(indent);
                    self.items(items, indent);
                }
                other => {
                    self.put(" ");
                    self.leaf(other, indent + 2);
                    self.end();
                }
            }
        }
    }

    fn items(&mut self, items: &[Value], indent: usize) {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.put(&" ".repeat(indent));
            }
            self.put("- ");
            match item {
                Value::Object(members) if !members.is_empty() => self.members(members, indent + 2),
                Value::Array(items) if !items.is_empty() => self.items(items, indent + 2),
                other => {
                    self.leaf(other, indent + 2);
                    self.end();
                }
            }
        }
    }

    /// The end of a line, unless a text has just ended one.
    fn end(&mut self) {
        if self.column > 0 {
            self.out.push('\n');
            self.column = 0;
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.scalar(text, indent, false),
            Value::Null => self.put("null"),
            Value::Object(_) => self.put("{}"),
            Value::Array(_) => self.put("[]"),
            other => self.put(&go_print(other)),
        }
    }

    fn scalar(&mut self, text: &str, indent: usize, is_key: bool) {
        match scalar::style(text, is_key) {
            Style::Plain => self.folded(text, indent, !is_key),
            Style::Single => {
                self.put("'");
                self.folded(&text.replace('\'', "''"), indent, !is_key);
                self.put("'");
            }
            Style::Double => self.double(text, indent, !is_key),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// A text that may go on in the next line at a single space.
    fn folded(&mut self, text: &str, indent: usize, fold: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (at, letter) in letters.iter().enumerate() {
            let alone = !after_space && letters.get(at + 1).is_some_and(|next| *next != ' ') && at > 0;
            if *letter == ' ' && fold && alone && self.column > WIDTH {
                self.line(indent);
            } else {
                self.out.push(*letter);
                self.column += 1;
            }
            after_space = *letter == ' ';
        }
    }

    fn double(&mut self, text: &str, indent: usize, fold: bool) {
        self.put("\"");
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (at, letter) in letters.iter().enumerate() {
            let inner = at > 0 && at + 1 < letters.len();
            match letter {
                ' ' if fold && inner && !after_space && self.column > WIDTH => {
                    self.line(indent);
                    if letters[at + 1] == ' ' {
                        self.put("\\");
                    }
                }
                '"' | '\\' => self.put(&format!("\\{letter}")),
                letter if !scalar::is_printable(*letter) || scalar::is_break(*letter) => {
                    self.put(&escape(*letter));
                }
                letter => {
                    self.out.push(*letter);
                    self.column += 1;
                }
            }
            after_space = *letter == ' ';
        }
        self.put("\"");
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with(' ') || text.starts_with(scalar::is_break) {
            self.put("2");
        }
        let body = text.strip_suffix('\n');
        match body {
            None => self.put("-"),
            Some(body) if body.is_empty() || body.ends_with('\n') => self.put("+"),
            Some(_) => {}
        }
        for line in body.unwrap_or(text).split('\n') {
            self.line(if line.is_empty() { 0 } else { indent });
            self.put(line);
        }
        self.out.push('\n');
        self.column = 0;
    }
}

fn escape(letter: char) -> String {
    let short = match letter {
        '\0' => "0",
        '\u{7}' => "a",
        '\u{8}' => "b",
        '\t' => "t",
        '\n' => "n",
        '\u{b}' => "v",
        '\u{c}' => "f",
        '\r' => "r",
        '\u{1b}' => "e",
        '\u{85}' => "N",
        '\u{2028}' => "L",
        '\u{2029}' => "P",
        _ => "",
    };
    match u32::from(letter) {
        _ if !short.is_empty() => format!("\\{short}"),
        code @ ..=0xff => format!("\\x{code:02X}"),
        code @ ..=0xffff => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    }
}

/// The order of keys: runs of digits as numbers, letters behind what is no letter.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut after_digit = false;
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            after_digit = a[at].is_numeric();
            continue;
        }
        let (letter_a, letter_b) = (a[at].is_alphabetic(), b[at].is_alphabetic());
        if letter_a && letter_b {
            return a[at].cmp(&b[at]);
        }
        if letter_a || letter_b {
            return if letter_a == after_digit { Ordering::Less } else { Ordering::Greater };
        }
        // Zeros within a number are digits like others, zeros before it are none.
        let within = (a[at] == '0' || b[at] == '0')
            && a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
        let number = |text: &[char]| -> (u64, usize) {
            let digits: String = text[at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            let before = if within { "1" } else { "" };
            (format!("{before}{digits}").parse().unwrap_or_default(), digits.len())
        };
        return number(&a).cmp(&number(&b)).then(a[at].cmp(&b[at]));
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_laid_out_as_kubectl_does_it() {
        let words = "word ".repeat(30);
        let value = json!({
            "metadata": {"name": "a", "labels": {}, "annotations": {"n": "1", "a/b": "true"}},
            "spec": {"list": [{"b": 1, "a": [[], [1]]}, "x"], "text": "one\ntwo\n", "cut": "one\n\n  two", "none": null},
            "message": words.trim(), "quoted": format!("a: {}", words.trim()),
        });
        let expected = "message: word word word word word word word word word word word word word word word
  word word word word word word word word word word word word word word word
metadata:
  annotations:
    a/b: \"true\"
    \"n\": \"1\"
  labels: {}
  name: a
quoted: 'a: word word word word word word word word word word word word word word
  word word word word word word word word word word word word word word word word'
spec:
  cut: |-
    one

      two
  list:
  - a:
    - []
    - - 1
    b: 1
  - x
  none: null
  text: |
    one
    two
";
        assert_eq!(yaml(&value), expected);
    }

    #[test]
    fn keys_have_the_order_of_go_yaml() {
        let mut keys = ["b", "a10", "a2", "a", "A", "a-b", "a/b", "a1b", "ab", "1", "a02"];
        keys.sort_by(|a, b| natural(a, b));
        assert_eq!(keys, ["1", "A", "a", "a-b", "a/b", "a1b", "a2", "a02", "a10", "ab", "b"]);
    }
}
