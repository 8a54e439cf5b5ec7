use super::{
    fieldset::FieldSet,
    path::Element,
    typed::{Shape, indexed, owned, shape},
};
use crate::sim::schema::Schema;
use serde_json::{Map, Value};

/// A value without some of its fields; `None` when nothing is left of it.
pub(super) fn removed(value: &Value, gone: &FieldSet, schema: Option<&Schema>) -> Option<Value> {
    let inner = |inner: &Value, element: &Element, schema: Option<&Schema>| match gone.below(element) {
        _ if gone.has(element) => None,
        Some(below) => removed(inner, below, schema),
        None => Some(inner.clone()),
    };
    match (shape(schema, [Some(value), None]), value) {
        (Shape::Map, Value::Object(members)) => {
            let kept = members.iter().filter_map(|(key, value)| {
                let schema = schema.and_then(|schema| schema.member(key));
                Some((key.clone(), inner(value, &Element::field(key), schema)?))
            });
            let kept: Map<_, _> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        (Shape::List(schema, list), Value::Array(items)) => {
            let indexed = indexed(items, schema, list);
            let kept = indexed.iter().filter_map(|(element, item)| inner(item, element, schema.item()));
            let kept: Vec<_> = kept.collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => Some(value.clone()),
    }
}

/// The merged object without what the applying manager owned before and nobody owns now. Whatever somebody
/// owns stays, and what nobody ever owned.
pub(super) fn pruned(merged: &Value, last: &FieldSet, now: &FieldSet, schema: Option<&Schema>) -> Value {
    let without = |value: &Value, gone: &FieldSet| {
        removed(value, gone, schema).unwrap_or_else(|| Value::Object(Map::new()))
    };
    let named = |set: &FieldSet| set.with_named_fields(schema);
    let all = named(&owned(merged, schema));
    let left = named(&owned(&without(merged, &named(last)), schema));
    let left = without(merged, &all.difference(&left.union(&named(now))));
    let left = named(&owned(&left, schema));
    without(merged, &all.difference(&left).intersection(&named(last)))
}
