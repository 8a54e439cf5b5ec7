use super::{
    Conflict, Error,
    changes::Changes,
    fieldset::FieldSet,
    last_applied,
    managers::{Id, Managers, Owner},
    path::Element,
    removal::pruned,
    typed::{mismatches, owned, same},
    union::united,
};
use crate::sim::schema::Schema;
use serde_json::{Value, json};

/// Who writes what kind of object, and how.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The `apiVersion` of the request.
    pub version: &'a str,
    /// The subresource, or nothing.
    pub subresource: &'a str,
    /// The time, as `managedFields` has it.
    pub now: &'a str,
    /// The schema of the kind in that version.
    pub schema: &'a Schema,
    /// The fields that the endpoint does not store, spelled `metadata.labels`: nobody owns them through it.
    pub discarded: &'a [&'a str],
    /// The versions of the kind that are served; entries of others are dropped. None means all.
    pub served: &'a [&'a str],
}

/// Server-side apply: the live object with `config` applied by the manager of `write`, who then owns the
/// fields of `config` alone or with others. What it owned and no longer applies goes, unless others own it.
///
/// # Errors
/// When `config` does not fit the schema, and when others own a field with another value and `force` is not set.
pub fn apply(live: Option<&Value>, config: &Value, write: &Write, force: bool) -> Result<Value, Error> {
    if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(Error::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    let wrong = mismatches(config, Some(write.schema));
    if !wrong.is_empty() {
        return Err(Error::Unforeseen(refusal(config, &wrong)));
    }
    let zero = write.schema.zero();
    let live = live.map(without_managers);
    let (before, mut managers) = match &live {
        Some((live, list)) => (live, read(list, write)),
        None => (&zero, Managers::default()),
    };
    if managers.0.is_empty() && live.is_some() {
        let first = Write { manager: "before-first-apply", ..*write };
        updated(&zero, before, &mut managers, &first);
        managers.0.values_mut().for_each(|owner| owner.time = Some(write.now.to_owned()));
        managers.drop_identity();
    }
    let result = applied(before, config, managers.clone(), write, force);
    let (after, mut managers) = match result {
        Err(Error::Conflicts(conflicts)) => {
            last_applied::allowed(before, conflicts, write)?;
            applied(before, config, managers, write, true)?
        }
        other => other?,
    };
    let own = Id::apply(write.manager, write.subresource);
    let mut object = match (&live, &after) {
        (Some((live, _)), after) if same(live, after) => live.clone(),
        (live, after) => {
            if let Some(owner) = managers.0.get_mut(&own) {
                owner.time = Some(write.now.to_owned());
            }
            if live.is_some() { after.clone() } else { config.clone() }
        }
    };
    managers.drop_identity();
    last_applied::renew(&mut object, config, write);
    Ok(with_managers(object, &managers))
}

/// One apply: the new object and who owns what of it.
fn applied(
    live: &Value,
    config: &Value,
    mut managers: Managers,
    write: &Write,
    force: bool,
) -> Result<(Value, Managers), Error> {
    let schema = Some(write.schema);
    let discarded = FieldSet::of_fields(write.discarded);
    let own = Id::apply(write.manager, write.subresource);
    let merged = united(live, config, schema);
    let last = managers.0.get(&own).cloned();
    let mut fields = owned(config, schema);
    fields.remove(&discarded);
    let time = last.as_ref().and_then(|last| last.time.clone());
    managers.0.insert(own.clone(), Owner { version: write.version.to_owned(), time, fields });
    let after = match last {
        Some(last) if !last.fields.is_empty() => pruned(merged, &last.fields, &managers.all(), schema),
        _ => merged,
    };
    let changes = Changes::between(live, &after, schema).without(&discarded);
    let written = changes.written();
    let mut conflicts = Vec::new();
    for (id, owner) in managers.0.iter_mut().filter(|(id, _)| **id != own) {
        let taken = owner.fields.intersection(&written);
        conflicts.extend(taken.paths().iter().map(|path| Conflict {
            manager: id.text(),
            path: path.iter().map(Element::to_string).collect(),
        }));
        owner.fields.subtract(&taken);
        owner.fields.subtract(&changes.removed);
    }
    if !force && !conflicts.is_empty() {
        conflicts.sort_by(|left, right| left.manager.cmp(&right.manager));
        return Err(Error::Conflicts(conflicts));
    }
    managers.drop_empty();
    Ok((after, managers))
}

/// Any other write: the manager of `write` takes what differs between `live` and `new` from everybody, and
/// what is gone nobody owns. `new` comes back with its `managedFields`.
pub fn track_update(live: Option<&Value>, new: Value, write: &Write) -> Value {
    let (new, given) = split(new);
    let mut managers = base(live.map(|live| &live["metadata"]["managedFields"]), &given, write);
    // An object that nobody owns anything of is not tracked until somebody applies it.
    if managers.0.is_empty() && live.is_some() {
        return new;
    }
    // That the live object has `managedFields` counts for nothing: nobody owns those.
    let tracked = match live {
        Some(live) => updated(live, &new, &mut managers, write),
        None => updated(&write.schema.zero(), &new, &mut managers, write),
    };
    managers.drop_identity();
    let own = Id::update(write.manager, write.version, write.subresource);
    if let Some(owner) = managers.0.get_mut(&own).filter(|_| tracked) {
        owner.time = Some(write.now.to_owned());
    }
    managers.cap();
    with_managers(new, &managers)
}

/// The entries that an update starts from: those of the request, where it brings any.
fn base(live: Option<&Value>, given: &Value, write: &Write) -> Managers {
    let live = || live.map(|list| read(list, write)).unwrap_or_default();
    let reset = given.as_array().is_some_and(|list| list.is_empty() || *list == [json!({})]);
    match Managers::decode(given).filter(|managers| !managers.0.is_empty()) {
        _ if !write.subresource.is_empty() => live(),
        _ if reset => Managers::default(),
        Some(_) => read(given, write),
        None => live(),
    }
}

/// Moves what changed to the manager of `write`; whether it owns anything of this write.
fn updated(before: &Value, after: &Value, managers: &mut Managers, write: &Write) -> bool {
    let discarded = FieldSet::of_fields(write.discarded);
    let changes = Changes::between(before, after, Some(write.schema)).without(&discarded);
    let written = changes.written();
    managers.take(&changes.removed);
    let own = Id::update(write.manager, write.version, write.subresource);
    let kept = managers.0.get(&own).cloned();
    managers.take(&written);
    if written.is_empty() {
        return false;
    }
    let (mut fields, time) = kept.map_or_else(Default::default, |own| (own.fields, own.time));
    fields.add(&written);
    managers.0.insert(own, Owner { version: write.version.to_owned(), time, fields });
    true
}

/// The entries of a list, as they are under the schema of today.
fn read(list: &Value, write: &Write) -> Managers {
    let mut managers = Managers::decode(list).unwrap_or_default();
    managers.0.retain(|_, owner| write.served.is_empty() || write.served.contains(&owner.version.as_str()));
    for owner in managers.0.values_mut() {
        owner.fields.fit(Some(write.schema));
    }
    managers
}

fn without_managers(object: &Value) -> (Value, Value) {
    split(object.clone())
}

fn split(mut object: Value) -> (Value, Value) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let list = metadata.and_then(|metadata| metadata.remove("managedFields")).unwrap_or_default();
    (object, list)
}

