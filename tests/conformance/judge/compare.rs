//! Compares a recorded tree with a live one. Equal is equal: what changes from run to run must keep its place,
//! its shape and its identity.

use super::{
    json::{brief, text},
    leftovers::Leftovers,
    mapping::Mapping,
    tables,
    volatile::{Class, Volatile, seconds, whole},
};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// One place where both differ.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) got: String,
    pub(crate) expected: String,
}

/// A config map that the recorded control plane put into every namespace, and its admission into pods.
pub(crate) const FLAVOUR: &str = "openshift-service-ca.crt";

/// The object that a value belongs to: its uid, its version and where it begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner {
    pub(crate) uid: String,
    pub(crate) version: String,
    pub(crate) base: usize,
}

/// One comparison after another, and what was learned by them.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) volatile: Volatile,
    pub(crate) map: Mapping,
    pub(crate) leftovers: Leftovers,
    pub(crate) controllers: bool,
    pub(crate) found: Vec<Difference>,
    /// Columns of the table that a watch began with.
    pub(crate) columns: Vec<Value>,
    /// Where the revision of a whole list or of a bookmark stands.
    pub(crate) list_revision: Option<&'static str>,
    /// A dry run: what it shows is no version of an object.
    pub(crate) dry: bool,
}

impl Judge {
    /// Notes a difference.
    pub(crate) fn differ(&mut self, path: &str, got: impl Into<String>, expected: impl Into<String>) {
        self.found.push(Difference { path: path.to_owned(), got: got.into(), expected: expected.into() });
    }

    fn differ_values(&mut self, path: &str, live: Option<&Value>, recorded: Option<&Value>) {
        self.differ(path, brief(live), brief(recorded));
    }

    pub(crate) fn learned(&mut self, path: &str, live: &str, outcome: Result<(), String>) {
        if let Err(expected) = outcome {
            self.differ(path, live, expected);
        }
    }

    /// What a comparison would find; it learns nothing.
    pub(crate) fn trial(&mut self, compare: impl FnOnce(&mut Self)) -> Vec<Difference> {
        let (map, found) = (self.map.clone(), std::mem::take(&mut self.found));
        compare(self);
        self.map = map;
        std::mem::replace(&mut self.found, found)
    }

    /// Compares two trees.
    pub(crate) fn walk(&mut self, recorded: &Value, live: &Value, path: &str, owner: &Owner) {
        match (recorded, live) {
            (Value::Object(there), Value::Object(here)) => self.map_of(recorded, there, here, path, owner),
            (Value::Array(there), Value::Array(here)) => {
                if there.len() != here.len() {
                    self.differ(&format!("{path}.length"), here.len().to_string(), there.len().to_string());
                }
                for (index, (a, b)) in there.iter().zip(here).enumerate() {
                    self.walk(a, b, &format!("{path}[{index}]"), owner);
                }
            }
            (Value::String(there), Value::String(here)) => self.text(there, here, path, owner),
            _ if recorded == live => {}
            _ => self.differ_values(path, Some(live), Some(recorded)),
        }
    }

    fn map_of(
        &mut self,
        whole: &Value,
        there: &Map<String, Value>,
        here: &Map<String, Value>,
        path: &str,
        owner: &Owner,
    ) {
        let meta = &whole["metadata"];
        let own = Owner {
            uid: text(meta, "uid").to_owned(),
            version: text(meta, "resourceVersion").to_owned(),
            base: path.len(),
        };
        let owner = if meta.is_object() { &own } else { owner };
        let (mut there, mut here) = (there.clone(), here.clone());
        if there.get("kind").is_some_and(|kind| kind == "Table") {
            tables::without_ages(&mut there, &mut here, &mut self.columns);
        }
        let there = self.live_keys(there, &here);
        for key in there.keys().filter(|key| !here.contains_key(*key)) {
            self.differ_values(&format!("{path}.{key}"), None, there.get(key));
        }
        for key in here.keys().filter(|key| !there.contains_key(*key)) {
            self.differ_values(&format!("{path}.{key}"), here.get(key), None);
        }
        let mut keys: Vec<&String> = there.keys().filter(|key| here.contains_key(*key)).collect();
        // What metadata says is known before other fields and messages speak of it.
        keys.sort_by_key(|key| (*key != "metadata", *key == "message"));
        for key in keys {
            self.member(key, &there, &here[key], &format!("{path}.{key}"), owner);
        }
    }

