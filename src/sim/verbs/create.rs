use super::{
    Call, State,
    convert::{shown, stored},
    decode, names,
    reply::Reply,
    strategy,
    typed::Origin,
};
use crate::{
    sim::{
        admission,
        refusal::{FieldError, already_exists, bad_request, forbidden, invalid, invalid_as},
    },
    wire::Failure,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How often a generated name is drawn anew when it is taken.
const DRAWS: usize = 8;

/// Makes the object in the body.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn create(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let object = decode::object(state, call)?;
    let object = add(state, call, object)?;
    Ok(Reply::Object(201, shown(&call.kind, &object)))
}

/// Makes an object that is read already.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn add(state: &mut State, call: &Call<'_>, mut object: Value) -> Result<Arc<Value>, Failure> {
    let kind = &call.kind;
    if kind.custom.as_ref().is_some_and(|custom| custom.terminating) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let why = "create not allowed while custom resource definition is terminating";
        return Err(forbidden(kind, &name, why));
    }
    wipe(call, &mut object)?;
    for uid in [names::dedup_owners(&mut object)].iter().filter(|uids| !uids.is_empty()) {
        call.warn(format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, \
             and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            uid.join(", ")
        ));
    }
    let object = super::typed::decoded(call, object, Origin::Body)?;
    let object = super::owners::created(state, call, object);
    admit(state, call, object)
}

/// Makes an object whose owners are noted already.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn tracked(state: &mut State, call: &Call<'_>, mut object: Value) -> Result<Arc<Value>, Failure> {
    wipe(call, &mut object)?;
    admit(state, call, object)
}

fn admit(state: &mut State, call: &Call<'_>, mut object: Value) -> Result<Arc<Value>, Failure> {
    admission::create(state, call, &mut object)?;
    let generated = named(state, &mut object);
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(state.dice.uuid());
    metadata["creationTimestamp"] = json!(state.clock.seconds());
    strategy::for_create(state, call, &mut object)?;
    check(call, &object)?;
    admission::validate_create(state, call, &object)?;
    finish(state, call, object, generated)
}

/// Drops what only the server may set, and checks the namespace.
fn wipe(call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let Some(metadata) = object["metadata"].as_object_mut() else { return Ok(()) };
    let version = metadata.remove("resourceVersion");
    if version.as_ref().and_then(Value::as_str).and_then(|rv| rv.parse::<u64>().ok()).is_some_and(|rv| rv > 0)
    {
        return Err(Failure::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"]
    {
        metadata.remove(field);
    }
    namespace(call, metadata)
}

/// The namespace of the body must be that of the path, or none.
pub fn namespace(call: &Call<'_>, metadata: &mut Map<String, Value>) -> Result<(), Failure> {
    match call.namespace().filter(|_| call.kind.namespaced) {
        None => {
            metadata.remove("namespace");
        }
        Some(namespace) => {
            let own = metadata.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            if own != namespace {
                let message =
                    "the namespace of the provided object does not match the namespace sent on the request";
                return Err(bad_request(message));
            }
            metadata.insert("namespace".into(), json!(namespace));
        }
    }
    Ok(())
}

/// Draws a name where only a prefix is given.
fn named(state: &mut State, object: &mut Value) -> bool {
    let metadata = &mut object["metadata"];
    let Some(prefix) = metadata["generateName"].as_str().filter(|_| metadata["name"].is_null()) else {
        if metadata["generateName"].is_null() {
            remove_null(metadata, "generateName");
        }
        remove_null(metadata, "name");
        return false;
    };
    let prefix: String = prefix.chars().take(58).collect();
    metadata["name"] = json!(format!("{prefix}{}", state.dice.letters(5)));
    true
}

/// Indexing a map of JSON to look leaves nothing behind, but indexing to write does.
fn remove_null(value: &mut Value, key: &str) {
    if let Some(members) =
        value.as_object_mut().filter(|members| members.get(key).is_some_and(Value::is_null))
    {
        members.remove(key);
    }
}

/// Refuses an object that is not valid.
fn check(call: &Call<'_>, object: &Value) -> Result<(), Failure> {
    let kind = &call.kind;
    let own = object["kind"].as_str().unwrap_or_default();
    if kind.custom.is_some() && own != kind.kind {
        // The refusal is about what the object says that it is.
        let error = FieldError::invalid("kind", &object["kind"], &format!("must be {}", kind.kind));
        let (group, name) = (&kind.resource.group, object["metadata"]["name"].as_str().unwrap_or_default());
        return Err(invalid_as(own, group, name, &[error], &format!("{own}.{group}")));
    }
    names::warn_of_finalizers(call, None, object);
    let mut errors: Vec<FieldError> = names::metadata_errors(&call.kind, object);
    errors.extend(super::typed::errors(call, object, None));
    if errors.is_empty() {
        super::typed::warn(call, object, None);
        return Ok(());
    }
    Err(invalid(&call.kind, object["metadata"]["name"].as_str().unwrap_or_default(), &errors))
}

/// Writes it, unless the name is taken.
fn finish(
    state: &mut State,
    call: &Call<'_>,
    mut object: Value,
    generated: bool,
) -> Result<Arc<Value>, Failure> {
    for _ in 0..DRAWS {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = call.key_of(&name);
        let Some(taken) = state.store.get(&key) else {
            if call.dry_run {
                return Ok(Arc::new(object));
            }
            let object = stored(&call.kind, object);
            let object = state.store.put(&key, object);
            super::follow::written(state, call, &object);
            return Ok(object);
        };
        if !generated {
            let dying = !taken.object["metadata"]["deletionTimestamp"].is_null();
            return Err(already_exists(&call.kind, &name, dying));
        }
        let prefix: String =
            object["metadata"]["generateName"].as_str().unwrap_or_default().chars().take(58).collect();
        object["metadata"]["name"] = json!(format!("{prefix}{}", state.dice.letters(5)));
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut failure = already_exists(&call.kind, name, false);
    failure.message += ", the server was not able to generate a unique name for the object";
    failure.details["retryAfterSeconds"] = json!(1);
    Err(failure)
}
