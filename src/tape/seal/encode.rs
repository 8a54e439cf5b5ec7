use super::{Event, Payload, known::Known};
use crate::{
    scrub::symbol_at,
    tape::symbol::{Bindings, base_second, real_time},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Times this far from the base are the recording's; others are somebody's data and stay as they are.
const BEFORE: i64 = 60 * 60;
const AFTER: i64 = 24 * 60 * 60;

/// Objects whose `resourceVersion` is one of the cluster's.
const REVISED: [&str; 4] = ["metadata", "preconditions", "involvedObject", "regarding"];

/// Puts symbols in the place of real values.
pub(super) struct Encoder {
    known: Known,
    base: Option<Timestamp>,
    revisions: BTreeMap<String, usize>,
    used: Bindings,
}

impl Encoder {
    pub(super) fn new(known: Known, base: &str) -> Self {
        Self { known, base: base_second(base), revisions: BTreeMap::new(), used: Bindings::new() }
    }

    /// What the symbols that were written stand for.
    pub(super) fn into_bindings(self) -> Bindings {
        self.used
    }

    pub(super) fn event(&mut self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event {
            Event::Sent(sent) => {
                sent.path = self.path(&sent.path);
                self.payload(&mut sent.body);
            }
            Event::Answer(answer) => {
                answer.headers.values_mut().for_each(|value| *value = self.text(value));
                self.payload(&mut answer.body);
            }
            Event::Frame { object, .. } => self.value(Arc::make_mut(object), ""),
            Event::Failed { error, .. } | Event::Closed { error: Some(error), .. } => {
                *error = self.text(error)
            }
            Event::Step { of, .. } => *of = self.text(of),
            Event::Closed { error: None, .. } => {}
        }
        event
    }

    fn payload(&mut self, payload: &mut Payload) {
        match payload {
            Payload::Json(value) => self.value(Arc::make_mut(value), ""),
            Payload::Text(text) => *text = self.text(text),
            Payload::Empty | Payload::Bytes(_) => {}
        }
    }

    /// `parent` is the field in which `value` stands.
    fn value(&mut self, value: &mut Value, parent: &str) {
        match value {
            Value::Object(map) => self.object(map, parent),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, parent)),
            Value::String(text) => {
                if let Some(symbol) = self.time(text) {
                    *text = symbol;
                } else if needs_look(text, &self.known) {
                    *text = self.text(text);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, map: &mut Map<String, Value>, parent: &str) {
        let patches_revision = map.get("path").is_some_and(|path| path == "/metadata/resourceVersion");
        for (key, value) in map.iter_mut() {
            let revision = (key == "resourceVersion" && REVISED.contains(&parent))
                || (key == "value" && patches_revision);
            match value {
                Value::String(text) if revision && is_revision(text) => *text = self.revision(text),
                value => self.value(value, key),
            }
        }
        if map.keys().any(|key| needs_look(key, &self.known)) {
            *map = std::mem::take(map).into_iter().map(|(key, value)| (self.text(&key), value)).collect();
        }
    }

    /// A path, with the revision that its query may have.
    fn path(&mut self, path: &str) -> String {
        const KEY: &str = "resourceVersion=";
        let Some(at) = path.match_indices(KEY).map(|(at, _)| at).find(|at| path[..*at].ends_with(['?', '&']))
        else {
            return self.text(path);
        };
        let (before, rest) = path.split_at(at + KEY.len());
        let end = rest.find('&').unwrap_or(rest.len());
        let (revision, after) = rest.split_at(end);
        let revision = if is_revision(revision) { self.revision(revision) } else { self.text(revision) };
        self.text(before) + &revision + &self.text(after)
    }

    fn revision(&mut self, text: &str) -> String {
        let next = self.revisions.len() + 1;
        let number = self.revisions.entry(text.to_owned()).or_insert(next).to_string();
        let symbol = format!("$rv({number})");
        self.bind("rv", number, text);
        symbol
    }

    fn time(&self, text: &str) -> Option<String> {
        if !(text.len() >= 20 && text.ends_with('Z') && crate::wire::is_time(text)) {
            return None;
        }
        let base = self.base?;
        let digits = text.trim_end_matches('Z').split_once('.').map_or("", |(_, digits)| digits);
        let whole: Timestamp = format!("{}Z", text.get(..19)?).parse().ok()?;
        let seconds = whole.as_second() - base.as_second();
        if !(-BEFORE..=AFTER).contains(&seconds) {
            return None;
        }
        let dot = if digits.is_empty() { "" } else { "." };
        let argument = format!("{seconds:+}{dot}{digits}s");
        (real_time(base, &argument)? == text).then(|| format!("$time({argument})"))
    }

    fn bind(&mut self, kind: &str, argument: String, real: &str) {
        let kind = self.used.entry(kind.to_owned()).or_default();
        kind.entry(argument).or_insert_with(|| real.to_owned());
    }

    /// A text with the uids and generated names in it as symbols and every literal `$` doubled.
    fn text(&mut self, text: &str) -> String {
        if let Some(argument) = self.known.uids.get(text).cloned() {
            let symbol = format!("$uid({argument})");
            self.bind("uid", argument, text);
            return symbol;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut previous = None;
        while let Some(letter) = text[at..].chars().next() {
            let length = self.symbol(text, at, previous, &mut out);
            let length = if length > 0 {
                length
            } else {
                out.push(letter);
                letter.len_utf8()
            };
            at += length;
            previous = text[..at].chars().next_back();
        }
        out
    }

    /// Writes the symbol for what begins at `at` and gives the length of what it replaces, 0 for nothing.
    fn symbol(&mut self, text: &str, at: usize, previous: Option<char>, out: &mut String) -> usize {
        let rest = &text[at..];
        if rest.starts_with('$') {
            let symbol = symbol_at(rest).unwrap_or_default();
            *out += if symbol.is_empty() { "$$" } else { symbol };
            return symbol.len().max(1);
        }
        if previous.is_some_and(|c| c.is_ascii_alphanumeric()) {
            return 0;
        }
        let uid = uuid_at(rest).and_then(|uid| Some((uid, self.known.uids.get(uid)?.clone())));
        if let Some((uid, argument)) = uid {
            *out += &format!("$uid({argument})");
            self.bind("uid", argument, uid);
            return uid.len();
        }
        let name = if previous == Some('-') { None } else { self.name_at(rest) };
        if let Some((name, argument)) = name {
            *out += &format!("$name({argument})");
            self.bind("name", argument, &name);
            return name.len();
        }
        0
    }

    fn name_at(&self, rest: &str) -> Option<(String, String)> {
        let prefixes = self.known.prefixes.iter().filter(|prefix| rest.starts_with(prefix.as_str()));
        prefixes
            .filter_map(|prefix| {
                let name = rest.get(..prefix.len() + 5)?;
                let ends = !rest[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
                let argument = self.known.names.get(name).filter(|_| ends)?;
                Some((name.to_owned(), argument.clone()))
            })
            .next_back()
    }
}

fn is_revision(text: &str) -> bool {
    text != "0" && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Most texts hold neither a `$`, a uid nor a generated name, and need no second look.
fn needs_look(text: &str, known: &Known) -> bool {
    text.as_bytes().contains(&b'$')
        || text.len() >= 32
        || known.uids.contains_key(text)
        || known.prefixes.iter().any(|prefix| text.contains(prefix.as_str()))
}

/// The uid that `text` begins with: 8-4-4-4-12 hexadecimal digits and no more.
fn uuid_at(text: &str) -> Option<&str> {
    let uid = text.get(..36)?;
    let sound = uid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let ends = !text[36..].starts_with(|c: char| c.is_ascii_alphanumeric());
    (sound && ends).then_some(uid)
}
