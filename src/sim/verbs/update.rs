use super::{
    Call, State,
    convert::{shown, stored},
    create, decode, names,
    reply::Reply,
    strategy,
    typed::Origin,
};
use crate::{
    sim::{
        admission,
        refusal::{FieldError, bad_request, conflict, invalid, invalid_as, modified, not_found},
    },
    wire::Failure,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Replaces an object by the one in the body.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn update(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let mut object = decode::object(state, call)?;
    let name = object["metadata"].get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            call.name()
        )));
    }
    same_name(call, &mut object)?;
    let Some(old) = state.store.get(&call.key_of(call.name())).map(|current| current.object.clone()) else {
        if call.kind.rules.create_on_update && call.subresource().is_none() {
            let object = create::add(state, call, object)?;
            return Ok(Reply::Object(201, shown(&call.kind, &object)));
        }
        return Err(not_found(&call.kind, call.name()));
    };
    if let Some(uid) = object["metadata"].get("uid").and_then(Value::as_str)
        && old["metadata"]["uid"] != uid
    {
        return Err(wrong_uid(call, uid, &old));
    }
    let object = super::typed::decoded(call, object, Origin::Body)?;
    write(state, call, &old, object)
}

/// The name and the namespace of an object must be those of the path.
pub fn same_name(call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let Some(metadata) = object["metadata"].as_object_mut() else { return Ok(()) };
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
    if name != call.name() {
        let message =
            format!("the name of the object ({name}) does not match the name on the URL ({})", call.name());
        return Err(bad_request(message));
    }
    create::namespace(call, metadata)
}

fn wrong_uid(call: &Call<'_>, uid: &str, old: &Value) -> Failure {
    let group =
        if call.kind.custom.is_some() { format!("{}/", call.kind.resource.group) } else { String::new() };
    let namespace = call.namespace().map(|namespace| format!("/{namespace}")).unwrap_or_default();
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{group}{}{namespace}/{}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
        call.kind.rules.folder,
        call.name(),
        old["metadata"]["uid"].as_str().unwrap_or_default()
    );
    conflict(&call.kind, call.name(), &why)
}

/// The rest of every update and patch: from the new object to the store.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn write(state: &mut State, call: &Call<'_>, old: &Arc<Value>, object: Value) -> Result<Reply, Failure> {
    let object = super::owners::updated(state, call, &shown(&call.kind, old), object);
    tracked(state, call, old, object)
}

/// The rest of an update whose owners are noted already.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn tracked(
    state: &mut State,
    call: &Call<'_>,
    old: &Arc<Value>,
    object: Value,
) -> Result<Reply, Failure> {
    let old_shown = shown(&call.kind, old);
    let object = settle(state, call, &old_shown, object)?;
    store(state, call, old, object)
}

/// Checks a changed object and makes it what the server would keep.
fn settle(state: &State, call: &Call<'_>, old: &Value, mut object: Value) -> Result<Value, Failure> {
    names::dedup_owners(&mut object);
    version_fits(call, old, &object)?;
    admission::update(state, call, &mut object);
    let asked = object["metadata"].clone();
    for field in ["generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let kept = old["metadata"].get(field);
        // A live object cannot be marked as deleted; everything else is put back in silence.
        if field == "deletionTimestamp" && kept.is_none() {
            continue;
        }
        set_or_drop(&mut object["metadata"], field, kept);
    }
    if object["metadata"].get("uid").is_none() {
        set_or_drop(&mut object["metadata"], "uid", old["metadata"].get("uid"));
    }
    strategy::for_update(state, call, old, &mut object);
    strategy::stamp(state, call, old, &mut object);
    super::owners::settle(old, &mut object);
    names::warn_of_finalizers(call, Some(old), &object);
    let mut errors = immutable_errors(old, &asked);
    let metadata = names::metadata_errors(&call.kind, &object);
    errors.extend(metadata);
    errors.extend(new_finalizers(old, &object));
    // Both the generic checks and those of the type look at metadata: its causes stand twice.
    let twice = errors.clone();
    errors.extend(twice);
    errors.extend(super::typed::errors(call, &object, Some(old)));
    if !errors.is_empty() {
        return Err(invalid(&call.kind, call.name(), &errors));
    }
    super::typed::warn(call, &object, Some(old));
    Ok(object)
}

