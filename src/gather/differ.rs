use super::{Capture, Id};
use crate::wire::{Change, delta};
use std::fmt;

/// Fields that differ between captures of equal states.
const NOISE: [&str; 5] = [
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.creationTimestamp",
    "metadata.selfLink",
];

/// What became of an object between two captures.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectChange {
    /// It is new.
    Added(Id),
    /// It is gone.
    Removed(Id),
    /// These fields differ.
    Changed(Id, Vec<Change>),
}

impl fmt::Display for ObjectChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectChange::Added(id) => write!(f, " + {id}"),
            ObjectChange::Removed(id) => write!(f, " - {id}"),
            ObjectChange::Changed(id, changes) => {
                write!(f, " ~ {id}")?;
                changes.iter().try_for_each(|change| write!(f, "\n     {change}"))
            }
        }
    }
}

/// Compares two captures, object by object and field by field. Unless `all_fields` is asked for, what a server
/// makes of its own is left out: resourceVersion, generation, managedFields and the time of creation. An object
/// that was made again has another uid, which is told.
pub fn diff(old: &Capture, new: &Capture, all_fields: bool) -> Vec<ObjectChange> {
    let within = |path: &str, field: &str| {
        path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let noise = |change: &Change| !all_fields && NOISE.iter().any(|field| within(&change.path, field));
    let mut found = Vec::new();
    for (id, before) in &old.objects {
        let Some(after) = new.objects.get(id) else {
            found.push(ObjectChange::Removed(id.clone()));
            continue;
        };
        let mut changes = delta(before, after);
        changes.retain(|change| !noise(change));
        if !changes.is_empty() {
            found.push(ObjectChange::Changed(id.clone(), changes));
        }
    }
    let added = new.objects.keys().filter(|id| !old.objects.contains_key(id));
    found.extend(added.cloned().map(ObjectChange::Added));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn capture(objects: &[(&str, serde_json::Value)]) -> Capture {
        let id = |name: &str| Id { kind: "Pod".into(), name: name.into(), ..Id::default() };
        let objects = objects.iter().map(|(name, object)| (id(name), object.clone())).collect();
        Capture { objects, ..Capture::default() }
    }

    #[test]
    fn captures_differ_by_object_and_field() {
        let old = capture(&[
            ("a", json!({"spec": {"n": 1}, "metadata": {"resourceVersion": "1"}})),
            ("b", json!({})),
        ]);
        let new = capture(&[
            ("a", json!({"spec": {"n": 2}, "metadata": {"resourceVersion": "2"}})),
            ("c", json!({})),
        ]);
        let text: Vec<String> = diff(&old, &new, false).iter().map(ToString::to_string).collect();
        assert_eq!(text, [" ~ pod a\n     spec.n  1 → 2", " - pod b", " + pod c"]);
        let all = diff(&old, &new, true);
        assert!(matches!(&all[0], ObjectChange::Changed(_, changes) if changes.len() == 2), "{all:?}");
        assert_eq!(diff(&old, &old, true), []);
    }
}
