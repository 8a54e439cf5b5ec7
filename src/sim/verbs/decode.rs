use super::{Call, State, call::Strictness, duplicates, go_json};
use crate::{
    sim::{
        discovery::Custom,
        protobuf,
        refusal::{FieldError, bad_request, invalid, invalid_as},
        schema::go_kind,
    },
    wire::Failure,
};
use serde_json::{Map, Value, json};

const KNOWN: &str = "the body of the request was in an unknown format - accepted media types include: \
    application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// The media type of protobuf.
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// The object in the body of a create or an update.
///
/// # Errors
/// 415 for a format that is not read, 400 for a body that is no object of the type.
pub fn object(state: &State, call: &Call<'_>) -> Result<Value, Failure> {
    let mut object = value(call)?;
    check_type(state, call, &mut object)?;
    clean_metadata(call, &mut object)?;
    Ok(object)
}

/// The body as a value, whatever it is.
///
/// # Errors
/// 415 for a format that is not read, 400 for a text that is none of it.
pub fn value(call: &Call<'_>) -> Result<Value, Failure> {
    match call.info.content_type.as_deref() {
        None | Some("" | "application/json") => parse_json(call),
        Some("application/yaml") => duplicates::yaml(call.body)
            .map(|(value, _)| value)
            .map_err(|error| bad_request(format!("error converting YAML to JSON: yaml: {error}"))),
        Some(PROTOBUF) if call.kind.custom.is_none() => protobuf::decode(call.body).map_err(bad_request),
        Some(_) => Err(Failure::new(415, "UnsupportedMediaType", KNOWN)),
    }
}

/// The same for a body that is no whole object of its kind: options, a Scale, a Binding, a TokenRequest. It is an
/// object, and so are the parts that are read of it.
///
/// # Errors
/// 400 for what is none, and those of [`value`].
pub fn part(call: &Call<'_>) -> Result<Value, Failure> {
    let body = value(call)?;
    let refuse = |value: &Value, into: &str| {
        Err(bad_request(format!("json: cannot unmarshal {} into Go {into}", go_kind(value))))
    };
    let Some(fields) = body.as_object() else { return refuse(&body, "value") };
    for field in ["metadata", "spec", "target", "preconditions", "deleteOptions"] {
        match fields.get(field) {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(other) => return refuse(other, &format!("struct field .{field}")),
        }
    }
    Ok(body)
}

/// The `Scale` in the body of an update.
///
/// # Errors
/// 400 for another kind, and those of [`part`].
pub fn scale(state: &State, call: &Call<'_>) -> Result<Value, Failure> {
    let mut body = part(call)?;
    let whole = [("apiVersion", "autoscaling/v1"), ("kind", "Scale")];
    for (key, own) in whole {
        if body[key].as_str().unwrap_or_default().is_empty() {
            body[key] = json!(own);
        }
    }
    if let Some(members) = body.as_object() {
        check_scheme(state, members, (whole[0].1, whole[1].1))?;
    }
    Ok(body)
}

fn parse_json(call: &Call<'_>) -> Result<Value, Failure> {
    serde_json::from_slice(call.body).map_err(|error| {
        let text = go_json::error(call.body).unwrap_or_else(|| error.to_string());
        bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {text} ({})",
            call.kind.kind,
            excerpt(call.body)
        ))
    })
}

/// The start of a body as messages show it.
pub fn excerpt(body: &[u8]) -> String {
    if body.is_empty() {
        return "<empty>".to_owned();
    }
    let start = &body[..body.len().min(30)];
    let dots = if body.len() > 30 { " ..." } else { "" };
    if body.first() == Some(&b'{') {
        return format!("{}{dots}", String::from_utf8_lossy(start));
    }
    let hex: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}{dots}")
}

/// Kind and apiVersion must be those of the path; built-in types may leave them out.
fn check_type(state: &State, call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let expected = call.kind.api_version();
    let Some(members) = object.as_object_mut() else {
        let message = format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: \
             json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
             Kind string \"json:\\\"kind,omitempty\\\"\" }} ({})",
            call.kind.kind,
            go_kind(object),
            excerpt(call.body)
        );
        return Err(bad_request(message));
    };
    let text = |members: &Map<String, Value>, key: &str| {
        members.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (version, kind) = (text(members, "apiVersion"), text(members, "kind"));
    if call.kind.custom.is_some() {
        if kind.is_empty() {
            let body = String::from_utf8_lossy(call.body);
            return Err(bad_request(format!(
                "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{}' ({})",
                call.kind.kind,
                body.trim_end(),
                excerpt(call.body)
            )));
        }
    } else {
        if version.is_empty() {
            members.insert("apiVersion".into(), json!(expected));
        }
        if kind.is_empty() {
            members.insert("kind".into(), json!(call.kind.kind));
        }
    }
    if call.kind.custom.is_none() {
        check_scheme(state, members, (&call.kind.api_version(), &call.kind.kind))?;
    }
    if let Some(custom) = call.kind.custom.as_ref().filter(|_| version != expected) {
        unknown_version(call, custom, &version, members)?;
    }
    if (call.kind.custom.is_some() || !version.is_empty()) && version != expected {
        return Err(bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if call.kind.custom.is_none() && !kind.is_empty() && kind != call.kind.kind {
        return Err(bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {}: converting ({}.{kind}) to ({}.{}): unknown conversion",
            call.kind.resource.version,
            call.kind.kind,
            call.kind.resource.version,
            internal(&call.kind.resource.group),
            call.kind.kind
        )));
    }
    Ok(())
}