    /// Keys hold uids and generated names too.
    fn live_keys(&mut self, there: Map<String, Value>, here: &Map<String, Value>) -> Map<String, Value> {
        let mut renamed = Map::new();
        for (key, value) in there {
            if self.volatile.split(&key).are_literal() {
                renamed.insert(key, value);
                continue;
            }
            let mut name = self.live_text(&key);
            if !here.contains_key(&name) {
                let pattern = self.pattern(&key);
                let fits = here.keys().find(|key| !renamed.contains_key(*key) && pattern.is_match(key));
                if let Some(fits) = fits.cloned() {
                    self.text(&key, &fits, "key", &Owner::default());
                    name = fits;
                }
            }
            renamed.insert(name, value);
        }
        renamed
    }

    fn member(&mut self, key: &str, holder: &Map<String, Value>, live: &Value, path: &str, owner: &Owner) {
        let recorded = &holder[key];
        match (key, recorded, live) {
            ("resourceVersion", Value::String(there), Value::String(here))
                if there != "0" && there.parse::<u64>().is_ok() =>
            {
                self.revision(there, here, path, owner, holder);
            }
            ("continue", Value::String(there), Value::String(here))
                if !there.is_empty() && !here.is_empty() =>
            {
                let outcome = self.map.bind(Class::Continue, there, here);
                self.learned(path, here, outcome);
            }
            ("managedFields", Value::Array(there), Value::Array(here)) => {
                self.managed(there, here, path, owner)
            }
            ("nodePort", Value::Number(there), Value::Number(here)) if self.volatile.is_port(recorded) => {
                let outcome = self.map.bind(Class::Port, &there.to_string(), &here.to_string());
                self.learned(path, &here.to_string(), outcome);
            }
            ("sources", Value::Array(there), Value::Array(here)) => {
                let plain = |items: &[Value]| {
                    let own = items.iter().filter(|item| item["configMap"]["name"] != FLAVOUR);
                    Value::Array(own.cloned().collect())
                };
                self.walk(&plain(there), &plain(here), path, owner);
            }
            ("resourceRules" | "nonResourceRules", Value::Array(there), Value::Array(here)) => {
                // They come in the order of a Go map.
                let sorted = |items: &[Value]| {
                    let mut items = items.to_vec();
                    items.sort_by_key(Value::to_string);
                    Value::Array(items)
                };
                self.walk(&sorted(there), &sorted(here), path, owner);
            }
            ("items" | "rows", Value::Array(there), Value::Array(here)) => {
                let (there, here) = (self.leftovers.items(there), self.leftovers.items(here));
                self.items(&there, &here, path, owner);
            }
            _ => self.walk(recorded, live, path, owner),
        }
    }

    fn revision(&mut self, there: &str, here: &str, path: &str, owner: &Owner, holder: &Map<String, Value>) {
        let reference = path.ends_with("bject.resourceVersion") && holder.contains_key("fieldPath");
        if reference || path.contains("involvedObject") || path.contains("regarding") {
            if here.parse::<u64>().is_err() {
                self.differ(path, here, there);
            }
            return;
        }
        let outcome = match self.list_revision {
            Some(place) if path == place => self.map.bind_list(there, here),
            _ => self.map.bind_revision(there, here, &owner.uid),
        };
        self.learned(path, here, outcome);
    }

