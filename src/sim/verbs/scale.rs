use super::{Call, Reply, State, decode, patch, update};
use crate::{
    sim::{
        discovery::Kind,
        merge::{self, Write},
        refusal::{FieldError, bad_request, invalid_as, no_resource, not_found},
        schema::{Definitions, go_kind},
    },
    wire::{Failure, Verb},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Reads or writes how many replicas an object wants.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn scale(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let current = state.store.get(&call.key_of(call.name())).map(|current| current.object.clone());
    let parent = current.ok_or_else(|| not_found(&call.kind, call.name()))?;
    let before = of(&call.kind, &parent)?;
    let wanted = match call.info.verb {
        Verb::Get => return Ok(Reply::Object(200, Arc::new(before))),
        Verb::Update => decode::scale(state, call)?,
        Verb::Patch => patch::patched(call, patch::format(call)?, &before)?,
        _ => applied(state, call, &parent, &before)?,
    };
    check(call, &parent, &wanted)?;
    let mut object = (*parent).clone();
    let replicas = wanted["spec"].get("replicas").cloned().unwrap_or_else(|| json!(0));
    set(&mut object, &spec_path(&call.kind), replicas);
    own(state, call, &before, &wanted, &mut object)?;
    let rv = wanted["metadata"].get("resourceVersion").and_then(Value::as_str).unwrap_or_default();
    // The old version stands in what was read: only one that the client wrote is a condition.
    let own = call.info.verb == Verb::Update || rv != parent["metadata"]["resourceVersion"];
    if own && let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.insert("resourceVersion".into(), json!(rv));
    }
    match update::tracked(state, call, &parent, object)? {
        Reply::Object(code, object) => Ok(Reply::Object(code, Arc::new(of(&call.kind, &object)?))),
        other => Ok(other),
    }
}

/// The write of a `Scale`, whose fields have owners of their own.
fn write<'a>(call: &'a Call<'_>, now: &'a str) -> Result<Write<'a>, Failure> {
    let schema = Definitions::v1_36().kind("autoscaling", "v1", "Scale");
    let schema = schema.ok_or_else(no_resource)?;
    let (version, subresource) = ("autoscaling/v1", "scale");
    Ok(Write { manager: &call.manager, version, subresource, now, schema, discarded: &[], served: &[] })
}

/// The `Scale` with its owners, which are not shown.
fn owned(call: &Call<'_>, parent: &Value, scale: &Value) -> Value {
    let mut scale = scale.clone();
    let path = spec_path(&call.kind);
    let path = path.trim_start_matches('.');
    let managers = &parent["metadata"]["managedFields"];
    scale["metadata"]["managedFields"] = merge::scale_managers(managers, path, &call.kind.api_version());
    scale
}

/// What an apply makes of a `Scale`.
fn applied(state: &State, call: &Call<'_>, parent: &Value, before: &Value) -> Result<Value, Failure> {
    let config = super::apply::config(call)?;
    let (now, force) = (state.clock.seconds(), call.info.query.is_true("force"));
    let live = owned(call, parent, before);
    merge::apply(Some(&live), &config, &write(call, &now)?, force).map_err(|error| error.to_failure())
}

/// Notes in the object who owns its number of replicas now.
fn own(
    state: &State,
    call: &Call<'_>,
    before: &Value,
    wanted: &Value,
    object: &mut Value,
) -> Result<(), Failure> {
    let scale = if call.info.verb == Verb::Apply {
        wanted.clone()
    } else {
        let mut wanted = wanted.clone();
        // A Scale does not tell none from nothing said.
        if let Some(spec) =
            wanted["spec"].as_object_mut().filter(|spec| spec.get("replicas") == Some(&json!(0)))
        {
            spec.remove("replicas");
        }
        merge::track_update(Some(&owned(call, object, before)), wanted, &write(call, &state.clock.seconds())?)
    };
    let path = spec_path(&call.kind);
    let (path, version) = (path.trim_start_matches('.'), call.kind.api_version());
    let (list, entries) = (&object["metadata"]["managedFields"], &scale["metadata"]["managedFields"]);
    let managers = merge::scaled_managers(list, entries, path, &version);
    let none = managers.as_array().is_none_or(Vec::is_empty);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if none {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), managers);
        }
    }
    Ok(())
}

