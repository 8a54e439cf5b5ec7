use crate::sim::refusal::FieldError;
use serde_json::{Map, Value, json};

/// Where a node of a schema stands, which decides what must be said of its type.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Field,
    Item,
}

const JUNCTORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// What keeps a schema from being structural, sorted by text; `at` is its path in the definition.
pub(super) fn structural_errors(schema: &Value, at: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    node(schema, at, Level::Root, &mut errors);
    errors.sort_by_key(|error| format!("{}: {}", error.field, error.message));
    errors
}

pub(super) fn entry(at: &str, key: &str, name: &str) -> String {
    format!("{at}.{key}[{name}]")
}

fn flag(schema: &Value, key: &str) -> bool {
    schema[key] == true
}

fn node(schema: &Value, at: &str, level: Level, errors: &mut Vec<FieldError>) {
    let int_or_string = flag(schema, "x-kubernetes-int-or-string");
    let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
    let kind = schema["type"].as_str().unwrap_or_default();
    let typed = format!("{at}.type");
    match level {
        Level::Root if kind.is_empty() => {
            errors.push(FieldError::required(typed, "must not be empty at the root"))
        }
        Level::Root if kind != "object" => {
            errors.push(FieldError::invalid(typed, &json!(kind), "must be object at the root"));
        }
        Level::Field if kind.is_empty() && !int_or_string && !preserve => {
            errors.push(FieldError::required(typed, "must not be empty for specified object fields"));
        }
        Level::Item if kind.is_empty() && !int_or_string && !preserve => {
            errors.push(FieldError::required(typed, "must not be empty for specified array items"));
        }
        _ => {}
    }
    if level == Level::Root {
        at_root(schema, at, errors);
    }
    if kind == "array" && schema["items"].is_null() {
        errors.push(FieldError::required(format!("{at}.items"), "must be specified"));
    }
    if flag(schema, "x-kubernetes-embedded-resource") {
        embedded(schema, at, errors);
    }
    for (name, inner) in members(&schema["properties"]) {
        node(inner, &entry(at, "properties", name), Level::Field, errors);
    }
    if schema["items"].is_object() {
        node(&schema["items"], &format!("{at}.items"), Level::Item, errors);
    }
    if schema["additionalProperties"].is_object() {
        node(&schema["additionalProperties"], &format!("{at}.additionalProperties"), Level::Field, errors);
    }
    if level == Level::Root || flag(schema, "x-kubernetes-embedded-resource") {
        metadata(schema, at, errors);
    }
    for (path, branch) in branches(schema, at) {
        let allowed = int_or_string && is_int_or_string(schema, &path[at.len()..]);
        junctor(branch, &path, allowed, errors);
        complete(branch, &path, schema, at, errors);
    }
}

/// The branches of a node with their paths.
pub(super) fn branches<'a>(schema: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    for key in JUNCTORS {
        let list = schema[key].as_array().into_iter().flatten().enumerate();
        found.extend(list.map(|(index, branch)| (format!("{at}.{key}[{index}]"), branch)));
    }
    if schema["not"].is_object() {
        found.push((format!("{at}.not"), &schema["not"]));
    }
    found
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn at_root(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    if !schema["additionalProperties"].is_null() {
        errors.push(FieldError::forbidden(
            format!("{at}.additionalProperties"),
            "must not be used at the root",
        ));
    }
    if flag(schema, "nullable") {
        errors.push(FieldError::forbidden(format!("{at}.nullable"), "nullable cannot be true at the root"));
    }
}

fn embedded(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let kind = &schema["type"];
    if kind != "object" {
        let text = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(FieldError::invalid(format!("{at}.type"), kind, text));
    }
    if members(&schema["properties"]).next().is_none()
        && !flag(schema, "x-kubernetes-preserve-unknown-fields")
    {
        let text = "must not be empty if x-kubernetes-embedded-resource is true \
            without x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{at}.properties"), text));
    }
}

/// What a schema may say of the members that every object has.
fn metadata(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let properties = &schema["properties"];
    for key in ["apiVersion", "kind"] {
        let kind = &properties[key]["type"];
        if properties[key].is_object() && kind != "string" {
            let path = format!("{}.type", entry(at, "properties", key));
            errors.push(FieldError::invalid(path, kind, "must be string"));
        }
    }
    let given = &properties["metadata"];
    if !given.is_object() {
        return;
    }
    let path = entry(at, "properties", "metadata");
    if given["type"] != "object" {
        errors.push(FieldError::invalid(format!("{path}.type"), &given["type"], "must be object"));
    }
    let plain = |key: &str| ["type", "description", "title", "properties"].contains(&key);
    let others = members(given).any(|(key, _)| !plain(key));
    let fields = members(&given["properties"]).any(|(key, _)| key != "name" && key != "generateName");
    if others || fields {
        let text = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(path, text));
    }
}

/// The one use of types in branches that is allowed: saying what an int-or-string is.
fn is_int_or_string(schema: &Value, place: &str) -> bool {
    let both = |list: &Value| *list == json!([{"type": "integer"}, {"type": "string"}]);
    match place.split('[').next() {
        Some(".anyOf") => both(&schema["anyOf"]),
        _ => place == ".allOf[0]" && both(&schema["allOf"][0]["anyOf"]),
    }
}

/// What a branch may not say.
fn junctor(schema: &Value, at: &str, int_or_string: bool, errors: &mut Vec<FieldError>) {
    const EMPTY: [&str; 5] =
        ["type", "title", "description", "x-kubernetes-validations", "x-kubernetes-list-map-keys"];
    const UNDEFINED: [&str; 4] =
        ["default", "additionalProperties", "x-kubernetes-list-type", "x-kubernetes-map-type"];
    const FALSE: [&str; 4] = [
        "nullable",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ];
    let says = [(&EMPTY[..], "be empty"), (&UNDEFINED[..], "be undefined"), (&FALSE[..], "be false")];
    for (keys, what) in says {
        for key in keys.iter().filter(|key| !schema[**key].is_null() && schema[**key] != false) {
            if *key == "type" && int_or_string {
                continue;
            }
            errors
                .push(FieldError::forbidden(format!("{at}.{key}"), &format!("must {what} to be structural")));
        }
    }
    for (name, inner) in members(&schema["properties"]) {
        junctor(inner, &entry(at, "properties", name), false, errors);
    }
    if schema["items"].is_object() {
        junctor(&schema["items"], &format!("{at}.items"), false, errors);
    }
    for (path, branch) in branches(schema, at) {
        junctor(branch, &path, int_or_string, errors);
    }
}

/// Fields that a branch names must be named outside as well.
fn complete(branch: &Value, path: &str, outer: &Value, at: &str, errors: &mut Vec<FieldError>) {
    for (name, inner) in members(&branch["properties"]) {
        let (here, there) = (entry(path, "properties", name), entry(at, "properties", name));
        if outer["properties"][name].is_null() {
            errors.push(FieldError::required(there, &format!("because it is defined in {here}")));
        } else {
            complete(inner, &here, &outer["properties"][name], &there, errors);
        }
    }
    if branch["items"].is_object() {
        let (here, there) = (format!("{path}.items"), format!("{at}.items"));
        if outer["items"].is_null() {
            errors.push(FieldError::required(there, &format!("because it is defined in {here}")));
        } else {
            complete(&branch["items"], &here, &outer["items"], &there, errors);
        }
    }
    for (inner, below) in branches(branch, path) {
        complete(below, &inner, outer, at, errors);
    }
}
