use super::plan::TypeKey;
use crate::{
    history::{Cursor, History},
    wire::{Body, EventType, Frame, Response},
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, header};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;

type Chunk = Result<Bytes, tower::BoxError>;

/// The open watch streams.
#[derive(Debug, Default)]
pub(super) struct Watches {
    open: Vec<Watch>,
    /// Ends that came while no stream was open.
    pending: BTreeMap<(String, TypeKey), Vec<Frame>>,
}

#[derive(Debug)]
struct Watch {
    actor: String,
    of: TypeKey,
    cursor: Cursor,
    out: mpsc::UnboundedSender<Chunk>,
}

impl Watches {
    /// Opens a stream; the response's body carries it.
    pub(super) fn open(
        &mut self,
        actor: &str,
        of: TypeKey,
        cursor: Cursor,
        limit: Option<Duration>,
    ) -> Response {
        let (out, mut frames) = mpsc::unbounded_channel();
        let place = (actor.to_owned(), of.clone());
        if let Some(errors) = self.pending.remove(&place) {
            errors.iter().for_each(|frame| send(&out, frame));
        } else {
            self.open.push(Watch { actor: actor.to_owned(), of, cursor, out });
        }
        let frames = futures::stream::poll_fn(move |cx| frames.poll_recv(cx));
        let body = match limit {
            Some(limit) => Body::stream(frames.take_until(Box::pin(tokio::time::sleep(limit)))),
            None => Body::stream(frames),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Sends every stream what it may read; `reach` says how far, by actor and type.
    pub(super) fn pump(&mut self, history: &History, reach: impl Fn(&str, &TypeKey) -> u64) {
        self.open.retain_mut(|watch| {
            if watch.out.is_closed() {
                return false;
            }
            match watch.cursor.read(history, reach(&watch.actor, &watch.of)) {
                Ok(frames) => {
                    frames.iter().for_each(|frame| send(&watch.out, frame));
                    true
                }
                Err(failure) => {
                    send(&watch.out, &Frame { event: EventType::Error, object: failure.to_status() });
                    false
                }
            }
        });
    }

    /// Ends an actor's streams of a type with an `ERROR` frame; the next one when none is open.
    pub(super) fn fail(&mut self, actor: &str, of: &TypeKey, frame: &Frame) {
        let mut found = false;
        self.open.retain(|watch| {
            let mine = watch.actor == actor && watch.of == *of;
            if mine && !watch.out.is_closed() {
                send(&watch.out, frame);
                found = true;
            }
            !mine
        });
        if !found {
            self.pending.entry((actor.to_owned(), of.clone())).or_default().push(frame.clone());
        }
    }

    /// Breaks an actor's streams of a type.
    pub(super) fn break_off(&mut self, actor: &str, of: &TypeKey, error: &str) {
        self.open.retain(|watch| {
            let mine = watch.actor == actor && watch.of == *of;
            if mine {
                // A receiver that is gone needs no word.
                let _ = watch.out.send(Err(error.to_owned().into()));
            }
            !mine
        });
    }

    /// Whether an actor watches a type now.
    pub(super) fn is_open(&self, actor: &str, of: &TypeKey) -> bool {
        let mut mine = self.open.iter().filter(|watch| watch.actor == actor && watch.of == *of);
        mine.any(|watch| !watch.out.is_closed())
    }

    /// Who watches what now, for people.
    pub(super) fn describe(&self) -> Vec<String> {
        let open = self.open.iter().filter(|watch| !watch.out.is_closed());
        open.map(|watch| format!("{} waits for watch {}", watch.actor, watch.cursor.scope().resource))
            .collect()
    }
}

fn send(out: &mpsc::UnboundedSender<Chunk>, frame: &Frame) {
    // A receiver that is gone needs no frame.
    let _ = out.send(Ok(Bytes::from(frame.to_line())));
}
