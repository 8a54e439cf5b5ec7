//! What is sent: recorded paths and bodies with the live values in them.

use super::{
    compare::{Judge, Owner, identity, version_key},
    json::text,
    volatile::{Class, seconds, time_like},
};
use serde_json::{Value, json};

impl Judge {
    /// A path as it is to be asked now.
    pub(crate) fn live_path(&self, path: &str) -> String {
        let Some((path, query)) = path.split_once('?') else { return self.live_text(path) };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some(("resourceVersion", value)) => format!("resourceVersion={}", self.map.revision_asked(value)),
            Some(("continue", value)) => {
                let live = self.map.live(Class::Continue, &value.replace("%3D", "="));
                format!("continue={}", live.unwrap_or(value))
            }
            _ => self.live_text(pair),
        });
        format!("{}?{}", self.live_text(path), pairs.collect::<Vec<_>>().join("&"))
    }

    /// A body as it is to be sent now: with live values, and times moved by as much as the whole run.
    pub(crate) fn live_body(&mut self, body: &Value, path: &str, owner: &Owner, moved: f64) -> Value {
        match body {
            Value::Object(map) => {
                let meta = &body["metadata"];
                let (uid, version) = (text(meta, "uid").to_owned(), text(meta, "resourceVersion").to_owned());
                let own = Owner { uid, version, base: path.len() };
                let owner = if own.uid.is_empty() { owner } else { &own };
                let patched = text(body, "path").ends_with("/resourceVersion");
                let mut live = serde_json::Map::new();
                for (key, value) in map {
                    let value = match value {
                        Value::String(text) if key == "resourceVersion" || (patched && key == "value") => {
                            json!(self.map.revision_sent(text))
                        }
                        Value::Number(port) if key == "nodePort" => {
                            let live = self.map.live(Class::Port, &port.to_string());
                            live.and_then(|port| port.parse::<u64>().ok()).map_or(value.clone(), Value::from)
                        }
                        Value::Array(entries) if key == "managedFields" => {
                            self.live_entries(entries, &format!("{path}.{key}"), owner, moved)
                        }
                        _ => self.live_body(value, &format!("{path}.{key}"), owner, moved),
                    };
                    live.insert(key.clone(), value);
                }
                Value::Object(live)
            }
            Value::Array(items) => {
                let all = items.iter().enumerate();
                all.map(|(index, item)| self.live_body(item, &format!("{path}[{index}]"), owner, moved))
                    .collect()
            }
            Value::String(text) => Value::String(self.live_sent(text, path, owner, moved)),
            _ => body.clone(),
        }
    }

    /// Entries of managedFields are known by their rank among sorted ones.
    fn live_entries(&mut self, entries: &[Value], path: &str, owner: &Owner, moved: f64) -> Value {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|index| identity(&entries[*index]));
        let rank = |index: usize| order.iter().position(|own| *own == index).unwrap_or(index);
        let all = entries.iter().enumerate();
        all.map(|(index, entry)| self.live_body(entry, &format!("{path}[{}]", rank(index)), owner, moved))
            .collect()
    }

    fn live_sent(&mut self, text: &str, path: &str, owner: &Owner, moved: f64) -> String {
        let parts = self.volatile.split(text);
        let mut live = String::new();
        for part in &parts.pieces {
            match part.class {
                Some(Class::Time) => live += &self.time_sent(&part.text, path, owner, moved),
                Some(class) => live += self.map.live(class, &part.text).unwrap_or(&part.text),
                None => live += &part.text,
            }
        }
        live
    }

    /// A time that was seen in this version, that was sent or seen before, or the same distance from now.
    fn time_sent(&mut self, recorded: &str, path: &str, owner: &Owner, moved: f64) -> String {
        if let Some(seen) = self.map.time_of(&version_key(owner, path, recorded)) {
            return seen.to_owned();
        }
        if let Some(seen) = self.map.sent.get(recorded).or_else(|| self.map.latest.get(recorded)) {
            return seen.clone();
        }
        let live = time_like(seconds(recorded) + moved, recorded);
        self.map.sent.insert(recorded.to_owned(), live.clone());
        live
    }
}
