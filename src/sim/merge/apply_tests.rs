use super::*;
use crate::sim::schema::{Definitions, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

fn write<'a>(manager: &'a str, schema: &'a Schema) -> Write<'a> {
    Write { manager, version: "v1", subresource: "", now: "T1", schema, discarded: &["status"], served: &[] }
}

fn config_map() -> &'static Schema {
    Definitions::latest().kind("", "v1", "ConfigMap").unwrap()
}

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

fn owners(object: &Value) -> Vec<(String, Value)> {
    let list = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|entry| (entry["manager"].as_str().unwrap().to_owned(), entry["fieldsV1"].clone()))
        .collect()
}

#[test]
fn an_equal_apply_changes_nothing() {
    let first = apply(None, &config(json!({"k": "v"})), &write("m", config_map()), false).unwrap();
    let later = Write { now: "T2", ..write("m", config_map()) };
    assert_eq!(apply(Some(&first), &config(json!({"k": "v"})), &later, false).unwrap(), first);
}

#[test]
fn a_field_that_is_no_longer_applied_goes_unless_others_own_it() {
    let first = apply(None, &config(json!({"a": "1", "b": "1"})), &write("m", config_map()), false).unwrap();
    let shared = apply(Some(&first), &config(json!({"b": "1"})), &write("n", config_map()), false).unwrap();
    let last = apply(Some(&shared), &config(json!({"c": "1"})), &write("m", config_map()), false).unwrap();
    assert_eq!(last["data"], json!({"b": "1", "c": "1"}));
    let expected = [("n", json!({"f:data": {"f:b": {}}})), ("m", json!({"f:data": {"f:c": {}}}))];
    assert_eq!(owners(&last), expected.map(|(manager, fields)| (manager.to_owned(), fields)));
}

#[test]
fn another_value_is_a_conflict_that_force_takes() {
    let first = track_update(None, config(json!({"a": "1"})), &write("u", config_map()));
    let other = config(json!({"a": "2"}));
    let refused = apply(Some(&first), &other, &write("m", config_map()), false).unwrap_err();
    assert_eq!(refused.to_string(), "Apply failed with 1 conflict: conflict with \"u\" using v1: .data.a");
    let forced = apply(Some(&first), &other, &write("m", config_map()), true).unwrap();
    let expected = [("m", json!({"f:data": {"f:a": {}}})), ("u", json!({"f:data": {}}))];
    assert_eq!(owners(&forced), expected.map(|(manager, fields)| (manager.to_owned(), fields)));
}

#[test]
fn an_object_that_was_never_tracked_is_owned_from_before_the_first_apply() {
    let live = config(json!({"a": "1"}));
    let applied = apply(Some(&live), &config(json!({"b": "1"})), &write("m", config_map()), false).unwrap();
    let managers: Vec<_> = owners(&applied).into_iter().map(|(manager, _)| manager).collect();
    assert_eq!(managers, ["m", "before-first-apply"]);
}

#[test]
fn a_pure_change_of_times_is_taken_back() {
    let first = track_update(None, config(json!({"a": "1"})), &write("u", config_map()));
    let mut second = first.clone();
    second["metadata"]["managedFields"][0]["time"] = json!("T9");
    keep_times(&first, &mut second);
    assert_eq!(second, first);
    second["data"]["a"] = json!("2");
    second["metadata"]["managedFields"][0]["time"] = json!("T9");
    keep_times(&first, &mut second);
    assert_eq!(second["metadata"]["managedFields"][0]["time"], "T9");
}

/// A small custom type with every kind of list and map.
fn shelf() -> Schema {
    let item = json!({"type": "object", "required": ["n"], "properties": {
        "n": {"type": "string"}, "v": {"type": "string"},
    }});
    Schema::custom(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "keyed": {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]},
        "atomic": {"type": "array", "items": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }}}}))
}

fn small() -> impl Strategy<Value = String> {
    "[ab]"
}

fn spec() -> impl Strategy<Value = Value> {
    let map = prop::collection::btree_map("[xyz]", small(), 1..3);
    let set = prop::collection::btree_set("[xyz]", 1..3);
    let keyed = prop::collection::btree_map("[xyz]", prop::option::of(small()), 1..3);
    let list = prop::collection::vec(small(), 1..3);
    let parts =
        (prop::option::of(map), prop::option::of(set), prop::option::of(keyed), prop::option::of(list));
    (parts, any::<bool>()).prop_map(|((map, set, keyed, list), reverse)| {
        let mut spec = json!({});
        let keyed = keyed.map(|keyed| {
            let item = |(n, v): (String, Option<String>)| match v {
                Some(v) => json!({"n": n, "v": v}),
                None => json!({"n": n}),
            };
            let mut items: Vec<_> = keyed.into_iter().map(item).collect();
            items.reverse();
            items
        });
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                spec[key] = value;
            }
        };
        put("free", map.as_ref().filter(|_| reverse).map(|map| json!(map)));
        put("map", map.map(|map| json!(map)));
        put("set", set.map(|set| json!(set)));
        put("keyed", keyed.map(|keyed| json!(keyed)));
        put("atomic", list.map(|list| json!(list)));
        json!({"apiVersion": "v1", "kind": "Shelf", "metadata": {"name": "s"}, "spec": spec})
    })
}

/// Whether the object has a field that `managedFields` names.
fn is_there(value: &Value, fields: &Value) -> bool {
    fields.as_object().into_iter().flatten().all(|(step, below)| {
        let inner = match step.split_once(':') {
            Some(("f", name)) => value.get(name).cloned(),
            Some((kind, text)) => {
                let told: Value = serde_json::from_str(text).unwrap();
                let is = |item: &&Value| match kind {
                    "k" => told.as_object().unwrap().iter().all(|(key, value)| item.get(key) == Some(value)),
                    _ => **item == told,
                };
                value.as_array().and_then(|items| items.iter().find(is)).cloned()
            }
            None => Some(Value::Null),
        };
        inner.is_some_and(|inner| is_there(&inner, below))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn applies_and_updates_keep_the_books(writes in prop::collection::vec((0..3usize, any::<bool>(), spec()), 1..8)) {
        let schema = shelf();
        let mut live: Option<Value> = None;
        for (who, update, body) in writes {
            let write = write(["m", "n", "o"][who], &schema);
            let next = match update {
                true => {
                    let mut body = body.clone();
                    if let Some(live) = &live {
                        body["metadata"] = live["metadata"].clone();
                    }
                    track_update(live.as_ref(), body, &write)
                }
                false => apply(live.as_ref(), &body, &write, true).unwrap(),
            };
            // The server refuses what lost the last member of a map.
            if next["spec"].is_null() || next["spec"].as_object().unwrap().values().any(Value::is_null) {
                continue;
            }
            // An object that nobody owns anything of is owned by everybody before from the next apply on.
            if !update && !owners(&next).is_empty() {
                let again = apply(Some(&next), &body, &write, false).unwrap();
                prop_assert_eq!(&again, &next, "applying twice is once");
                let merged = &next["spec"];
                for (name, value) in body["spec"]["map"].as_object().into_iter().flatten() {
                    prop_assert_eq!(&merged["map"][name], value, "what is applied is there");
                }
                if let Some(list) = body["spec"].get("atomic") {
                    prop_assert_eq!(&merged["atomic"], list, "an atomic list is there as a whole");
                }
            }
            for (manager, fields) in owners(&next) {
                prop_assert!(!fields.as_object().unwrap().is_empty(), "{manager} owns nothing");
                prop_assert!(is_there(&next, &fields), "{manager} owns what is not there: {fields} of {next}");
            }
            live = Some(next);
        }
    }
}
