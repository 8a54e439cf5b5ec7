use super::{
    Error, Objects,
    objects::{is_everywhere, owned},
    path::Path as Field,
    symbols::settled,
};
use crate::{
    gather::{self, Capture, Id, ObjectChange, diff},
    scrub,
    wire::LabelSelector,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What a capture leaves out of objects.
const LEFT_OUT: &str = "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]";
const GENERATION: &str = "observedGeneration";

impl Objects {
    /// What tells them from the same choice of objects in a capture: of these kinds, with these labels and these
    /// owners, in `namespace`, or in the one namespace in which the capture has such objects. Old is the capture,
    /// new is the scenario. [`assert_cluster_snapshot!`](crate::assert_cluster_snapshot) panics on it.
    ///
    /// Both sides have symbols for what varies, and the names of the two namespaces are the same name. Beyond what
    /// a snapshot leaves out, `metadata.generation` is not compared, and an `observedGeneration` only by how far it
    /// lags behind. A secret that the capture replaced by a symbol matches any text.
    ///
    /// # Errors
    /// When the capture cannot be read whole, or misses objects of these kinds, or has them in several namespaces.
    pub fn against_capture(
        &self,
        capture: impl AsRef<Path>,
        namespace: Option<&str>,
    ) -> Result<Vec<ObjectChange>, Error> {
        let path = capture.as_ref();
        let capture = whole(path)?;
        self.complete(path, &capture)?;
        let (namespace, captured) = self.counterpart(path, &capture, namespace)?;
        let mut new = as_captures_have_them(self.listed.clone());
        new = settled(new, &self.namespace, &self.chosen.redacted);
        let mut old = settled(as_captures_have_them(captured), &namespace, &self.chosen.redacted);
        old.iter_mut().chain(&mut new).for_each(|object| name_namespace(object, &namespace));
        let (mut old, new) = (keyed(old), keyed(new));
        for (id, object) in &mut old.objects {
            if let Some(live) = new.objects.get(id) {
                reveal(object, live);
            }
        }
        Ok(diff(&old, &new, false))
    }

    /// Sees that the capture has all objects of the chosen kinds.
    fn complete(&self, path: &Path, capture: &Capture) -> Result<(), Error> {
        for report in capture.manifest["kinds"].as_array().into_iter().flatten() {
            let chosen = |types: &kube::core::ApiResource| {
                report["group"] == types.group.as_str() && report["kind"] == types.kind.as_str()
            };
            let missing = report["missing"].get(0);
            if let (Some(missing), true) = (missing, self.chosen.kinds.iter().any(|kind| chosen(&kind.types)))
            {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let why = format!("{}: {}", text(&missing["why"]), text(&missing["message"]));
                return Err(Error::Missing { path: path.to_owned(), kind: text(&missing["what"]), why });
            }
        }
        Ok(())
    }

    /// The objects of the capture that were chosen, and their namespace.
    fn counterpart(
        &self,
        path: &Path,
        capture: &Capture,
        namespace: Option<&str>,
    ) -> Result<(String, Vec<Value>), Error> {
        let labels = self.chosen.labels.as_deref().map(|text| {
            let wrong =
                |why: String| gather::Error::Selector { what: "label selector", text: text.to_owned(), why };
            LabelSelector::parse(text).map_err(|error| wrong(error.to_string()))
        });
        let labels = labels.transpose()?;
        let chosen = |id: &Id| {
            self.chosen.kinds.iter().any(|kind| kind.types.group == id.group && kind.types.kind == id.kind)
        };
        let found = capture.objects.iter().filter(|(id, object)| {
            chosen(id)
                && !is_everywhere(&id.kind, &id.name)
                && labels.as_ref().is_none_or(|labels| labels.matches(object))
        });
        let found: Vec<(&Id, &Value)> = found.collect();
        let namespace = self.place(path, &found, namespace)?;
        let here = found.iter().filter(|(id, _)| id.namespace.is_empty() || id.namespace == namespace);
        let mut objects: Vec<Value> = here.map(|(_, object)| (*object).clone()).collect();
        if !self.chosen.owners.is_empty() {
            let owners = self.owners_in(&objects);
            objects = owned(objects, owners);
        }
        Ok((namespace, objects))
    }

    /// The namespace of the capture that is compared with the scenario's.
    fn place(&self, path: &Path, found: &[(&Id, &Value)], given: Option<&str>) -> Result<String, Error> {
        let all: BTreeSet<&str> =
            found.iter().map(|(id, _)| id.namespace.as_str()).filter(|name| !name.is_empty()).collect();
        let same = self.chosen.namespace.as_deref().filter(|name| all.contains(name));
        match given.or(same) {
            Some(name) => Ok(name.to_owned()),
            None if all.len() > 1 => Err(Error::Namespaces {
                path: path.to_owned(),
                namespaces: all.into_iter().map(str::to_owned).collect(),
            }),
            None => Ok(all.first().map_or(self.namespace.as_str(), |name| *name).to_owned()),
        }
    }

    /// The uids that the chosen owners have in the capture. An owner is known by its name, and by its kind where one
    /// of its objects names it.
    fn owners_in(&self, captured: &[Value]) -> BTreeSet<String> {
        let mut uids = BTreeSet::new();
        for (uid, name) in &self.chosen.owners {
            let kind = references(&self.listed).find(|reference| reference["uid"] == uid.as_str());
            let kind = kind.map(|reference| &reference["kind"]);
            let same = references(captured).filter(|reference| {
                reference["name"] == name.as_str() && kind.is_none_or(|kind| reference["kind"] == *kind)
            });
            uids.extend(same.filter_map(|reference| reference["uid"].as_str().map(str::to_owned)));
        }
        uids
    }
}

/// The text of a failed comparison, which the macro panics with.
///
/// # Panics
/// When there is a difference, or the capture cannot be compared with.
#[doc(hidden)]
#[track_caller]
pub fn assert_capture(objects: &Objects, capture: &Path, namespace: Option<&str>) {
    let changes = match objects.against_capture(capture, namespace) {
        Ok(changes) if changes.is_empty() => return,
        Ok(changes) => changes,
        Err(error) => panic!("failed to compare with a capture: {}", crate::wire::causes(&error)),
    };
    let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
    panic!(
        "the cluster is not what {place} holds (- captured alone, + on the cluster alone, ~ captured → on the \
         cluster)\n\n{lines}\nLook at the one side with `kubetape show {place}`. If the cluster is right, capture \
         it again: kubetape gather {place} --force\nA field that may differ is left out by .redact(\"PATH\").",
        place = capture.display()
    );
}

/// A capture that can be relied on.
fn whole(path: &Path) -> Result<Capture, Error> {
    let capture = Capture::open(path)?;
    let place = || PathBuf::from(path);
    match capture.notes.first() {
        Some(note) => Err(Error::Unread { path: place(), note: note.clone() }),
        None if capture.is_partial() => Err(Error::Partial { path: place() }),
        None => Ok(capture),
    }
}

fn references(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter_map(|object| object["metadata"]["ownerReferences"].as_array()).flatten()
}

/// Takes out what a capture does not keep, and what counts the steps of the way.
fn as_captures_have_them(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        Field::parse(LEFT_OUT).replace(object, None);
        if object["kind"] == "Lease" {
            Field::parse("spec.renewTime").replace(object, None);
        }
        let generation = object["metadata"]["generation"].as_i64();
        Field::parse("metadata.generation").replace(object, None);
        if let (Some(generation), Some(status)) = (generation, object.get_mut("status")) {
            relate(status, generation);
        }
    }
    objects
}

