use super::Error;
use crate::wire::go_print;
use serde_json::Value;
use std::collections::HashMap;

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

/// Where the items of a list stand, by what tells them from each other.
struct Places<'a>(HashMap<String, usize>, Option<&'a str>);

impl<'a> Places<'a> {
    fn of(list: &[Value], key: Option<&'a str>) -> Self {
        let mut places = Self(HashMap::new(), key);
        for (at, item) in list.iter().enumerate() {
            if let Some(name) = places.name(item) {
                places.0.entry(name).or_insert(at);
            }
        }
        places
    }

    fn name(&self, item: &Value) -> Option<String> {
        match self.1 {
            Some(key) => item.get(key).map(Value::to_string),
            None => Some(item.to_string()),
        }
    }

    fn find(&self, item: &Value) -> Option<usize> {
        self.0.get(&self.name(item)?).copied()
    }
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
    let (wanted, live) = (Places::of(wanted, key), Places::of(live, key));
    let (mut patched, mut others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| wanted.find(item).is_some());
    patched.sort_by_cached_key(|item| wanted.find(item));
    others.sort_by_cached_key(|item| live.find(item));
    let (mut patched, mut others) = (patched.into_iter().peekable(), others.into_iter().peekable());
    let mut all = Vec::new();
    while let Some(item) = patched.peek() {
        let before = others.peek().is_some_and(|other| {
            let places = live.find(other).zip(live.find(item));
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