    /// Compares two texts part by part.
    pub(crate) fn text(&mut self, recorded: &str, live: &str, path: &str, owner: &Owner) {
        let parts = self.volatile.split(recorded);
        if parts.are_literal() {
            if recorded != live {
                self.differ(path, live, recorded);
            }
            return;
        }
        let Some(values) = parts.values(live) else {
            let expected = self.live_text(recorded);
            return self.differ(path, live, expected);
        };
        let classes = parts.pieces.iter().filter_map(|part| Some((part.class?, &part.text)));
        for ((class, there), here) in classes.zip(values) {
            if class == Class::Time {
                self.time(there, here, path, owner);
            } else {
                let outcome = self.map.bind(class, there, here);
                self.learned(path, here, outcome);
            }
        }
    }

    fn time(&mut self, recorded: &str, live: &str, path: &str, owner: &Owner) {
        if recorded.len() != live.len() {
            return self.differ(path, live, format!("{recorded}, with as many digits"));
        }
        if self.map.sent.get(recorded).is_some_and(|sent| sent == live) {
            return;
        }
        if !owner.uid.is_empty() && !owner.version.is_empty() && !self.dry {
            let outcome = self.map.same_time(version_key(owner, path, recorded), live);
            if outcome.is_err() {
                return self.learned(path, live, outcome);
            }
        }
        let (low, high) = self.map.span(seconds(recorded));
        self.map.latest.insert(recorded.to_owned(), live.to_owned());
        if !(low..=high).contains(&seconds(live)) {
            self.differ(path, live, format!("{low:.1} to {high:.1} s (recorded {recorded})"));
        }
    }

    /// Entries stand in the order of operation, second and manager: they are paired by who they are, and the
    /// order is checked on the live side.
    fn managed(&mut self, there: &[Value], here: &[Value], path: &str, owner: &Owner) {
        let order = |entry: &Value| {
            let [operation, rest @ ..] = identity(entry);
            (operation, text(entry, "time").chars().take(19).collect::<String>(), rest)
        };
        let sorted = |entries: &[Value]| {
            let mut entries: Vec<Value> = entries.to_vec();
            entries.sort_by_key(identity);
            entries
        };
        let (a, b) = (sorted(there), sorted(here));
        let who =
            |entries: &[Value]| entries.iter().map(|entry| identity(entry).join(" ")).collect::<Vec<_>>();
        if who(&a) != who(&b) {
            return self.differ(path, format!("{:?}", who(here)), format!("{:?}", who(there)));
        }
        if !here.is_sorted_by_key(order) {
            self.differ(path, format!("{:?}", who(here)), "an order by operation, time and manager");
        }
        for (index, (a, b)) in a.iter().zip(&b).enumerate() {
            self.walk(a, b, &format!("{path}[{index}]"), owner);
        }
    }

    /// A recorded text with the live values that are known.
    pub(crate) fn live_text(&self, recorded: &str) -> String {
        let parts = self.volatile.split(recorded);
        let live = parts.pieces.iter().map(|part| match part.class {
            Some(Class::Time) => self.map.sent.get(&part.text).map_or(part.text.as_str(), String::as_str),
            Some(class) => self.map.live(class, &part.text).unwrap_or(&part.text),
            None => &part.text,
        });
        live.collect()
    }

    /// What a live name for a recorded one looks like.
    pub(crate) fn pattern(&self, recorded: &str) -> Regex {
        let parts = self.volatile.split(recorded);
        let pattern = parts.pieces.iter().map(|part| match part.class {
            None => regex::escape(&part.text),
            Some(class) => match self.map.live(class, &part.text) {
                Some(live) => regex::escape(live),
                None => class.shape().to_owned(),
            },
        });
        whole(&pattern.collect::<String>())
    }

    /// Generated suffixes in a text that nothing has shown yet.
    pub(crate) fn unknown_suffixes(&self, recorded: &str) -> Vec<String> {
        let parts = self.volatile.split(recorded);
        let unknown = |suffix: &str| self.map.live(Class::Suffix, suffix).is_none();
        let suffixes =
            parts.pieces.iter().filter(|part| part.class == Some(Class::Suffix) && unknown(&part.text));
        suffixes.map(|part| part.text.clone()).collect()
    }

