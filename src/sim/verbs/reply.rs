use super::{
    accept::{Form, Media, Transform, wrong_shape},
    decode::PROTOBUF,
    table,
    watch::Watch,
};
use crate::{
    history::metadata_of,
    sim::{discovery::Kind, protobuf},
    wire::{Body, Failure, Response, yaml},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a verb answers.
#[derive(Debug)]
pub enum Reply {
    /// An object.
    Object(u16, Arc<Value>),
    /// A list, or a page of one.
    List(List),
    /// A text that is no object, with headers of its own.
    Text(u16, &'static str, String),
    /// A stream that is read later.
    Watch(Box<Watch>),
}

/// A list, or a page of one.
#[derive(Debug)]
pub struct List {
    /// The objects.
    pub items: Vec<Arc<Value>>,
    /// The revision that it shows.
    pub rv: String,
    /// Asks for the next page.
    pub next: Option<String>,
    /// How many objects follow, when it is known.
    pub remaining: Option<usize>,
}

/// A reply in the form that was asked for. Watches are not rendered here.
///
/// # Errors
/// 406 and 400 when the form does not fit the reply.
pub fn render(
    reply: &Reply,
    kind: &Kind,
    form: &Form,
    include: Option<&str>,
    now: Timestamp,
) -> Result<Response, Failure> {
    let (code, value) = match reply {
        Reply::Text(code, media, text) => {
            let mut answer = response(*code, media, text.clone());
            if *code == 204 {
                answer.headers_mut().remove(header::CONTENT_TYPE);
            }
            return Ok(answer);
        }
        Reply::Watch(_) => return Err(Failure::new(500, "InternalError", "a watch is no whole answer")),
        Reply::Object(code, object) => (*code, single(object, kind, form, include, now)?),
        Reply::List(list) => {
            if form.transform == Transform::None && form.media == Media::Json && !form.pretty {
                return Ok(response(200, "application/json", plain_list(list, kind)));
            }
            (200, whole_list(list, kind, form, include, now)?)
        }
    };
    if form.media == Media::Protobuf
        && let Some(bytes) = protobuf::encode(&value)
    {
        return Ok(response(code, PROTOBUF, bytes));
    }
    match (form.media, form.pretty) {
        (Media::Json | Media::Protobuf, false) if kind.custom.is_none() => {
            Ok(response(code, "application/json", typed_text(&value)))
        }
        (Media::Json | Media::Protobuf, false) => {
            Ok(response(code, "application/json", format!("{value}\n")))
        }
        (Media::Json | Media::Protobuf, true) => {
            Ok(response(code, "application/json", format!("{value:#}\n")))
        }
        (Media::Yaml, _) => Ok(response(code, "application/yaml", yaml(&value))),
    }
}

fn single(
    object: &Arc<Value>,
    kind: &Kind,
    form: &Form,
    include: Option<&str>,
    now: Timestamp,
) -> Result<Arc<Value>, Failure> {
    if object["kind"] == "Status" {
        return Ok(object.clone());
    }
    match form.transform {
        Transform::None => Ok(object.clone()),
        Transform::Metadata => Ok(Arc::new(metadata_of(object))),
        Transform::MetadataList => Err(wrong_shape(form.transform, &kind.kind)),
        Transform::Table if kind.custom.is_none() && object["kind"] == "Scale" => {
            Ok(Arc::new(table::scale(object, include, now)?))
        }
        Transform::Table => {
            let rv = &object["metadata"]["resourceVersion"];
            let table = table::table(
                kind,
                std::slice::from_ref(object),
                json!({"resourceVersion": rv}),
                include,
                now,
            )?;
            Ok(Arc::new(table))
        }
    }
}

fn list_metadata(list: &List, custom: bool) -> Value {
    let mut metadata = json!({});
    if !list.rv.is_empty() {
        metadata["resourceVersion"] = json!(list.rv);
    }
    if custom || list.next.is_some() {
        metadata["continue"] = json!(list.next.as_deref().unwrap_or_default());
    }
    if let (Some(remaining), Some(_)) = (list.remaining, &list.next) {
        metadata["remainingItemCount"] = json!(remaining);
    }
    metadata
}

fn whole_list(
    list: &List,
    kind: &Kind,
    form: &Form,
    include: Option<&str>,
    now: Timestamp,
) -> Result<Arc<Value>, Failure> {
    let metadata = list_metadata(list, kind.custom.is_some());
    let value = match form.transform {
        Transform::Metadata => return Err(wrong_shape(form.transform, &kind.list_kind)),
        Transform::Table => table::table(kind, &list.items, list_metadata(list, false), include, now)?,
        Transform::MetadataList => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": list_metadata(list, false),
            "items": list.items.iter().map(|item| metadata_of(item)).collect::<Vec<_>>(),
        }),
        Transform::None => json!({
            "kind": kind.list_kind, "apiVersion": kind.api_version(), "metadata": metadata,
            "items": list.items.iter().map(|item| Item(item, kind.custom.is_none())).collect::<Vec<_>>(),
        }),
    };
    Ok(Arc::new(value))
}