/// A version without a schema knows nothing but what every object has.
fn unknown_version(
    call: &Call<'_>,
    custom: &Custom,
    version: &str,
    members: &Map<String, Value>,
) -> Result<(), Failure> {
    if custom.served.iter().any(|served| served == version) {
        return Ok(());
    }
    let known = ["apiVersion", "kind", "metadata"];
    let strange = members.keys().filter(|key| !known.contains(&key.as_str()));
    let strange: Vec<_> = strange.map(|key| format!("unknown field {key:?}")).collect();
    match call.strictness {
        Strictness::Strict if !strange.is_empty() => {
            let kind = &call.kind;
            let (kind, version) = (&kind.kind, version.rsplit('/').next().unwrap_or_default());
            let why = format!("strict decoding error: {}", strange.join(", "));
            return Err(bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: {why}"
            )));
        }
        Strictness::Warn => strange.iter().for_each(|text| call.warn(text)),
        _ => {}
    }
    Ok(())
}

/// The package of the internal types of a group.
fn internal(group: &str) -> &str {
    match group {
        "" | "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or(group),
    }
}

/// A built-in type is one that the server has in this version.
fn check_scheme(
    state: &State,
    members: &Map<String, Value>,
    (expected, of): (&str, &str),
) -> Result<(), Failure> {
    let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
    let (whole, kind) = (text("apiVersion"), text("kind"));
    if whole == expected && kind == of {
        return Ok(());
    }
    let (group, version) = whole.split_once('/').unwrap_or(("", whole));
    if state.registry.by_kind(group, version, kind).is_some_and(|known| known.custom.is_none()) {
        return Ok(());
    }
    Err(bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {of}: no kind {kind:?} is registered for version {whole:?} \
         in scheme \"pkg/api/legacyscheme/scheme.go:30\""
    )))
}

const METADATA: [(&str, &str); 14] = [
    ("name", "string"),
    ("generateName", "string"),
    ("namespace", "string"),
    ("selfLink", "string"),
    ("uid", "string"),
    ("resourceVersion", "string"),
    ("generation", "number"),
    ("creationTimestamp", "string"),
    ("deletionTimestamp", "string"),
    ("deletionGracePeriodSeconds", "number"),
    ("labels", "object"),
    ("annotations", "object"),
    ("ownerReferences", "array"),
    ("finalizers", "array"),
];

/// Metadata is `ObjectMeta`: what that does not know is dropped, and so is what is empty.
fn clean_metadata(call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let Some(members) = object.as_object_mut() else { return Ok(()) };
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    let place = if call.kind.custom.is_some() { "" } else { ".metadata" };
    let wrong = |field: &str, value: &Value, wanted: &str| {
        let whole = format!(
            "{} in version {:?} cannot be handled as a {}: ",
            call.kind.kind, call.kind.resource.version, call.kind.kind
        );
        bad_request(format!(
            "{whole}json: cannot unmarshal {} into Go struct field ObjectMeta{place}{field} of type {wanted}",
            go_kind(value)
        ))
    };
    let Some(fields) = metadata.as_object_mut() else { return Err(wrong("", metadata, "v1.ObjectMeta")) };
    fields.retain(|key, _| key == "managedFields" || METADATA.iter().any(|(known, _)| known == key));
    fields.remove("selfLink");
    drop_empty(fields);
    for (field, wanted) in METADATA {
        if let Some(value) = fields.get(field).filter(|value| go_kind(value) != wanted) {
            let wanted = match wanted {
                "object" => "map[string]string",
                "array" => "[]string",
                "number" => "int64",
                other => other,
            };
            return Err(wrong(&format!(".{field}"), value, wanted));
        }
    }
    for field in ["labels", "annotations"] {
        let values = fields.get(field).and_then(Value::as_object).into_iter().flatten();
        if let Some((_, value)) = values.into_iter().find(|(_, value)| !value.is_string()) {
            return Err(wrong(&format!(".{field}"), value, "string"));
        }
    }
    Ok(())
}

/// Drops the members of metadata that say nothing.
pub fn tidy(metadata: &mut Value) {
    if let Some(fields) = metadata.as_object_mut() {
        drop_empty(fields);
    }
}

fn drop_empty(fields: &mut Map<String, Value>) {
    fields.retain(|key, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty() || key == "managedFields",
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
}

/// What a patch made must still be an object of the type.
///
/// # Errors
/// 422 for another kind or version, 400 for metadata of the wrong shape.
pub fn patched(call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    if !object.is_object() {
        let error = FieldError::invalid("patch", &Value::from(object.to_string()), "json: cannot unmarshal");
        return Err(invalid_as("", "", "", &[error], ""));
    }
    let (kind, version) = (&call.kind, call.kind.api_version());
    if object["apiVersion"] != version.as_str() || object["kind"] != kind.kind.as_str() {
        if kind.custom.is_none() {
            let shown = Value::from(object.to_string());
            let error = FieldError::invalid("patch", &shown, "unable to decode the patched object");
            return Err(invalid_as("", "", "", &[error], ""));
        }
        let pairs = [("apiVersion", version.as_str()), ("kind", kind.kind.as_str())];
        let wrong = pairs.iter().filter(|(field, wanted)| object[*field] != *wanted);
        let errors: Vec<_> = wrong
            .map(|(field, wanted)| FieldError::invalid(*field, &object[*field], &format!("must be {wanted}")))
            .collect();
        return Err(invalid(kind, call.name(), &errors));
    }
    clean_metadata(call, object)
}

/// 400 for a patch that is no JSON.
pub fn patch_error(call: &Call<'_>, operations: bool, error: &serde_json::Error) -> Failure {
    let text = go_json::error(call.body).unwrap_or_else(|| error.to_string());
    if call.strictness == Strictness::Ignore {
        return bad_request(if operations { text } else { "Invalid JSON Patch".to_owned() });
    }
    bad_request(format!("error decoding patch: {text}"))
}
