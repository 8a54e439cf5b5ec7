use super::{
    path::Element,
    typed::{Shape, grouped, indexed, is_empty, items, members, shape},
};
use crate::sim::schema::{ListType, Schema};
use serde_json::{Map, Value};

/// The live value with an applied one merged into it: the applied one wins where both say something, maps and
/// lists are united where the schema says so.
pub(super) fn united(live: &Value, applied: &Value, schema: Option<&Schema>) -> Value {
    match shape(schema, [Some(live), Some(applied)]) {
        Shape::Leaf => applied.clone(),
        _ if is_empty(Some(live)) && is_empty(Some(applied)) => applied.clone(),
        Shape::Map => Value::Object(united_members(live, applied, schema)),
        Shape::List(schema, list) => Value::Array(united_items(live, applied, schema, list)),
    }
}

fn united_members(live: &Value, applied: &Value, schema: Option<&Schema>) -> Map<String, Value> {
    let mut all = members(Some(live)).cloned().unwrap_or_default();
    for (key, inner) in members(Some(applied)).into_iter().flatten() {
        let merged = match all.get(key) {
            Some(live) => united(live, inner, schema.and_then(|schema| schema.member(key))),
            None => inner.clone(),
        };
        all.insert(key.clone(), merged);
    }
    all
}

/// Items of both lists. Those of the applied one keep its order; those that are only live stay where they
/// stand among the shared ones.
fn united_items(live: &Value, applied: &Value, schema: &Schema, list: &ListType) -> Vec<Value> {
    let (left, right) =
        (indexed(items(Some(live)), schema, list), indexed(items(Some(applied)), schema, list));
    let (in_left, in_right) = (grouped(&left), grouped(&right));
    // Twins in the live object are told by nothing: what is applied takes their place.
    let merged = |element: &Element, item: &Value| match in_left.get(element).map(Vec::as_slice) {
        Some([live]) => united(live, item, schema.item()),
        _ => item.clone(),
    };
    let mut shared = right.iter().map(|(element, _)| element).filter(|e| in_left.contains_key(*e)).peekable();
    let mut right = right.iter().peekable();
    let mut done: Vec<&Element> = Vec::new();
    let mut all = Vec::new();
    for (element, item) in &left {
        if !in_right.contains_key(element) {
            all.push((*item).clone());
            continue;
        }
        // The next shared one of the applied order comes here, and all that stand before it.
        if done.contains(&element) || shared.peek().is_some_and(|next| *next != element) {
            continue;
        }
        for (other, item) in right.by_ref() {
            all.push(merged(other, item));
            done.push(other);
            if other == element {
                break;
            }
        }
        shared.next();
    }
    all.extend(right.map(|(element, item)| merged(element, item)));
    all
}
