use super::{Event, Payload, Record};
use crate::scrub;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// What looks like a secret in a record: where, and what it looks like.
pub(super) fn in_record(record: &Record) -> Vec<String> {
    let Record::Event { event, .. } = record else { return Vec::new() };
    let mut found = Vec::new();
    match event {
        Event::Sent(sent) => {
            text("path", &sent.path, &mut found);
            payload(&sent.body, sent.path.contains("/secrets"), &mut found);
        }
        Event::Answer(answer) => {
            answer.headers.iter().for_each(|(name, value)| text(name, value, &mut found));
            payload(&answer.body, false, &mut found);
        }
        Event::Frame { object, .. } => value("", object, &mut found),
        Event::Failed { error, .. } | Event::Closed { error: Some(error), .. } => {
            text("error", error, &mut found)
        }
        _ => {}
    }
    found
}

fn payload(payload: &Payload, of_secret: bool, found: &mut Vec<String>) {
    match payload {
        Payload::Json(json) => {
            if of_secret {
                data("", json, found);
            }
            value("", json, found);
        }
        Payload::Text(body) => text("body", body, found),
        Payload::Bytes(bytes) => {
            found.push(format!(
                "a body of {} bytes that is neither JSON nor text cannot be looked into",
                bytes.len()
            ));
        }
        Payload::Empty => {}
    }
}

fn value(path: &str, json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Object(map) => {
            let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
            if kind == "Secret" {
                data(path, json, found);
            }
            if let (Some(Value::Array(items)), "SecretList") = (map.get("items"), kind) {
                items.iter().for_each(|item| data(&join(path, "items"), item, found));
            }
            map.iter().for_each(|(key, json)| value(&join(path, key), json, found));
        }
        Value::Array(items) => items.iter().for_each(|item| value(path, item, found)),
        Value::String(json) => text(path, json, found),
        _ => {}
    }
}

/// In a Secret everything but a symbol is a finding.
fn data(path: &str, secret: &Value, found: &mut Vec<String>) {
    for field in ["data", "stringData"] {
        let Some(Value::Object(map)) = secret.get(field) else { continue };
        for (key, value) in map.iter().filter(|(key, _)| !key.starts_with('$')) {
            let text = value.as_str().unwrap_or_default();
            if !text.is_empty() && scrub::symbol_at(text) != Some(text) {
                let text = if STANDARD.decode(text).is_ok() { "base64" } else { "plain text" };
                found.push(format!("a Secret's value in {text}: {}", join(path, &format!("{field}.{key}"))));
            }
        }
    }
}

fn text(path: &str, text: &str, found: &mut Vec<String>) {
    if let Some((finding, depth)) = scrub::suspicious(text) {
        let decoded = if depth > 0 { " (decoded)" } else { "" };
        found.push(format!("looks like {}: {path}{decoded}", finding.as_str()));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
