use super::{
    Call, State,
    accept::Form,
    call::Strictness,
    convert::stored,
    follow,
    typed::{self, Origin},
};
use crate::{
    sim::{discovery::Kind, refusal::bad_request},
    wire::{Failure, RequestInfo},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use std::{cell::RefCell, sync::Arc};

/// Puts objects into the store as they are, with their uids, times, owners and status: definitions first, so that
/// their types are known. An object that is there already is replaced.
///
/// # Errors
/// 400 for an object of no known type or without a name, and for values of the wrong type; what was restored
/// before it stays.
pub fn restore(state: &mut State, objects: Vec<Value>) -> Result<(), Failure> {
    let is_definition = |object: &Value| object["kind"] == "CustomResourceDefinition";
    let (definitions, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_definition);
    definitions.into_iter().chain(others).try_for_each(|object| one(state, object))
}

fn one(state: &mut State, object: Value) -> Result<(), Failure> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let what = format!("{kind} {name:?}");
    let (group, version) = version.rsplit_once('/').unwrap_or(("", &version));
    let Some(kind) = state.registry.by_kind(group, version, &kind).cloned() else {
        let named = format!("{group}/{version}").trim_start_matches('/').to_owned();
        return Err(bad_request(format!("{what}: no type of this name is served in {named}")));
    };
    let namespace = match text("/metadata/namespace").as_str() {
        _ if !kind.namespaced => None,
        "" => Some("default".to_owned()),
        namespace => Some(namespace.to_owned()),
    };
    if name.is_empty() {
        return Err(bad_request(format!("{what}: an object that is restored needs a name")));
    }
    let within = |failure: Failure| Failure { message: format!("{what}: {}", failure.message), ..failure };
    put(state, kind, namespace.as_deref(), &name, object).map_err(within)
}

fn put(
    state: &mut State,
    kind: Arc<Kind>,
    namespace: Option<&str>,
    name: &str,
    object: Value,
) -> Result<(), Failure> {
    let space = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    let path = format!("{}{space}/{}/{name}", kind.resource.prefix(), kind.resource.plural);
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let info = RequestInfo::from_parts(&Method::PUT, &path, "", None, false);
    let call = Call {
        info: &info,
        method: &Method::PUT,
        headers: &headers,
        body: &body,
        form: Form::of(&headers, None, true)?,
        manager: String::new(),
        dry_run: false,
        strictness: Strictness::Ignore,
        warnings: RefCell::default(),
        kind,
    };
    let mut object = typed::decoded(&call, object, Origin::Body)?;
    let metadata = &mut object["metadata"];
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    if metadata["uid"].is_null() {
        metadata["uid"] = json!(state.dice.uuid());
    }
    if metadata["creationTimestamp"].is_null() {
        metadata["creationTimestamp"] = json!(state.clock.seconds());
    }
    let object = state.store.put(&call.key_of(name), stored(&call.kind, object));
    follow::written(state, &call, &object);
    Ok(())
}
