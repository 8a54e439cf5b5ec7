use serde_json::Value;

/// Whether two bodies mean the same: times match any time, `managedFields` and the object's own
/// resourceVersion are not compared.
pub(super) fn same(taped: &Value, came: &Value) -> bool {
    same_at(taped, came, &mut Vec::new())
}

fn same_at<'a>(taped: &'a Value, came: &'a Value, path: &mut Vec<&'a str>) -> bool {
    match (taped, came) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().all(|key| {
                path.push(key);
                let null = Value::Null;
                let equal = is_free(path)
                    || same_at(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), path);
                path.pop();
                equal
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_at(a, b, path))
        }
        (Value::String(a), Value::String(b)) => a == b || (is_time(a) && is_time(b)),
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => taped == came,
    }
}

/// Paths that the matcher looks at apart, or never.
fn is_free(path: &[&str]) -> bool {
    matches!(path, ["metadata", "managedFields" | "resourceVersion" | "creationTimestamp"])
}

/// Whether a string is an RFC 3339 time, as Kubernetes writes them.
pub(super) fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    (20..=35).contains(&bytes.len())
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_match_any_time_and_nothing_else_does() {
        let taped = json!({"a": [1, {"at": "2026-01-01T00:00:00Z"}], "metadata": {"managedFields": [1]}});
        let came = json!({"a": [1.0, {"at": "2027-01-01T00:00:00.123456Z"}], "metadata": {}});
        assert!(same(&taped, &came));
        assert!(!same(&json!({"a": "2026-01-01T00:00:00Z"}), &json!({"a": "today"})));
        assert!(!same(&json!({"a": [1]}), &json!({"a": [1, 2]})));
        assert!(!same(&json!({}), &json!({"b": 1})));
    }
}
