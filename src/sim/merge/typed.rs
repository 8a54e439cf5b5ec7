use super::{
    fieldset::{FieldSet, element_of},
    go_syntax::go_syntax,
    path::Element,
};
use crate::{
    sim::schema::{Kind, ListType, Schema},
    wire::go_print,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a value is to server-side apply. Without a schema, objects are granular and lists are not.
pub(super) enum Shape<'a> {
    /// Members are owned one by one.
    Map,
    /// Items are owned one by one.
    List(&'a Schema, &'a ListType),
    /// Owned as a whole.
    Leaf,
}

/// The shape of a field, as its schema says; where that says nothing, as its values are.
pub(super) fn shape<'a>(schema: Option<&'a Schema>, values: [Option<&Value>; 2]) -> Shape<'a> {
    let is = |test: fn(&Value) -> bool| {
        let mut given = values.iter().flatten().filter(|value| !value.is_null()).peekable();
        given.peek().is_some() && given.all(|value| test(value))
    };
    match schema {
        None if is(Value::is_object) => Shape::Map,
        None => Shape::Leaf,
        Some(schema) if schema.is_free() && !schema.is_atomic() => shape(None, values),
        Some(schema) => match (schema.kind(), schema.list_type()) {
            (Some(Kind::Object), _) if !schema.is_atomic() && !is_other(values, Value::is_object) => {
                Shape::Map
            }
            (Some(Kind::Array), Some(list)) if !is_other(values, Value::is_array) => {
                Shape::List(schema, list)
            }
            _ => Shape::Leaf,
        },
    }
}

fn is_other(values: [Option<&Value>; 2], test: fn(&Value) -> bool) -> bool {
    values.iter().flatten().any(|value| !value.is_null() && !test(value))
}

/// The items of a list by what tells them apart; a list of an old object may have some twice.
pub(super) fn indexed<'v>(items: &'v [Value], schema: &Schema, list: &ListType) -> Vec<(Element, &'v Value)> {
    // An item that nothing tells apart stands for itself.
    let own = |item: &Value| Element::Value(item.to_string());
    items.iter().map(|item| (element_of(item, schema, list).unwrap_or_else(|_| own(item)), item)).collect()
}

/// The items of a list as groups of those that nothing tells apart.
pub(super) fn grouped<'v>(indexed: &[(Element, &'v Value)]) -> BTreeMap<Element, Vec<&'v Value>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (element, item) in indexed {
        groups.entry(element.clone()).or_default().push(*item);
    }
    groups
}

pub(super) fn members(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The fields that an applied configuration owns.
pub(super) fn owned(value: &Value, schema: Option<&Schema>) -> FieldSet {
    let mut set = FieldSet::default();
    own(value, schema, &mut Vec::new(), &mut set);
    set
}

fn own(value: &Value, schema: Option<&Schema>, path: &mut Vec<Element>, set: &mut FieldSet) {
    match shape(schema, [Some(value), None]) {
        Shape::Leaf => set.insert(path),
        Shape::Map => {
            for (key, inner) in members(Some(value)).into_iter().flatten() {
                path.push(Element::field(key));
                own(inner, schema.and_then(|schema| schema.member(key)), path, set);
                let named = schema.is_some_and(|schema| schema.field(key).is_some());
                if !named || inner.is_null() || inner.as_object().is_some_and(Map::is_empty) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Shape::List(schema, list) => {
            for (element, twins) in grouped(&indexed(items(Some(value)), schema, list)) {
                path.push(element);
                if let [inner] = twins[..] {
                    own(inner, schema.item(), path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
    }
}

/// What keeps an applied configuration from being one of its type, each with its path.
pub(super) fn mismatches(value: &Value, schema: Option<&Schema>) -> Vec<String> {
    let mut found = Vec::new();
    check(value, schema, &mut String::new(), &mut found);
    found
}

fn check(value: &Value, schema: Option<&Schema>, path: &mut String, found: &mut Vec<String>) {
    let Some(schema) = schema.filter(|_| !value.is_null()) else { return };
    if schema.is_free() && (value.is_object() || schema.kind() != Some(Kind::Object)) {
        return;
    }
    let mut report = |what: String| found.push(format!("{path}: {what}"));
    match (schema.kind(), value) {
        // A custom type says no more than that anything may stand here.
        _ if schema.int_or_string => {}
        _ if schema.is_int_or_string() && (value.is_array() || value.is_object()) => {
            report(format!("expected any scalar, got {}", go_print(value)));
        }
        _ if schema.is_int_or_string() => {}
        (Some(Kind::Object), Value::Object(members)) => check_members(members, schema, path, found),
        (Some(Kind::Array), Value::Array(items)) => check_items(items, schema, path, found),
        (Some(Kind::Object), _) => report(format!("expected map, got &{{{}}}", go_print(value))),
        (Some(Kind::Array), _) => report(format!("expected list, got &{{{}}}", go_print(value))),
        (Some(Kind::String), _) if !value.is_string() => {
            report(format!("expected string, got {}", go_syntax_of(value)));
        }
        (Some(Kind::Boolean), _) if !value.is_boolean() => {
            report(format!("expected boolean, got &{{{}}}", go_print(value)));
        }
        (Some(Kind::Integer | Kind::Number), _) if !value.is_number() => {
            report(format!("expected numeric (int or float), got {}", go_type(value)));
        }
        _ => {}
    }
}

/// The server prints the box that it holds a value in.
fn go_syntax_of(value: &Value) -> String {
    format!("&value.valueUnstructured{{Value:{}}}", go_syntax(value))
}

/// Go's word for the type that a decoded value has.
pub fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Stops at the first member that the schema does not know, as the server does.
fn check_members(members: &Map<String, Value>, schema: &Schema, path: &mut String, found: &mut Vec<String>) {
    for (key, inner) in members {
        let length = path.len();
        path.push_str(&Element::field(key).to_string());
        match schema.member(key) {
            Some(member) => check(inner, Some(member), path, found),
            None if schema.shape().preserve_unknown => {}
            None => {
                found.push(format!("{path}: field not declared in schema"));
                path.truncate(length);
                return;
            }
        }
        path.truncate(length);
    }
}

fn check_items(items: &[Value], schema: &Schema, path: &mut String, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (at, item) in items.iter().enumerate() {
        let element = match schema.list_type().filter(|_| !schema.is_atomic()) {
            None => Element::Index(i64::try_from(at).unwrap_or(i64::MAX)),
            Some(list) => match element_of(item, schema, list) {
                Ok(element) => element,
                Err(what) => {
                    found.push(format!("{path}: element {at}: {what}"));
                    return;
                }
            },
        };
        if !seen.insert(element.clone()) {
            found.push(format!("{path}: duplicate entries for key {element}"));
        }
        let length = path.len();
        path.push_str(&element.to_string());
        check(item, schema.item(), path, found);
        path.truncate(length);
    }
}

/// Whether there is nothing in a value, or no value.
pub(super) fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

/// Whether two values are the same; 1 is 1.0.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => left == right,
    }
}
