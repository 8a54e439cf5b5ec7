use super::{
    needles::SHORTEST,
    redact::About,
    rules::defaults,
    stand_in::{safe_name, stand_in, symbol},
    vault::Vault,
};
use crate::wire::RequestInfo;
use std::collections::BTreeMap;

/// Something that holds no secret: only a [`Scrubber`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Clean<T>(T);

impl<T> Clean<T> {
    /// What is clean.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A look at it.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What can be scrubbed: it hands each of its parts to the scrubber.
pub trait Scrub {
    /// Replaces every secret in place.
    fn scrub(&mut self, scrubber: &mut Scrubber);
}

/// Replaces secrets by symbols; one for each tape, since equal values have equal symbols throughout it.
#[derive(Debug, Default)]
pub struct Scrubber {
    pub(super) vault: Vault,
    /// Requests on sensitive resources whose answers or frames are still to come, by id.
    open: BTreeMap<String, About>,
}

impl Scrubber {
    /// A scrubber that knows no value yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Scrubs `value`.
    pub fn clean<T: Scrub>(&mut self, mut value: T) -> Clean<T> {
        value.scrub(self);
        Clean(value)
    }

    /// Makes the stand-in of `symbol` known, so that it is found inside other texts in every form. A player
    /// does this for every symbol that it serves.
    pub fn expect_stand_in(&mut self, symbol: &str) {
        let text = stand_in(symbol);
        if let Some(name) = super::stand_in::stands_for(&text).map(str::to_owned) {
            self.vault.hunt_stand_in(&text, &name);
        }
    }

    /// What is redacted, for a tape's header.
    pub fn describe() -> Vec<String> {
        let objects = &defaults().objects;
        let fields =
            objects.iter().flat_map(|rule| rule.fields.iter().map(move |f| format!("{}.{f}", rule.kind)));
        fields.chain(defaults().annotations.iter().cloned()).collect()
    }

    /// Remembers what the request `id` is about, for its answer and its frames.
    pub fn open(&mut self, id: &str, info: &RequestInfo) {
        if let Some(about) = About::request(info) {
            self.open.insert(id.to_owned(), about);
        }
    }

    /// Forgets the request `id`.
    pub fn close(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// Scrubs a body that belongs to the request `id`.
    pub fn json(&mut self, id: &str, value: &mut serde_json::Value) {
        let about = self.open.get(id).cloned();
        self.value(about, value);
    }

    /// Scrubs a body's text that belongs to the request `id`; of a sensitive request nothing is left.
    pub fn text_of(&mut self, id: &str, text: &mut String) {
        match self.open.get(id).map(About::label) {
            Some(label) if !text.is_empty() => {
                let name = self.vault.learn(text, &label, true);
                *text = symbol(&name, 0);
            }
            _ => self.text(text),
        }
    }

    /// Scrubs a text that belongs to nothing sensitive: a path, an error.
    pub fn text(&mut self, text: &mut String) {
        self.scan(text, "text", "", false);
    }

    /// Makes a value known that is secret wherever it stands, under the name `name`. A value that is blank or
    /// shorter than [`SHORTEST`] is refused: `false`.
    #[must_use = "a value that was refused is not looked for"]
    pub fn literal(&mut self, value: &str, name: &str) -> bool {
        let taken = value.trim().len() >= SHORTEST;
        if taken {
            self.vault.learn(value, name, true);
        }
        taken
    }

    /// Whether `bytes`, which cannot be scrubbed, may be kept.
    pub fn may_keep(&self, id: &str, bytes: &[u8]) -> bool {
        !self.open.contains_key(id) && !self.vault.is_in(bytes)
    }

    /// Whether a secret that is known by now stands in `text`.
    pub fn finds_in(&self, text: &str) -> bool {
        self.vault.finds_in(text)
    }

    /// Keeps the headers that change a response's meaning and scrubs them.
    pub fn headers(&mut self, headers: &mut BTreeMap<String, String>) {
        headers.retain(|name, _| defaults().headers.iter().any(|kept| kept.eq_ignore_ascii_case(name)));
        for (name, value) in headers.iter_mut() {
            let name = safe_name(name);
            self.scan(value, &name, "header", false);
        }
    }
}
