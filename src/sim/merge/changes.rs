use super::{
    fieldset::FieldSet,
    path::Element,
    typed::{Shape, grouped, indexed, is_empty, items, members, same, shape},
};
use crate::sim::schema::{ListType, Schema};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The fields in which one object differs from another.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) removed: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) added: FieldSet,
}

impl Changes {
    pub(super) fn between(before: &Value, after: &Value, schema: Option<&Schema>) -> Self {
        let mut changes = Self::default();
        changes.compare(Some(before), Some(after), schema, &mut Vec::new());
        changes
    }

    /// The changes outside some fields.
    pub(super) fn without(mut self, fields: &FieldSet) -> Self {
        for set in [&mut self.removed, &mut self.modified, &mut self.added] {
            set.remove(fields);
        }
        self
    }

    /// What has another value now.
    pub(super) fn written(&self) -> FieldSet {
        self.modified.union(&self.added)
    }

    fn compare(
        &mut self,
        before: Option<&Value>,
        after: Option<&Value>,
        schema: Option<&Schema>,
        path: &mut Vec<Element>,
    ) {
        let shape = shape(schema, [before, after]);
        if matches!(shape, Shape::Leaf) || (is_empty(before) && is_empty(after)) {
            return self.compare_whole(before, after, path);
        }
        match shape {
            Shape::List(schema, list) => self.compare_items(before, after, (schema, list), path),
            _ => self.compare_members(before, after, schema, path),
        }
        match (before, after) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            _ => {}
        }
    }

    fn compare_whole(&mut self, before: Option<&Value>, after: Option<&Value>, path: &[Element]) {
        match (before, after) {
            (None, None) => {}
            (None, Some(_)) => self.added.insert(path),
            (Some(_), None) => self.removed.insert(path),
            (Some(before), Some(after)) if same(before, after) => {}
            _ => self.modified.insert(path),
        }
    }

    fn compare_members(
        &mut self,
        before: Option<&Value>,
        after: Option<&Value>,
        schema: Option<&Schema>,
        path: &mut Vec<Element>,
    ) {
        let (before, after) = (members(before), members(after));
        let keys: BTreeSet<&String> = before.into_iter().chain(after).flat_map(Map::keys).collect();
        for key in keys {
            let (before, after) =
                (before.and_then(|side| side.get(key)), after.and_then(|side| side.get(key)));
            path.push(Element::field(key));
            self.compare(before, after, schema.and_then(|schema| schema.member(key)), path);
            path.pop();
        }
    }

    /// Items that nothing tells apart are compared together.
    fn compare_items(
        &mut self,
        before: Option<&Value>,
        after: Option<&Value>,
        (schema, list): (&Schema, &ListType),
        path: &mut Vec<Element>,
    ) {
        let [before, after] = [before, after].map(|side| grouped(&indexed(items(side), schema, list)));
        let elements: BTreeSet<&Element> = before.keys().chain(after.keys()).collect();
        for element in elements {
            path.push(element.clone());
            let [left, right] =
                [&before, &after].map(|side| side.get(element).map_or(&[][..], Vec::as_slice));
            if left.len() <= 1 && right.len() <= 1 {
                self.compare(left.first().copied(), right.first().copied(), schema.item(), path);
            } else {
                let together = |side: &[&Value]| {
                    (!side.is_empty())
                        .then(|| Value::Array(side.iter().map(|item| (*item).clone()).collect()))
                };
                self.compare_whole(together(left).as_ref(), together(right).as_ref(), path);
            }
            path.pop();
        }
    }
}
