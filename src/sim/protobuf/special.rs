use super::{
    read::{Reader, nested},
    table::{MessageType, messages},
    write::{Writer, message},
};
use jiff::{SignedDuration, Timestamp, fmt::temporal::DateTimePrinter};
use serde_json::{Value, json};

const META: &str = "apimachinery.pkg.apis.meta.v1.";
const PROPS: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// The types that JSON writes in a way of their own.
#[derive(Clone, Copy)]
enum Special {
    Amount,
    Duration,
    Either,
    List,
    Moment(u8),
    Raw,
    SchemaOrFlag,
    SchemaOrList,
    SchemaOrTexts,
}

fn special(kind: &MessageType) -> Option<Special> {
    if kind.is_alias() {
        return Some(Special::List);
    }
    Some(match kind.name {
        "apimachinery.pkg.api.resource.Quantity" => Special::Amount,
        "apimachinery.pkg.util.intstr.IntOrString" => Special::Either,
        "apimachinery.pkg.runtime.RawExtension" => Special::Raw,
        "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON" => Special::Raw,
        name => match (name.strip_prefix(META), name.strip_prefix(PROPS)) {
            (Some("Time"), _) => Special::Moment(0),
            (Some("MicroTime"), _) => Special::Moment(6),
            (Some("Duration"), _) => Special::Duration,
            (Some("FieldsV1"), _) => Special::Raw,
            (_, Some("OrArray")) => Special::SchemaOrList,
            (_, Some("OrBool")) => Special::SchemaOrFlag,
            (_, Some("OrStringArray")) => Special::SchemaOrTexts,
            _ => return None,
        },
    })
}

/// Such a message as JSON; the outer `None` for a message of the usual form.
pub(super) fn read(kind: &MessageType, bytes: &[u8], depth: usize) -> Option<Option<Value>> {
    let special = special(kind)?;
    let Some(fields) = Reader::fields(bytes) else { return Some(None) };
    let found = |number: u32| fields.iter().find(|field| field.number == number);
    let text = |number: u32| found(number).and_then(|field| field.bytes()).map(String::from_utf8_lossy);
    let whole = |number: u32| found(number).and_then(|field| field.whole()).unwrap_or(0);
    let schema = |bytes: &[u8]| messages().get(PROPS).and_then(|props| nested(props, bytes, depth));
    let inner = |number: u32| found(number).and_then(|field| field.bytes());
    Some(match special {
        Special::Amount => Some(json!(text(1).unwrap_or_default())),
        Special::Duration => Some(json!(go_duration(whole(1)))),
        Special::Either if whole(1) == 0 => Some(json!(whole(2))),
        Special::Either => Some(json!(text(3).unwrap_or_default())),
        Special::List => {
            let items = fields.iter().filter_map(|field| field.bytes());
            Some(items.map(|item| json!(String::from_utf8_lossy(item))).collect())
        }
        Special::Moment(_) if fields.is_empty() => Some(Value::Null),
        Special::Moment(digits) => {
            let nanos = i32::try_from(whole(2)).unwrap_or(0);
            Timestamp::new(whole(1), nanos).ok().map(|moment| {
                let printer = DateTimePrinter::new().precision(Some(digits));
                json!(printer.timestamp_to_string(&moment))
            })
        }
        Special::Raw => inner(1).map_or(Some(Value::Null), raw_value),
        Special::SchemaOrFlag => match inner(2) {
            Some(bytes) => schema(bytes),
            None => Some(json!(whole(1) != 0)),
        },
        Special::SchemaOrList => match inner(1) {
            Some(bytes) => schema(bytes),
            None => fields.iter().filter_map(|field| field.bytes()).map(schema).collect(),
        },
        Special::SchemaOrTexts => match inner(1) {
            Some(bytes) => schema(bytes),
            None => {
                let texts = fields.iter().filter_map(|field| field.bytes());
                Some(texts.map(|text| json!(String::from_utf8_lossy(text))).collect())
            }
        },
    })
}

/// JSON in a message, or an object that is a message itself.
fn raw_value(raw: &[u8]) -> Option<Value> {
    serde_json::from_slice(raw).ok().or_else(|| super::decode(raw).ok())
}

/// Such a value as a message; `None` for one of the usual form.
pub(super) fn write(kind: &MessageType, value: &Value) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let schema = |value: &Value| messages().get(PROPS).map(|props| message(props, value)).unwrap_or_default();
    let text = value.as_str().unwrap_or_default();
    match special(kind)? {
        Special::Amount => writer.text(1, text),
        Special::Duration => writer.whole(1, nanoseconds(text)),
        Special::Either => {
            writer.whole(1, value.is_string().into());
            writer.whole(2, value.as_i64().unwrap_or(0));
            writer.text(3, text);
        }
        Special::List => {
            for item in value.as_array().into_iter().flatten() {
                writer.text(1, item.as_str().unwrap_or_default());
            }
        }
        Special::Moment(digits) => {
            if let Ok(moment) = text.parse::<Timestamp>() {
                writer.whole(1, moment.as_second());
                writer.whole(2, if digits == 0 { 0 } else { moment.subsec_nanosecond().into() });
            }
        }
        Special::Raw if value.is_null() => {}
        Special::Raw => writer.text(1, &value.to_string()),
        Special::SchemaOrFlag => match value {
            Value::Bool(flag) => writer.whole(1, (*flag).into()),
            value => {
                writer.whole(1, 1);
                writer.bytes(2, &schema(value));
            }
        },
        Special::SchemaOrList => match value.as_array() {
            Some(items) => items.iter().for_each(|item| writer.bytes(2, &schema(item))),
            None => writer.bytes(1, &schema(value)),
        },
        Special::SchemaOrTexts => match value.as_array() {
            Some(items) => {
                items.iter().for_each(|item| writer.text(2, item.as_str().unwrap_or_default()));
            }
            None => writer.bytes(1, &schema(value)),
        },
    }
    Some(writer.out)
}

/// `1h2m3s`, as Go prints it.
fn go_duration(nanos: i64) -> String {
    let whole = SignedDuration::from_nanos(nanos);
    let (seconds, rest) = (whole.as_secs().unsigned_abs(), whole.subsec_nanos().unsigned_abs());
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = format!("{rest:09}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}{point}{fraction}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}{point}{fraction}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}{point}{fraction}s"),
    }
}

fn nanoseconds(text: &str) -> i64 {
    let duration = text.parse::<SignedDuration>().unwrap_or_default();
    i64::try_from(duration.as_nanos()).unwrap_or(0)
}
