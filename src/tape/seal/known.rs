use super::{Event, Payload, Tape};
use crate::wire::RequestInfo;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The uids and generated names on a tape, each with the argument of its symbol.
#[derive(Default)]
pub(super) struct Known {
    pub(super) uids: BTreeMap<String, String>,
    pub(super) names: BTreeMap<String, String>,
    /// What generated names begin with.
    pub(super) prefixes: BTreeSet<String>,
    taken: BTreeSet<String>,
    counts: BTreeMap<String, usize>,
}

impl Known {
    /// Collects them in the order of their first use.
    pub(super) fn of(tape: &Tape) -> Self {
        let mut known = Self::default();
        let mut requests: BTreeMap<&str, (RequestInfo, String)> = BTreeMap::new();
        for event in &tape.events {
            match &event.event {
                Event::Sent(sent) => {
                    let info = sent.info();
                    let plural = info.resource.as_ref().map_or_else(String::new, |r| r.plural.clone());
                    requests.insert(&sent.id, (info, plural));
                }
                Event::Answer(answer) => {
                    if let (Some((_, plural)), Payload::Json(body)) =
                        (requests.get(answer.to.as_str()), &answer.body)
                    {
                        known.objects(plural, body);
                    }
                }
                Event::Frame { of, object, .. } => {
                    if let Some((_, plural)) = requests.get(of.as_str()) {
                        known.objects(plural, object);
                    }
                }
                _ => {}
            }
        }
        // Objects that are only referred to are named after their kind.
        for event in &tape.events {
            match &event.event {
                Event::Sent(sent) => known.references_in(&sent.body),
                Event::Answer(answer) => known.references_in(&answer.body),
                Event::Frame { object, .. } => known.references(object),
                _ => {}
            }
        }
        known
    }

    fn objects(&mut self, plural: &str, body: &Value) {
        match body.get("items").and_then(Value::as_array) {
            Some(items) => items.iter().for_each(|item| self.object(plural, item)),
            None => self.object(plural, body),
        }
    }

    fn object(&mut self, plural: &str, object: &Value) {
        let text = |key| object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str);
        let Some(name) = text("name").filter(|_| !plural.is_empty()) else { return };
        let label = match text("generateName").filter(|prefix| is_generated(name, prefix)) {
            Some(prefix) => self.generated(prefix, name),
            None => name.to_owned(),
        };
        if let Some(uid) = text("uid") {
            self.uid(uid, &format!("{plural}/{label}"));
        }
    }

    /// A generated name's label: what it begins with, and its number.
    fn generated(&mut self, prefix: &str, name: &str) -> String {
        if let Some(argument) = self.names.get(name) {
            return argument.replace(',', "");
        }
        let count = self.counts.entry(prefix.to_owned()).or_default();
        *count += 1;
        let argument = format!("{prefix},{count}");
        self.names.insert(name.to_owned(), argument.clone());
        self.prefixes.insert(prefix.to_owned());
        argument.replace(',', "")
    }

    fn uid(&mut self, uid: &str, label: &str) {
        if uid.is_empty() || self.uids.contains_key(uid) || label.contains([')', '$']) {
            return;
        }
        let mut name = label.to_owned();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{label}#{count}");
        }
        self.uids.insert(uid.to_owned(), name);
    }

    fn references_in(&mut self, payload: &Payload) {
        if let Payload::Json(value) = payload {
            self.references(value);
        }
    }

    /// Owner references and the like: objects with a kind, a name and a uid.
    fn references(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                if let (Some(kind), Some(name), Some(uid)) = (text("kind"), text("name"), text("uid"))
                    && !self.uids.contains_key(uid)
                {
                    let label =
                        self.names.get(name).map_or(name.to_owned(), |argument| argument.replace(',', ""));
                    self.uid(uid, &format!("{}/{label}", kind.to_lowercase()));
                }
                map.values().for_each(|value| self.references(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.references(item)),
            _ => {}
        }
    }
}

/// Whether the server made `name` from `prefix`: it appends five letters.
fn is_generated(name: &str, prefix: &str) -> bool {
    let sound = |text: &str| !text.contains(['$', ',', ')', '(']);
    let rest = name.strip_prefix(prefix).unwrap_or_default();
    !prefix.is_empty() && sound(prefix) && rest.len() == 5 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
}
