use super::{
    Call, State, call::Strictness, convert::shown, create, decode, duplicates, owners, reply::Reply,
    typed::Origin, update,
};
use crate::{
    sim::{
        merge,
        refusal::{bad_request, conflict, not_found, not_simulated},
        schema::go_kind,
    },
    wire::Failure,
};
use serde_json::Value;
use std::sync::Arc;

/// Server-side apply.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn apply(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let key = call.key_of(call.name());
    let current = state.store.get(&key).map(|current| current.object.clone());
    if let Some(known) = current.as_ref().and_then(|live| state.again.answer(call, live)) {
        return Ok(known);
    }
    let reply = anew(state, call, current.clone())?;
    let left = |live: &Arc<Value>| {
        state.store.get(&key).is_some_and(|now| Arc::ptr_eq(&now.object, live))
            && call.warnings.borrow().is_empty()
    };
    if let (Some(live), Reply::Object(200, answer)) = (current.filter(left), &reply) {
        state.again.note(call, &live, answer);
    }
    Ok(reply)
}

fn anew(state: &mut State, call: &Call<'_>, current: Option<Arc<Value>>) -> Result<Reply, Failure> {
    let config = config(call)?;
    let force = call.info.query.is_true("force");
    if current.is_none() && call.subresource().is_some() {
        return Err(not_found(&call.kind, call.name()));
    }
    if let (None, Some(uid)) = (&current, config["metadata"].get("uid").and_then(Value::as_str)) {
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        return Err(conflict(&call.kind, call.name(), &why));
    }
    let live = current.as_ref().map(|object| shown(&call.kind, object));
    let applied = owners::with(state, call, |write| match write {
        Some(write) => {
            merge::apply(live.as_deref(), &config, write, force).map_err(|error| error.to_failure())
        }
        None => Err(not_simulated("server-side apply of a type without a schema")),
    });
    let mut object = applied?;
    doubled(call)?;
    decode::patched(call, &mut object)?;
    update::same_name(call, &mut object)?;
    let object = super::typed::decoded(call, object, Origin::Apply)?;
    let Some(old) = current else {
        let object = create::tracked(state, call, object)?;
        return Ok(Reply::Object(201, shown(&call.kind, &object)));
    };
    update::tracked(state, call, &old, object)
}

/// Keys that stand twice in the configuration.
fn doubled(call: &Call<'_>) -> Result<(), Failure> {
    if call.strictness == Strictness::Ignore {
        return Ok(());
    }
    let found = duplicates::applied(call);
    if call.strictness == Strictness::Strict && !found.is_empty() {
        let why = duplicates::refused(&found);
        return Err(bad_request(format!("error strict decoding YAML: error converting YAML to JSON: {why}")));
    }
    found.iter().for_each(|text| call.warn(text));
    Ok(())
}

/// The applied configuration in the body.
pub(super) fn config(call: &Call<'_>) -> Result<Value, Failure> {
    let mut config: Value = serde_json::from_slice(call.body)
        .or_else(|_| duplicates::yaml(call.body).map(|(value, _)| value))
        .map_err(|error| bad_request(format!("error decoding YAML: {error}")))?;
    if !config.is_object() {
        return Err(bad_request(
            "error decoding YAML: json: cannot unmarshal into Go value of type map[string]interface {}",
        ));
    }
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
    let (wanted_version, wanted_kind) = match (call.subresource(), call.kind.subresources.get("scale")) {
        (Some("scale"), Some(_)) => ("autoscaling/v1".to_owned(), "Scale"),
        _ => (call.kind.api_version(), call.kind.kind.as_str()),
    };
    if version != wanted_version || kind != wanted_kind {
        let version = if version.contains('/') { version } else { format!("/{version}") };
        return Err(bad_request(format!("invalid object type: {version}, Kind={kind}")));
    }
    if config["metadata"].get("managedFields").is_some() {
        return Err(bad_request("metadata.managedFields must be nil"));
    }
    if !matches!(config["metadata"], Value::Null | Value::Object(_)) {
        let kind = go_kind(&config["metadata"]);
        let why =
            format!("json: cannot unmarshal {kind} into Go struct field .metadata of type v1.ObjectMeta");
        return Err(bad_request(format!("error decoding YAML: {why}")));
    }
    let name = config["metadata"].get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        config["metadata"]["name"] = Value::from(call.name());
    } else if name != call.name() {
        return Err(bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.name()
        )));
    }
    Ok(config)
}
