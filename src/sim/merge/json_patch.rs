use super::Error;
use crate::sim::schema::go_kind;
use serde_json::{Map, Value};

/// Operations that one patch may have.
const OPERATIONS: usize = 10_000;
/// Bytes that the `copy` operations of one patch may make.
const COPIED: usize = 3 * 1024 * 1024;

/// `document` with a JSON Patch (RFC 6902) applied, as the server's library does it: a missing member reads
/// as null, so that `test` of null and `replace` pass on it; negative indices count from the end.
///
/// # Errors
/// When the patch is no list of objects, when it has too many operations, and when an operation does not fit.
pub fn json_patch(document: Value, patch: &Value) -> Result<Value, Error> {
    let mut budget = COPIED;
    operations(patch)?.into_iter().try_fold(document, |document, operation| {
        apply(document, operation, &mut budget).ok_or(Error::DoesNotFit)
    })
}

fn operations(patch: &Value) -> Result<Vec<&Map<String, Value>>, Error> {
    let refuse = |value: &Value, of: &str| {
        let kind = go_kind(value);
        Error::BadRequest(format!("error decoding patch: json: cannot unmarshal {kind} into Go {of}"))
    };
    let list = match patch {
        Value::Array(list) => list,
        Value::Null => return Ok(Vec::new()),
        other => return Err(refuse(other, "value of type []handlers.jsonPatchOp")),
    };
    if list.len() > OPERATIONS {
        return Err(Error::TooManyOperations(list.len()));
    }
    for (key, value) in list.iter().filter_map(Value::as_object).flatten() {
        if ["op", "path", "from"].contains(&key.as_str()) && !value.is_string() && !value.is_null() {
            return Err(refuse(value, &format!("struct field jsonPatchOp.{key} of type string")));
        }
    }
    let operation = |operation: &Value| match operation {
        Value::Null => Err(Error::DoesNotFit),
        other => Err(refuse(other, "value of type handlers.jsonPatchOp")),
    };
    list.iter().map(|value| value.as_object().map_or_else(|| operation(value), Ok)).collect()
}

/// One operation; `None` when it does not fit.
fn apply(mut document: Value, operation: &Map<String, Value>, budget: &mut usize) -> Option<Value> {
    let text = |key| operation.get(key).and_then(Value::as_str);
    let value = || operation.get("value").cloned().unwrap_or_default();
    let (kind, path) = (text("op")?, text("path")?);
    match (kind, path) {
        ("replace", "") => return Some(value()).filter(|value| value.is_object() || value.is_array()),
        ("test", "") => return (document == value()).then_some(document),
        ("add", _) => add(&mut document, path, value())?,
        ("remove", _) => drop(remove(&mut document, path)?),
        ("replace", _) => replace(&mut document, path, value())?,
        ("test", _) => drop((read(&mut document, path)? == value()).then_some(())?),
        ("move", _) => {
            let from = text("from")?;
            let moved = remove(&mut document, from)?;
            add(&mut document, path, moved)?;
        }
        ("copy", _) => {
            let copied = read(&mut document, text("from")?)?;
            *budget = budget.checked_sub(copied.to_string().len())?;
            add(&mut document, path, copied)?;
        }
        _ => return None,
    }
    Some(document)
}

/// The container that holds the last segment of a path, and that segment. What stands before the first slash
/// is not looked at.
fn parent<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut segments = path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let mut here = document;
    let mut last = segments.next()?;
    for segment in segments {
        here = match here {
            Value::Object(members) => members.get_mut(&last)?,
            Value::Array(items) => {
                let at = index(&last, items.len())?;
                items.get_mut(at)?
            }
            _ => return None,
        };
        last = segment;
    }
    matches!(here, Value::Object(_) | Value::Array(_)).then_some((here, last))
}

/// The place that a segment names in a list of `length` items.
fn index(segment: &str, length: usize) -> Option<usize> {
    let number: i64 = segment.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let at = if number < 0 { number + length } else { number };
    (0..length).contains(&at).then(|| usize::try_from(at).ok()).flatten()
}

