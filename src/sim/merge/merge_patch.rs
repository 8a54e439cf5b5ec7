use super::Error;
use crate::sim::schema::go_kind;
use serde_json::{Map, Value};

/// `document` with a JSON Merge Patch (RFC 7386) applied: null takes a member away, objects merge, everything
/// else replaces.
///
/// # Errors
/// When the patch is no object.
pub fn merge_patch(document: Value, patch: &Value) -> Result<Value, Error> {
    match patch {
        Value::Object(_) => Ok(merged(document, patch)),
        Value::Null => Err(Error::BadRequest("Invalid JSON Patch".to_owned())),
        other => Err(Error::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_kind(other)
        ))),
    }
}

fn merged(document: Value, patch: &Value) -> Value {
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
            members.insert(key.clone(), merged(before, change));
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
            merge_patch(before, &json!({"a": {"b": null, "e": {"f": null, "g": 3}}, "d": [3], "h": null}))
                .unwrap();
        assert_eq!(after, json!({"a": {"c": 2, "e": {"g": 3}}, "d": [3]}));
    }

    #[test]
    fn an_object_replaces_what_is_none() {
        let after = |before, patch| merge_patch(before, &patch).unwrap();
        assert_eq!(after(json!({"a": "x"}), json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
        assert_eq!(after(json!({"a": {"b": 1}}), json!({"a": [{"b": null}]})), json!({"a": [{"b": null}]}));
    }

    #[test]
    fn a_patch_is_an_object() {
        let text = |patch| merge_patch(json!({}), &patch).unwrap_err().to_string();
        assert_eq!(text(Value::Null), "Invalid JSON Patch");
        assert_eq!(
            text(json!([1])),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
    }
}
