//! What two runs of a scenario left behind, compared.

use crate::{snapshot::symbolic, wire::delta};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _};

/// Kinds that tell of the way, not of the state.
const PASSING: [&str; 2] = ["Event", "Lease"];

/// Counters of how often something was written.
const COUNTERS: [&str; 2] = ["generation", "observedGeneration"];

/// The objects of a run, with symbols for what every run has otherwise.
pub(super) type State = BTreeMap<String, Value>;

/// What is compared of the objects of a run in `namespace`.
pub(super) fn state(objects: &[Value], namespace: &str) -> State {
    let lasting = |object: &&Value| !object["kind"].as_str().is_some_and(|kind| PASSING.contains(&kind));
    let mut objects: Vec<Value> = objects.iter().filter(lasting).cloned().collect();
    objects.iter_mut().for_each(forget_counters);
    let text = |object: &Value, pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let objects = symbolic(objects, namespace).into_iter();
    let named = objects.map(|object| {
        let (kind, name) = (text(&object, "/kind"), text(&object, "/metadata/name"));
        let space = text(&object, "/metadata/namespace");
        let space = if space.is_empty() || space == "$ns" { String::new() } else { format!("{space}/") };
        (format!("{kind} {space}{name}"), object)
    });
    named.collect()
}

fn forget_counters(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !COUNTERS.contains(&key.as_str()));
            map.values_mut().for_each(forget_counters);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_counters),
        _ => {}
    }
}

/// How the second state differs, an object or field a line; empty when it does not.
pub(super) fn difference(undisturbed: &State, disturbed: &State) -> String {
    let mut out = String::new();
    let names: std::collections::BTreeSet<_> = undisturbed.keys().chain(disturbed.keys()).collect();
    for name in names {
        // Writing to a String cannot fail.
        let _ = match (undisturbed.get(name), disturbed.get(name)) {
            (Some(_), None) => writeln!(out, "  {name} is missing"),
            (None, Some(_)) => writeln!(out, "  {name} is there, and should not be"),
            (Some(a), Some(b)) if a != b => {
                delta(a, b).iter().try_for_each(|change| writeln!(out, "  {name}: {change}"))
            }
            _ => Ok(()),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, name: &str, uid: &str, size: i64) -> Value {
        json!({"kind": kind, "metadata": {"name": name, "namespace": "kt-a-1", "uid": uid, "generation": size},
               "spec": {"size": size}})
    }

    #[test]
    fn missing_more_and_other_objects_are_told_and_counters_are_not() {
        let before = state(&[object("Web", "a", "1", 1), object("Web", "b", "2", 1)], "kt-a-1");
        let same = state(
            &[object("Web", "a", "9", 1), object("Web", "b", "8", 1), object("Lease", "l", "3", 1)],
            "kt-a-1",
        );
        assert_eq!(difference(&before, &same), "");
        let after = state(&[object("Web", "a", "1", 2), object("Web", "c", "2", 1)], "kt-a-1");
        assert_eq!(
            difference(&before, &after),
            "  Web a: spec.size  1 → 2\n  Web b is missing\n  Web c is there, and should not be\n"
        );
    }
}