/// The text of a plain list; no item is copied.
fn plain_list(list: &List, kind: &Kind) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + list.items.len() * 512);
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
        json!(kind.list_kind),
        json!(kind.api_version()),
        list_metadata(list, kind.custom.is_some())
    );
    out.extend_from_slice(head.as_bytes());
    for (at, item) in list.items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Writing a value to memory does not fail.
        let _ = serde_json::to_writer(&mut out, &Item(item, kind.custom.is_none()));
    }
    out.extend_from_slice(b"]}\n");
    out
}

/// An object as its Go type is written: first what it is, then who it is.
fn typed_text(value: &Value) -> String {
    let Some(members) = value.as_object() else { return format!("{value}\n") };
    let first = ["kind", "apiVersion", "metadata"];
    let head = first.iter().filter_map(|key| Some((*key, members.get(*key)?)));
    let rest =
        members.iter().map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| !first.contains(key));
    let parts: Vec<_> =
        head.chain(rest).map(|(key, value)| format!("{}:{value}", Value::from(key))).collect();
    format!("{{{}}}\n", parts.join(","))
}

/// An object in a list; those of built-in types do not say what they are.
struct Item<'a>(&'a Value, bool);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(members) = self.0.as_object().filter(|_| self.1) else {
            return self.0.serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in members.iter().filter(|(key, _)| *key != "kind" && *key != "apiVersion") {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An HTTP response.
pub fn response(code: u16, media: &'static str, text: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// Sets a header whose value may not be one.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// Warns of a version that its definition calls deprecated.
pub fn deprecation(call: &super::Call<'_>) {
    let Some(custom) = call.kind.custom.as_ref().filter(|custom| custom.version["deprecated"] == true) else {
        return;
    };
    let kind = &call.kind;
    let text = custom.version["deprecationWarning"].as_str().map(str::to_owned);
    call.warn(text.unwrap_or_else(|| {
        format!(
            "{} {} is deprecated; use {}/{} {}",
            kind.api_version(),
            kind.kind,
            kind.resource.group,
            custom.storage_version,
            kind.kind
        )
    }));
}

/// JSON with two blanks for each level, its members in their own order.
pub fn indented(text: &str) -> String {
    let (mut out, mut level, mut quoted, mut escaped) = (String::new(), 0usize, false, false);
    let mut letters = text.chars().peekable();
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    };
    while let Some(letter) = letters.next() {
        match letter {
            _ if quoted => out.push(letter),
            '{' | '[' => {
                out.push(letter);
                match letters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        level += 1;
                        line(&mut out, level);
                    }
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                line(&mut out, level);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, level);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indenting_changes_nothing_but_the_blanks() {
        let text = r#"{"b":{"x":"{\"a\": [1,2]}\\"},"a":[],"c":[1,{}]}"#;
        let indented = indented(text);
        assert!(indented.starts_with("{\n  \"b\": {\n    \"x\""), "{indented}");
        assert_eq!(
            serde_json::from_str::<Value>(&indented).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }
}
