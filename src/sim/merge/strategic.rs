use super::{Error, order, typed::go_type};
use crate::{
    sim::schema::{Schema, Strategy, go_kind},
    wire::go_print,
};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// `document` with a strategic merge patch applied: objects merge, lists merge where the schema says so, and
/// the directives of the patch are obeyed. Only built-in types have the schemas for it.
///
/// # Errors
/// When the patch is no object, and when a directive has the wrong form or does not fit.
pub fn strategic_merge(document: Value, patch: &Value, schema: &Schema) -> Result<Value, Error> {
    let patch = match patch {
        Value::Object(patch) => patch.clone(),
        Value::Null => return Ok(document),
        other => {
            let kind = go_kind(other);
            let text =
                format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}");
            return Err(Error::BadRequest(text));
        }
    };
    let original = if let Value::Object(original) = document { original } else { Object::new() };
    Ok(Value::Object(merge_map(original, patch, Some(schema))?))
}

fn unforeseen(text: impl Into<String>) -> Error {
    Error::Unforeseen(text.into())
}

fn merge_map(mut original: Object, mut patch: Object, schema: Option<&Schema>) -> Result<Object, Error> {
    if let Some(directive) = patch.get("$patch").cloned() {
        return replace_map(&directive, patch);
    }
    retain_keys(&mut original, &mut patch)?;
    order_lists(&mut original, &mut patch, schema)?;
    for (key, change) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            delete_primitives(&mut original, field, change)?;
            continue;
        }
        let schema = schema.and_then(|schema| schema.member(&key));
        let merged = match (original.remove(&key), change) {
            (_, Value::Null) => None,
            (None, change) => without_directives(change),
            (Some(Value::Object(before)), Value::Object(change)) => {
                let replaced = schema.is_some_and(|schema| schema.patch.replace);
                let merged = if replaced { change } else { merge_map(before, change, schema)? };
                Some(Value::Object(merged))
            }
            (Some(Value::Array(before)), Value::Array(change)) => {
                Some(Value::Array(merge_list_field(before, change, schema)?))
            }
            (Some(_), change) => without_directives(change),
        };
        original.extend(merged.map(|merged| (key, merged)));
    }
    Ok(original)
}

/// What a `$patch` makes of a map.
fn replace_map(directive: &Value, mut patch: Object) -> Result<Object, Error> {
    match directive.as_str() {
        Some("replace") => {
            patch.remove("$patch");
            Ok(patch)
        }
        Some("delete") => Ok(Object::new()),
        _ => Err(bad_patch_type(directive, &patch)),
    }
}

fn bad_patch_type(directive: &Value, patch: &Object) -> Error {
    let map = go_print(&Value::Object(patch.clone()));
    unforeseen(format!("unknown patch type: {} in map: {map}", go_print(directive)))
}

/// Obeys `$retainKeys`, and checks that it names everything that the patch sets.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), Error> {
    let Some(list) = patch.remove("$retainKeys") else { return Ok(()) };
    let refused = || Error::BadRequest("invalid patch format of retainKeys".to_owned());
    let list = list.as_array().ok_or_else(refused)?.clone();
    let listed = |key: &String| list.iter().any(|name| name == key.as_str());
    let directive =
        |key: &str| ["$deleteFromPrimitiveList/", "$setElementOrder/"].iter().any(|d| key.starts_with(d));
    if patch.iter().any(|(key, value)| !value.is_null() && !directive(key) && !listed(key)) {
        return Err(refused());
    }
    original.retain(|key, _| listed(key));
    Ok(())
}

/// Merges the lists that a `$setElementOrder` is about, and takes them out of the patch.
fn order_lists(original: &mut Object, patch: &mut Object, schema: Option<&Schema>) -> Result<(), Error> {
    const PREFIX: &str = "$setElementOrder/";
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(PREFIX)).cloned().collect();
    for directive in directives {
        let wanted = list_of(patch.remove(&directive).unwrap_or_default())?;
        let field = directive[PREFIX.len()..].to_owned();
        let before = original.get(&field).cloned().map(list_of).transpose()?;
        let change = patch.get(&field).cloned().map(list_of).transpose()?;
        let schema = list_schema(schema, &field)?;
        let key = schema.patch.key.as_deref();
        order::check(change.as_deref().unwrap_or_default(), &wanted, key)?;
        patch.remove(&field);
        let merged = match (before.clone(), change) {
            (None, None) => continue,
            (Some(before), None) => before,
            (None, Some(change)) => change.into_iter().filter_map(without_directives).collect(),
            (Some(before), Some(change)) => merge_list_field(before, change, Some(schema))?,
        };
        let ordered = order::ordered(merged, &wanted, &before.unwrap_or_default(), key)?;
        original.insert(field, Value::Array(ordered));
    }
    Ok(())
}

