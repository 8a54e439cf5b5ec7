use super::{
    Call, State,
    convert::shown,
    decode,
    options::DeleteOptions,
    reply::{List, Reply},
    select,
};
use crate::{
    sim::{
        admission,
        discovery::Kind,
        refusal::{bad_request, not_found},
    },
    wire::{Failure, ObjectKey},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Deletes an object, or marks it so.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let options = options(call)?;
    warn_of_children(call, &options);
    let outcome = remove(state, call, call.name(), &options)?;
    let code = if options.orphan == Some(false) && !outcome.gone { 202 } else { 200 };
    if !outcome.gone || call.kind.rules.returns_deleted {
        return Ok(Reply::Object(code, shown(&call.kind, &outcome.object)));
    }
    Ok(Reply::Object(code, Arc::new(success(&call.kind, call.name(), &outcome.object))))
}

/// The pods of a job outlive it, unless its delete says otherwise.
fn warn_of_children(call: &Call<'_>, options: &DeleteOptions) {
    if call.kind.is("batch", "jobs") && options.policy.is_none() && options.orphan.is_none() {
        call.warn(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
             them or set propagationPolicy=Orphan to suppress this warning",
        );
    }
}

/// Reads the options of a delete.
///
/// # Errors
/// 400 for what cannot be read, 422 for what makes no sense.
pub fn options(call: &Call<'_>) -> Result<DeleteOptions, Failure> {
    if call.body.is_empty() {
        return DeleteOptions::read(&call.info.query, None);
    }
    let body = decode::part(call)?;
    let kind = body.get("kind").and_then(Value::as_str).unwrap_or("DeleteOptions");
    if kind != "DeleteOptions" {
        let version = body.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        return Err(bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a DeleteOptions: converting (v1.{kind}) to \
             (v1.DeleteOptions): unknown conversion"
        )));
    }
    DeleteOptions::read(&call.info.query, Some(&body))
}

fn success(kind: &Kind, name: &str, object: &Value) -> Value {
    let mut details = json!({"name": name, "kind": kind.resource.plural, "uid": object["metadata"]["uid"]});
    if !kind.resource.group.is_empty() {
        details["group"] = json!(kind.resource.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// What a delete came to.
#[derive(Debug)]
pub struct Outcome {
    /// The object as it was last.
    pub object: Arc<Value>,
    /// Whether it is gone.
    pub gone: bool,
}

/// Deletes the object of a name, or marks it so.
///
/// # Errors
/// 404, 409 for preconditions, 403 for what may not be deleted.
pub fn remove(
    state: &mut State,
    call: &Call<'_>,
    name: &str,
    options: &DeleteOptions,
) -> Result<Outcome, Failure> {
    let key = call.key_of(name);
    let current = state.store.get(&key).map(|current| current.object.clone());
    let old = current.ok_or_else(|| not_found(&call.kind, name))?;
    admission::delete(state, call, name)?;
    preconditions(call, name, options, &old)?;
    let dry = options.dry_run || call.dry_run;
    let marked = marked(state, call, options, &old);
    let Marked { object, gone } = marked;
    if dry {
        return Ok(Outcome { object: Arc::new(object), gone });
    }
    if !gone {
        if object == *old {
            return Ok(Outcome { object: old, gone });
        }
        let object = state.store.put(&key, object);
        super::follow::written(state, call, &object);
        return Ok(Outcome { object, gone });
    }
    Ok(Outcome { object: take(state, call, &key, object, &old), gone })
}

/// Removes an object; one that was given time first shows that it has none left.
fn take(state: &mut State, call: &Call<'_>, key: &ObjectKey, object: Value, old: &Arc<Value>) -> Arc<Value> {
    if object != **old {
        state.store.put(key, object);
    }
    let last = state.store.remove(key).unwrap_or_else(|| old.clone());
    super::follow::removed(state, call, &last);
    last
}

fn preconditions(call: &Call<'_>, name: &str, options: &DeleteOptions, old: &Value) -> Result<(), Failure> {
    let live = |field: &str| old["metadata"][field].as_str().unwrap_or_default().to_owned();
    let plain =
        call.kind.is_core("namespaces") || call.kind.is("apiextensions.k8s.io", "customresourcedefinitions");
    let pairs = [
        (&options.uid, "uid", "UID", "The object might have been deleted and then recreated"),
        (&options.version, "resourceVersion", "ResourceVersion", "The object might have been modified"),
    ];
    for (wanted, field, word, hint) in pairs {
        let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != live(field)) else { continue };
        let found = live(field);
        if plain {
            let why = format!(
                "Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {found}"
            );
            return Err(crate::sim::refusal::conflict(&call.kind, name, &why));
        }
        let kind = call.kind.group_kind();
        let message = format!(
            "Operation cannot be fulfilled on {kind} {name:?}: the {word} in the precondition ({wanted}) does not \
             match the {word} in record ({found}). {hint}"
        );
        let mut details = json!({"name": name, "kind": call.kind.kind});
        if !call.kind.resource.group.is_empty() {
            details["group"] = json!(call.kind.resource.group);
        }
        return Err(Failure { details, ..Failure::new(409, "Conflict", message) });
    }
    Ok(())
}

struct Marked {
    object: Value,
    gone: bool,
}

/// The object as a delete leaves it.
fn marked(state: &State, call: &Call<'_>, options: &DeleteOptions, old: &Value) -> Marked {
    let mut object = old.clone();
    let pod = call.kind.is_core("pods");
    if !call.kind.is_core("events") {
        set_collector_finalizers(call, options, &mut object);
    }
    if call.kind.is("apiextensions.k8s.io", "customresourcedefinitions") {
        crate::sim::crd::dying(state, &mut object);
    }
    let dying = old["metadata"].get("deletionTimestamp").is_some();
    let grace = if pod { pod_grace(options, old) } else { 0 };
    let waits = object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty())
        || (call.kind.is_core("namespaces")
            && object["spec"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()));
    if !waits && grace == 0 {
        let ends = dying && old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0;
        if pod && !ends {
            mark(state, &mut object, 0, dying);
        }
        let gone = true;
        super::decode::tidy(&mut object["metadata"]);
        if !pod {
            object = old.clone();
        }
        return Marked { object, gone };
    }
    let plain =
        call.kind.is_core("namespaces") || call.kind.is("apiextensions.k8s.io", "customresourcedefinitions");
    let shorter = old["metadata"]["deletionGracePeriodSeconds"].as_i64().is_some_and(|old| grace < old);
    let asked = options.grace.is_some();
    if !dying || (shorter && asked) {
        mark(state, &mut object, grace, dying);
        if plain && let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("deletionGracePeriodSeconds");
        }
    }
    if call.kind.is_core("namespaces") {
        object["status"]["phase"] = json!("Terminating");
        // A namespace waits for its contents, not for a time.
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("deletionGracePeriodSeconds");
        }
    }
    super::decode::tidy(&mut object["metadata"]);
    Marked { object, gone: false }
}