fn check(call: &Call<'_>, parent: &Value, wanted: &Value) -> Result<(), Failure> {
    let name = wanted["metadata"].get("name").and_then(Value::as_str).unwrap_or_default();
    if !name.is_empty() && name != call.name() {
        let message =
            format!("the name of the object ({name}) does not match the name on the URL ({})", call.name());
        return Err(bad_request(message));
    }
    if let Some(uid) = wanted["metadata"].get("uid").and_then(Value::as_str)
        && parent["metadata"]["uid"] != uid
    {
        let found = parent["metadata"]["uid"].as_str().unwrap_or_default();
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {found}");
        let resource = format!("{}/scale", call.kind.resource);
        let message = format!("Operation cannot be fulfilled on {resource} {:?}: {why}", call.name());
        let details = json!({"name": call.name(), "group": call.kind.resource.group, "kind": format!("{}/scale", call.kind.resource.plural)});
        return Err(Failure { details, ..Failure::new(409, "Conflict", message) });
    }
    let asked = wanted["spec"].get("replicas").unwrap_or(&Value::Null);
    let fits = asked.is_null() || asked.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
    if !fits {
        let what =
            asked.as_i64().map_or_else(|| go_kind(asked).to_owned(), |number| format!("number {number}"));
        let field = "struct field ScaleSpec.spec.replicas of type int32";
        return Err(bad_request(format!("json: cannot unmarshal {what} into Go {field}")));
    }
    let replicas = asked.as_i64().unwrap_or(0);
    if replicas < 0 && call.kind.custom.is_none() {
        let why = "must be greater than or equal to 0";
        let error = FieldError::invalid("spec.replicas", &json!(replicas), why);
        return Err(invalid_as("Scale", "autoscaling", call.name(), &[error], "Scale.autoscaling"));
    }
    Ok(())
}

pub(super) fn path<'a>(kind: &'a Kind, name: &str, otherwise: &'a str) -> &'a str {
    let custom = kind.custom.as_ref();
    custom.map_or(otherwise, |custom| {
        custom.version["subresources"]["scale"][name].as_str().unwrap_or_default()
    })
}

pub(super) fn spec_path(kind: &Kind) -> String {
    path(kind, "specReplicasPath", ".spec.replicas").to_owned()
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(object, |value, part| value.get(part))
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}

/// The `Scale` of an object.
fn of(kind: &Kind, object: &Value) -> Result<Value, Failure> {
    let path_of_spec = spec_path(kind);
    let wanted = at(object, &path_of_spec).and_then(Value::as_i64);
    if wanted.is_none() && kind.custom.is_some() {
        let why = format!("the spec replicas field {path_of_spec:?} does not exist");
        let details = json!({"causes": [{"message": why}]});
        let message = format!("Internal error occurred: {why}");
        return Err(Failure { details, ..Failure::new(500, "InternalError", message) });
    }
    let status = at(object, path(kind, "statusReplicasPath", ".status.replicas")).and_then(Value::as_i64);
    let selector = match kind.custom {
        Some(_) => at(object, path(kind, "labelSelectorPath", "")).and_then(Value::as_str).map(str::to_owned),
        None => Some(selector_text(&object["spec"]["selector"])),
    };
    let metadata: serde_json::Map<_, _> =
        ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), object["metadata"].get(key)?.clone())))
            .collect();
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {}, "status": {"replicas": status.unwrap_or(0)},
    });
    if let Some(wanted) = wanted.filter(|wanted| *wanted != 0) {
        scale["spec"]["replicas"] = json!(wanted);
    }
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        scale["status"]["selector"] = json!(selector);
    }
    Ok(scale)
}

/// A label selector in the form of a query: `app=a,tier in (x,y)`.
pub fn selector_text(selector: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // The selector of a ReplicationController is a plain map.
    let labels = if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() {
        &selector["matchLabels"]
    } else {
        selector
    };
    let mut parts: Vec<(String, String)> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), format!("{key}={}", text(value))))
        .collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(&expression["key"]);
        let mut values: Vec<_> = expression["values"].as_array().into_iter().flatten().map(text).collect();
        values.sort();
        let values = values.join(",");
        let part = match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.clone(),
        };
        parts.push((key, part));
    }
    parts.sort();
    parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(",")
}
