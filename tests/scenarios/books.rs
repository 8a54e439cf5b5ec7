use super::book::{Book, BookSpec};
use kube::Client;
use kubetape::World;
use serde_json::json;

/// A book is added, changed and deleted under the eyes of an informer.
pub async fn shelf<F, Fut>(world: World, run: F)
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    world.run_as("book", run);
    world.create(moby_dick()).await;
    world.settle().await;
    world.patch::<Book>("moby-dick", json!({"spec": {"authors": ["Herman Melville"]}})).await;
    world.settle().await;
    world.delete::<Book>("moby-dick").await;
    world.gone::<Book>("moby-dick").await;
    world.settle().await;
}

/// While nobody can watch, a book is deleted and another added; the informer lists again and finds out, which
/// `heard` waits for: it backs off first, and nothing on the cluster tells for how long.
pub async fn relist<F, Fut>(world: World, run: F, heard: impl Future<Output = ()>)
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    world.run_as("book", run);
    world.create(moby_dick()).await;
    world.settle().await;
    world.compact().await;
    world.delete::<Book>("moby-dick").await;
    world.create(Book::new("walden", BookSpec { title: "Walden".into(), authors: None })).await;
    world.settle().await;
    world.patch::<Book>("walden", json!({"spec": {"authors": ["Henry David Thoreau"]}})).await;
    heard.await;
    world.settle().await;
}

/// The book that everybody knows.
pub fn moby_dick() -> Book {
    Book::new("moby-dick", BookSpec { title: "Moby Dick".into(), authors: None })
}
