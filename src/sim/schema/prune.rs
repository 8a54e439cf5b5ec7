use super::{Kind, Schema};
use serde_json::Value;

impl Schema {
    /// Takes away what the type does not know, and says what that was: `spec.a[0].b`. Whole numbers lose their
    /// fraction: `2.0` becomes `2`.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        self.prune_below(object, "", &mut unknown);
        unknown
    }

    fn prune_below(&self, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
        let shape = self.shape();
        match value {
            Value::Object(members) => {
                let free = shape.preserve_unknown || shape.kind != Some(Kind::Object);
                members.retain(|key, value| {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    match shape.member(key) {
                        Some(member) => member.prune_below(value, &path, unknown),
                        None if free => {}
                        None => {
                            unknown.push(path);
                            return false;
                        }
                    }
                    true
                });
            }
            Value::Array(items) => {
                for (at, value) in items.iter_mut().enumerate() {
                    if let Some(item) = shape.item() {
                        item.prune_below(value, &format!("{path}[{at}]"), unknown);
                    }
                }
            }
            // A whole number is written without a fraction.
            Value::Number(number) if number.is_f64() => {
                #[allow(clippy::cast_possible_truncation)]
                let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15);
                #[allow(clippy::cast_possible_truncation)]
                if let Some(whole) = whole {
                    *value = Value::from(whole as i64);
                }
            }
            _ => {}
        }
    }

    /// Takes away the nulls of fields that may not be null and have no default, as a custom resource is read.
    pub fn drop_nulls(&self, object: &mut Value) {
        match object {
            Value::Object(members) => {
                members.retain(|key, value| match self.member(key) {
                    Some(member) if value.is_null() => member.nullable || member.default.is_some(),
                    _ => true,
                });
                for (key, value) in members {
                    if let Some(member) = self.member(key) {
                        member.drop_nulls(value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(item) = self.item() {
                    items.iter_mut().for_each(|value| item.drop_nulls(value));
                }
            }
            _ => {}
        }
    }

    /// Fills in the defaults of a custom resource: below what is there, and below what it fills in.
    pub fn fill(&self, object: &mut Value) {
        match object {
            Value::Object(members) => {
                let shape = self.shape();
                for (key, field) in &shape.properties {
                    let Some(default) = &field.default else { continue };
                    if !members.contains_key(key) {
                        members.insert(key.clone(), default.clone());
                    }
                }
                for (key, value) in members {
                    let Some(member) = shape.member(key) else { continue };
                    if let (true, Some(default)) = (value.is_null() && !member.nullable, &member.default) {
                        *value = default.clone();
                    }
                    member.fill(value);
                }
            }
            Value::Array(items) => {
                let Some(item) = self.item() else { return };
                for value in items {
                    if let (true, Some(default)) = (value.is_null() && !item.nullable, &item.default) {
                        *value = default.clone();
                    }
                    item.fill(value);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schema::Definitions;
    use serde_json::json;

    fn custom() -> Schema {
        Schema::custom(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "mode": {"type": "string", "default": "auto"},
            "note": {"type": "string", "nullable": true},
            "plain": {"type": "string"},
            "nested": {"type": "object", "default": {}, "properties": {"level": {"type": "integer", "default": 1}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "items": {"type": "array", "items": {"type": "object", "properties": {
                "n": {"type": "string"}, "v": {"type": "string", "default": "d"},
            }}},
            "inner": {"type": "object", "x-kubernetes-embedded-resource": true,
                "x-kubernetes-preserve-unknown-fields": true},
        }}}}))
    }

    #[test]
    fn what_is_unknown_goes_and_is_named() {
        let mut object = json!({
            "apiVersion": "g/v1", "kind": "K", "extra": 1,
            "metadata": {"name": "a", "labels": {"x": "y"}, "nonsense": 1},
            "spec": {"free": {"x": {"y": 1}}, "items": [{"n": "a", "q": 1}], "bogus": 1,
                "inner": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "p", "bad": 1}, "other": 1}},
        });
        let unknown = custom().prune(&mut object);
        assert_eq!(
            unknown,
            ["extra", "metadata.nonsense", "spec.bogus", "spec.inner.metadata.bad", "spec.items[0].q"]
        );
        assert_eq!(object["spec"]["free"], json!({"x": {"y": 1}}));
        assert_eq!(object["spec"]["inner"]["other"], 1);
    }

    #[test]
    fn nulls_go_unless_they_are_allowed_and_defaults_come_back() {
        let mut object = json!({"spec": {"mode": null, "note": null, "plain": null, "items": [{"n": "a"}]}});
        custom().drop_nulls(&mut object);
        custom().fill(&mut object);
        assert_eq!(
            object,
            json!({"spec": {"mode": "auto", "note": null, "nested": {"level": 1}, "items": [{"n": "a", "v": "d"}]}})
        );
        let mut bare = json!({});
        custom().fill(&mut bare);
        assert_eq!(bare, json!({}), "a missing parent gets nothing");
    }

    #[test]
    fn built_in_types_know_their_fields() {
        let pod = Definitions::latest().kind("", "v1", "Pod").unwrap();
        let mut object =
            json!({"spec": {"containers": [{"name": "a", "imagee": "x"}], "nodeSelector": {"any": "x"}}});
        assert_eq!(pod.prune(&mut object), ["spec.containers[0].imagee"]);
    }
}