    /// Lists with generated names have another order: their items are paired by what they are.
    fn items(&mut self, there: &[Value], here: &[Value], path: &str, owner: &Owner) {
        let generated =
            |item: &Value| name_of(item).is_some_and(|name| !self.volatile.split(name).are_literal());
        if !there.iter().any(generated) || here.iter().any(|item| name_of(item).is_none()) {
            return self.walk(&Value::Array(there.to_vec()), &Value::Array(here.to_vec()), path, owner);
        }
        if there.len() != here.len() {
            self.differ(&format!("{path}.length"), here.len().to_string(), there.len().to_string());
        }
        let place =
            |item: &Value| (text(&meta_of(item), "namespace").to_owned(), name_of(item).map(str::to_owned));
        if there.is_sorted_by_key(place) && !here.is_sorted_by_key(place) {
            self.differ(path, "another order", "an order by namespace and name");
        }
        let (a, b): (Vec<_>, Vec<_>) = (there.iter().collect(), here.iter().collect());
        let pairs = self.pairs(&a, &b, &mut |judge, i, j| {
            judge.trial(|judge| judge.walk(&there[i], &here[j], path, owner)).len()
        });
        for (index, partner) in pairs {
            match partner {
                Some(partner) => self.walk(&there[index], &here[partner], &format!("{path}[{index}]"), owner),
                None => self.differ(path, "nothing", name_of(&there[index]).unwrap_or_default()),
            }
        }
    }

    /// For each recorded item a live one: known names first, then the nearest of those whose name fits.
    pub(crate) fn pairs(
        &mut self,
        there: &[&Value],
        here: &[&Value],
        cost: &mut dyn FnMut(&mut Self, usize, usize) -> usize,
    ) -> Vec<(usize, Option<usize>)> {
        let rank = |item: &Value| text(&meta_of(item), "resourceVersion").parse::<u64>().unwrap_or(0);
        let name = |item: &Value| name_of(item).unwrap_or_default().to_owned();
        let before = self.map.clone();
        let mut order: Vec<usize> = (0..there.len()).collect();
        order.sort_by_key(|i| (!self.unknown_suffixes(&name(there[*i])).is_empty(), rank(there[*i])));
        let mut free: BTreeSet<usize> = (0..here.len()).collect();
        let mut pairs = Vec::new();
        for i in order {
            let pattern = self.pattern(&name(there[i]));
            let mut fits: Vec<usize> =
                free.iter().copied().filter(|j| pattern.is_match(&name(here[*j]))).collect();
            fits.sort_by_key(|j| rank(here[*j]));
            let best = match fits.as_slice() {
                [] => None,
                [only] => Some(*only),
                _ => fits.iter().copied().min_by_key(|j| cost(self, i, *j)),
            };
            if let Some(j) = best {
                free.remove(&j);
                let found = std::mem::take(&mut self.found);
                self.text(&name(there[i]), &name(here[j]), "name", &Owner::default());
                self.found = found;
            }
            pairs.push((i, best));
        }
        self.map = before;
        pairs
    }
}

/// A field of one version of an object, and the time that it was recorded with.
pub(crate) fn version_key(owner: &Owner, path: &str, recorded: &str) -> (String, String, String, String) {
    let field = path.get(owner.base..).unwrap_or_default();
    (owner.uid.clone(), owner.version.clone(), field.to_owned(), recorded.to_owned())
}

/// What tells one entry of managedFields from another.
pub(crate) fn identity(entry: &Value) -> [String; 4] {
    ["operation", "manager", "apiVersion", "subresource"].map(|key| text(entry, key).to_owned())
}

/// The metadata of an item of a list, or of the object in a row of a table.
fn meta_of(item: &Value) -> Value {
    let row = item.get("cells").is_some();
    if row { item["object"]["metadata"].clone() } else { item["metadata"].clone() }
}

/// The name of an item of a list, or of the object in a row of a table.
pub(crate) fn name_of(item: &Value) -> Option<&str> {
    let row = item.get("cells").is_some();
    let meta = if row { &item["object"]["metadata"] } else { &item["metadata"] };
    meta["name"].as_str()
}
