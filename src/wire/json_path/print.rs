use serde_json::Value;

/// A value as a template shows it: objects and lists as JSON, all others as they are.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => go_escaped(&value.to_string()),
        Value::Null => "null".to_owned(),
        other => go_print(other),
    }
}

/// A JSON text with the letters escaped that Go's encoder never writes as they are.
pub fn go_escaped(json: &str) -> String {
    let letters = [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ];
    letters.iter().fold(json.to_owned(), |text, (letter, code)| text.replace(*letter, code))
}

/// A value as Go's `%v` prints it.
pub fn go_print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_print).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{key}:{}", go_print(value))).collect();
            format!("map[{}]", members.join(" "))
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => shortest(float),
            None => number.to_string(),
        },
        Value::Bool(truth) => truth.to_string(),
    }
}

/// A float with an exponent where Go has one: below 0.0001, and from a million.
fn shortest(float: f64) -> String {
    let science = format!("{float:e}");
    let (digits, exponent) = science.split_once('e').unwrap_or((&science, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
