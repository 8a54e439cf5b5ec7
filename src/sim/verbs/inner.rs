use super::{Call, Reply, State, accept::Form, call::Strictness, route};
use crate::{
    sim::refusal::no_resource,
    wire::{Failure, RequestInfo},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::{cell::RefCell, sync::Arc};

/// A request of the server itself or of one of its controllers, by the same verbs as those of clients. A patch
/// is a merge patch.
///
/// # Errors
/// What the verbs refuse.
pub fn act(
    state: &mut State,
    manager: &str,
    method: &Method,
    path: &str,
    body: &Value,
) -> Result<Arc<Value>, Failure> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let media = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let info = RequestInfo::from_parts(method, path, query, Some(media.to_owned()), false);
    let resource = info.resource.as_ref().ok_or_else(no_resource)?;
    let kind = state.registry.find(&resource.group, &resource.version, &resource.plural);
    let kind = kind.ok_or_else(no_resource)?.clone();
    let headers = HeaderMap::new();
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let mut call = Call {
        info: &info,
        method,
        headers: &headers,
        body: &body,
        kind,
        form: Form::of(&headers, None, true)?,
        manager: manager.to_owned(),
        dry_run: false,
        strictness: Strictness::Ignore,
        warnings: RefCell::default(),
    };
    match route::verb(state, &mut call)? {
        Reply::Object(_, object) => Ok(object),
        _ => Ok(Arc::new(Value::Null)),
    }
}
