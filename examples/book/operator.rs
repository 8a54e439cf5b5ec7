//! Reports what happens to the `Book`s of one namespace: an informer, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

/// A book and who wrote it.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "example.technosophos.com",
    version = "v1",
    kind = "Book",
    namespaced,
    doc = "A book and who wrote it.",
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title")
)]
pub struct BookSpec {
    /// The title on the cover.
    pub title: String,
    /// Who wrote it, if anybody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authors: Option<Vec<String>>,
}

/// Something that happened to a book, or to our view of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookEvent {
    /// A book that was not there before.
    Added {
        /// The object's name.
        name: String,
        /// The title on the cover.
        title: String,
    },
    /// A book that was there before, and has changed.
    Modified {
        /// The object's name.
        name: String,
        /// The title on the cover now.
        title: String,
    },
    /// A book that is there no more.
    Deleted {
        /// The object's name.
        name: String,
        /// The title that was last on the cover.
        title: String,
    },
    /// The watch failed; it is tried again after a while.
    Error {
        /// What the watch said.
        message: String,
    },
}

impl fmt::Display for BookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, name, title) = match self {
            Self::Added { name, title } => ("Added", name, title),
            Self::Modified { name, title } => ("Modified", name, title),
            Self::Deleted { name, title } => ("Deleted", name, title),
            Self::Error { message } => return write!(f, "Could not watch the books: {message}"),
        };
        write!(f, "{verb} a book {name} with title '{title}'")
    }
}

/// Logs what happens to the books of the client's default namespace; ends only when dropped.
pub async fn run(client: Client) {
    inform(client, watcher::Config::default(), |event| match event {
        BookEvent::Error { .. } => tracing::warn!("{event}"),
        _ => tracing::info!("{event}"),
    })
    .await;
}

/// As [`run`], but sends the events on, for as long as somebody receives them.
pub async fn run_into(client: Client, sender: UnboundedSender<BookEvent>) {
    let closed = sender.clone();
    let informer = inform(client, watcher::Config::default(), move |event| drop(sender.send(event)));
    tokio::select! {
        biased;
        () = closed.closed() => {}
        () = informer => {}
    }
}

/// As [`run`], with other settings for the watch, and told of each event.
pub async fn inform(client: Client, watch: watcher::Config, mut sink: impl FnMut(BookEvent)) {
    let books = Api::<Book>::default_namespaced(client);
    let mut changes = pin!(watcher(books, watch).default_backoff());
    let mut shelf = Shelf::default();
    while let Some(change) = changes.next().await {
        shelf.observe(change).into_iter().for_each(&mut sink);
    }
}

/// The books known so far; what it did not know was added, what it knew was modified.
pub struct Shelf {
    reader: Store<Book>,
    writer: Writer<Book>,
}

impl Default for Shelf {
    fn default() -> Self {
        let writer = Writer::default();
        Self { reader: writer.as_reader(), writer }
    }
}

impl Shelf {
    /// Takes in one step of the watch and says what it means.
    pub fn observe(&mut self, change: watcher::Result<watcher::Event<Book>>) -> Vec<BookEvent> {
        let change = match change {
            Ok(change) => change,
            Err(error) => return vec![BookEvent::Error { message: error.to_string() }],
        };
        // A list is taken in whole: one that fails midway is begun again, and would be
        // reported twice; and books can go while we are not looking, without a word.
        if matches!(change, watcher::Event::InitDone) {
            return self.relist(&change);
        }
        let event = match &change {
            watcher::Event::Apply(book) => {
                changed(self.reader.get(&ObjectRef::from_obj(book)).as_deref(), book)
            }
            watcher::Event::Delete(book) => Some(deleted(book)),
            watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::InitDone => None,
        };
        self.writer.apply_watcher_event(&change);
        event.into_iter().collect()
    }

    fn relist(&mut self, done: &watcher::Event<Book>) -> Vec<BookEvent> {
        let before = self.by_name();
        self.writer.apply_watcher_event(done);
        let after = self.by_name();
        let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
        let here = after.iter().filter_map(|(name, book)| changed(before.get(name).map(Arc::as_ref), book));
        gone.map(|(_, book)| deleted(book)).chain(here).collect()
    }

    /// In an order that does not depend on the store's hashing.
    fn by_name(&self) -> BTreeMap<String, Arc<Book>> {
        self.reader.state().into_iter().map(|book| (book.name_any(), book)).collect()
    }
}

/// `None` for a book that is repeated as it was.
fn changed(known: Option<&Book>, book: &Book) -> Option<BookEvent> {
    let (name, title) = (book.name_any(), book.spec.title.clone());
    match known {
        None => Some(BookEvent::Added { name, title }),
        Some(known) if known.resource_version() == book.resource_version() => None,
        Some(_) => Some(BookEvent::Modified { name, title }),
    }
}

fn deleted(book: &Book) -> BookEvent {
    BookEvent::Deleted { name: book.name_any(), title: book.spec.title.clone() }
}
