use super::Error;
use crate::wire::go_print;
use serde_json::Value;

/// The value that tells an item of a merged list from the others.
pub(super) fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, Error> {
    item.get(key).ok_or_else(|| {
        let map = go_print(item);
        Error::Unforeseen(format!("map: {map} does not contain declared merge key: {key}"))
    })
}

/// Whether two items are the same one: by their key, or as they are.
fn same(left: &Value, right: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => left.get(key).is_some() && left.get(key) == right.get(key),
        None => left == right,
    }
}

fn place(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| same(other, item, key))
}

/// `merged` with the items of `wanted` in its order, and the others at their place among them in `live`:
/// before the first one that stood behind them.
pub(super) fn ordered(
    merged: Vec<Value>,
    wanted: &[Value],
    live: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, Error> {
    if let Some(key) = key {
        merged.iter().chain(wanted).try_for_each(|item| key_of(item, key).map(drop))?;
    }
    let (mut patched, mut others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| place(wanted, item, key).is_some());
    patched.sort_by_key(|item| place(wanted, item, key));
    others.sort_by_key(|item| place(live, item, key));
    let (mut patched, mut others) = (patched.into_iter().peekable(), others.into_iter().peekable());
    let mut all = Vec::new();
    while let Some(item) = patched.peek() {
        let before = others.peek().is_some_and(|other| {
            let places = place(live, other, key).zip(place(live, item, key));
            places.is_some_and(|(other, item)| other < item)
        });
        all.extend(if before { others.next() } else { patched.next() });
    }
    all.extend(others);
    Ok(all)
}

/// Whether a list of a patch has the order that its `$setElementOrder` says.
pub(super) fn check(patch: &[Value], wanted: &[Value], key: Option<&str>) -> Result<(), Error> {
    if key.is_some()
        && let Some(at) = wanted.iter().position(|item| !item.is_object())
    {
        return Err(Error::Unforeseen(format!("value for key {at} is not a map")));
    }
    let items: Vec<&Value> = patch.iter().filter(|item| item.get("$patch").is_none()).collect();
    let mut rest = wanted.iter();
    let fits = items.iter().all(|item| rest.any(|other| same(other, item, key)));
    if fits {
        return Ok(());
    }
    let print = |list: &[Value]| go_print(&Value::Array(list.to_vec()));
    let text = format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        print(patch),
        print(wanted)
    );
    Err(Error::Unforeseen(text))
}
