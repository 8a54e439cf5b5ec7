use super::{Kind, Schema};
use serde_json::Value;

/// The layout of a MicroTime, as Go spells it.
const MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";
/// The layout of a Time.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";

impl Schema {
    /// Why Go could not decode a value into the built-in type; `None` when it can.
    pub fn decode_error(&self, object: &Value) -> Option<String> {
        let name = self.shape().name.unwrap_or_default();
        self.decode_below(object, &Place { owner: name, path: "", go: None })
    }

    fn decode_below(&self, value: &Value, place: &Place) -> Option<String> {
        let shape = self.shape();
        if value.is_null() || shape.is_free() {
            return None;
        }
        if self.is_int_or_string() {
            let other = shape.name == Some("IntOrString") && !value.is_string() && !value.is_number();
            return other.then(|| place.error(go_kind(value), "int32"));
        }
        match (self.kind()?, value) {
            (Kind::Object, Value::Object(members)) => {
                members.iter().find_map(|(key, value)| match shape.field(key) {
                    Some(field) => {
                        let path = place.joined(key);
                        let owner = shape.name.unwrap_or(place.owner);
                        field.decode_below(value, &Place { owner, path: &path, go: field.go.as_deref() })
                    }
                    None => {
                        let go = place.go.and_then(|go| go.split_once(']')).map(|(_, value)| value);
                        shape.member(key)?.decode_below(value, &Place { go, ..*place })
                    }
                })
            }
            (Kind::Array, Value::Array(items)) => {
                let item = shape.item()?;
                let place = Place { go: place.go.and_then(|go| go.strip_prefix("[]")), ..*place };
                items.iter().find_map(|value| item.decode_below(value, &place))
            }
            (Kind::String, Value::String(text)) => match self.format() {
                Some("date-time") => time_error(text, shape.name == Some("MicroTime")),
                Some("byte") => base64_error(text),
                _ => None,
            },
            (Kind::Boolean, Value::Bool(_)) => None,
            (Kind::Number, Value::Number(_)) => None,
            (Kind::Integer, Value::Number(number)) => {
                let fits = match (self.format(), number.as_i64()) {
                    (Some("int32"), Some(number)) => i32::try_from(number).is_ok(),
                    (_, number) => number.is_some(),
                };
                (!fits).then(|| place.error(&format!("number {number}"), &self.go_type(place)))
            }
            (_, other) => Some(place.error(go_kind(other), &self.go_type(place))),
        }
    }

    /// Why a strategic merge patch cannot be turned back into the built-in type; `None` when it can.
    pub fn restore_error(&self, patch: &Value) -> Option<String> {
        let shape = self.shape();
        if patch.is_null() || self.is_int_or_string() || shape.is_free() {
            return None;
        }
        let go = match patch {
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float64",
            Value::Number(_) => "int64",
            Value::String(_) => "string",
            Value::Array(_) => "slice",
            _ => "map",
        };
        match (self.kind()?, patch) {
            (Kind::Object, Value::Object(members)) => {
                members.iter().find_map(|(key, value)| shape.member(key)?.restore_error(value))
            }
            (Kind::Array, Value::Array(items)) => {
                let item = shape.item()?;
                items.iter().find_map(|value| item.restore_error(value))
            }
            (Kind::Object, _) if shape.name.is_some() => Some(format!("cannot restore struct from: {go}")),
            (Kind::Object, _) => Some(format!("cannot restore map from: {go}")),
            (Kind::Array, _) => Some(format!("cannot restore slice from: {go}")),
            (Kind::Integer | Kind::Number, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => None,
            (Kind::String, Value::String(_)) => None,
            (Kind::String, _) => Some(format!("cannot convert {go} to string")),
            (Kind::Boolean, _) => Some("unrecognized type: bool".to_owned()),
            (_, _) => Some(format!("unrecognized type: {}", self.format().unwrap_or("int64"))),
        }
    }

    /// The Go type that Go names in an error.
    fn go_type(&self, place: &Place) -> String {
        let shape = self.shape();
        match (place.go.or(self.go.as_deref()), self.kind()) {
            (Some(go), _) => go.replace("[]byte", "[]uint8"),
            (_, Some(Kind::Array)) => {
                let item = shape.item().map(|item| item.go_type(&Place { go: None, ..*place }));
                format!("[]{}", item.unwrap_or_default())
            }
            (_, Some(Kind::Object)) => match (shape.name, &shape.additional) {
                (Some(name), _) => format!("v1.{name}"),
                (None, Some(inner)) => format!("map[string]{}", inner.go_type(&Place { go: None, ..*place })),
                _ => "map[string]interface {}".to_owned(),
            },
            (_, Some(Kind::Integer)) => self.format().unwrap_or("int64").to_owned(),
            (_, Some(Kind::Boolean)) => "bool".to_owned(),
            (_, Some(Kind::Number)) => "float64".to_owned(),
            _ => "string".to_owned(),
        }
    }
}

/// Where a value stands: the struct that has the field, the path of names to it, and its Go type where unusual.
#[derive(Clone, Copy)]
struct Place<'a> {
    owner: &'a str,
    path: &'a str,
    go: Option<&'a str>,
}

impl Place<'_> {
    fn joined(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn error(&self, what: &str, of: &str) -> String {
        let field = if self.path.is_empty() {
            "value".to_owned()
        } else {
            format!("struct field {}.{}", self.owner, self.path)
        };
        format!("json: cannot unmarshal {what} into Go {field} of type {of}")
    }
}

