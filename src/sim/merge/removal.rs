use super::{
    fieldset::FieldSet,
    path::Element,
    typed::{Shape, indexed, owned, shape},
};
use crate::sim::schema::Schema;
use serde_json::{Map, Value};

/// A value without some of its fields. What loses its last member is null, as the server leaves it: types that
/// allow no null then refuse the object.
pub(super) fn removed(value: &Value, gone: &FieldSet, schema: Option<&Schema>) -> Value {
    let inner = |inner: &Value, element: &Element, schema: Option<&Schema>| match gone.below(element) {
        _ if gone.has(element) => None,
        Some(below) => Some(removed(inner, below, schema)),
        None => Some(inner.clone()),
    };
    match (shape(schema, [Some(value), None]), value) {
        (Shape::Map, Value::Object(members)) => {
            let kept = members.iter().filter_map(|(key, value)| {
                let schema = schema.and_then(|schema| schema.member(key));
                Some((key.clone(), inner(value, &Element::field(key), schema)?))
            });
            let kept: Map<_, _> = kept.collect();
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (Shape::List(schema, list), Value::Array(items)) => {
            let indexed = indexed(items, schema, list);
            let kept = indexed.iter().filter_map(|(element, item)| inner(item, element, schema.item()));
            let kept: Vec<_> = kept.collect();
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        _ => value.clone(),
    }
}

/// The merged object without what the applying manager owned before and nobody owns now. Whatever somebody
/// owns stays, and what nobody ever owned.
pub(super) fn pruned(merged: Value, last: &FieldSet, now: &FieldSet, schema: Option<&Schema>) -> Value {
    // Who still applies all that it applied leaves nothing behind.
    if last.difference(now).is_empty() {
        debug_assert!(cfg!(not(test)) || left(&merged, last, now, schema) == merged);
        return merged;
    }
    left(&merged, last, now, schema)
}

fn left(merged: &Value, last: &FieldSet, now: &FieldSet, schema: Option<&Schema>) -> Value {
    let named = |set: &FieldSet| set.with_named_fields(schema);
    let left_of = |value: &Value| named(&owned(value, schema));
    let (all, last) = (left_of(merged), named(last));
    let left = left_of(&removed(merged, &last, schema));
    let kept = removed(merged, &all.difference(&left.union(&named(now))), schema);
    removed(merged, &all.difference(&left_of(&kept)).intersection(&last), schema)
}
