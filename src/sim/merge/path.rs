use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// One step of a path to a field. Values are kept as their JSON text, so that steps have an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// A member of an object.
    Field(String),
    /// An item of a list, told by some of its fields.
    Key(BTreeMap<String, String>),
    /// An item of a set.
    Value(String),
    /// An item of a list, by its place.
    Index(i64),
}

/// The JSON text of a value that tells items apart; 1.0 is 1.
pub(super) fn literal(value: &Value) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    match value.as_f64().filter(|_| value.is_f64()).and_then(whole) {
        Some(number) => number.to_string(),
        None => value.to_string(),
    }
}

impl Element {
    /// A member of an object.
    pub(super) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    /// The element as FieldsV1 spells it: `f:name`, `k:{"name":"a"}`, `v:"a"`, `i:0`.
    pub(super) fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => {
                let members =
                    key.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
                format!("k:{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            Self::Value(value) => format!("v:{value}"),
            Self::Index(at) => format!("i:{at}"),
        }
    }

    /// The element that FieldsV1 spells so; `None` when it is none.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        Some(match kind {
            "f" => Self::field(rest),
            "k" => {
                let key: Map<String, Value> = serde_json::from_str(rest).ok()?;
                Self::Key(key.iter().map(|(name, value)| (name.clone(), literal(value))).collect())
            }
            "v" => Self::Value(literal(&serde_json::from_str(rest).ok()?)),
            "i" => Self::Index(rest.parse().ok()?),
            _ => return None,
        })
    }
}

/// As conflicts name it: `.spec`, `[name="a"]`, `[="v"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(key) => {
                let members: Vec<_> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", members.join(","))
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(at) => write!(f, "[{at}]"),
        }
    }
}