/// What Go's decoder calls a JSON value.
pub fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What Go says of a time that it cannot read: what is left of the text where it does not fit the layout.
fn time_error(text: &str, micro: bool) -> Option<String> {
    let layout = if micro { MICRO } else { SECONDS };
    let digits = |at: usize, count: usize| {
        text.get(at..at + count).is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()))
    };
    let fail = |at: usize, part: &str| {
        let rest = text.get(at.min(text.len())..).unwrap_or_default();
        Some(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {part:?}"))
    };
    let parts = [
        ("2006", 4),
        ("-", 0),
        ("01", 2),
        ("-", 0),
        ("02", 2),
        ("T", 0),
        ("15", 2),
        (":", 0),
        ("04", 2),
        (":", 0),
        ("05", 2),
    ];
    let mut at = 0;
    for (part, count) in parts {
        let fits = if count == 0 { text.get(at..at + 1) == Some(part) } else { digits(at, count) };
        if !fits {
            return fail(at, part);
        }
        at += count.max(1);
    }
    let fraction =
        text[at..].strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    match (micro, fraction) {
        (true, 6) => at += 7,
        (true, _) => return fail(at, ".000000"),
        (false, 0) => {}
        (false, count) => at += count + 1,
    }
    let zone = &text[at..];
    let offset = zone.len() == 6
        && zone.starts_with(['+', '-'])
        && digits(at + 1, 2)
        && digits(at + 4, 2)
        && zone.as_bytes()[3] == b':';
    if zone != "Z" && !offset {
        return fail(at, "Z07:00");
    }
    let number = |at: usize| text[at..at + 2].parse::<u8>().unwrap_or_default();
    let day = format!("{}-{}-{}", &text[..4], &text[5..7], &text[8..10]).parse::<jiff::civil::Date>();
    let wrong = match () {
        () if !(1..=12).contains(&number(5)) => "month",
        () if day.is_err() => "day",
        () if number(11) > 23 => "hour",
        () if number(14) > 59 => "minute",
        () if number(17) > 59 => "second",
        () => return None,
    };
    Some(format!("parsing time {text:?}: {wrong} out of range"))
}

fn base64_error(text: &str) -> Option<String> {
    let at = base64_end(text.as_bytes())?;
    Some(format!("illegal base64 data at input byte {at}"))
}

/// Where base64 stops to be base64: four letters at a time, filled up with `=` at the end alone.
fn base64_end(text: &[u8]) -> Option<usize> {
    let mut letters = text.iter().enumerate().filter(|(_, byte)| !b"\r\n".contains(byte));
    let mut count = 0;
    while let Some((at, byte)) = letters.next() {
        match byte {
            b'=' if count % 4 < 2 => return Some(at),
            b'=' => {
                if count % 4 == 2 {
                    match letters.next() {
                        None => return Some(text.len()),
                        Some((at, byte)) if *byte != b'=' => return Some(at - 1),
                        Some(_) => {}
                    }
                }
                return letters.next().map(|(at, _)| at);
            }
            byte if byte.is_ascii_alphanumeric() || b"+/".contains(byte) => count += 1,
            _ => return Some(at),
        }
    }
    (count % 4 != 0).then(|| text.len() - count % 4)
}

#[cfg(test)]
mod tests {
    use crate::sim::schema::Definitions;
    use serde_json::{Value, json};

    fn error(group: &str, kind: &str, object: Value) -> Option<String> {
        Definitions::latest().kind(group, "v1", kind).unwrap().decode_error(&object)
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_as_go_does() {
        let into = |what: &str, place: &str| {
            Some(format!("json: cannot unmarshal {what} into Go struct field {place}"))
        };
        assert_eq!(
            error("", "ConfigMap", json!({"data": {"k": 1}})),
            into("number", "ConfigMap.data of type string")
        );
        assert_eq!(
            error("", "ConfigMap", json!({"data": 5})),
            into("number", "ConfigMap.data of type map[string]string")
        );
        assert_eq!(
            error("apps", "Deployment", json!({"spec": {"replicas": "x"}})),
            into("string", "DeploymentSpec.spec.replicas of type int32")
        );
        assert_eq!(
            error("", "Pod", json!({"metadata": {"name": true}})),
            into("bool", "ObjectMeta.metadata.name of type string")
        );
        assert_eq!(error("apps", "Deployment", json!({"spec": {"replicas": 3, "selector": null}})), None);
    }

    #[test]
    fn a_patch_that_does_not_fit_is_named_as_the_server_does() {
        let deployment = Definitions::latest().kind("apps", "v1", "Deployment").unwrap();
        for (patch, expected) in [
            (json!({"spec": "x"}), "cannot restore struct from: string"),
            (json!({"spec": {"replicas": "5"}}), "unrecognized type: int32"),
            (json!({"spec": {"template": {"spec": {"nodeName": 5}}}}), "cannot convert int64 to string"),
        ] {
            assert_eq!(deployment.restore_error(&patch).as_deref(), Some(expected));
        }
        assert_eq!(deployment.restore_error(&json!({"spec": {"replicas": 5, "$patch": "replace"}})), None);
    }

    #[test]
    fn times_are_read_as_go_reads_them() {
        let lease = |time: &str| error("coordination.k8s.io", "Lease", json!({"spec": {"renewTime": time}}));
        assert_eq!(
            lease("2024-05-01").unwrap(),
            "parsing time \"2024-05-01\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"\" as \"T\""
        );
        assert_eq!(lease("2024-05-01T10:00:00.000000Z"), None);
        assert!(lease("2024-13-01T10:00:00.000000Z").unwrap().ends_with("Z\": month out of range"));
        assert!(lease("2024-05-01T10:00:00Z").unwrap().ends_with("cannot parse \"Z\" as \".000000\""));
    }
}
