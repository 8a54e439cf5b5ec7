use super::path::{Element, literal};
use crate::sim::schema::{ListType, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A set of paths to fields. No entry is empty: it is in the set itself, or something below it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet(BTreeMap<Element, Entry>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    member: bool,
    below: FieldSet,
}

impl Entry {
    fn kept(self) -> Option<Self> {
        (self.member || !self.below.is_empty()).then_some(self)
    }
}

impl FieldSet {
    /// Whether no path is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one path; the path to the whole object is none.
    pub(super) fn insert(&mut self, path: &[Element]) {
        let Some((first, rest)) = path.split_first() else { return };
        let entry = self.0.entry(first.clone()).or_default();
        if rest.is_empty() {
            entry.member = true;
        } else {
            entry.below.insert(rest);
        }
    }

    /// The set of some paths, spelled `a.b.c`.
    pub(super) fn of_fields(paths: &[&str]) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path.split('.').map(Element::field).collect::<Vec<_>>());
        }
        set
    }

    /// Whether the element itself is in the set.
    pub(super) fn has(&self, element: &Element) -> bool {
        self.0.get(element).is_some_and(|entry| entry.member)
    }

    /// What the set says below an element.
    pub(super) fn below(&self, element: &Element) -> Option<&Self> {
        self.0.get(element).map(|entry| &entry.below).filter(|below| !below.is_empty())
    }

    /// What is in one of both.
    #[must_use]
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.add(other);
        all
    }

    /// Adds what is in the other.
    pub(super) fn add(&mut self, other: &Self) {
        for (element, entry) in &other.0 {
            match self.0.get_mut(element) {
                Some(mine) => {
                    mine.member |= entry.member;
                    mine.below.add(&entry.below);
                }
                None => {
                    self.0.insert(element.clone(), entry.clone());
                }
            }
        }
    }

    /// Takes the paths of the other away; what is below them stays.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.narrow(other, |mine, theirs| {
            mine.member &= !theirs.member;
            mine.below.subtract(&theirs.below);
        });
    }

    /// Takes the paths of the other away, and what is below them.
    pub(super) fn remove(&mut self, other: &Self) {
        self.narrow(other, |mine, theirs| match theirs.member {
            true => *mine = Entry::default(),
            false => mine.below.remove(&theirs.below),
        });
    }

    fn narrow(&mut self, other: &Self, with: impl Fn(&mut Entry, &Entry)) {
        for (element, theirs) in &other.0 {
            let Some(mine) = self.0.get_mut(element) else { continue };
            with(mine, theirs);
            if !mine.member && mine.below.is_empty() {
                self.0.remove(element);
            }
        }
    }

    fn zip(&self, other: &Self, with: impl Fn(&Entry, &Entry) -> Entry) -> Self {
        let none = Entry::default();
        let entries = self.0.iter().filter_map(|(element, entry)| {
            Some((element.clone(), with(entry, other.0.get(element).unwrap_or(&none)).kept()?))
        });
        Self(entries.collect())
    }

    /// What is in both.
    #[must_use]
    pub(super) fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |mine, theirs| Entry {
            member: mine.member && theirs.member,
            below: mine.below.intersection(&theirs.below),
        })
    }

    /// What is not in the other; what is below a path of the other stays.
    #[must_use]
    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut left = self.clone();
        left.subtract(other);
        left
    }

    /// All paths, in order.
    pub(super) fn paths(&self) -> Vec<Vec<Element>> {
        let mut all = Vec::new();
        for (element, entry) in &self.0 {
            all.extend(entry.member.then(|| vec![element.clone()]));
            let below = entry.below.paths().into_iter();
            all.extend(below.map(|path| [vec![element.clone()], path].concat()));
        }
        all
    }

    /// The set with every named field in it that has something below: removing what is below must not leave
    /// the field behind.
    #[must_use]
    pub(super) fn with_named_fields(&self, schema: Option<&Schema>) -> Self {
        let entries = self.0.iter().map(|(element, entry)| {
            let named =
                matches!(element, Element::Field(name) if schema.is_some_and(|s| s.field(name).is_some()));
            let below = entry.below.with_named_fields(child(schema, element));
            (element.clone(), Entry { member: entry.member || named, below })
        });
        Self(entries.collect())
    }

    /// Follows a change of the schema: what is applied as a whole now has nothing below.
    pub(super) fn fit(&mut self, schema: Option<&Schema>) {
        for (element, entry) in self.0.iter_mut().filter(|(_, entry)| !entry.below.is_empty()) {
            let inner = child(schema, element);
            match inner.is_some_and(is_whole) {
                true => *entry = Entry { member: true, below: Self::default() },
                false => entry.below.fit(inner),
            }
        }
    }

    /// The set as FieldsV1.
    pub(super) fn encode(&self) -> Value {
        let entries = self.0.iter().map(|(element, entry)| {
            let mut inner = entry.below.encode();
            if entry.member && !entry.below.is_empty() {
                inner["."] = json!({});
            }
            (element.encode(), inner)
        });
        Value::Object(entries.collect())
    }

    /// The set that FieldsV1 spells; `None` when it is malformed.
    pub(super) fn decode(fields: &Value) -> Option<Self> {
        let mut set = Self::default();
        for (text, inner) in fields.as_object()?.iter().filter(|(text, _)| *text != ".") {
            let members: &Map<_, _> = inner.as_object()?;
            let member = members.is_empty() || members.contains_key(".");
            set.0.insert(Element::decode(text)?, Entry { member, below: Self::decode(inner)? });
        }
        Some(set)
    }
}

