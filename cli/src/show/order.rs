use crate::exit::Usage;
use kubetape::wire::{JsonPath, Quantity, go_print};
use serde_json::Value;
use std::cmp::Ordering;

/// Up to so many items Go sorts by insertion, which decides the order of equal ones.
const INSERTION: usize = 12;

/// Orders by what a path finds, as kubectl does: objects without it come first, texts go by their bytes, quantities
/// by what they say.
pub(super) fn sort<T>(
    items: &mut Vec<T>,
    path: &JsonPath,
    object: impl Fn(&T) -> &Value,
) -> Result<(), Usage> {
    let found = items.iter().map(|item| {
        let found = path.find(object(item)).map_err(|error| {
            Usage(format!("--sort-by does not fit all objects: {error}; choose another path, or fewer types"))
        })?;
        Ok(found.into_iter().next().map(std::borrow::Cow::into_owned))
    });
    let keys: Vec<Option<Value>> = found.collect::<Result<_, Usage>>()?;
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        let text = "--sort-by finds nothing in any of the objects; look at one with -o yaml for its fields"
            .to_owned();
        return Err(Usage(text));
    }
    for pair in keys.iter().flatten().collect::<Vec<_>>().windows(2) {
        if compare(pair[0], pair[1]).is_none() {
            let (a, b) = (go_print(pair[0]), go_print(pair[1]));
            return Err(Usage(format!(
                "--sort-by cannot order {a} and {b}; choose a path to texts or numbers"
            )));
        }
    }
    let less = |a: &Option<Value>, b: &Option<Value>| match (a, b) {
        (None, _) => true,
        (_, None) => false,
        (Some(a), Some(b)) => compare(a, b) == Some(Ordering::Less),
    };
    let mut order: Vec<usize> = (0..items.len()).collect();
    if order.len() <= INSERTION {
        for end in 1..order.len() {
            let mut at = end;
            while at > 0 && less(&keys[order[at]], &keys[order[at - 1]]) {
                order.swap(at, at - 1);
                at -= 1;
            }
        }
    } else {
        order.sort_by(|a, b| match (&keys[*a], &keys[*b]) {
            (Some(a), Some(b)) => compare(a, b).unwrap_or(Ordering::Equal),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
    }
    let mut slots: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| slots[at].take()));
    Ok(())
}

/// None for what has no order.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null, _) => Some(Ordering::Less),
        (_, Value::Null) => Some(Ordering::Greater),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64().partial_cmp(&b.as_f64()),
        },
        (Value::String(a), Value::String(b)) => match (Quantity::parse(a), Quantity::parse(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.cmp(b)),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sorted(values: &[Value]) -> Result<Vec<Value>, Usage> {
        let mut items: Vec<Value> = values.iter().map(|value| json!({"a": value})).collect();
        items.push(json!({"b": 1}));
        sort(&mut items, &JsonPath::relaxed(".a").unwrap(), |item| item)?;
        assert_eq!(items[0], json!({"b": 1}), "what has no such field comes first");
        Ok(items[1..].iter().map(|item| item["a"].clone()).collect())
    }

    #[test]
    fn values_are_ordered_as_kubectl_orders_them() {
        for values in [
            json!(["500m", "1", "1500m", "1Ki", "2e3"]),
            json!(["1n", "9007199254740992", "9007199254740993", "99999999999999999999"]),
            json!(["a010", "a10", "a2", "aa"]),
            json!([1, 2.5, 10]),
            json!(["2026-01-02T00:00:00Z", "2026-01-10T00:00:00Z"]),
        ] {
            let values = values.as_array().unwrap().clone();
            let reversed: Vec<Value> = values.iter().rev().cloned().collect();
            assert_eq!(sorted(&reversed).ok(), Some(values));
        }
    }

    #[test]
    fn what_has_no_order_is_refused() {
        assert!(sorted(&[json!({}), json!({})]).is_err());
        assert!(sorted(&[json!("a"), json!(1)]).is_err());
        let mut none = vec![json!({})];
        assert!(sort(&mut none, &JsonPath::relaxed(".a").unwrap(), |item| item).is_err());
    }
}
