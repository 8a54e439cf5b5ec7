use super::{
    Scrubber, detect,
    rules::{ObjectRule, defaults},
    stand_in::{next_symbol, symbol},
    vault::decoded,
};
use crate::wire::{RequestInfo, Verb};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// What is known of a body from its request.
#[derive(Clone, Debug)]
pub(super) struct About {
    rule: &'static ObjectRule,
    name: String,
    patch: bool,
}

impl About {
    /// What a request on a sensitive resource is about; `None` for all others.
    pub(super) fn request(info: &RequestInfo) -> Option<Self> {
        let mut resource = info.resource.as_ref()?.plural.clone();
        if let Some(subresource) = &info.subresource {
            resource += &format!("/{subresource}");
        }
        let rule = defaults().by_resource(&resource)?;
        let patch = matches!(info.verb, Verb::Patch | Verb::Apply);
        Some(Self { rule, name: info.name.clone().unwrap_or_default(), patch })
    }

    /// A name for what cannot be named after a field.
    pub(super) fn label(&self) -> String {
        if self.name.is_empty() { self.rule.kind.to_lowercase() } else { self.name.clone() }
    }
}

/// Whether the bodies of a request may hold secrets, by what it is about.
pub fn is_sensitive(info: &RequestInfo) -> bool {
    About::request(info).is_some()
}

/// The rule of the items of a list of `kind`.
pub(super) fn list_rule(kind: &str) -> Option<&'static ObjectRule> {
    kind.strip_suffix("List").and_then(|kind| defaults().by_kind(kind))
}

/// Where the walk stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The name of the object that is walked.
    object: &'a str,
    /// The field, for the name of what is found.
    key: &'a str,
    /// The fields of this value are those of an object with a rule.
    rule: Option<&'static ObjectRule>,
    /// Names stand here, unless the value is clearly none.
    names: bool,
}

impl Scrubber {
    /// Scrubs a whole body.
    pub(super) fn value(&mut self, about: Option<About>, value: &mut Value) {
        let (rule, name) = about.as_ref().map_or((None, ""), |about| (Some(about.rule), about.name.as_str()));
        let place = Place { object: name, key: "value", rule, names: false };
        if let Value::Array(operations) = value
            && operations.iter().all(|operation| operation.get("op").is_some())
        {
            operations.iter_mut().for_each(|operation| self.operation(operation, place));
            return;
        }
        if let (Some(about), Value::Object(map)) = (&about, &mut *value)
            && about.patch
        {
            // A patch need not say its kind.
            let name = object_name(map, name);
            self.fields(map, about.rule, &name);
        }
        self.walk(value, place);
    }

    /// One operation of a JSON patch.
    fn operation(&mut self, operation: &mut Value, place: Place<'_>) {
        let path = operation.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(value) = operation.get_mut("value") else { return };
        let segments: Vec<String> =
            path.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
        let key = segments.last().map_or("value", String::as_str).to_owned();
        if defaults().annotations.contains(&key) {
            *value = Value::String(String::new());
            return;
        }
        let place = Place { key: &key, ..place };
        let Some(rule) = place.rule else { return self.walk(value, Place { rule: None, ..place }) };
        if segments.is_empty() {
            if let Value::Object(map) = value {
                self.fields(map, rule, place.object);
            }
            return self.walk(value, place);
        }
        for field in &rule.fields {
            let names: Vec<&str> = field.split('.').collect();
            let coded = rule.base64.contains(field);
            if segments.iter().map(String::as_str).take(names.len()).eq(names.iter().copied()) {
                return self.secret(value, &key, place.object, coded);
            }
        }
        self.walk(value, Place { rule: None, ..place });
    }

