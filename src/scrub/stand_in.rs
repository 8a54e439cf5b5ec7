use super::{
    redact::list_rule,
    rules::{ObjectRule, defaults},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::BTreeSet;

const BEGIN: &str = "kubetape-stand-in--";
const END: &str = "--end";

/// How often the value behind a symbol was put through base64.
const FORMS: [&str; 3] = ["$secret(", "$secret.b64(", "$secret.b64.b64("];

/// The symbol of `name`, for its value as it stands after `depth` rounds of base64.
pub(super) fn symbol(name: &str, depth: usize) -> String {
    format!("{}{name})", FORMS[depth.min(2)])
}

/// A name of letters that neither symbols nor stand-ins give a meaning to.
pub(super) fn safe_name(hint: &str) -> String {
    let mut name = String::new();
    for letter in hint.chars() {
        let letter = if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' };
        if !(letter == '-' && name.ends_with('-')) {
            name.push(letter);
        }
    }
    name.trim_matches('-').to_owned()
}

/// The harmless text that is served for a symbol such as `$secret(web-db.password)`; other text comes back
/// as it is. The same symbol always has the same text, and scrubbing that text gives the symbol again.
///
/// ```
/// use kubetape::scrub::stand_in;
/// assert_eq!(stand_in("$secret(db.password)"), "kubetape-stand-in--db.password--end");
/// assert_eq!(stand_in("postgres://u:$secret(db.password)@db"), "postgres://u:kubetape-stand-in--db.password--end@db");
/// ```
pub fn stand_in(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, name, depth, after)) = next_symbol(rest) {
        out += before;
        out += &encode(&format!("{BEGIN}{name}{END}"), depth);
        rest = after;
    }
    out + rest
}

/// The first symbol in `text`: what stands before it, its name, its form and what follows.
pub(super) fn next_symbol(text: &str) -> Option<(&str, &str, usize, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("$secret") {
        let at = from + found;
        for (depth, form) in FORMS.iter().enumerate() {
            let Some(inner) = text[at..].strip_prefix(form) else { continue };
            let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || "._~-".contains(c)));
            if let Some(end) = end.filter(|end| *end > 0 && inner[*end..].starts_with(')')) {
                return Some((&text[..at], &inner[..end], depth, &inner[end + 1..]));
            }
        }
        from = at + 1;
    }
    None
}

/// The secret symbol that `text` begins with, such as `$secret(db.password)`.
pub fn symbol_at(text: &str) -> Option<&str> {
    let (before, _, _, after) = next_symbol(text)?;
    before.is_empty().then(|| &text[..text.len() - after.len()])
}

/// The names of the secrets whose symbols stand in `text`.
pub fn symbols_in(mut text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    while let Some((_, name, _, after)) = next_symbol(text) {
        names.insert(name);
        text = after;
    }
    names
}

/// The name that `text` is a stand-in for, if it is one and nothing more.
pub(super) fn stands_for(text: &str) -> Option<&str> {
    let name = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    (!name.contains("--")).then_some(name)
}

/// The stand-ins inside `text` as symbols; `None` when there are none.
pub(super) fn unmask(text: &str) -> Option<String> {
    if !text.contains(BEGIN) {
        return None;
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        out += before;
        match after.split_once(END).filter(|(name, _)| !name.contains("--")) {
            Some((name, after)) => {
                out += &symbol(name, 0);
                rest = after;
            }
            None => {
                out += BEGIN;
                rest = after;
            }
        }
    }
    Some(out + rest)
}

fn encode(text: &str, depth: usize) -> String {
    (0..depth).fold(text.to_owned(), |text, _| STANDARD.encode(text))
}

/// Puts stand-ins in the place of every symbol of an object, a list or a watch frame's object, so that typed
/// clients can read it: inside a Secret's `data` the stand-in is base64.
pub fn serve(value: &mut Value) {
    serve_object(value, None);
}

fn serve_object(value: &mut Value, rule: Option<&'static ObjectRule>) {
    match value {
        Value::Object(map) => {
            let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
            let rule = defaults().by_kind(kind).or(rule.filter(|_| kind.is_empty()));
            let items = list_rule(kind);
            for field in rule.map(|rule| rule.base64.as_slice()).unwrap_or_default() {
                if let Some(Value::Object(data)) = map.get_mut(field) {
                    data.values_mut().for_each(serve_base64);
                }
            }
            for (key, value) in map.iter_mut() {
                serve_object(value, items.filter(|_| key == "items"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| serve_object(item, rule)),
        Value::String(text) if text.contains("$secret") => *text = stand_in(text),
        _ => {}
    }
}

fn serve_base64(value: &mut Value) {
    if let Value::String(text) = value
        && text.contains("$secret")
    {
        *text = STANDARD.encode(stand_in(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stand_ins_are_base64_in_the_data_of_secrets_and_plain_elsewhere() {
        let mut list = json!({"kind": "SecretList", "items": [{"data": {"a": "$secret(s.a)", "b": "YQ=="}}],
            "text": "x $secret(s.a) $secret()", "code": "$secret.b64(s.a)"});
        serve(&mut list);
        let plain = "kubetape-stand-in--s.a--end";
        assert_eq!(list["items"][0]["data"], json!({"a": STANDARD.encode(plain), "b": "YQ=="}));
        assert_eq!(list["text"], format!("x {plain} $secret()"));
        assert_eq!(list["code"], STANDARD.encode(plain));
        assert_eq!(unmask(&format!("x {plain}y")).unwrap(), "x $secret(s.a)y");
        assert_eq!(stands_for(plain), Some("s.a"));
    }
}
