use super::{
    Kind,
    api::{Api, Budget, Refusal, Why, pause},
    items::{CutError, ItemCutter, Piece},
};
use crate::wire::Query;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How many bytes of items go over in one piece.
const BATCH: usize = 128 << 10;
/// How often a page may break off without a new item.
const BREAKS: u32 = 5;

/// In what form objects are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Whole, with the cells that the server prints, where it can print them.
    Table,
    /// Their metadata alone.
    Metadata,
}

impl Form {
    pub(super) fn accept(self) -> &'static str {
        match self {
            Form::Table => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Form::Metadata => {
                "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
            }
        }
    }
}

/// One list to be read.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) kind: Kind,
    /// One namespace, or everywhere.
    pub(super) namespace: Option<String>,
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    pub(super) form: Form,
}

impl Ask {
    /// All objects of a kind.
    pub(super) fn all(kind: Kind, form: Form) -> Self {
        Self { kind, namespace: None, labels: None, fields: None, form }
    }
}

/// Bounds of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Objects in a page.
    pub(super) page: u32,
    /// Bytes of an object.
    pub(super) item: usize,
    /// Time that the server may take for all pages.
    pub(super) time: Duration,
}

/// What comes of a list, in this order: columns, items, the end.
#[derive(Debug)]
pub(super) enum Part {
    /// `columnDefinitions` of a table, as often as there are pages.
    Columns(Value),
    /// The next items.
    Items(Vec<Piece>),
    /// The end.
    End(End),
}

/// How a list ended.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) resource_version: Option<String>,
    /// Whether all items are of that version.
    pub(super) consistent: bool,
    /// Why it ended early.
    pub(super) refusal: Option<Refusal>,
}

/// Reads a list page by page. It goes no faster than its parts are taken, and stops when nobody takes them.
pub(super) async fn read(api: &Api, ask: &Ask, bounds: Bounds, to: &Sender<Part>) {
    let mut reading = Reading {
        api,
        to,
        budget: Budget::new(bounds.time),
        token: None,
        delivered: 0,
        end: End { consistent: true, ..End::default() },
    };
    let refusal = reading.pages(ask, bounds).await.err();
    let end = End { refusal, ..reading.end };
    let _ = to.send(Part::End(end)).await;
}

struct Reading<'a> {
    api: &'a Api,
    to: &'a Sender<Part>,
    budget: Budget,
    /// Where the page begins.
    token: Option<String>,
    /// Items of this page that went over; when the page is read again, they are left out.
    delivered: usize,
    end: End,
}

/// What the end of a page says.
#[derive(Default)]
struct Page {
    metadata: Value,
    skip: usize,
}