fn read(document: &mut Value, path: &str) -> Option<Value> {
    match parent(document, path)? {
        (Value::Object(members), key) => Some(members.get(&key).cloned().unwrap_or_default()),
        (Value::Array(items), key) => items.get(index(&key, items.len())?).cloned(),
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    match parent(document, path)? {
        (Value::Object(members), key) => drop(members.insert(key, value)),
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => items.insert(index(&key, items.len() + 1)?, value),
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    match parent(document, path)? {
        (Value::Object(members), key) => members.remove(&key),
        (Value::Array(items), key) => {
            let at = index(&key, items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Option<()> {
    match parent(document, path)? {
        (Value::Object(members), key) => drop(members.insert(key, value)),
        (Value::Array(items), key) => {
            let at = index(&key, items.len())?;
            items[at] = value;
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(document: Value, patch: Value) -> Option<Value> {
        json_patch(document, &patch).ok()
    }

    #[test]
    fn a_missing_member_reads_as_null() {
        let document = json!({"metadata": {}});
        let test = |value| json!([{"op": "test", "path": "/metadata/finalizers", "value": value}]);
        assert!(patched(document.clone(), test(Value::Null)).is_some());
        assert!(patched(document.clone(), json!([{"op": "test", "path": "/metadata/finalizers"}])).is_some());
        assert_eq!(patched(document.clone(), test(json!("x"))), None);
        let below = json!([{"op": "test", "path": "/spec/a", "value": null}]);
        assert_eq!(patched(document, below), None, "its parent must be there");
    }

    #[test]
    fn replace_passes_on_a_missing_member_but_not_on_a_missing_item() {
        let document = json!({"a": [1]});
        let replace = |path| json!([{"op": "replace", "path": path, "value": 2}]);
        assert_eq!(patched(document.clone(), replace("/b")), Some(json!({"a": [1], "b": 2})));
        assert_eq!(patched(document.clone(), replace("/a/1")), None);
        assert_eq!(patched(document.clone(), replace("/a/-1")), Some(json!({"a": [2]})));
        assert_eq!(patched(document, json!([{"op": "remove", "path": "/b"}])), None);
    }

    #[test]
    fn items_are_inserted_appended_and_counted_from_the_end() {
        let add = |path| patched(json!({"a": [1, 2]}), json!([{"op": "add", "path": path, "value": 9}]));
        assert_eq!(add("/a/0"), Some(json!({"a": [9, 1, 2]})));
        assert_eq!(add("/a/-"), Some(json!({"a": [1, 2, 9]})));
        assert_eq!(add("/a/-1"), Some(json!({"a": [1, 2, 9]})));
        assert_eq!(add("/a/3"), None);
        assert_eq!(add("/b/c"), None);
    }

    #[test]
    fn the_root_can_be_replaced_and_tested() {
        let document = json!({"a": 1});
        let root = |op| json!([{"op": op, "path": "", "value": {"a": 1}}]);
        assert_eq!(patched(document.clone(), root("test")), Some(document.clone()));
        assert_eq!(patched(json!({}), root("replace")), Some(document.clone()));
        assert_eq!(patched(document, json!([{"op": "replace", "path": "", "value": 3}])), None);
    }

    #[test]
    fn move_copy_and_escapes() {
        let patch = json!([
            {"op": "move", "from": "/a~1b", "path": "/m~0n"},
            {"op": "copy", "from": "/m~0n", "path": "/o"},
        ]);
        assert_eq!(patched(json!({"a/b": 1}), patch), Some(json!({"m~n": 1, "o": 1})));
        assert_eq!(patched(json!({}), json!([{"op": "move", "from": "/a", "path": "/b"}])), None);
    }

    #[test]
    fn copies_have_a_limit() {
        let big = "x".repeat(1 << 20);
        let copy = json!({"op": "copy", "from": "/a", "path": "/b"});
        assert!(patched(json!({"a": big}), json!([copy, copy])).is_some());
        assert_eq!(patched(json!({"a": big}), json!([copy, copy, copy])), None);
    }

    #[test]
    fn what_is_no_list_of_operations_is_refused() {
        let text = |patch| json_patch(json!({}), &patch).unwrap_err().to_string();
        assert_eq!(
            text(json!({})),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        );
        assert_eq!(text(json!([{"op": "grow", "path": "/a"}])), Error::DoesNotFit.to_string());
        assert_eq!(text(json!([null])), Error::DoesNotFit.to_string());
        assert!(
            text(json!([{"op": 1}])).ends_with("number into Go struct field jsonPatchOp.op of type string")
        );
        assert!(text(Value::Array(vec![json!({}); 10_001])).ends_with("is 10000, got 10001"));
    }
}
