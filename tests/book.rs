//! The book operator: an informer under additions, changes, deletions and a compaction.

mod scenarios;

use kube::Client;
use kubetape::World;
use scenarios::{book, books};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[kubetape::test(crd(book::Book))]
async fn shelf(world: World) {
    let (run, told) = telling();
    books::shelf(world, run).await;
    assert_eq!(all(told), SHELF);
}

#[kubetape::test(crd(book::Book), bare)]
async fn shelf_bare(world: World) {
    let (run, told) = telling();
    books::shelf(world, run).await;
    assert_eq!(all(told), SHELF);
}

#[kubetape::test(crd(book::Book), exclusive, bare)]
async fn relists_after_410(world: World) {
    let (run, mut told) = telling();
    let mut heard = Vec::new();
    let walden = async {
        while let Some(event) = told.recv().await {
            heard.push(event.to_string());
            if heard.last().is_some_and(|event| event.starts_with("Added a book walden")) {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(90), walden);
    books::relist(world, run, async { in_time.await.expect("the informer never listed again") }).await;
    heard.extend(all(told).into_iter().filter(|event| !event.starts_with("Modified a book walden")));
    let told = heard;
    let (errors, rest): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|event| event.starts_with("Could not watch"));
    assert!(!errors.is_empty(), "nobody was told of the broken watch: {rest:?}");
    assert_eq!(
        rest,
        [
            "Added a book moby-dick with title 'Moby Dick'",
            "Deleted a book moby-dick with title 'Moby Dick'",
            "Added a book walden with title 'Walden'",
        ]
    );
}

const SHELF: [&str; 3] = [
    "Added a book moby-dick with title 'Moby Dick'",
    "Modified a book moby-dick with title 'Moby Dick'",
    "Deleted a book moby-dick with title 'Moby Dick'",
];

/// The operator, and what it tells.
fn telling() -> (impl Fn(Client) -> Operator + Send + Sync, UnboundedReceiver<book::BookEvent>) {
    let (sender, told) = unbounded_channel();
    let run = move |client| -> Operator { Box::pin(book::run_into(client, sender.clone())) };
    (run, told)
}

type Operator = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn all(mut told: UnboundedReceiver<book::BookEvent>) -> Vec<String> {
    std::iter::from_fn(|| told.try_recv().ok()).map(|event| event.to_string()).collect()
}
