use super::{
    needles::{Needle, Needles, SHORTEST},
    stand_in::{safe_name, stands_for, symbol, unmask},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The secrets of one tape: value → name, and the texts in which they are hunted.
#[derive(Default)]
pub(super) struct Vault {
    names: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    needles: Needles,
}

/// Never shows what it holds.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} secrets)", self.names.len())
    }
}

impl Vault {
    /// The name of the secret `plain`; a new one is named after `hint`.
    pub(super) fn learn(&mut self, plain: &str, hint: &str, hunted: bool) -> String {
        if let Some(name) = stands_for(plain) {
            return name.to_owned();
        }
        if let Some(name) = self.names.get(plain) {
            return name.clone();
        }
        let name = self.free_name(hint);
        self.names.insert(plain.to_owned(), name.clone());
        if hunted && plain.len() >= SHORTEST {
            self.hunt(plain, &name);
        }
        name
    }

    fn free_name(&mut self, hint: &str) -> String {
        let hint = safe_name(hint);
        let hint = if hint.is_empty() { "value".to_owned() } else { hint };
        let mut name = hint.clone();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{hint}~{count}");
        }
        name
    }

    /// Makes a stand-in known in every form.
    pub(super) fn hunt_stand_in(&mut self, text: &str, name: &str) {
        self.taken.insert(name.to_owned());
        self.hunt(text, name);
    }

    fn hunt(&mut self, plain: &str, name: &str) {
        let once = [STANDARD.encode(plain), STANDARD_NO_PAD.encode(plain), URL_SAFE_NO_PAD.encode(plain)];
        let twice = [STANDARD.encode(&once[0]), STANDARD_NO_PAD.encode(&once[0])];
        let mut forms = vec![(plain.to_owned(), 0)];
        forms.extend(once.map(|text| (text, 1)));
        forms.extend(twice.map(|text| (text, 2)));
        // In a text with line breaks a JSON or YAML writer may have escaped them.
        forms.push((plain.replace('\n', "\\n"), 0));
        let escaped = serde_json::Value::from(plain).to_string();
        let escaped = &escaped[1..escaped.len() - 1];
        forms.push((escaped.to_owned(), 0));
        // JSON inside a JSON text escapes twice.
        let twice_escaped = serde_json::Value::from(escaped).to_string();
        forms.push((twice_escaped[1..twice_escaped.len() - 1].to_owned(), 0));
        for (text, depth) in forms {
            self.needles.add(&text, || Needle {
                symbol: symbol(name, depth),
                like_a_name: text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)),
            });
        }
    }

    /// `text` with the secrets and stand-ins in it replaced; `None` when there are none.
    pub(super) fn replace(&self, text: &str, is_name: bool) -> Option<String> {
        let unmasked = unmask(text);
        let text = unmasked.as_deref().unwrap_or(text);
        let (mut out, mut done) = (String::new(), 0);
        while let Some((at, length, needle)) = self.needles.find(text.as_bytes(), done, is_name) {
            out += &text[done..at];
            out += &needle.symbol;
            done = at + length;
        }
        if done == 0 {
            return unmasked;
        }
        Some(out + &text[done..])
    }

    /// Whether any secret stands in `text`.
    pub(super) fn finds_in(&self, text: &str) -> bool {
        self.is_in(text.as_bytes())
    }

    /// Whether any secret stands in `bytes`.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.needles.find(bytes, 0, false).is_some()
    }
}

/// What `text` says when it is base64 of a text; short texts and words are not taken for base64.
pub(super) fn decoded(text: &str) -> Option<String> {
    let body = text.trim_end_matches(['\n', '=']);
    let code = |b: u8| b.is_ascii_alphanumeric() || b"+/-_\n".contains(&b);
    if body.len() < 12 || !body.bytes().all(code) {
        return None;
    }
    let body: String = body.split('\n').collect();
    let bytes = STANDARD_NO_PAD.decode(&body).or_else(|_| URL_SAFE_NO_PAD.decode(&body)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(|c| c.is_control() && !c.is_whitespace())).then_some(text)
}
