use crate::{entropy::Offset, wire::ObjectKey};
use serde::Serialize;
use std::fmt;

/// One row of a tape's table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The event's number.
    pub n: u64,
    /// The number of its answer, if there is one.
    pub answer: Option<u64>,
    /// When, since the base.
    pub at: Offset,
    /// Who.
    pub actor: String,
    /// `get`, `apply`, …; `ADDED` and so on for frames; the word of a step.
    pub verb: String,
    /// `deployments.apps/web`, with the subresource; the namespace where it is not the scenario's.
    pub object: String,
    /// The status code; `None` for frames and steps, 0 when no answer came.
    pub status: Option<u16>,
    /// What it changed, in short.
    pub what: String,
    /// The body that was sent, or that a frame or a read brought.
    pub body: Option<serde_json::Value>,
}

impl Row {
    /// The head of the table.
    pub const HEAD: &str =
        "   N     TIME  ACTOR         VERB      OBJECT                            STATUS  WHAT";
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            None => String::new(),
            Some(0) => "-".to_owned(),
            Some(status) => status.to_string(),
        };
        let at = self.at.short();
        let (actor, verb, object) = (&self.actor, &self.verb, &self.object);
        let line =
            format!("{:4} {at:>8}  {actor:<12}  {verb:<8}  {object:<32}  {status:<6}  {}", self.n, self.what);
        f.write_str(line.trim_end())
    }
}

/// The object for people; the namespace is said where it is another than the scenario's.
pub(super) fn label(key: &ObjectKey, subresource: Option<&str>, own: &str) -> String {
    let mut label = match key.namespace.as_deref().filter(|namespace| *namespace != own) {
        Some(namespace) => format!("{namespace}/{}", key.plural),
        None => key.plural.clone(),
    };
    if !key.group.is_empty() {
        label += &format!(".{}", key.group);
    }
    for part in [Some(key.name.as_str()), subresource].into_iter().flatten().filter(|part| !part.is_empty()) {
        label += &format!("/{part}");
    }
    label
}
