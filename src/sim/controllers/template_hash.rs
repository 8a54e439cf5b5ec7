//! The hash of a pod template: FNV over the Go value that the template is in a controller, written with its types.

use crate::wire::Quantity;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::OnceLock,
};

const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const NO_TIME: &str = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}";
/// How many digits surely fit a 64 bit number.
const DIGITS: usize = 18;

/// A Go type of the table: the fields of a struct, or the type that a named one stands for.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Type {
    Struct(Vec<(String, String, String)>),
    Other(String),
}

fn types() -> &'static HashMap<String, Type> {
    static TABLE: OnceLock<HashMap<String, Type>> = OnceLock::new();
    let read = || {
        serde_json::from_str(include_str!("../data/v1_36/templates.json"))
            .expect("the table of types is well formed: a test reads it")
    };
    TABLE.get_or_init(read)
}

/// The hash of a template; another one for each number of collisions before.
pub(super) fn of(template: &Value, collisions: Option<i64>) -> String {
    let mut text = String::from("(v1.PodTemplateSpec)");
    write(&mut text, "v1.PodTemplateSpec", template);
    let mut bytes = text.into_bytes();
    if let Some(collisions) = collisions {
        bytes.extend((collisions as u32).to_le_bytes());
        bytes.extend([0; 4]);
    }
    safe(&fnv_1a(&bytes).to_string())
}

/// Letters that make no words, one for each character.
pub(super) fn safe(text: &str) -> String {
    text.bytes().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}

fn fnv_1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A value without its type before it.
fn write(out: &mut String, kind: &str, value: &Value) {
    if let Some(item) = kind.strip_prefix("[]") {
        return write_list(out, item, value);
    }
    if let Some((key, item)) = kind.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return write_map(out, key, item, value);
    }
    match kind {
        "string" => out.push_str(value.as_str().unwrap_or_default()),
        "bool" => out.push_str(if value == true { "true" } else { "false" }),
        "int32" | "int64" => _ = write!(out, "{}", value.as_i64().unwrap_or(0)),
        "v1.Time" => out.push_str(NO_TIME),
        "resource.Quantity" => write_amount(out, value),
        "intstr.IntOrString" => write_either(out, value),
        _ => match types().get(kind) {
            Some(Type::Struct(fields)) => write_struct(out, fields, value),
            Some(Type::Other(kind)) => write(out, kind, value),
            // Only managedFields lead here, which no template has.
            None => out.push_str("<nil>"),
        },
    }
}

fn write_list(out: &mut String, item: &str, value: &Value) {
    // Protobuf, in which controllers receive objects, knows no empty lists and maps.
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        return out.push_str("<nil>");
    };
    out.push('[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write(out, item, value);
    }
    out.push(']');
}

fn write_map(out: &mut String, key: &str, item: &str, value: &Value) {
    let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
        return out.push_str("<nil>");
    };
    out.push_str("map[");
    let sorted: BTreeMap<&str, &Value> = members.iter().map(|(key, value)| (key.as_str(), value)).collect();
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write(out, key, &Value::from(name));
        out.push(':');
        write(out, item, value);
    }
    out.push(']');
}

fn write_struct(out: &mut String, fields: &[(String, String, String)], value: &Value) {
    out.push('{');
    for (index, (name, path, kind)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        // Members of an embedded struct stand beside its own.
        let member = if path.is_empty() { Some(value) } else { value.get(path).filter(|v| !v.is_null()) };
        let _ = write!(out, "{name}:({kind})");
        match (kind.strip_prefix('*'), member) {
            (Some(_), None) => out.push_str("<nil>"),
            (Some(kind), Some(member)) => write(out, kind, member),
            (None, member) => write(out, kind, member.unwrap_or(&Value::Null)),
        }
    }
    out.push('}');
}

fn write_either(out: &mut String, value: &Value) {
    let (number, text) = (value.as_i64().unwrap_or(0), value.as_str().unwrap_or_default());
    let kind = u8::from(value.is_string());
    let _ = write!(out, "{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}");
}

