use super::{Note, Watched, place};
use crate::{
    entropy,
    gather::{
        Missing, Options,
        api::{Api, Refusal, Why, pause},
        items::Piece,
        list::{self, Part},
        object::Object,
    },
    tape::{Answer, Event, Payload, Sent},
    wire::{EventType, Frame, LineSplitter, Query, Verb},
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc::{self, Sender};

/// How long the server is asked to keep a watch open.
const OPEN: Duration = Duration::from_secs(240);
/// Failures after this one are waited for no longer.
const LONGEST_PAUSE: u32 = 7;
/// A watch that ends sooner than this is not opened again at once.
const SHORT: Duration = Duration::from_secs(1);

/// The watch of one list.
pub(super) struct Stream {
    pub(super) api: Api,
    pub(super) options: Arc<Options>,
    pub(super) watched: Watched,
    pub(super) ids: Arc<AtomicU64>,
    pub(super) to: Sender<Note>,
}

/// Where a watch stands.
enum State {
    /// It is to be opened at the version that is known.
    Watching,
    /// It failed so many times in a row, and is opened again after a pause.
    Resuming(u32),
    /// The server has forgotten the version; the request is still open on the tape.
    Relisting { id: String, failed: u32 },
}

/// Why a watch cannot go on: it is not allowed, or nobody takes what it gives.
struct Over;

impl Stream {
    /// Watches until nobody takes what comes, or the server refuses for good.
    pub(super) async fn run(mut self) {
        let mut state = State::Watching;
        loop {
            let next = match state {
                State::Watching => self.watch(0).await,
                State::Resuming(failed) => {
                    self.api.retried();
                    tokio::time::sleep(pause(failed.min(LONGEST_PAUSE))).await;
                    self.watch(failed).await
                }
                State::Relisting { id, failed } => self.relist(id, failed).await,
            };
            match next {
                Ok(next) => state = next,
                Err(Over) => return,
            }
        }
    }

    fn path(&self) -> String {
        let ask = &self.watched.ask;
        let open = OPEN.as_secs().to_string();
        let fixed = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &open),
            ("resourceVersion", &self.watched.version),
        ];
        let asked = [("labelSelector", ask.labels.as_deref()), ("fieldSelector", ask.fields.as_deref())];
        let asked = asked.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let query: Query = fixed.into_iter().chain(asked).collect();
        format!("{}?{}", ask.kind.path(ask.namespace.as_deref()), query)
    }

    async fn tell(&self, event: Event) -> Result<(), Over> {
        self.to.send(Note::Event(event, false)).await.map_err(|_| Over)
    }

    async fn change(&self, of: &str, event: EventType, object: Value) -> Result<(), Over> {
        let frame = Event::Frame { of: of.to_owned(), event, object };
        self.to.send(Note::Event(frame, true)).await.map_err(|_| Over)
    }

    async fn miss(&self, refusal: Refusal) -> Result<(), Over> {
        let what = format!("changes of {}", place(&self.watched.ask));
        self.to.send(Note::Missing(Missing::of(what, refusal))).await.map_err(|_| Over)
    }

    async fn close(&self, of: String, error: Option<String>) -> Result<(), Over> {
        self.tell(Event::Closed { of, error }).await
    }

    async fn watch(&mut self, failed: u32) -> Result<State, Over> {
        let path = self.path();
        let id = format!("r{}", self.ids.fetch_add(1, Ordering::Relaxed) + 1);
        let answer = self.api.open(&path, "application/json").await;
        let refusal = match answer {
            Ok(response) => {
                self.sent(&id, path, 200).await?;
                let start = entropy::instant();
                let state = self.frames(id, response.into_body()).await?;
                return Ok(match state {
                    State::Watching if start.elapsed() < SHORT => State::Resuming(failed + 1),
                    state => state,
                });
            }
            Err(refusal) => refusal,
        };
        match refusal.why {
            Why::Gone if is_expired(&refusal.status) || refusal.message.starts_with("410") => {
                self.sent(&id, path, 410).await?;
                Ok(State::Relisting { id, failed: 0 })
            }
            Why::Unavailable | Why::Timeout | Why::Failed => Ok(State::Resuming(failed + 1)),
            _ => {
                self.miss(refusal).await?;
                Err(Over)
            }
        }
    }

    async fn sent(&self, id: &str, path: String, status: u16) -> Result<(), Over> {
        let (to, by) = (id.to_owned(), "gather".to_owned());
        let sent = Sent {
            id: to.clone(),
            by,
            verb: Verb::Watch,
            path,
            content_type: None,
            metadata_only: false,
            body: Payload::Empty,
        };
        self.tell(Event::Sent(sent)).await?;
        let headers = std::collections::BTreeMap::new();
        self.tell(Event::Answer(Answer { to, status, headers, body: Payload::Empty, again: None })).await
    }

    /// Takes the frames of one open watch.
    async fn frames(&mut self, id: String, body: kube::client::Body) -> Result<State, Over> {
        let patient = self.api.patient(OPEN);
        let mut chunks = std::pin::pin!(patient.chunks(body));
        let (mut lines, mut pending, mut came) = (LineSplitter::default(), 0, false);
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(refusal) => return self.broke(id, refusal.message, came).await,
            };
            pending = match chunk.iter().rposition(|byte| *byte == b'\n') {
                Some(at) => chunk.len() - at - 1,
                None => pending + chunk.len(),
            };
            if pending > self.options.largest {
                // It can only be left out: after the new list the watch goes on behind it.
                let message = format!("a change is larger than {} bytes", self.options.largest);
                self.miss(Refusal::new(Why::TooLarge, message)).await?;
                return Ok(State::Relisting { id, failed: 0 });
            }
            for line in lines.push(&chunk) {
                match Frame::parse(&line) {
                    Ok(frame) if frame.event == EventType::Error => {
                        return self.error(id, frame.object).await;
                    }
                    Ok(frame) => self.frame(&id, frame).await?,
                    Err(error) => return self.broke(id, error.to_string(), came).await,
                }
                came = true;
            }
        }
        if lines.finish().is_empty() {
            self.close(id, None).await?;
            return Ok(State::Watching);
        }
        // Half a line is no frame: the server sends it again.
        self.broke(id, "it ended in the middle of a line".to_owned(), came).await
    }

    async fn broke(&self, id: String, error: String, came: bool) -> Result<State, Over> {
        self.close(id, Some(error)).await?;
        Ok(if came { State::Watching } else { State::Resuming(1) })
    }

    async fn error(&self, id: String, status: Value) -> Result<State, Over> {
        if is_expired(&status) {
            let (of, event) = (id.clone(), EventType::Error);
            self.tell(Event::Frame { of, event, object: status }).await?;
            return Ok(State::Relisting { id, failed: 0 });
        }
        self.broke(id, status["message"].as_str().unwrap_or("an error").to_owned(), false).await
    }

    async fn frame(&mut self, id: &str, Frame { event, mut object }: Frame) -> Result<(), Over> {
        if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
            version.clone_into(&mut self.watched.version);
        }
        if event == EventType::Bookmark || !self.admits(&object) {
            return Ok(());
        }
        self.watched.seen.apply(event, &object);
        self.trim(&mut object);
        self.change(id, event, object).await
    }

    fn trim(&self, object: &mut Value) {
        if !self.options.managed_fields
            && let Some(Value::Object(metadata)) = object.get_mut("metadata")
        {
            metadata.remove("managedFields");
        }
    }

    fn admits(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
        let wanted = &self.watched.wanted;
        // Of the definitions that came along, only those that were captured.
        let definition = wanted.beside && wanted.kind.plural == "customresourcedefinitions";
        wanted.admits(&self.options, namespace, name.unwrap_or_default())
            && (!definition || self.watched.seen.holds(object))
    }

    /// Lists again, and tells what changed meanwhile as frames of the watch that was cut.
    async fn relist(&mut self, id: String, failed: u32) -> Result<State, Over> {
        if failed > 0 {
            tokio::time::sleep(pause(failed.min(LONGEST_PAUSE))).await;
        }
        let of = format!("{id} {} after {}", place(&self.watched.ask), self.watched.version);
        self.tell(Event::Step { step: "gap".to_owned(), of }).await?;
        let (to, mut parts) = mpsc::channel(4);
        let (api, ask, bounds) = (self.api.clone(), self.watched.ask.clone(), self.options.bounds());
        let mut reading = tokio::task::JoinSet::new();
        reading.spawn(async move { list::read(&api, &ask, bounds, &to).await });
        self.watched.seen.relist();
        let mut unread = 0;
        while let Some(part) = parts.recv().await {
            match part {
                Part::Columns(_) => {}
                Part::Items(pieces) => {
                    for piece in pieces {
                        unread += self.item(&id, piece).await?;
                    }
                }
                Part::End(end) => return self.relisted(id, failed, end, unread).await,
            }
        }
        Ok(State::Relisting { id, failed: failed + 1 })
    }

    /// Takes an item of a new list; gives how many could not be read.
    async fn item(&mut self, id: &str, piece: Piece) -> Result<u32, Over> {
        let Piece::Item(bytes) = piece else { return Ok(1) };
        let Ok(object) = Object::parse(&bytes, &self.watched.wanted.kind) else { return Ok(1) };
        if self.admits(&object.value) {
            for (event, mut object) in self.watched.seen.compare(object.value) {
                self.trim(&mut object);
                self.change(id, event, object).await?;
            }
        }
        Ok(0)
    }

    async fn relisted(
        &mut self,
        id: String,
        failed: u32,
        end: list::End,
        unread: u32,
    ) -> Result<State, Over> {
        match (end.refusal, end.resource_version) {
            (None, Some(version)) => self.watched.version = version,
            (refusal, _) => {
                let lasting = refusal.filter(|refusal| {
                    !matches!(refusal.why, Why::Unavailable | Why::Timeout | Why::Failed | Why::Gone)
                });
                let Some(refusal) = lasting else {
                    return Ok(State::Relisting { id, failed: failed + 1 });
                };
                self.miss(refusal).await?;
                return Err(Over);
            }
        }
        if unread == 0 {
            let kind = &self.watched.wanted.kind;
            let kind = json!({"apiVersion": kind.api_version(), "kind": kind.kind});
            for (event, object) in self.watched.seen.gone(&kind) {
                self.change(&id, event, object).await?;
            }
        } else {
            let message =
                format!("{unread} objects of a new list cannot be read, so deletions are not known");
            self.miss(Refusal::new(Why::Garbled, message)).await?;
        }
        self.close(id, None).await?;
        Ok(State::Watching)
    }
}

fn is_expired(status: &Value) -> bool {
    status["code"] == 410 || ["Expired", "Gone"].iter().any(|reason| status["reason"] == *reason)
}