fn mark(state: &State, object: &mut Value, grace: i64, again: bool) {
    let metadata = &mut object["metadata"];
    let before = metadata["deletionTimestamp"].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let time = match before.filter(|_| again) {
        // A shorter time counts from the same moment as the longer one.
        Some(before) => {
            let less = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0).saturating_sub(grace);
            let second = before.as_second().saturating_sub(less);
            jiff::Timestamp::from_second(second).unwrap_or(before).to_string()
        }
        None => state.clock.later(grace),
    };
    metadata["deletionTimestamp"] = json!(time);
    metadata["deletionGracePeriodSeconds"] = json!(grace);
    if let Some(generation) = metadata["generation"].as_i64().filter(|generation| *generation > 0 && !again) {
        metadata["generation"] = json!(generation + 1);
    }
}

fn pod_grace(options: &DeleteOptions, pod: &Value) -> i64 {
    let asked = options.grace.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30);
    let over = matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
    let unbound = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
    match asked {
        _ if over || unbound => 0,
        asked if asked < 0 => 1,
        asked => asked,
    }
}

/// `orphan` and `foregroundDeletion`, as the propagation policy wants them.
fn set_collector_finalizers(call: &Call<'_>, options: &DeleteOptions, object: &mut Value) {
    let list = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let has = |wanted: &str| list.iter().any(|finalizer| finalizer == wanted);
    let policy = match (options.policy.as_deref(), options.orphan) {
        (Some(policy @ ("Orphan" | "Foreground" | "Background")), _) => policy,
        (_, Some(true)) => "Orphan",
        (_, Some(false)) => "Background",
        _ if has("orphan") => "Orphan",
        _ if has("foregroundDeletion") => "Foreground",
        _ if call.kind.rules.orphan_by_default => "Orphan",
        _ => "Background",
    };
    let own = match policy {
        "Orphan" => Some("orphan"),
        "Foreground" => Some("foregroundDeletion"),
        _ => None,
    };
    let mut kept: Vec<Value> = list
        .iter()
        .filter(|finalizer| {
            Some(finalizer.as_str().unwrap_or_default()) == own
                || !(*finalizer == "orphan" || *finalizer == "foregroundDeletion")
        })
        .cloned()
        .collect();
    if let Some(own) = own.filter(|own| !has(own)) {
        kept.push(json!(own));
    }
    object["metadata"]["finalizers"] = json!(kept);
}

/// Whether an object is being deleted and nothing holds it back any more.
pub fn is_due(kind: &Kind, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    metadata.get("deletionTimestamp").is_some()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && empty(&metadata["finalizers"])
        && (!kind.is_core("namespaces") || empty(&object["spec"]["finalizers"]))
}

/// Deletes every object that matches.
///
/// # Errors
/// What a list or a delete refuses.
pub fn collection(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let options = options(call)?;
    warn_of_children(call, &options);
    let scope = select::scope(call)?;
    let slice = state.store.slice(&scope, state.store.revision(), None, 0);
    let items = slice.map(|slice| slice.items).unwrap_or_default();
    for item in &items {
        let namespace = item["metadata"]["namespace"].as_str();
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        let mut info = call.info.clone();
        info.namespace = namespace.map(str::to_owned);
        let one = Call {
            info: &info,
            method: call.method,
            headers: call.headers,
            body: call.body,
            kind: call.kind.clone(),
            form: call.form.clone(),
            manager: call.manager.clone(),
            dry_run: call.dry_run,
            strictness: call.strictness,
            warnings: Default::default(),
        };
        match remove(state, &one, name, &options) {
            Err(failure) if failure.code != 404 => return Err(failure),
            _ => {}
        }
    }
    let items = items.iter().map(|item| shown(&call.kind, item)).collect();
    let rv = state.store.revision().to_string();
    Ok(Reply::List(List { items, rv, next: None, remaining: None }))
}
