use super::{Watched, changes_of, stream::Over};
use crate::{
    gather::{
        Missing,
        api::{Refusal, Why},
    },
    tape::{Answer, Event, Payload, Sent},
    wire::{EventType, Verb},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc::Sender;

/// What a watch gives to the one that writes.
#[derive(Debug)]
pub(super) enum Note {
    /// Something for the tape.
    Event(Event),
    /// Something that is not on the tape and never will be.
    Missing(Missing),
    /// What will be missing if this is the last word of it.
    Down(Missing),
    /// It is not missing any more.
    Up(String),
    /// Something has appeared that is to be watched too.
    Join(Box<Watched>),
}

/// Where a watch puts its notes.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    to: Sender<Note>,
    requests: Arc<AtomicU64>,
}

impl Notes {
    pub(super) fn new(to: Sender<Note>) -> Self {
        Self { to, requests: Arc::default() }
    }

    async fn give(&self, note: Note) -> Result<(), Over> {
        self.to.send(note).await.map_err(|_| Over)
    }

    /// A request that was answered with `status`; gives its id.
    pub(super) async fn sent(&self, verb: Verb, path: String, status: u16) -> Result<String, Over> {
        let id = format!("r{}", self.requests.fetch_add(1, Ordering::Relaxed) + 1);
        let sent = Sent {
            id: id.clone(),
            by: "gather".to_owned(),
            verb,
            path,
            content_type: None,
            metadata_only: false,
            body: Payload::Empty,
        };
        self.give(Note::Event(Event::Sent(sent))).await?;
        let (to, headers) = (id.clone(), BTreeMap::new());
        let answer = Answer { to, status, headers, body: Payload::Empty, again: None };
        self.give(Note::Event(Event::Answer(answer))).await?;
        Ok(id)
    }

    pub(super) async fn frame(&self, of: &str, event: EventType, object: Value) -> Result<(), Over> {
        self.give(Note::Event(Event::Frame { of: of.to_owned(), event, object: object.into() })).await
    }

    /// `error` says why, unless the server ended it in good order.
    pub(super) async fn closed(&self, of: String, error: Option<String>) -> Result<(), Over> {
        self.give(Note::Event(Event::Closed { of, error })).await
    }

    /// The changes after the version that is known are lost.
    pub(super) async fn gap(&self, watched: &Watched) -> Result<(), Over> {
        let of = format!("{} after {}", super::place(&watched.ask), watched.version);
        self.give(Note::Event(Event::Step { step: "gap".to_owned(), of })).await
    }

    pub(super) async fn missing(
        &self,
        watched: &Watched,
        why: Why,
        message: impl Into<String>,
    ) -> Result<(), Over> {
        self.give(Note::Missing(Missing::new(changes_of(&watched.ask), why, message))).await
    }

    pub(super) async fn down(&self, watched: &Watched, refusal: Refusal) -> Result<(), Over> {
        let Refusal { why, message, .. } = refusal;
        let message = format!("those after {} are not known: {message}", watched.version);
        self.give(Note::Down(Missing::new(changes_of(&watched.ask), why, message))).await
    }

    pub(super) async fn join(&self, watched: Watched) -> Result<(), Over> {
        self.give(Note::Join(Box::new(watched))).await
    }

    /// Nobody sees what comes of this.
    pub(super) async fn blind(&self, what: &str, refusal: Refusal) -> Result<(), Over> {
        self.give(Note::Missing(Missing::of(what, refusal))).await
    }

    pub(super) async fn up(&self, watched: &Watched) -> Result<(), Over> {
        self.give(Note::Up(changes_of(&watched.ask))).await
    }
}
