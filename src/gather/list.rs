use super::{
    Kind,
    api::{Api, Budget, Refusal, Why, pause},
    items::{CutError, ItemCutter, Piece, is_items},
};
use crate::wire::Query;
use futures::StreamExt;
use kube::client::Body;
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

    /// The selectors as they stand in a query.
    pub(super) fn selectors(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let asked = [("labelSelector", &self.labels), ("fieldSelector", &self.fields)];
        asked.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)))
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
        version: None,
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
    /// The version of this page.
    version: Option<String>,
    end: End,
}

/// What the end of a page says.
#[derive(Default)]
struct Page {
    metadata: Value,
    skip: usize,
    /// Whether there were items, be it none.
    listed: bool,
}

impl Reading<'_> {
    async fn pages(&mut self, ask: &Ask, bounds: Bounds) -> Result<(), Refusal> {
        let mut breaks = 0;
        loop {
            let path = path(ask, bounds.page, self.token.as_deref());
            let body = match self.budget.spend(self.api.open(&path, ask.form.accept())).await? {
                Ok(response) => response.into_body(),
                Err(refusal) => {
                    self.renew(refusal)?;
                    continue;
                }
            };
            let before = self.delivered;
            match self.page(body, bounds).await {
                Ok(None) => return Ok(()),
                Ok(Some(next)) => {
                    if self.token.as_ref() == Some(&next) {
                        let message = "the server gives the same page again and again";
                        return Err(Refusal::new(Why::Garbled, message));
                    }
                    (self.token, self.delivered, self.version, breaks) = (Some(next), 0, None, 0);
                }
                Err(refusal) => {
                    breaks = if self.delivered > before { 1 } else { breaks + 1 };
                    self.again(refusal, breaks).await?;
                }
            }
        }
    }

    /// The version of the list may be forgotten; then the server offers to go on in a newer one.
    fn renew(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        let next = refusal.status["metadata"]["continue"].as_str().map(str::to_owned);
        let expired = refusal.status["code"] == 410 && next.is_some() && next != self.token;
        if !expired {
            return Err(refusal);
        }
        self.end.consistent = false;
        (self.token, self.delivered, self.version) = (next, 0, None);
        Ok(())
    }

    /// Waits, if a page that failed in the middle is worth another try.
    async fn again(&mut self, refusal: Refusal, breaks: u32) -> Result<(), Refusal> {
        let again = matches!(refusal.why, Why::Unavailable | Why::Timeout) && breaks < BREAKS;
        if !again || self.to.is_closed() {
            return Err(refusal);
        }
        self.api.retried();
        // When the time is used up, this says so.
        self.budget.spend(tokio::time::sleep(pause(breaks))).await
    }

    /// Reads one page; gives the token of the next one. What came before a failure goes over as well.
    async fn page(&mut self, body: Body, bounds: Bounds) -> Result<Option<String>, Refusal> {
        let mut page = Page { skip: self.delivered, ..Page::default() };
        let mut batch = Vec::new();
        let done = self.body(body, bounds, &mut page, &mut batch).await;
        self.send(batch).await?;
        done?;
        if !page.listed {
            return Err(Refusal::new(Why::Garbled, "the answer is no list: it has no items"));
        }
        let version = page.metadata["resourceVersion"].as_str().unwrap_or_default();
        self.end.resource_version.get_or_insert_with(|| version.to_owned());
        let next = page.metadata["continue"].as_str().unwrap_or_default();
        Ok((!next.is_empty()).then(|| next.to_owned()))
    }

    async fn body(
        &mut self,
        body: Body,
        bounds: Bounds,
        page: &mut Page,
        batch: &mut Vec<Piece>,
    ) -> Result<(), Refusal> {
        let mut chunks = std::pin::pin!(self.api.chunks(body));
        let mut cutter = ItemCutter::new(bounds.item);
        let (mut pieces, mut size) = (Vec::new(), 0);
        while let Some(chunk) = self.budget.spend(chunks.next()).await? {
            let cut = cutter.push(&chunk?, &mut pieces);
            for piece in pieces.drain(..) {
                size += self.sort(piece, page, batch).await?;
            }
            cut.map_err(garbled)?;
            if size >= BATCH {
                self.send(std::mem::take(batch)).await?;
                size = 0;
            }
        }
        page.listed |= cutter.had_items();
        cutter.finish().map_err(garbled)
    }

    /// Takes one piece of the answer; gives how many bytes it added to the batch.
    async fn sort(
        &mut self,
        piece: Piece,
        page: &mut Page,
        batch: &mut Vec<Piece>,
    ) -> Result<usize, Refusal> {
        match piece {
            Piece::Field(key, value) if key == "metadata" => self.metadata(value, page),
            Piece::Field(key, value) if key == "columnDefinitions" => {
                self.give(Part::Columns(value)).await?;
            }
            Piece::Field(key, value) => page.listed |= is_items(&key) && value.is_null(),
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

    /// A page that is read again is only the same one if it is of the same version. If not, nothing of it is
    /// passed over; what is there already is known by its name.
    fn metadata(&mut self, metadata: Value, page: &mut Page) {
        let version = metadata["resourceVersion"].as_str().unwrap_or_default();
        let first = self.version.get_or_insert_with(|| version.to_owned());
        if first != version {
            version.clone_into(first);
            page.skip = 0;
            self.end.consistent = false;
        }
        page.metadata = metadata;
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
    let given = fixed.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(ask.selectors());
    let query: Query = given.chain([("limit", page.to_string().as_str())]).collect();
    format!("{}?{}", ask.kind.path(ask.namespace.as_deref()), query)
}
