use crate::wire::{is_time, list_key};
use serde_json::Value;

/// Whether `before` differs from `body` in a field in which `after` agrees with it: then the write that sent
/// `body` changed that field. A field that `after` has in other words (a quantity that the server rewrote) says
/// nothing.
pub(super) fn changed(body: &Value, before: &Value, after: Option<&Value>) -> bool {
    match body {
        Value::Array(operations) if operations.iter().all(|operation| operation.get("op").is_some()) => {
            operations.iter().any(|operation| by_operation(operation, before))
        }
        _ => by_value(body, Some(before), after),
    }
}

fn by_value(body: &Value, before: Option<&Value>, after: Option<&Value>) -> bool {
    match body {
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| !key.starts_with('$')).any(|(key, field)| {
                let (before, after) =
                    (before.and_then(|value| value.get(key)), after.and_then(|value| value.get(key)));
                by_value(field, before, after)
            })
        }
        Value::Array(items) => by_list(items, before, after),
        Value::Null => before.is_some_and(|before| !before.is_null()),
        Value::String(text) if is_time(text) => !before.is_some_and(Value::is_string),
        scalar => before != Some(scalar) && after.is_none_or(|after| after == scalar),
    }
}

fn by_list(items: &[Value], before: Option<&Value>, after: Option<&Value>) -> bool {
    let (old, new) = (list(before), list(after));
    match list_key(items, old) {
        // Paired by key: the server may hold items of others, in another order.
        Some(key) if items.iter().any(Value::is_object) => items.iter().any(|item| {
            let find = |other: &&Value| other.get(key) == item.get(key);
            by_value(item, old.iter().find(find), new.iter().find(find))
        }),
        _ if items.iter().any(Value::is_object) => {
            items.iter().enumerate().any(|(at, item)| by_value(item, old.get(at), new.get(at)))
        }
        _ => {
            let holds = |list: &[Value]| items.iter().all(|item| list.contains(item));
            !holds(old) && (after.is_none() || holds(new))
        }
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether one operation of a JSON patch finds something else than what it leaves behind.
fn by_operation(operation: &Value, before: &Value) -> bool {
    let text = |key| operation.get(key).and_then(Value::as_str).unwrap_or_default();
    let found = before.pointer(text("path"));
    match text("op") {
        "test" => false,
        "remove" => found.is_some(),
        "add" | "replace" => found != operation.get("value"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_counts_where_the_answer_took_it_over() {
        let body = json!({"spec": {"replicas": 3, "cpu": "0.5", "items": [{"name": "a", "v": 1}], "at": "2026-01-02T03:04:05Z"}});
        let same = json!({"spec": {"replicas": 3, "cpu": "500m", "items": [{"name": "x"}, {"name": "a", "v": 1}],
            "at": "2026-01-02T03:04:06Z"}});
        assert!(!changed(&body, &same, Some(&same)));
        for (path, value) in
            [("/spec/replicas", json!(2)), ("/spec/items/1/v", json!(2)), ("/spec/items", json!([]))]
        {
            let mut before = same.clone();
            *before.pointer_mut(path).unwrap() = value;
            assert!(changed(&body, &before, Some(&same)), "{path}");
        }
    }

    #[test]
    fn operations_are_compared_with_what_they_find() {
        let before = json!({"a": 1, "l": [1]});
        let rows = [
            (
                json!([{"op": "test", "path": "/a", "value": 1}, {"op": "replace", "path": "/a", "value": 1}]),
                false,
            ),
            (json!([{"op": "replace", "path": "/a", "value": 2}]), true),
            (json!([{"op": "add", "path": "/l/-", "value": 1}]), true),
            (json!([{"op": "remove", "path": "/b"}]), false),
        ];
        for (body, expected) in rows {
            assert_eq!(changed(&body, &before, None), expected, "{body}");
        }
    }
}
