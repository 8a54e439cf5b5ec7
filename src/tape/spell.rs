//! The JSON spelling of records.

use super::{Answer, Event, Header, Payload, Record, Sent};
use crate::{
    entropy::Offset,
    wire::{EventType, Verb},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Every field that any record has. Unknown ones are ignored: fields may be added within a format.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Fields {
    kubetape: Option<u64>,
    tool: String,
    kubernetes: String,
    source: String,
    namespace: String,
    base: String,
    scenario: String,
    redacted: Vec<String>,
    sealed: bool,
    bindings: Option<BTreeMap<String, BTreeMap<String, String>>>,
    n: Option<u64>,
    at: Option<Offset>,
    req: Option<String>,
    by: Option<String>,
    r#do: Option<String>,
    path: Option<String>,
    r#as: Option<String>,
    r#type: Option<String>,
    res: Option<String>,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    #[serde(deserialize_with = "present")]
    body: Option<Value>,
    again: Option<u64>,
    fail: Option<String>,
    error: Option<String>,
    frame: Option<String>,
    close: Option<String>,
    step: Option<String>,
    of: Option<String>,
    end: Option<String>,
    events: Option<u64>,
    digest: Option<String>,
}

/// Tells `"body":null` from no body.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What is wrong with a record's text.
pub(super) enum Fault {
    Json(serde_json::Error),
    Shape(String),
}

/// Reads one record.
pub(super) fn parse(text: &[u8]) -> Result<Record, Fault> {
    let fields: Fields = serde_json::from_slice(text).map_err(Fault::Json)?;
    record(fields).map_err(Fault::Shape)
}

fn record(mut fields: Fields) -> Result<Record, String> {
    if let Some(version) = fields.kubetape {
        return Ok(Record::Header(Header {
            version,
            tool: fields.tool,
            kubernetes: fields.kubernetes,
            source: fields.source,
            namespace: fields.namespace,
            base: fields.base,
            scenario: fields.scenario,
            redacted: fields.redacted,
            sealed: fields.sealed,
        }));
    }
    if let Some(bindings) = fields.bindings {
        return Ok(Record::Bindings(bindings));
    }
    if let Some(end) = fields.end {
        let events = fields.events.ok_or("an end record has a number of events")?;
        return Ok(Record::End { events, end, digest: fields.digest });
    }
    let n = fields.n.ok_or("it has no number")?;
    let at = fields.at.take().ok_or("it has no \"at\"")?;
    Ok(Record::Event { n, at, event: event(fields)? })
}

fn event(fields: Fields) -> Result<Event, String> {
    if fields.req.is_some() {
        return sent(fields).map(Event::Sent);
    }
    if let Some(to) = fields.res {
        let status = fields.status.ok_or("a response has a status")?;
        let body = payload(fields.body)?;
        return Ok(Event::Answer(Answer { to, status, headers: fields.headers, body, again: fields.again }));
    }
    if let Some(of) = fields.frame {
        let word = fields.r#type.ok_or("a frame has a type")?;
        let event = EventType::parse(&word).ok_or_else(|| format!("{word:?} is no type of a frame"))?;
        return Ok(Event::Frame { of, event, object: fields.body.ok_or("a frame has a body")?.into() });
    }
    if let Some(to) = fields.fail {
        return Ok(Event::Failed { to, error: fields.error.unwrap_or_default() });
    }
    if let Some(of) = fields.close {
        return Ok(Event::Closed { of, error: fields.error });
    }
    match fields.step {
        Some(step) => Ok(Event::Step { step, of: fields.of.unwrap_or_default() }),
        None => Err("it is none of req, res, fail, frame, close, step".to_owned()),
    }
}

fn sent(fields: Fields) -> Result<Sent, String> {
    let word = fields.r#do.ok_or("a request has a verb in \"do\"")?;
    Ok(Sent {
        id: fields.req.unwrap_or_default(),
        by: fields.by.ok_or("a request has an actor in \"by\"")?,
        verb: Verb::parse(&word).ok_or_else(|| format!("{word:?} is no verb"))?,
        path: fields.path.ok_or("a request has a path")?,
        content_type: fields.r#type,
        metadata_only: fields.r#as.as_deref() == Some(METADATA),
        body: payload(fields.body)?,
    })
}

const METADATA: &str = "PartialObjectMetadata";

fn payload(body: Option<Value>) -> Result<Payload, String> {
    Ok(match body {
        None => Payload::Empty,
        Some(Value::String(text)) => Payload::Text(text),
        Some(Value::Object(mut map)) if map.len() == 1 && map.contains_key("base64") => {
            let text = map.get("base64").and_then(Value::as_str).ok_or("base64 is a string")?;
            let bytes = STANDARD.decode(text).map_err(|error| format!("its base64 is broken ({error})"))?;
            map.clear();
            Payload::Bytes(bytes)
        }
        Some(Value::Object(mut map)) if map.len() == 1 && map.contains_key("json") => {
            Payload::Json(map.remove("json").unwrap_or_default().into())
        }
        Some(value) => Payload::Json(value.into()),
    })
}

/// The body as it stands in a record; `None` when there is none.
fn spell(payload: &Payload) -> Option<Value> {
    match payload {
        Payload::Empty => None,
        Payload::Text(text) => Some(json!(text)),
        Payload::Bytes(bytes) => Some(json!({ "base64": STANDARD.encode(bytes) })),
        Payload::Json(value) => {
            // What would be read as text or bytes is wrapped.
            let wrapped = match &**value {
                Value::String(_) => true,
                Value::Object(map) => {
                    map.len() == 1 && (map.contains_key("json") || map.contains_key("base64"))
                }
                _ => false,
            };
            Some(if wrapped { json!({ "json": **value }) } else { (**value).clone() })
        }
    }
}

/// A record's head, `{…` without the closing brace and the body, and its body.
pub(super) fn head_and_body(record: &Record) -> (String, Option<Value>) {
    let mut head = Head::default();
    let body = match record {
        Record::Header(header) => head.header(header),
        Record::Bindings(bindings) => head.put("bindings", json!(bindings)),
        Record::Event { n, at, event } => {
            head.put("n", json!(n)).put("at", json!(at));
            return (head.event(event), body_of(event));
        }
        Record::End { events, end, digest } => {
            head.put("end", json!(end)).put("events", json!(events)).some("digest", digest.as_ref())
        }
    };
    (std::mem::take(&mut body.0), None)
}

fn body_of(event: &Event) -> Option<Value> {
    match event {
        Event::Sent(sent) => spell(&sent.body),
        Event::Answer(answer) if answer.again.is_none() => spell(&answer.body),
        Event::Frame { object, .. } => Some((**object).clone()),
        _ => None,
    }
}

/// A record on one line, with its line feed.
pub(super) fn compact(record: &Record) -> String {
    let (mut line, body) = head_and_body(record);
    if let Some(body) = body {
        line += &format!(",\"body\":{}", sorted(&body));
    }
    line += "}\n";
    line
}

/// The same value with its keys in order, whichever map `serde_json` was built with.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(
                pairs.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Fields in the order in which people read them, which is no order of a JSON map.
#[derive(Default)]
struct Head(String);

impl Head {
    fn put(&mut self, key: &str, value: Value) -> &mut Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0 += &format!("{}:{value}", json!(key));
        self
    }

    fn some(&mut self, key: &str, value: Option<&String>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, json!(value));
        }
        self
    }

    fn header(&mut self, header: &Header) -> &mut Self {
        self.put("kubetape", json!(header.version))
            .put("kind", json!("header"))
            .put("tool", json!(header.tool))
            .put("kubernetes", json!(header.kubernetes))
            .put("source", json!(header.source))
            .put("namespace", json!(header.namespace))
            .put("base", json!(header.base))
            .put("scenario", json!(header.scenario))
            .put("redacted", json!(header.redacted))
            .put("sealed", json!(header.sealed))
    }

    fn event(mut self, event: &Event) -> String {
        match event {
            Event::Sent(sent) => self.sent(sent),
            Event::Answer(answer) => self.answer(answer),
            Event::Failed { to, error } => self.put("fail", json!(to)).put("error", json!(error)),
            Event::Frame { of, event, .. } => self.put("frame", json!(of)).put("type", json!(event.as_str())),
            Event::Closed { of, error } => self.put("close", json!(of)).some("error", error.as_ref()),
            Event::Step { step, of } => self.put("step", json!(step)).put("of", json!(of)),
        };
        self.0
    }

    fn sent(&mut self, sent: &Sent) -> &mut Self {
        self.put("req", json!(sent.id))
            .put("by", json!(sent.by))
            .put("do", json!(sent.verb.as_str()))
            .put("what", json!(sent.info().what()))
            .put("path", json!(sent.path));
        if sent.metadata_only {
            self.put("as", json!(METADATA));
        }
        self.some("type", sent.content_type.as_ref())
    }

    fn answer(&mut self, answer: &Answer) -> &mut Self {
        self.put("res", json!(answer.to)).put("status", json!(answer.status));
        if !answer.headers.is_empty() {
            self.put("headers", json!(answer.headers));
        }
        if let Some(again) = answer.again {
            self.put("again", json!(again));
        }
        self
    }
}
