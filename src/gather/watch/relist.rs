use super::stream::{Next, Over, Stream, is_expired};
use crate::{
    gather::{
        api::{Refusal, Why},
        items::Piece,
        list::{self, End, Part},
        object::Object,
    },
    wire::{Query, Verb},
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

/// How many parts of the list wait to be taken.
const WAITING: usize = 2;

impl Stream {
    /// Lists again, and tells what changed meanwhile as frames of that list.
    pub(super) async fn relist(&mut self) -> Result<Next, Over> {
        let (to, mut parts) = mpsc::channel(WAITING);
        let (api, ask, bounds) = (self.api.clone(), self.watched.ask.clone(), self.options.bounds());
        let query: Query = ask.selectors().collect();
        let path = format!("{}?{query}", ask.kind.path(ask.namespace.as_deref()));
        let mut reading = JoinSet::new();
        reading.spawn(async move { list::read(&api, &ask, bounds, &to).await });
        self.watched.seen.relist();
        let (mut id, mut unread) = (None, 0);
        while let Some(part) = parts.recv().await {
            let pieces = match part {
                Part::Columns(_) => continue,
                Part::Items(pieces) => pieces,
                Part::End(End { refusal: Some(refusal), .. }) => {
                    if let Some(id) = id {
                        self.to.closed(id, Some(refusal.message.clone())).await?;
                    }
                    // It may be forgotten again while it is read.
                    let why = if is_expired(&refusal.status) { Why::Failed } else { refusal.why };
                    return self.refused(Refusal { why, ..refusal }, Next::List).await;
                }
                Part::End(end) => {
                    let id = match id {
                        Some(id) => id,
                        None => self.to.sent(Verb::List, path, 200).await?,
                    };
                    return self.relisted(id, end, unread).await;
                }
            };
            let id = match &mut id {
                Some(id) => id,
                none => none.insert(self.to.sent(Verb::List, path.clone(), 200).await?),
            };
            for piece in pieces {
                unread += u32::from(!self.item(id, piece).await?);
            }
        }
        self.refused(Refusal::new(Why::Failed, "the new list broke off"), Next::List).await
    }

    /// Takes an item of the new list; gives whether it could be read.
    async fn item(&mut self, id: &str, piece: Piece) -> Result<bool, Over> {
        let Piece::Item(bytes) = piece else { return Ok(false) };
        let Ok(object) = Object::parse(&bytes, &self.watched.wanted.kind) else { return Ok(false) };
        if self.admits(&object.value) {
            for (event, mut object) in self.watched.seen.compare(object.value) {
                self.trim(&mut object);
                self.to.frame(id, event, object).await?;
            }
        }
        Ok(true)
    }

    async fn relisted(&mut self, id: String, end: End, unread: u32) -> Result<Next, Over> {
        let Some(version) = end.resource_version.filter(|version| !version.is_empty()) else {
            let message = "the new list has no resourceVersion";
            return self.refused(Refusal::new(Why::Garbled, message), Next::List).await;
        };
        // What has appeared just now has no changes before.
        let appeared = self.watched.version.is_empty();
        let before = &self.watched.version;
        let mut message = match appeared {
            true => "it has appeared while others were watched".to_owned(),
            false => format!("those from {before} to {version} were not seen; the state was read again"),
        };
        if unread == 0 {
            let kind = &self.watched.wanted.kind;
            let kind = json!({"apiVersion": kind.api_version(), "kind": kind.kind});
            for (event, object) in self.watched.seen.gone(&kind) {
                self.to.frame(&id, event, object).await?;
            }
        } else {
            message +=
                &format!("; {unread} objects of the new list cannot be read, so deletions are not known");
        }
        self.to.closed(id, None).await?;
        if !appeared || unread > 0 {
            self.to.missing(&self.watched, Why::Gone, message).await?;
        }
        (self.watched.version, self.failed) = (version, 0);
        Ok(Next::Watch)
    }
}
