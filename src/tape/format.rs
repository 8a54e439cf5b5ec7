use crate::{
    entropy::Offset,
    wire::{EventType, RequestInfo, Verb},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The first record of a tape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Format version; see [`super::FORMAT_VERSION`].
    pub version: u64,
    /// What wrote it: `kubetape 0.1.0`.
    pub tool: String,
    /// `gitVersion` of the API server.
    pub kubernetes: String,
    /// What was recorded: `envtest`, `kwok`, `kind`, `current`.
    pub source: String,
    /// The scenario's namespace.
    pub namespace: String,
    /// Offset zero, as an RFC 3339 time in UTC.
    pub base: String,
    /// The scenario that was recorded, `module::name`.
    pub scenario: String,
    /// What was redacted, as paths for people.
    pub redacted: Vec<String>,
    /// Whether symbols stand in the bodies; their values are in [`Record::Bindings`].
    pub sealed: bool,
}

/// A body as a tape keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// No body.
    Empty,
    /// JSON; also YAML of an apply patch, converted.
    Json(Arc<Value>),
    /// Other UTF-8 text.
    Text(String),
    /// Other bytes.
    Bytes(Vec<u8>),
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Payload::Json(value.into())
    }
}

impl Payload {
    /// Reads a body. Objects and arrays are JSON; an apply patch may also be YAML.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Self {
        if bytes.is_empty() {
            return Payload::Empty;
        }
        if let Ok(value) = serde_json::from_slice::<Value>(bytes)
            && (value.is_object() || value.is_array())
        {
            return Payload::Json(value.into());
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => match content_type.filter(|media| media.contains("yaml")) {
                Some(_) => yaml(text).unwrap_or_else(|| Payload::Text(text.to_owned())),
                None => Payload::Text(text.to_owned()),
            },
            Err(_) => Payload::Bytes(bytes.to_vec()),
        }
    }

    /// The JSON value, if it is one.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Payload::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Payload::Empty => Vec::new(),
            Payload::Json(value) => value.to_string().into_bytes(),
            Payload::Text(text) => text.clone().into_bytes(),
            Payload::Bytes(bytes) => bytes.clone(),
        }
    }
}

fn yaml(text: &str) -> Option<Payload> {
    // As kubectl reads YAML: 0644 is octal.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options::<Value>(text, options).ok().map(|value| Payload::Json(value.into()))
}

/// A request that an actor sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Names the request for its response and frames: `r1`.
    pub id: String,
    /// Who sent it.
    pub by: String,
    /// What it asks for.
    pub verb: Verb,
    /// Path and query.
    pub path: String,
    /// Media type of the body where it changes the meaning: patches.
    pub content_type: Option<String>,
    /// Whether it asked for metadata alone.
    pub metadata_only: bool,
    /// Its body.
    pub body: Payload,
}

impl Sent {
    /// The parsed head.
    pub fn info(&self) -> RequestInfo {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let content_type = self.content_type.clone();
        RequestInfo::from_parts(&self.verb.method(), path, query, content_type, self.metadata_only)
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request's id.
    pub to: String,
    /// HTTP status code.
    pub status: u16,
    /// Headers that change the meaning: `warning`, `retry-after`.
    pub headers: BTreeMap<String, String>,
    /// The body; [`Payload::Empty`] for a watch, whose frames follow.
    pub body: Payload,
    /// The body is that of the response with this number.
    pub again: Option<u64>,
}

/// What happened, without its number and offset.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A request went out.
    Sent(Sent),
    /// Its response came; for a watch, its head.
    Answer(Answer),
    /// No response came: the connection failed.
    Failed {
        /// The request's id.
        to: String,
        /// What the client was told.
        error: String,
    },
    /// A watch frame came.
    Frame {
        /// The watch request's id.
        of: String,
        /// Its type.
        event: EventType,
        /// Its object.
        object: Arc<Value>,
    },
    /// A watch ended.
    Closed {
        /// The watch request's id.
        of: String,
        /// `None` when the server ended it in good order, else the error.
        error: Option<String>,
    },
    /// The scenario did something that is no request.
    Step {
        /// `start`, `kill`, `restart`, `settled`, `advance`, `met`.
        step: String,
        /// The actor or what was waited for.
        of: String,
    },
}

/// One record of a tape.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// First.
    Header(Header),
    /// What the symbols of a sealed tape stand for, by kind (`uid`, `rv`, `name`, `time`), after the header.
    Bindings(BTreeMap<String, BTreeMap<String, String>>),
    /// Something that happened.
    Event {
        /// Total order as the recorder saw it, from 1.
        n: u64,
        /// When, since the base.
        at: Offset,
        /// What.
        event: Event,
    },
    /// Last. A tape without it is cut off.
    End {
        /// Number of events.
        events: u64,
        /// `ok`, or why the recording ended early.
        end: String,
        /// `sha256:` and the digest of all bytes before this record; only a sealed tape has one.
        digest: Option<String>,
    },
}