fn set_or_drop(metadata: &mut Value, field: &str, value: Option<&Value>) {
    let Some(members) = metadata.as_object_mut() else { return };
    match value {
        Some(value) => members.insert(field.to_owned(), value.clone()),
        None => members.remove(field),
    };
}

/// A resourceVersion in the new object must be that of the old one.
fn version_fits(call: &Call<'_>, old: &Value, object: &Value) -> Result<(), Failure> {
    let wanted = object["metadata"].get("resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if !wanted.is_empty() && wanted.parse::<u64>().is_err() {
        let message = format!("strconv.ParseUint: parsing {wanted:?}: invalid syntax");
        return Err(Failure::new(500, "", message));
    }
    if wanted.is_empty() || wanted == "0" {
        let kind = &call.kind;
        let conditional = kind.rules.conditional && *call.method == http::Method::PUT;
        if conditional && call.subresource() != Some("scale") {
            let error =
                FieldError::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            let shown = kind.resource.to_string();
            return Err(invalid_as(
                &kind.resource.plural,
                &kind.resource.group,
                call.name(),
                &[error],
                &shown,
            ));
        }
        return Ok(());
    }
    if old["metadata"]["resourceVersion"] != wanted {
        return Err(modified(&call.kind, call.name()));
    }
    Ok(())
}

fn immutable_errors(old: &Value, asked: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["uid", "deletionTimestamp"] {
        let (Some(new), before) = (asked.get(field), old["metadata"].get(field)) else { continue };
        let first = field == "deletionTimestamp" && before.is_some();
        if !first && before != Some(new) {
            errors.push(FieldError::invalid(format!("metadata.{field}"), new, "field is immutable"));
        }
    }
    errors
}

/// An object that is being deleted takes no new finalizers.
fn new_finalizers(old: &Value, object: &Value) -> Vec<FieldError> {
    if old["metadata"].get("deletionTimestamp").is_none() {
        return Vec::new();
    }
    let list = |object: &Value| {
        let finalizers = object["metadata"].get("finalizers").and_then(Value::as_array);
        finalizers.into_iter().flatten().filter_map(|f| f.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let before = list(old);
    let mut new: Vec<String> =
        list(object).into_iter().filter(|finalizer| !before.contains(finalizer)).collect();
    new.sort();
    if new.is_empty() {
        return Vec::new();
    }
    let shown: Vec<_> = new.iter().map(|finalizer| format!("{finalizer:?}")).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        shown.join(", ")
    );
    vec![FieldError::forbidden("metadata.finalizers", &why)]
}

/// Writes what changed; an object that was only waiting for its last finalizer goes.
fn store(state: &mut State, call: &Call<'_>, old: &Arc<Value>, mut object: Value) -> Result<Reply, Failure> {
    let rv = old["metadata"]["resourceVersion"].clone();
    object["metadata"]["resourceVersion"] = rv;
    let key = call.key_of(call.name());
    if super::delete::is_due(&call.kind, &object) {
        if !call.dry_run
            && let Some(last) = state.store.remove(&key)
        {
            super::follow::removed(state, call, &last);
        }
        return Ok(Reply::Object(200, Arc::new(object)));
    }
    let object = stored(&call.kind, object);
    admission::validate_update(state, call, old, &object)?;
    if object == **old || call.dry_run {
        return Ok(Reply::Object(200, shown(&call.kind, &Arc::new(object))));
    }
    let object = state.store.put(&key, object);
    super::follow::written(state, call, &object);
    Ok(Reply::Object(200, shown(&call.kind, &object)))
}
