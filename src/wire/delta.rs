use serde_json::{Map, Value};
use std::fmt;

/// Fields by which the items of a list are told apart, the surest first.
const KEYS: [&str; 10] =
    ["name", "type", "uid", "key", "ip", "containerPort", "port", "mountPath", "path", "topologyKey"];

/// One field that two values do not share.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `spec.template.spec.containers[name=web].image`.
    pub path: String,
    /// What the old value had; `None` when the field is new.
    pub old: Option<Value>,
    /// What the new value has; `None` when the field is gone.
    pub new: Option<Value>,
}

/// `spec.image  nginx:1.27 → nginx:1.28`; `-` for what is not there.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {} → {}", self.path, word(self.old.as_ref()), word(self.new.as_ref()))
    }
}

impl Change {
    /// The same for narrow columns, with the last field alone: `image: nginx:1.27 → nginx:1.28`.
    pub fn short(&self) -> String {
        let field = last_field(&self.path);
        match (&self.old, &self.new) {
            (None, Some(new)) => format!("{field}: {}", word(Some(new))),
            (Some(_), None) => format!("{field} gone"),
            (old, new) => format!("{field}: {} → {}", word(old.as_ref()), word(new.as_ref())),
        }
    }
}

/// The last field of a path, with the list item it stands in.
fn last_field(path: &str) -> &str {
    let mut depth = 0usize;
    for (at, letter) in path.char_indices().rev() {
        match letter {
            ']' => depth += 1,
            '[' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => return &path[at + 1..],
            _ => {}
        }
    }
    path
}

/// Long values are cut: a change is a line for people.
fn word(value: Option<&Value>) -> String {
    let text = match value {
        None => return "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let text = text.replace('\n', "\\n");
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("…".chars()).collect() }
}

/// The fields in which two values differ, in the order of their names. Items of lists are paired by their
/// `name`, `type` or similar where every item has one, else by position.
pub fn delta(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(String::new(), Some(old), Some(new), &mut changes);
    changes
}

fn compare(path: String, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => objects(&path, a, b, changes),
        (Some(Value::Array(a)), Some(Value::Array(b))) => lists(&path, a, b, changes),
        // A whole new object is told field by field, since its parts are what people look for.
        (None, Some(Value::Object(b))) if !b.is_empty() => objects(&path, &Map::new(), b, changes),
        (Some(Value::Object(a)), None) if !a.is_empty() => objects(&path, a, &Map::new(), changes),
        (old, new) => changes.push(Change { path, old: old.cloned(), new: new.cloned() }),
    }
}

fn objects(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, changes: &mut Vec<Change>) {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        compare(field(path, key), old.get(key), new.get(key), changes);
    }
}

fn field(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_$".contains(c));
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{key}]"),
    }
}

fn lists(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let Some(key) = list_key(old, new) else {
        for at in 0..old.len().max(new.len()) {
            compare(format!("{path}[{at}]"), old.get(at), new.get(at), changes);
        }
        return;
    };
    let find = |items: &[Value], name: &Value| items.iter().position(|item| item.get(key) == Some(name));
    for item in old {
        let name = &item[key];
        let other = find(new, name).map(|at| &new[at]);
        compare(format!("{path}[{key}={}]", word(Some(name))), Some(item), other, changes);
    }
    for item in new.iter().filter(|item| find(old, &item[key]).is_none()) {
        compare(format!("{path}[{key}={}]", word(Some(&item[key]))), None, Some(item), changes);
    }
}

/// The field that tells the items of both lists apart, if there is one.
pub(crate) fn list_key(old: &[Value], new: &[Value]) -> Option<&'static str> {
    if old.is_empty() && new.is_empty() {
        return None;
    }
    let unique = |items: &[Value], key: &str| {
        let mut names: Vec<String> = Vec::new();
        items.iter().all(|item| match item.get(key) {
            Some(Value::Null | Value::Object(_) | Value::Array(_)) | None => false,
            Some(name) => {
                names.push(name.to_string());
                names[..names.len() - 1].iter().all(|other| *other != names[names.len() - 1])
            }
        })
    };
    KEYS.into_iter().find(|key| unique(old, key) && unique(new, key))
}

/// Whether a whole text is an RFC 3339 time, as Kubernetes writes times.
pub fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    (20..=35).contains(&bytes.len())
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes[0].is_ascii_digit()
        && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_told_by_path_and_list_key() {
        let old = json!({"spec": {"replicas": 2, "containers": [{"name": "a"}, {"name": "web", "image": "nginx:1.27"}],
            "list": [1, 2]}, "metadata": {"annotations": {"a.b/c": "x"}, "gone": {"in": 1}}});
        let new = json!({"spec": {"replicas": 3, "containers": [{"name": "web", "image": "nginx:1.28"}, {"name": "a"}],
            "list": [1]}, "metadata": {"annotations": {"a.b/c": ""}}, "new": {"deep": true}});
        let text: Vec<String> = delta(&old, &new).iter().map(ToString::to_string).collect();
        let expected = [
            "metadata.annotations[a.b/c]  x → \"\"",
            "metadata.gone.in  1 → -",
            "new.deep  - → true",
            "spec.containers[name=web].image  nginx:1.27 → nginx:1.28",
            "spec.list[1]  2 → -",
            "spec.replicas  2 → 3",
        ];
        assert_eq!(text, expected);
        assert_eq!(delta(&old, &old), []);
        let short: Vec<String> = delta(&old, &new).iter().map(Change::short).collect();
        assert_eq!(short[2..4], ["deep: true", "image: nginx:1.27 → nginx:1.28"]);
    }

    #[test]
    fn times_are_whole_rfc_3339_texts() {
        for time in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000123Z", "2026-01-02T03:04:05+02:00"] {
            assert!(is_time(time), "{time}");
        }
        for other in ["2026-01-02", "2026-01-02T03:04:05", "at 2026-01-02T03:04:05Z", ""] {
            assert!(!is_time(other), "{other}");
        }
    }
}