/// Says of each generation that was seen how far it is behind.
fn relate(value: &mut Value, generation: i64) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_i64().filter(|_| key == GENERATION) {
                    Some(seen) if seen == generation => *value = json!("$generation"),
                    Some(seen) => *value = json!(format!("$generation{:+}", seen - generation)),
                    None => relate(value, generation),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relate(item, generation)),
        _ => {}
    }
}

/// Both namespaces have the captured one's name.
fn name_namespace(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text.contains("$ns") => *text = text.replace("$ns", namespace),
        Value::Array(items) => items.iter_mut().for_each(|item| name_namespace(item, namespace)),
        Value::Object(fields) => fields.values_mut().for_each(|value| name_namespace(value, namespace)),
        _ => {}
    }
}

fn keyed(objects: Vec<Value>) -> Capture {
    let keyed = objects.into_iter().map(|mut object| {
        // Its symbol says nothing more than its name; manifests that somebody wrote have none.
        Field::parse("metadata.uid").replace(&mut object, None);
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let group = text("/apiVersion").split_once('/').map(|(group, _)| group.to_owned());
        let id = Id {
            group: group.unwrap_or_default(),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        };
        (id, object)
    });
    Capture { objects: keyed.collect(), ..Capture::default() }
}

/// Puts live texts in the place of captured ones that they match but for secrets.
fn reveal(captured: &mut Value, live: &Value) {
    match (captured, live) {
        (Value::Object(fields), Value::Object(other)) => {
            for (key, value) in fields {
                if let Some(live) = other.get(key) {
                    reveal(value, live);
                }
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            items.iter_mut().zip(others).for_each(|(item, live)| reveal(item, live));
        }
        (Value::String(text), Value::String(live)) if matches(text, live) => text.clone_from(live),
        _ => {}
    }
}

/// Whether a text is what another one is with its symbols filled in.
fn matches(pattern: &str, text: &str) -> bool {
    let pieces = around_symbols(pattern);
    let [first, between @ .., last] = pieces.as_slice() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for piece in between {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// What stands before, between and behind the symbols for secrets.
fn around_symbols(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = text[at..].find('$') {
        at += found;
        match scrub::symbol_at(&text[at..]) {
            Some(symbol) => {
                pieces.push(&text[start..at]);
                at += symbol.len();
                start = at;
            }
            None => at += 1,
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
#[path = "against_tests.rs"]
mod tests;
