use super::{Watched, note::Notes};
use crate::{
    entropy,
    gather::{
        Options,
        api::{Api, Refusal, Why, pause},
    },
    wire::{EventType, Frame, LineSplitter, Query, Verb},
};
use futures::StreamExt;
use kube::client::Body;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How long the server is asked to keep a watch open.
const OPEN: Duration = Duration::from_secs(240);
/// Failures after this one are waited for no longer: 16 s.
const LONGEST_PAUSE: u32 = 7;
/// A watch that ends sooner than this is not opened again at once.
const SHORT: Duration = Duration::from_secs(1);

/// The watch of one list.
pub(super) struct Stream {
    pub(super) api: Api,
    pub(super) options: Arc<Options>,
    pub(super) watched: Watched,
    pub(super) to: Notes,
    /// How many attempts in a row brought nothing.
    pub(super) failed: u32,
}

/// What a watch does next.
pub(super) enum Next {
    /// It is opened at the version that is known.
    Watch,
    /// The server has forgotten that version: everything is listed again.
    List,
}

/// A watch cannot go on: it is not allowed, or nobody takes what it gives.
#[derive(Debug)]
pub(super) struct Over;

/// How an open watch ended.
enum End {
    /// As the server does from time to time.
    Closed,
    /// It goes on where it was.
    Broken(Refusal),
    /// The server has forgotten the version, and says so with this status.
    Expired(Value),
    /// A change is too large, and can only be left out.
    TooLarge,
}

impl Stream {
    /// Watches until nobody takes what comes, or the server refuses for good.
    pub(super) async fn run(mut self, first: Next) {
        let mut next = Ok(first);
        while let Ok(step) = next {
            if self.failed > 0 {
                self.api.retried();
                tokio::time::sleep(pause(self.failed.min(LONGEST_PAUSE))).await;
            }
            next = match step {
                Next::Watch => self.watch().await,
                Next::List => self.relist().await,
            };
        }
    }

    fn path(&self) -> String {
        let ask = &self.watched.ask;
        let open = OPEN.as_secs().to_string();
        let fixed = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", open.as_str()),
            ("resourceVersion", &self.watched.version),
        ];
        let query: Query = fixed.into_iter().chain(ask.selectors()).collect();
        format!("{}?{}", ask.kind.path(ask.namespace.as_deref()), query)
    }

    async fn watch(&mut self) -> Result<Next, Over> {
        let path = self.path();
        let refusal = match self.api.open(&path, "application/json").await {
            Ok(response) => {
                let id = self.to.sent(Verb::Watch, path, 200).await?;
                self.to.up(&self.watched).await?;
                return self.opened(id, response.into_body()).await;
            }
            Err(refusal) => refusal,
        };
        if is_expired(&refusal.status) {
            self.to.sent(Verb::Watch, path, 410).await?;
            return self.forgotten().await;
        }
        self.refused(refusal, Next::Watch).await
    }

    /// Goes on with `next` after what passes; what does not ends the watch.
    pub(super) async fn refused(&mut self, refusal: Refusal, next: Next) -> Result<Next, Over> {
        if matches!(refusal.why, Why::Unavailable | Why::Timeout | Why::Failed) {
            self.failed += 1;
            self.to.down(&self.watched, refusal).await?;
            return Ok(next);
        }
        self.to.missing(&self.watched, refusal.why, refusal.message).await?;
        Err(Over)
    }

    async fn forgotten(&mut self) -> Result<Next, Over> {
        self.to.gap(&self.watched).await?;
        let message = "the server has forgotten them, and the state was not read again";
        self.to.down(&self.watched, Refusal::new(Why::Gone, message)).await?;
        Ok(Next::List)
    }

    async fn opened(&mut self, id: String, body: Body) -> Result<Next, Over> {
        let (start, version) = (entropy::instant(), self.watched.version.clone());
        let end = self.frames(&id, body).await?;
        if self.watched.version != version {
            self.failed = 0;
        }
        let broken = !matches!(end, End::Closed);
        if broken || start.elapsed() < SHORT {
            self.failed += 1;
        }
        match end {
            End::Closed => self.to.closed(id, None).await?,
            End::Broken(refusal) => {
                self.to.closed(id, Some(refusal.message.clone())).await?;
                self.to.down(&self.watched, refusal).await?;
            }
            End::Expired(status) => {
                self.to.frame(&id, EventType::Error, status).await?;
                self.to.closed(id, None).await?;
                return self.forgotten().await;
            }
            End::TooLarge => {
                let message = format!("a change is larger than {} bytes", self.options.largest);
                self.to.closed(id, Some(message.clone())).await?;
                self.to.missing(&self.watched, Why::TooLarge, message).await?;
                return self.forgotten().await;
            }
        }
        Ok(Next::Watch)
    }

    /// Takes the frames of an open watch.
    async fn frames(&mut self, id: &str, body: Body) -> Result<End, Over> {
        let patient = self.api.patient(OPEN);
        let mut chunks = std::pin::pin!(patient.chunks(body));
        let (mut lines, mut pending) = (LineSplitter::default(), 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(refusal) => return Ok(End::Broken(refusal)),
            };
            pending = match memchr::memrchr(b'\n', &chunk) {
                Some(at) => chunk.len() - at - 1,
                None => pending + chunk.len(),
            };
            if pending > self.options.largest {
                return Ok(End::TooLarge);
            }
            for line in lines.push(&chunk) {
                match Frame::parse(&line) {
                    Ok(frame) if frame.event == EventType::Error => return Ok(ended(frame.object)),
                    Ok(frame) => self.frame(id, frame).await?,
                    Err(error) => return Ok(broken(error.to_string())),
                }
            }
        }
        // Half a line is no frame: the server sends it again.
        Ok(if lines.finish().is_empty() { End::Closed } else { broken("it ended in the middle of a line") })
    }

    async fn frame(&mut self, id: &str, Frame { event, mut object }: Frame) -> Result<(), Over> {
        if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
            version.clone_into(&mut self.watched.version);
        }
        if event == EventType::Bookmark || !self.admits(&object) || !self.watched.seen.apply(event, &object) {
            return Ok(());
        }
        self.trim(&mut object);
        self.to.frame(id, event, object).await
    }

    pub(super) fn trim(&self, object: &mut Value) {
        if !self.options.managed_fields
            && let Some(Value::Object(metadata)) = object.get_mut("metadata")
        {
            metadata.remove("managedFields");
        }
    }

    pub(super) fn admits(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
        let wanted = &self.watched.wanted;
        // Of the definitions that came along, only those that were captured.
        let definition = wanted.beside && wanted.kind.plural == "customresourcedefinitions";
        wanted.admits(&self.options, namespace, name.unwrap_or_default())
            && (!definition || self.watched.seen.holds(object))
    }
}

fn broken(message: impl Into<String>) -> End {
    End::Broken(Refusal::new(Why::Garbled, message))
}

fn ended(status: Value) -> End {
    match status["message"].as_str() {
        _ if is_expired(&status) => End::Expired(status),
        message => End::Broken(Refusal::new(Why::Failed, message.unwrap_or("the server ended it"))),
    }
}

pub(super) fn is_expired(status: &Value) -> bool {
    status["code"] == 410 || ["Expired", "Gone"].iter().any(|reason| status["reason"] == *reason)
}