fn with_managers(mut object: Value, managers: &Managers) -> Value {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata.filter(|_| !managers.0.is_empty()) {
        metadata.insert("managedFields".to_owned(), Value::Array(managers.encode()));
    }
    object
}

/// Gives `new` the times of `live` when nothing but times differs between them, so that it is no change.
pub fn keep_times(live: &Value, new: &mut Value) {
    let timeless = |list: &Value| {
        let mut list = list.clone();
        for entry in list.as_array_mut().into_iter().flatten() {
            entry.as_object_mut().map(|entry| entry.remove("time"));
        }
        list
    };
    let (old, now) = (&live["metadata"]["managedFields"], &new["metadata"]["managedFields"]);
    let sorted = |list: &Value| Managers::decode(&timeless(list));
    if !old.is_null() && new["metadata"].is_object() && alike(live, new) && sorted(old) == sorted(now) {
        new["metadata"]["managedFields"] = old.clone();
    }
}

/// Whether two objects are the same but for their `managedFields`.
fn alike(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return false };
    let others = |object: &Value| {
        object.as_object().map(|members| members.len() - usize::from(members.contains_key("managedFields")))
    };
    let metadata = |a: &Value, b: &Value| {
        let mut members = a.as_object().into_iter().flatten().filter(|(key, _)| *key != "managedFields");
        others(a) == others(b) && members.all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
    };
    a.len() == b.len()
        && a.iter().all(|(key, a)| match (key.as_str(), b.get(key)) {
            (_, None) => false,
            ("metadata", Some(b)) => metadata(a, b),
            (_, Some(b)) => same(a, b),
        })
}

fn refusal(config: &Value, wrong: &[String]) -> String {
    let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let version = text("/apiVersion");
    let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
    let errors = match wrong {
        [one] => one.clone(),
        several => format!("errors:\n  {}", several.join("\n  ")),
    };
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    format!(
        "failed to create typed patch object ({namespace}/{name}; {version}, Kind={}): {errors}",
        text("/kind")
    )
}