fn write_amount(out: &mut String, value: &Value) {
    let text = match value {
        Value::Number(number) => number.to_string(),
        value => value.as_str().unwrap_or("0").to_owned(),
    };
    let text = Quantity::parse(&text).map_or(text, Quantity::canonical);
    let amount = Amount::read(&text).unwrap_or_default();
    let (value, scale, kept, format) = (amount.value, amount.scale, amount.kept, amount.format);
    let _ = write!(out, "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} ");
    match amount.large {
        None => out.push_str("d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} "),
        Some(large) => {
            let (low, high) = (large.unsigned_abs() as u64, (large.unsigned_abs() >> 64) as u64);
            let words = if high == 0 { low.to_string() } else { format!("{low} {high}") };
            let negative = large < 0;
            let _ = write!(
                out,
                "d:(resource.infDecAmount){{Dec:(*inf.Dec){{unscaled:(big.Int){{neg:(bool){negative} \
                 abs:(big.nat)[{words}]}} scale:(inf.Scale)9}}}} "
            );
        }
    }
    let kept = if kept { text.as_str() } else { "" };
    let _ = write!(out, "s:(string){kept} Format:(resource.Format){format}}}");
}

/// An amount as Go keeps it: small ones as a number and a power of ten, others in billionths.
struct Amount {
    value: i64,
    scale: i32,
    large: Option<i128>,
    /// Whether it keeps the text that it was read from.
    kept: bool,
    format: &'static str,
}

impl Default for Amount {
    fn default() -> Self {
        Self { value: 0, scale: 0, large: None, kept: true, format: "DecimalSI" }
    }
}

impl Amount {
    /// Reads an amount in its shortest form.
    fn read(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self::default());
        }
        let digits_end =
            text.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '+').unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits_end);
        let digits = number.trim_start_matches(['-', '+']);
        let sign = if number.starts_with('-') { -1 } else { 1 };
        let (base, power, format): (i128, i32, _) = match suffix {
            "Ki" => (2, 10, "BinarySI"),
            "Mi" => (2, 20, "BinarySI"),
            "Gi" => (2, 30, "BinarySI"),
            "Ti" => (2, 40, "BinarySI"),
            "Pi" => (2, 50, "BinarySI"),
            "Ei" => (2, 60, "BinarySI"),
            _ => match "n.u.m..k.M.G.T.P.E".split('.').position(|name| name == suffix) {
                Some(index) => (10, index as i32 * 3 - 9, "DecimalSI"),
                None => (10, suffix.strip_prefix(['e', 'E'])?.parse().ok()?, "DecimalExponent"),
            },
        };
        let whole: i128 = digits.parse().ok()?;
        let room = if base == 2 { 14 - power * 3 / 10 } else { DIGITS as i32 } - digits.len() as i32;
        let scale = if base == 2 { 0 } else { power };
        let small = if base == 2 { whole.checked_mul(1 << power)? } else { whole };
        if let Some(value) = i64::try_from(sign * small).ok().filter(|_| room >= 0 && scale >= -9) {
            let kept = if base == 2 {
                power % 10 == 0 && whole & 7 != 0
            } else {
                scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0')
            };
            return Some(Self { value, scale, large: None, kept, format });
        }
        let billionths = if base == 2 {
            1_000_000_000_i128.checked_mul(1 << power)?
        } else {
            10_i128.checked_pow(u32::try_from(power + 9).ok()?)?
        };
        let large = Some(sign * whole.checked_mul(billionths)?);
        Some(Self { value: 0, scale: 0, large, kept: false, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Templates and what Go makes of them: `src/sim/data/derive_templates.go` wrote the lines.
    const KNOWN: &str = include_str!("../data/v1_36/hashes.jsonl");

    #[test]
    fn templates_have_the_hashes_that_go_gives_them() {
        let mut count = 0;
        for line in KNOWN.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(of(&line["template"], None), line["hash"].as_str().unwrap(), "{}", line["template"]);
            count += 1;
        }
        assert!(count > 50, "{count}");
    }

    #[test]
    fn a_collision_changes_the_hash_and_an_empty_list_does_not() {
        let template = json!({"spec": {"containers": [{"name": "c", "args": []}]}});
        let plain = json!({"spec": {"containers": [{"name": "c"}]}});
        assert_eq!(of(&template, None), of(&plain, None));
        assert_ne!(of(&template, None), of(&template, Some(0)));
        assert_ne!(of(&template, Some(1)), of(&template, Some(0)));
    }

    #[test]
    fn shapes_that_are_no_template_are_hashed_without_a_panic() {
        for odd in [json!(null), json!(7), json!({"spec": {"containers": "x", "volumes": {"a": 1}}})] {
            assert!(!of(&odd, None).is_empty());
        }
    }
}