    fn walk(&mut self, value: &mut Value, place: Place<'_>) {
        match value {
            Value::Object(map) => self.object(map, place),
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, place)),
            Value::String(text) => self.scan(text, place.key, place.object, place.names),
            _ => {}
        }
    }

    fn object(&mut self, map: &mut Map<String, Value>, place: Place<'_>) {
        let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let rule = defaults().by_kind(&kind).or(place.rule.filter(|_| kind.is_empty()));
        let name = object_name(map, place.object);
        if let Some(rule) = rule {
            self.fields(map, rule, &name);
        }
        drop_annotations(map.get_mut("annotations"));
        self.keys(map);
        let items = list_rule(&kind).or(place.rule.filter(|rule| kind == format!("{}List", rule.kind)));
        let is_data = matches!(place.key, "data" | "stringData" | "binaryData" | "annotations" | "env");
        for (key, value) in map.iter_mut() {
            let names = place.names || (!is_data && defaults().is_identity(key));
            let rule = items.filter(|_| key == "items");
            self.walk(value, Place { object: &name, key, rule, names });
        }
    }

    /// Keys that hold a secret's value.
    fn keys(&mut self, map: &mut Map<String, Value>) {
        let found: Vec<(String, String)> = map
            .keys()
            .filter(|key| key.len() >= 8)
            .filter_map(|key| Some((key.clone(), self.vault.replace(key, true)?)))
            .collect();
        for (key, clean) in found {
            if let Some(value) = map.remove(&key) {
                map.insert(clean, value);
            }
        }
    }

    /// The secret fields of an object.
    fn fields(&mut self, map: &mut Map<String, Value>, rule: &ObjectRule, name: &str) {
        for field in &rule.fields {
            let first = field.split('.').next().unwrap_or(field);
            let rest = &field[first.len()..];
            let value = map.get_mut(first).and_then(|value| value.pointer_mut(&rest.replace('.', "/")));
            if let Some(value) = value {
                let key = field.rsplit('.').next().unwrap_or(field);
                self.secret(value, key, name, rule.base64.contains(field));
            }
        }
    }

    /// A value that is secret, or a map of such values.
    fn secret(&mut self, value: &mut Value, key: &str, object: &str, coded: bool) {
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut().filter(|(key, _)| !key.starts_with('$')) {
                    self.secret(value, key, object, coded);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.secret(item, key, object, coded)),
            Value::Null => {}
            Value::String(text) if text.is_empty() || is_symbol(text) => {}
            other => {
                let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                let plain = if coded { plain_of(&text) } else { text };
                let hint = if object.is_empty() { key.to_owned() } else { format!("{object}.{key}") };
                let hunted = !defaults().public.iter().any(|public| public == key);
                let name = self.vault.learn(&plain, &hint, hunted);
                self.inner(&plain, &hint);
                *other = Value::String(symbol(&name, 0));
            }
        }
    }

    /// Learns the credentials inside a secret, such as the token of a kubeconfig, which may turn up alone.
    fn inner(&mut self, plain: &str, hint: &str) {
        for (range, _) in detect::spans(plain) {
            if range.len() < plain.len() {
                self.vault.learn(&plain[range], hint, true);
            }
        }
    }

    /// A text that may hold secrets.
    pub(super) fn scan(&mut self, text: &mut String, key: &str, object: &str, is_name: bool) {
        if text.len() < 8 {
            return;
        }
        if let Some(clean) = self.vault.replace(text, is_name) {
            *text = clean;
        }
        self.embedded(text, object);
        let hint = if object.is_empty() { key.to_owned() } else { format!("{object}.{key}") };
        let found = detect::spans(text);
        for (range, _) in found.into_iter().rev() {
            if !is_symbol(&text[range.clone()]) {
                let name = self.vault.learn(&text[range.clone()], &hint, true);
                text.replace_range(range, &symbol(&name, 0));
            }
        }
        self.coded(text, &hint);
    }

    /// A JSON text that holds a Secret is scrubbed as JSON.
    fn embedded(&mut self, text: &mut String, object: &str) {
        if !(text.starts_with(['{', '[']) && text.contains("Secret")) {
            return;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return };
        let before = value.clone();
        self.walk(&mut value, Place { object, key: "text", rule: None, names: false });
        if value != before {
            *text = value.to_string();
        }
    }

    /// Base64 of a text that holds a secret becomes a symbol as a whole.
    fn coded(&mut self, text: &mut String, hint: &str) {
        let Some(once) = decoded(text) else { return };
        let dirty = |scrubber: &Self, text: &str| {
            !detect::spans(text).is_empty() || scrubber.vault.replace(text, false).is_some()
        };
        let depth = match decoded(&once) {
            _ if dirty(self, &once) => 1,
            Some(twice) if dirty(self, &twice) => 2,
            _ => return,
        };
        let plain = if depth == 1 { once } else { decoded(&once).unwrap_or_default() };
        let name = self.vault.learn(&plain, hint, true);
        *text = symbol(&name, depth);
    }
}

fn is_symbol(text: &str) -> bool {
    next_symbol(text).is_some_and(|(before, _, _, after)| before.is_empty() && after.is_empty())
}

/// The text behind base64; what is no text stays as it is.
fn plain_of(text: &str) -> String {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

fn object_name(map: &Map<String, Value>, outer: &str) -> String {
    let metadata = map.get("metadata");
    let field = |key| metadata.and_then(|m| m.get(key)).and_then(Value::as_str);
    field("name").or(field("generateName")).unwrap_or(outer).to_owned()
}

fn drop_annotations(annotations: Option<&mut Value>) {
    if let Some(Value::Object(annotations)) = annotations {
        annotations.retain(|key, _| !defaults().annotations.contains(key));
    }
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
