//! Tapes made by hand, for tests.

use super::{Answer, Event, Header, Payload, Sent, Tape, TapeEvent};
use crate::{
    entropy::Offset,
    wire::{EventType, Verb},
};
use serde_json::Value;
use std::time::Duration;

/// Builds a tape event by event, one every 10 ms.
pub(crate) struct Builder(Tape);

impl Builder {
    pub(crate) fn new() -> Self {
        let header = Header {
            version: super::FORMAT_VERSION,
            tool: "kubetape 0.1.0".to_owned(),
            kubernetes: "v1.36.1".to_owned(),
            source: "envtest".to_owned(),
            namespace: "a".to_owned(),
            base: "2026-01-02T03:04:05.6Z".to_owned(),
            scenario: "operator::scales_up".to_owned(),
            ..Header::default()
        };
        Self(Tape { header, events: Vec::new(), end: "ok".to_owned() })
    }

    pub(crate) fn build(self) -> Tape {
        self.0
    }

    pub(crate) fn push(&mut self, event: Event) -> u64 {
        let n = self.0.events.len() as u64 + 1;
        self.0.events.push(TapeEvent { n, at: Offset(Duration::from_millis(10 * n)), event });
        n
    }

    pub(crate) fn sent(
        &mut self,
        by: &str,
        verb: Verb,
        path: &str,
        media: Option<&str>,
        body: Payload,
    ) -> String {
        let id = format!("r{}", self.0.events.len() + 1);
        self.push(Event::Sent(Sent {
            id: id.clone(),
            by: by.to_owned(),
            verb,
            path: path.to_owned(),
            content_type: media.map(str::to_owned),
            metadata_only: false,
            body,
        }));
        id
    }

    pub(crate) fn answer(&mut self, to: &str, status: u16, body: Payload) {
        let headers = std::collections::BTreeMap::new();
        self.push(Event::Answer(Answer { to: to.to_owned(), status, headers, body, again: None }));
    }

    #[expect(clippy::too_many_arguments, reason = "one row of a table")]
    pub(crate) fn write(
        &mut self,
        by: &str,
        verb: Verb,
        path: &str,
        media: Option<&str>,
        body: Value,
        status: u16,
        response: Value,
    ) {
        let id = self.sent(by, verb, path, media, Payload::from(body));
        self.answer(&id, status, Payload::from(response));
    }

    pub(crate) fn get(&mut self, by: &str, path: &str, response: Value) {
        let verb = crate::wire::RequestInfo::from_parts(&http::Method::GET, path, "", None, false).verb;
        let id = self.sent(by, verb, path, None, Payload::Empty);
        self.answer(&id, 200, Payload::from(response));
    }

    pub(crate) fn frame(&mut self, of: &str, event: EventType, object: Value) {
        self.push(Event::Frame { of: of.to_owned(), event, object: object.into() });
    }
}
