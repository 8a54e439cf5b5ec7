use super::{Kind, Schema, Zero};
use serde_json::{Map, Value};

impl Schema {
    /// The empty object of a kind, as the server writes it: built-in types have members that are always there.
    pub fn zero(&self) -> Value {
        let fields = self
            .shape()
            .properties
            .iter()
            .filter_map(|(key, field)| Some((key.clone(), field.zero_field()?)));
        Value::Object(fields.collect())
    }

    fn zero_field(&self) -> Option<Value> {
        match (self.zero, &self.default) {
            (Zero::Kept | Zero::Struct, Some(Value::Object(_))) => Some(self.zero()),
            (Zero::Kept, Some(default)) => Some(default.clone()),
            (Zero::Kept, None) if matches!(self.kind(), Some(Kind::Boolean)) => Some(Value::Bool(false)),
            (Zero::Kept | Zero::Struct, None) => Some(Value::Null),
            _ => None,
        }
    }

    /// A value of a built-in type as the server writes it back: empty members are left out or written as their
    /// type has it.
    pub fn normalized(&self, value: Value) -> Value {
        match value {
            Value::Object(members) if self.shape().properties.is_empty() => {
                let inner = self.shape().additional.as_deref();
                let member = |(key, value)| {
                    (
                        key,
                        match inner {
                            Some(inner) => inner.normalized(value),
                            None => value,
                        },
                    )
                };
                // A map has no order to keep and no member to add.
                Value::Object(members.into_iter().map(member).collect())
            }
            Value::Object(members) => Value::Object(self.normalized_members(members)),
            Value::Array(items) => match self.item() {
                Some(item) => Value::Array(items.into_iter().map(|value| item.normalized(value)).collect()),
                None => Value::Array(items),
            },
            Value::String(text) if self.format() == Some("date-time") => {
                Value::String(in_utc(text, self.shape().name == Some("MicroTime")))
            }
            other => other,
        }
    }

    fn normalized_members(&self, mut members: Map<String, Value>) -> Map<String, Value> {
        for (key, field) in &self.shape().properties {
            let value =
                members.remove(key).map(|value| field.normalized(value)).filter(|value| !value.is_null());
            let kept = match (field.zero, value) {
                (Zero::Pointer, value) => value,
                (Zero::Dropped, value) => value.filter(|value| !is_zero(value)),
                (Zero::DroppedStruct, value) => value.filter(|value| !is_zero(value)),
                (Zero::Kept | Zero::Struct, None) => field.zero_field(),
                (Zero::Kept | Zero::Struct, value) => value,
            };
            members.extend(kept.map(|value| (key.clone(), value)));
        }
        members
    }
}

/// A time as the server writes it back.
fn in_utc(text: String, micro: bool) -> String {
    let plain = text.ends_with('Z') && (micro || !text.contains('.'));
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if !plain && micro => format!("{time:.6}"),
        Ok(time) if !plain => {
            format!("{:.0}", jiff::Timestamp::from_second(time.as_second()).unwrap_or(time))
        }
        _ => text,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::schema::Definitions;
    use serde_json::json;

    #[test]
    fn the_empty_deployment_has_the_structs_that_are_always_there() {
        let deployment = Definitions::latest().kind("apps", "v1", "Deployment").unwrap();
        assert_eq!(
            deployment.zero(),
            json!({
                "metadata": {},
                "spec": {
                    "selector": null, "strategy": {},
                    "template": {"metadata": {}, "spec": {"containers": null}},
                },
                "status": {},
            })
        );
    }

    #[test]
    fn times_are_written_in_utc() {
        let lease = Definitions::latest().kind("coordination.k8s.io", "v1", "Lease").unwrap();
        let given = json!({"metadata": {}, "spec": {"renewTime": "2024-05-01T10:00:00.000000+02:00"}});
        assert_eq!(lease.normalized(given)["spec"]["renewTime"], "2024-05-01T08:00:00.000000Z");
    }

    #[test]
    fn empty_members_are_written_as_their_type_has_it() {
        let pod = Definitions::latest().kind("", "v1", "Pod").unwrap();
        let given = json!({
            "metadata": {"name": "p", "labels": {}, "creationTimestamp": null},
            "spec": {
                "hostNetwork": false, "automountServiceAccountToken": false, "nodeSelector": {},
                "containers": [{"name": "c", "args": [], "env": [{"name": "A", "value": ""}]}],
            },
        });
        assert_eq!(
            pod.normalized(given),
            json!({
                "metadata": {"name": "p"},
                "spec": {
                    "automountServiceAccountToken": false,
                    "containers": [{"name": "c", "env": [{"name": "A"}], "resources": {}}],
                },
                "status": {},
            })
        );
    }
}
