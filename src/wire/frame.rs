use serde_json::Value;
use std::fmt;

/// What a watch frame says about its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

impl EventType {
    /// The word on the wire, such as `ADDED`.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::Added => "ADDED",
            EventType::Modified => "MODIFIED",
            EventType::Deleted => "DELETED",
            EventType::Bookmark => "BOOKMARK",
            EventType::Error => "ERROR",
        }
    }

    /// The type that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Added, Self::Modified, Self::Deleted, Self::Bookmark, Self::Error]
            .into_iter()
            .find(|event| event.as_str() == word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One line of a watch stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What happened.
    pub event: EventType,
    /// The object, or a `Status` when `event` is `Error`.
    pub object: Value,
}

/// A watch line that is not a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not JSON.
    #[error("watch line is not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON without a known `type` or without an `object`.
    #[error("watch line has no known type and object: {0}")]
    Shape(String),
}

impl Frame {
    /// Reads one line.
    ///
    /// # Errors
    /// When the line is no JSON object with a known `type` and an `object`.
    pub fn parse(line: &[u8]) -> Result<Self, FrameError> {
        let mut value: Value = serde_json::from_slice(line).map_err(FrameError::Json)?;
        let event = value.get("type").and_then(Value::as_str).and_then(EventType::parse);
        match (event, value.get_mut("object").map(Value::take)) {
            (Some(event), Some(object)) => Ok(Self { event, object }),
            _ => Err(FrameError::Shape(String::from_utf8_lossy(line).chars().take(80).collect())),
        }
    }

    /// The line, with its line feed.
    pub fn to_line(&self) -> String {
        format!("{{\"type\":\"{}\",\"object\":{}}}\n", self.event.as_str(), self.object)
    }
}

/// What a watch line says without its object's content: cheap to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// What happened.
    pub event: EventType,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: Option<String>,
}

impl Headline {
    /// Reads one line; `None` when it is no frame.
    pub fn parse(line: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Line {
            r#type: String,
            object: Object,
        }
        #[derive(serde::Deserialize)]
        struct Object {
            #[serde(default)]
            metadata: Names,
        }
        #[derive(Default, serde::Deserialize)]
        struct Names {
            namespace: Option<String>,
            name: Option<String>,
        }
        let line: Line = serde_json::from_slice(line).ok()?;
        let Names { namespace, name } = line.object.metadata;
        Some(Self { event: EventType::parse(&line.r#type)?, namespace, name })
    }
}

/// Cuts a byte stream into lines, however the chunks fall.
#[derive(Debug, Default)]
pub struct LineSplitter(Vec<u8>);

impl LineSplitter {
    /// Takes a chunk and gives the lines that it completes, without line feeds; empty lines are dropped.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let mut line = std::mem::take(&mut self.0);
                line.pop();
                if !line.is_empty() {
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// What is left when the stream ends.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_headline_is_what_the_frame_says() {
        let object = json!({"kind": "A", "metadata": {"name": "n", "uid": "u"}, "spec": [1]});
        let line = Frame { event: EventType::Deleted, object }.to_line();
        let told = Headline { event: EventType::Deleted, namespace: None, name: Some("n".into()) };
        assert_eq!(Headline::parse(line.as_bytes()), Some(told));
        let status = Frame { event: EventType::Error, object: json!({"kind": "Status", "metadata": {}}) };
        assert_eq!(Headline::parse(status.to_line().as_bytes()).unwrap().name, None);
        assert_eq!(Headline::parse(b"{\"type\":\"NEW\",\"object\":{}}"), None);
        assert_eq!(Headline::parse(b"[]"), None);
    }

    #[test]
    fn a_frame_survives_the_way_out_and_in_however_it_is_cut() {
        let frame = Frame { event: EventType::Added, object: json!({"a": "ü\n"}) };
        let line = frame.to_line() + &frame.to_line();
        for cut in 0..line.len() {
            let mut splitter = LineSplitter::default();
            let mut lines = splitter.push(&line.as_bytes()[..cut]);
            lines.extend(splitter.push(&line.as_bytes()[cut..]));
            assert_eq!(lines.len(), 2);
            assert_eq!(Frame::parse(&lines[0]).unwrap(), frame);
        }
    }
}