impl Reading<'_> {
    async fn pages(&mut self, ask: &Ask, bounds: Bounds) -> Result<(), Refusal> {
        let mut breaks = 0;
        loop {
            let before = self.delivered;
            match self.page(ask, bounds).await {
                Ok(None) => return Ok(()),
                Ok(Some(next)) => {
                    if self.token.as_ref() == Some(&next) {
                        let message = "the server gives the same page again and again";
                        return Err(Refusal::new(Why::Garbled, message));
                    }
                    (self.token, self.delivered, breaks) = (Some(next), 0, 0);
                }
                Err(refusal) => {
                    breaks = if self.delivered > before { 1 } else { breaks + 1 };
                    self.mend(refusal, breaks).await?;
                }
            }
        }
    }

    /// Whether and how the list goes on after a page failed.
    async fn mend(&mut self, refusal: Refusal, breaks: u32) -> Result<(), Refusal> {
        let expired = refusal.status["code"] == 410;
        if let Some(next) = refusal.status["metadata"]["continue"].as_str().filter(|_| expired) {
            // The version is forgotten; the server offers to go on in a newer one.
            self.end.consistent = false;
            (self.token, self.delivered) = (Some(next.to_owned()), 0);
            return Ok(());
        }
        // Too much time is final when it is the budget's; silence in the middle of a page is not.
        let again = matches!(refusal.why, Why::Unavailable | Why::Timeout) && breaks < BREAKS;
        if !again || self.to.is_closed() {
            return Err(refusal);
        }
        self.api.retried();
        self.budget.spend(tokio::time::sleep(pause(breaks))).await
    }

    /// Reads one page; gives the token of the next one.
    async fn page(&mut self, ask: &Ask, bounds: Bounds) -> Result<Option<String>, Refusal> {
        let path = path(ask, bounds.page, self.token.as_deref());
        let response = self.budget.spend(self.api.open(&path, ask.form.accept())).await??;
        let mut chunks = std::pin::pin!(self.api.chunks(response.into_body()));
        let mut cutter = ItemCutter::new(bounds.item);
        let mut page = Page { skip: self.delivered, ..Page::default() };
        let (mut pieces, mut batch, mut size) = (Vec::new(), Vec::new(), 0);
        while let Some(chunk) = self.budget.spend(chunks.next()).await? {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(refusal) => {
                    self.send(batch).await?;
                    return Err(refusal);
                }
            };
            cutter.push(&chunk, &mut pieces).map_err(garbled)?;
            for piece in pieces.drain(..) {
                size += self.sort(piece, &mut page, &mut batch).await?;
            }
            if size >= BATCH {
                self.send(std::mem::take(&mut batch)).await?;
                size = 0;
            }
        }
        self.send(batch).await?;
        cutter.finish().map_err(garbled)?;
        let version = page.metadata["resourceVersion"].as_str().unwrap_or_default();
        self.end.resource_version.get_or_insert_with(|| version.to_owned());
        let next = page.metadata["continue"].as_str().unwrap_or_default();
        Ok((!next.is_empty()).then(|| next.to_owned()))
    }

    /// Takes one piece of the answer; gives how many bytes it added to the batch.
    async fn sort(
        &mut self,
        piece: Piece,
        page: &mut Page,
        batch: &mut Vec<Piece>,
    ) -> Result<usize, Refusal> {
        match piece {
            Piece::Field(key, value) if key == "metadata" => page.metadata = value,
            Piece::Field(key, value) if key == "columnDefinitions" => {
                self.give(Part::Columns(value)).await?;
            }
            Piece::Field(..) => {}
            _ if page.skip > 0 => page.skip -= 1,
            item => {
                let size = match &item {
                    Piece::Item(bytes) => bytes.len(),
                    _ => 0,
                };
                batch.push(item);
                return Ok(size);
            }
        }
        Ok(0)
    }

    async fn send(&mut self, batch: Vec<Piece>) -> Result<(), Refusal> {
        let count = batch.len();
        if count > 0 {
            self.give(Part::Items(batch)).await?;
            self.delivered += count;
        }
        Ok(())
    }

    async fn give(&self, part: Part) -> Result<(), Refusal> {
        self.to.send(part).await.map_err(|_| Refusal::new(Why::Stopped, "nobody wants the rest"))
    }
}

/// A page that breaks off is tried again; one that makes no sense is not.
fn garbled(error: CutError) -> Refusal {
    let why = if matches!(error, CutError::CutOff { .. }) { Why::Unavailable } else { Why::Garbled };
    Refusal::new(why, error.to_string())
}

fn path(ask: &Ask, page: u32, token: Option<&str>) -> String {
    let fixed = [("includeObject", Some("Object")), ("continue", token)];
    let asked = [("labelSelector", ask.labels.as_deref()), ("fieldSelector", ask.fields.as_deref())];
    let given = fixed.into_iter().chain(asked).filter_map(|(key, value)| Some((key, value?)));
    let query: Query = given.chain([("limit", page.to_string().as_str())]).collect();
    format!("{}?{}", ask.kind.path(ask.namespace.as_deref()), query)
}
