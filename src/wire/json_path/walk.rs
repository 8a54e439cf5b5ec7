use super::{Compare, JsonPathError, Slice, Step};
use serde_json::Value;
use std::{borrow::Cow, cmp::Ordering};

type Found<'a> = Vec<Cow<'a, Value>>;

fn fail<T>(text: String) -> Result<T, JsonPathError> {
    Err(JsonPathError(text))
}

/// What the steps lead to.
pub(super) fn all<'a>(from: Found<'a>, steps: &'a [Step]) -> Result<Found<'a>, JsonPathError> {
    steps.iter().try_fold(from, one)
}

fn one<'a>(from: Found<'a>, step: &'a Step) -> Result<Found<'a>, JsonPathError> {
    match step {
        Step::Literal(value) => return Ok(vec![Cow::Borrowed(value)]),
        Step::Union(branches) => {
            let found = branches.iter().map(|steps| all(from.clone(), steps));
            return Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
        _ => {}
    }
    let mut found = Vec::new();
    for value in from.into_iter().filter(|value| !value.is_null()) {
        match step {
            Step::Field(name) if name.is_empty() => found.push(value),
            Step::Field(name) => found.extend(member(value, name)),
            Step::Wildcard => found.extend(children(&value)),
            Step::Recursive => deep(value, &mut found),
            Step::Slice(slice) => found.extend(cut(value, slice)?),
            Step::Filter(left, right) => {
                let Value::Array(items) = value.as_ref() else {
                    return fail(format!("{} is no list and cannot be filtered", word(&value)));
                };
                for (at, item) in items.iter().enumerate() {
                    if passes(item, left, right.as_ref())? {
                        found.extend(element(&value, at));
                    }
                }
            }
            Step::Literal(_) | Step::Union(_) => {}
        }
    }
    Ok(found)
}

fn member<'a>(value: Cow<'a, Value>, name: &str) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(name).cloned().map(Cow::Owned),
    }
}

fn element<'a>(value: &Cow<'a, Value>, at: usize) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(at).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(at).cloned().map(Cow::Owned),
    }
}

/// The values of an object or a list.
fn children<'a>(value: &Cow<'a, Value>) -> Found<'a> {
    fn of(value: &Value) -> Vec<&Value> {
        match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        }
    }
    match value {
        Cow::Borrowed(value) => of(value).into_iter().map(Cow::Borrowed).collect(),
        Cow::Owned(value) => of(value).into_iter().cloned().map(Cow::Owned).collect(),
    }
}

/// A value that holds others, and all that lie in it.
fn deep<'a>(value: Cow<'a, Value>, found: &mut Found<'a>) {
    let below = children(&value);
    if below.is_empty() && value.as_str().is_none_or(str::is_empty) {
        return;
    }
    found.push(value);
    below.into_iter().filter(|value| !value.is_null()).for_each(|value| deep(value, found));
}

fn cut<'a>(value: Cow<'a, Value>, slice: &Slice) -> Result<Found<'a>, JsonPathError> {
    let Value::Array(items) = value.as_ref() else {
        return fail(format!("{} is no list", word(&value)));
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from = if slice.from < 0 { slice.from.saturating_add(length) } else { slice.from };
    let to = match slice.to {
        None => length,
        Some(to) if to < 0 || (to == 0 && slice.single) => to.saturating_add(length),
        Some(to) => to,
    };
    if from == to {
        return Ok(Vec::new());
    }
    for index in [from, to - 1] {
        if index < 0 || index >= length {
            return fail(format!("the index {index} lies outside a list of {length}"));
        }
    }
    if from > to {
        return fail(format!("the index {from} comes after {to}"));
    }
    let range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
    Ok(range.step_by(slice.step).filter_map(|at| element(&value, at)).collect())
}

fn passes(item: &Value, left: &[Step], right: Option<&(Compare, Vec<Step>)>) -> Result<bool, JsonPathError> {
    let Some((compare, right)) = right else {
        return Ok(all(vec![Cow::Borrowed(item)], left).is_ok_and(|found| !found.is_empty()));
    };
    let (left, right) = (all(vec![Cow::Borrowed(item)], left)?, all(vec![Cow::Borrowed(item)], right)?);
    match (left.as_slice(), right.as_slice()) {
        ([], _) | (_, []) => Ok(false),
        ([left], [right]) => matches(*compare, left, right),
        _ => fail("a filter compares one value with one other, here are several".to_owned()),
    }
}

fn matches(compare: Compare, left: &Value, right: &Value) -> Result<bool, JsonPathError> {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        _ => return fail(format!("{} cannot be compared with {}", word(left), word(right))),
    };
    Ok(match compare {
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
    })
}

/// What a value is, for an error: small ones as they are.
fn word(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string().chars().take(40).collect(),
    }
}
