use serde_json::{Map, Value};

/// `document` with a JSON Merge Patch (RFC 7386) applied: null takes a member away, objects merge, everything
/// else replaces.
pub fn merge_patch(document: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let mut members = match document {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            let before = members.remove(key).unwrap_or_default();
            members.insert(key.clone(), merge_patch(before, change));
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_takes_away_and_objects_merge() {
        let before = json!({"a": {"b": 1, "c": 2}, "d": [1, 2]});
        let after =
            merge_patch(before, &json!({"a": {"b": null, "e": {"f": null, "g": 3}}, "d": [3], "h": null}));
        assert_eq!(after, json!({"a": {"c": 2, "e": {"g": 3}}, "d": [3]}));
    }

    #[test]
    fn an_object_replaces_what_is_none() {
        assert_eq!(merge_patch(json!({"a": "x"}), &json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
        assert_eq!(
            merge_patch(json!({"a": {"b": 1}}), &json!({"a": [{"b": null}]})),
            json!({"a": [{"b": null}]})
        );
    }
}
