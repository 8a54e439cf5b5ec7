use serde_json::Value;

/// A way to values in an object: `spec.replicas`, `status.conditions[].message`, `metadata.annotations[a.b/c]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    /// `[]` or `*`: every value of a list or map.
    Each,
}

impl Path {
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((inner, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                parts.push(if inner.is_empty() { Part::Each } else { Part::Key(inner.to_owned()) });
                rest = after;
                continue;
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            match &rest[..end] {
                "" => {}
                "*" => parts.push(Part::Each),
                key => parts.push(Part::Key(key.to_owned())),
            }
            rest = &rest[end..];
        }
        Self(parts)
    }

    /// Puts `with` in the place of all values that it leads to; takes them away when there is none.
    pub(super) fn replace(&self, value: &mut Value, with: Option<&str>) {
        replace(&self.0, value, with);
    }
}

fn replace(parts: &[Part], value: &mut Value, with: Option<&str>) {
    let Some((first, rest)) = parts.split_first() else { return };
    match (first, value) {
        (Part::Key(key), Value::Object(map)) if rest.is_empty() => match with {
            Some(with) => {
                if let Some(value) = map.get_mut(key) {
                    *value = Value::String(with.to_owned());
                }
            }
            None => drop(map.remove(key)),
        },
        (Part::Key(key), Value::Object(map)) => {
            if let Some(value) = map.get_mut(key) {
                replace(rest, value, with);
            }
        }
        (Part::Each, Value::Object(map)) => map.values_mut().for_each(|value| each(rest, value, with)),
        (Part::Each, Value::Array(items)) => items.iter_mut().for_each(|value| each(rest, value, with)),
        _ => {}
    }
}

fn each(rest: &[Part], value: &mut Value, with: Option<&str>) {
    if rest.is_empty() {
        *value = with.map_or(Value::Null, |with| Value::String(with.to_owned()));
    } else {
        replace(rest, value, with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_through_lists_and_to_keys_with_dots() {
        let mut object = json!({"a": {"b.c/d": 1, "e": [{"f": 1, "g": 2}, {"f": 3}]}});
        Path::parse("a[b.c/d]").replace(&mut object, Some("$x"));
        Path::parse("a.e[].f").replace(&mut object, Some("$y"));
        Path::parse("a.e.*.g").replace(&mut object, None);
        Path::parse("no.such").replace(&mut object, Some("$z"));
        assert_eq!(object, json!({"a": {"b.c/d": "$x", "e": [{"f": "$y"}, {"f": "$y"}]}}));
    }
}