fn list_schema<'a>(schema: Option<&'a Schema>, field: &str) -> Result<&'a Schema, Error> {
    schema.and_then(|schema| schema.member(field)).ok_or_else(|| {
        let name = schema.and_then(|schema| schema.shape().name).unwrap_or_default();
        unforeseen(format!("unable to find api field in struct {name} for the json field \"{field}\""))
    })
}

fn list_of(value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(unforeseen(format!("expected a []interface {{}}, but received a {}", go_type(&other)))),
    }
}

fn delete_primitives(original: &mut Object, field: &str, change: Value) -> Result<(), Error> {
    let Some(Value::Array(before)) = original.get_mut(field) else { return Ok(()) };
    let gone = change
        .as_array()
        .ok_or_else(|| Error::BadRequest("invalid patch format of primitive list".into()))?;
    before.retain(|value| !gone.contains(value));
    Ok(())
}

/// A value that was not there before: what directives stand on is left out, and so is what is null.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key("$patch") => None,
        Value::Object(members) => {
            let given = members.into_iter().filter(|(_, value)| !value.is_null());
            let kept = given.filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

fn merge_list_field(
    before: Vec<Value>,
    change: Vec<Value>,
    schema: Option<&Schema>,
) -> Result<Vec<Value>, Error> {
    match schema {
        Some(schema) if schema.patch.merge => merge_list(before, change, schema),
        _ => Ok(change),
    }
}

fn merge_list(before: Vec<Value>, change: Vec<Value>, schema: &Schema) -> Result<Vec<Value>, Error> {
    let Some(first) = before.first().or(change.first()) else { return Ok(before) };
    let same = |value: &Value| std::mem::discriminant(value) == std::mem::discriminant(first);
    if !before.iter().chain(&change).all(same) {
        let lists = go_print(&Value::Array(vec![before.into(), change.into()]));
        return Err(unforeseen(format!("list element types are not identical: {lists}")));
    }
    let Strategy { key, .. } = &schema.patch;
    match (first, key) {
        (Value::Array(_), _) => Err(Error::DoesNotFit),
        (Value::Object(_), Some(key)) => merge_maps(before, change, key, schema),
        (Value::Object(_), None) => {
            let name = schema.shape().name.unwrap_or_default();
            Err(unforeseen(format!("cannot merge lists without merge key for {name}")))
        }
        _ => {
            let all = before.iter().chain(&change).fold(Vec::new(), |mut all: Vec<Value>, value| {
                if !all.contains(value) {
                    all.push(value.clone());
                }
                all
            });
            order::ordered(all, &change, &before, None)
        }
    }
}

/// The items of a list that the merge key tells apart.
fn merge_maps(
    before: Vec<Value>,
    change: Vec<Value>,
    key: &str,
    schema: &Schema,
) -> Result<Vec<Value>, Error> {
    let (before, change) = list_directives(before, change, key)?;
    let mut merged = before.clone();
    for item in &change {
        let name = order::key_of(item, key)?;
        let place = merged.iter().position(|other| other.get(key) == Some(name));
        let (Value::Object(item), Some(at)) = (item, place) else {
            merged.extend(without_directives(item.clone()));
            continue;
        };
        let Value::Object(live) = std::mem::take(&mut merged[at]) else { continue };
        merged[at] = Value::Object(merge_map(live, item.clone(), schema.item())?);
    }
    order::ordered(merged, &change, &before, Some(key))
}

/// Obeys the elements that are directives; what is left of the patch is to be merged.
fn list_directives(
    mut before: Vec<Value>,
    change: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let (mut rest, mut replace) = (Vec::new(), false);
    for item in change {
        let Some(directive) = item.get("$patch") else {
            rest.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let name = order::key_of(&item, key)?;
                for live in &before {
                    order::key_of(live, key)?;
                }
                before.retain(|live| live.get(key) != Some(name));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(unforeseen("merging lists cannot yet be specified in the patch")),
            _ => return Err(bad_patch_type(directive, &item.as_object().cloned().unwrap_or_default())),
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (before, rest) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schema::Definitions;
    use serde_json::json;

    fn patched(before: Value, patch: Value) -> Result<Value, String> {
        let schema = Definitions::latest().get("io.k8s.api.core.v1.PodSpec").unwrap();
        strategic_merge(before, &patch, schema).map_err(|error| error.to_string())
    }

    fn env(before: Value, change: Value) -> Value {
        let container = |env| json!({"containers": [{"name": "c", "env": env}]});
        patched(container(before), container(change)).unwrap()["containers"][0]["env"].clone()
    }

    #[test]
    fn items_merge_by_their_key_and_keep_the_order_of_the_patch() {
        let before = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]);
        let after = env(before, json!([{"name": "A", "value": "3"}, {"name": "Z", "value": "4"}]));
        assert_eq!(
            after,
            json!([{"name": "A", "value": "3"}, {"name": "Z", "value": "4"}, {"name": "B", "value": "2"}])
        );
    }

    #[test]
    fn elements_of_a_list_can_be_directives() {
        let before = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]);
        assert_eq!(
            env(before.clone(), json!([{"$patch": "delete", "name": "A"}])),
            json!([{"name": "B", "value": "2"}])
        );
        assert_eq!(env(before, json!([{"name": "C"}, {"$patch": "replace"}])), json!([{"name": "C"}]));
        let text =
            patched(json!({"containers": [{"name": "a"}]}), json!({"containers": [{"$patch": "delete"}]}));
        assert_eq!(text, Err("map: map[$patch:delete] does not contain declared merge key: name".to_owned()));
    }

    #[test]
    fn lists_without_a_merge_strategy_are_replaced() {
        let tolerations = |key| json!({"tolerations": [{"key": key}]});
        assert_eq!(patched(tolerations("a"), tolerations("b")), Ok(tolerations("b")));
    }

    #[test]
    fn directives_in_what_is_new_leave_nothing_behind() {
        let patch =
            json!({"affinity": {"nodeAffinity": {"$patch": "delete"}}, "volumes": [{"$patch": "replace"}]});
        assert_eq!(patched(json!({}), patch), Ok(json!({"affinity": {}, "volumes": []})));
    }

    #[test]
    fn nulls_in_what_is_new_are_forgotten() {
        assert_eq!(
            patched(json!({}), json!({"nodeSelector": {"a": null, "b": "c"}})),
            Ok(json!({"nodeSelector": {"b": "c"}}))
        );
    }

    #[test]
    fn the_order_of_a_list_can_be_set() {
        let names = |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name})).collect() };
        let before = json!({"containers": names(&["a", "b", "c"])});
        let order = |wanted: &[&str], patch: &[&str]| json!({"$setElementOrder/containers": names(wanted), "containers": names(patch)});
        assert_eq!(
            patched(before.clone(), order(&["c", "a"], &["a"])),
            Ok(json!({"containers": names(&["b", "c", "a"])}))
        );
        let wrong = patched(before, order(&["c", "a"], &["a", "c"])).unwrap_err();
        assert!(
            wrong.contains("doesn't match $setElementOrder list:\n[map[name:c] map[name:a]]\n"),
            "{wrong}"
        );
    }

    #[test]
    fn a_retained_list_of_keys_takes_the_others_away() {
        let before = json!({"volumes": [{"name": "v", "emptyDir": {}}]});
        let patch = json!({"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]});
        assert_eq!(
            patched(before.clone(), patch),
            Ok(json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}))
        );
        let patch = json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "secret": {}}]});
        assert_eq!(patched(before, patch), Err("invalid patch format of retainKeys".to_owned()));
    }

    #[test]
    fn primitives_are_united_and_deleted() {
        let meta = Definitions::latest().get("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").unwrap();
        let after = |patch| strategic_merge(json!({"finalizers": ["x/a", "x/b"]}), &patch, meta).unwrap();
        assert_eq!(after(json!({"finalizers": ["x/c"]})), json!({"finalizers": ["x/c", "x/a", "x/b"]}));
        assert_eq!(
            after(json!({"$deleteFromPrimitiveList/finalizers": ["x/a"]})),
            json!({"finalizers": ["x/b"]})
        );
    }
}