/// The schema below an element; `None` where nothing is said.
pub(super) fn child<'a>(schema: Option<&'a Schema>, element: &Element) -> Option<&'a Schema> {
    match element {
        Element::Field(name) => schema?.member(name),
        _ => schema?.item(),
    }
}

/// Whether a list or a map is applied as a whole.
fn is_whole(schema: &Schema) -> bool {
    let list = schema.item().is_some() && schema.list_type().is_none();
    list || schema.is_atomic()
}

/// How an item of a list is told from the others, for lists that are not applied as a whole.
pub(super) fn element_of(item: &Value, schema: &Schema, list: &ListType) -> Result<Element, String> {
    let ListType::Map(keys) = list else {
        return match item {
            Value::Null => {
                Err("associative list without keys has an element that's an explicit null".to_owned())
            }
            _ => Ok(Element::Value(literal(item))),
        };
    };
    let Value::Object(members) = item else {
        return Err(match item {
            Value::Null => "associative list with keys may not have a null element".to_owned(),
            _ => "associative list with keys may not have non-map elements".to_owned(),
        });
    };
    let default = |key: &String| schema.item().and_then(|item| item.field(key)?.default.as_ref());
    let pairs = keys.iter().filter_map(|key| {
        let value = members.get(key).or_else(|| default(key))?;
        Some((key.clone(), literal(value)))
    });
    let key: BTreeMap<_, _> = pairs.collect();
    if key.is_empty() {
        let names: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(Element::Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(fields: Value) -> FieldSet {
        FieldSet::decode(&fields).unwrap()
    }

    #[test]
    fn fields_v1_comes_back_as_it_was() {
        let fields = json!({
            "f:metadata": {"f:finalizers": {".": {}, "v:\"x/y\"": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}},
        });
        assert_eq!(set(fields.clone()).encode(), fields);
        assert_eq!(FieldSet::decode(&json!({"spec": {}})), None);
        assert_eq!(FieldSet::decode(&json!({"f:spec": 1})), None);
    }

    #[test]
    fn paths_read_as_conflicts_name_them() {
        let fields = json!({"f:a": {"k:{\"n\":\"x\",\"p\":80}": {"f:b": {}}, "v:\"s\"": {}, "i:2": {}}});
        let paths = set(fields).paths();
        let texts: Vec<String> =
            paths.iter().map(|path| path.iter().map(Element::to_string).collect()).collect();
        assert_eq!(texts, [".a[n=\"x\",p=80].b", ".a[=\"s\"]", ".a[2]"]);
    }

    #[test]
    fn sets_are_added_and_taken_away() {
        let left = set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}}));
        let right = set(json!({"f:a": {".": {}, "f:b": {}}, "f:d": {}}));
        assert_eq!(left.difference(&right).encode(), json!({"f:a": {"f:c": {}}}));
        let mut rest = left.clone();
        rest.remove(&right);
        assert_eq!(rest.encode(), json!({}));
        assert_eq!(left.intersection(&right).encode(), json!({"f:a": {".": {}, "f:b": {}}}));
        assert_eq!(left.union(&right).encode(), json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}}));
    }
}
