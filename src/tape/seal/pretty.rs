use serde_json::{Value, json};

/// Values that fit into this many columns stand on one line.
const WIDTH: usize = 100;

/// Appends `value` in the canonical layout: sorted keys, and what is short on one line. The first line gets no
/// indentation, the others get `indent` blanks and more.
pub(super) fn pretty(value: &Value, indent: usize, out: &mut String) {
    if let Some(line) = inline(value, WIDTH.saturating_sub(indent)) {
        *out += &line;
        return;
    }
    let inner = " ".repeat(indent + 2);
    let items: Vec<(Option<&String>, &Value)> = match value {
        Value::Object(map) => {
            let mut items: Vec<_> = map.iter().map(|(key, value)| (Some(key), value)).collect();
            items.sort_by_key(|(key, _)| *key);
            items
        }
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        other => {
            *out += &other.to_string();
            return;
        }
    };
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    out.push(open);
    for (at, (key, item)) in items.into_iter().enumerate() {
        *out += if at == 0 { "\n" } else { ",\n" };
        *out += &inner;
        if let Some(key) = key {
            *out += &format!("{}: ", json!(key));
        }
        pretty(item, indent + 2, out);
    }
    *out += &format!("\n{}{close}", " ".repeat(indent));
}

/// The value on one line, if it fits into `room` columns.
fn inline(value: &Value, room: usize) -> Option<String> {
    let line = match value {
        Value::Object(map) if !map.is_empty() => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            let mut line = "{ ".to_owned();
            for (at, (key, value)) in keys.into_iter().enumerate() {
                let separator = if at == 0 { "" } else { ", " };
                let value = inline(value, room.checked_sub(line.len())?)?;
                line += &format!("{separator}{}: {value}", json!(key));
            }
            line + " }"
        }
        Value::Array(items) if !items.is_empty() => {
            let mut line = "[".to_owned();
            for (at, item) in items.iter().enumerate() {
                let separator = if at == 0 { "" } else { ", " };
                line += separator;
                line += &inline(item, room.checked_sub(line.len())?)?;
            }
            line + "]"
        }
        scalar => scalar.to_string(),
    };
    (line.len() <= room).then_some(line)
}
