//! What vectors expect: values, or operators that stand for many.

use super::json::brief;
use regex::Regex;
use serde_json::{Map, Value, json};

/// Operators, alone or together in an object, in the place of a value.
const OPERATORS: [&str; 13] = [
    "$regex",
    "$prefix",
    "$contains",
    "$len",
    "$names",
    "$exists",
    "$ne",
    "$gt",
    "$gte",
    "$range",
    "$any",
    "$absentOr",
    "$sorted",
];

/// Where a value is not as it is expected. An object may have more members than expected, an array may not.
pub(crate) fn mismatches(expected: &Value, actual: Option<&Value>, path: &str) -> Vec<String> {
    if let Some(map) = expected.as_object().filter(|map| operators(map)) {
        return map.iter().filter_map(|(operator, wanted)| operate(operator, wanted, actual, path)).collect();
    }
    let Some(actual) = actual else {
        return vec![format!("{path}: missing, expected {}", brief(Some(expected)))];
    };
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(got)) => wanted
            .iter()
            .flat_map(|(key, wanted)| mismatches(wanted, got.get(key), &format!("{path}/{key}")))
            .collect(),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let both = wanted.iter().zip(got).enumerate();
            both.flat_map(|(index, (a, b))| mismatches(a, Some(b), &format!("{path}/{index}"))).collect()
        }
        _ if equal(expected, actual) => Vec::new(),
        _ => vec![format!("{path}: got {} expected {}", brief(Some(actual)), brief(Some(expected)))],
    }
}

fn operators(map: &Map<String, Value>) -> bool {
    !map.is_empty() && map.keys().all(|key| OPERATORS.contains(&key.as_str()))
}

/// Numbers are equal when their values are.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b)
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(map) => Some(map.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

fn operate(operator: &str, wanted: &Value, actual: Option<&Value>, path: &str) -> Option<String> {
    let wrong = || Some(format!("{path}: {operator} {} got {}", brief(Some(wanted)), brief(actual)));
    let holds = match (operator, actual) {
        ("$exists", _) => json!(actual.is_some()) == *wanted,
        ("$ne", _) => actual != Some(wanted),
        (_, None) => false,
        ("$regex", Some(actual)) => {
            let pattern = Regex::new(wanted.as_str().unwrap_or_default());
            actual.as_str().zip(pattern.ok()).is_some_and(|(text, pattern)| pattern.is_match(text))
        }
        ("$prefix", Some(actual)) => {
            actual.as_str().zip(wanted.as_str()).is_some_and(|(text, prefix)| text.starts_with(prefix))
        }
        ("$contains", Some(actual)) => match wanted {
            Value::String(part) => actual.as_str().is_some_and(|text| text.contains(part.as_str())),
            _ => contains_all(wanted, actual),
        },
        ("$len", Some(actual)) => size(actual).map(|size| json!(size)).as_ref() == Some(wanted),
        ("$names", Some(actual)) => {
            let names = actual.as_array().into_iter().flatten().map(|item| item["metadata"]["name"].clone());
            actual.is_array() && json!(names.collect::<Vec<_>>()) == *wanted
        }
        ("$gt", Some(actual)) => number(actual).zip(number(wanted)).is_some_and(|(a, b)| a > b),
        ("$gte", Some(actual)) => number(actual).zip(number(wanted)).is_some_and(|(a, b)| a >= b),
        ("$range", Some(actual)) => {
            let ends = number(&wanted[0]).zip(number(&wanted[1]));
            number(actual).zip(ends).is_some_and(|(at, (low, high))| (low..=high).contains(&at))
        }
        ("$any", Some(actual)) => {
            let forms = wanted.as_array().into_iter().flatten();
            forms.into_iter().any(|form| mismatches(form, Some(actual), path).is_empty())
        }
        _ => false,
    };
    if holds { None } else { wrong() }
}

fn contains_all(wanted: &Value, actual: &Value) -> bool {
    let Some(items) = actual.as_array() else { return false };
    let like = |form: &Value| items.iter().any(|item| mismatches(form, Some(item), "").is_empty());
    wanted.as_array().is_some_and(|forms| forms.iter().all(like))
}
