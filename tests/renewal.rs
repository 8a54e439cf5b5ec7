//! Watches on a tape as kube makes them: they end after a while, are taken up again, and list anew.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt, reflector,
        watcher::{self, Event, watcher},
    },
};
use kubetape::{Options, World};
use scenarios::{echo, echoes};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Runs the echo operator's life and ten minutes more, with informers beside the operator, and gives the requests.
fn ten_minutes_more<F, Fut>(test: &str, informer: F) -> Vec<String>
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tape = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tapes/echo-bare.ktape");
    let options = Options::new(&format!("renewal::{test}"), env!("CARGO_MANIFEST_DIR")).tape(tape);
    let (give, take) = std::sync::mpsc::channel();
    let informer = Arc::new(informer);
    kubetape::run(options, async move |world: World| {
        let run = move |client: Client| {
            let informer = informer.clone();
            async move {
                tokio::join!(echo::run(client.clone()), informer(client));
            }
        };
        echoes::life_bare(world.clone(), run).await;
        world.advance(Duration::from_secs(600)).await;
        world.settle().await;
        give.send(world.requests()).unwrap();
    });
    take.recv().unwrap()
}

/// How many watches of Echoes and how many lists of them an operator made.
fn watches_and_lists(requests: &[String]) -> (usize, usize) {
    let of_echoes = || requests.iter().filter(|line| line.contains("/echoes?") && line.contains("  echo  "));
    (
        of_echoes().filter(|line| line.contains("  watch  ")).count(),
        of_echoes().filter(|line| line.contains("  list  ")).count(),
    )
}

/// What an informer told, in short.
type Told = Arc<Mutex<Vec<String>>>;

async fn tell<K: kube::Resource>(told: Told, events: impl Stream<Item = watcher::Result<Event<K>>>) {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let text = match event {
            Ok(Event::Apply(_)) => "apply",
            Ok(Event::Delete(_)) => "delete",
            Ok(Event::Init) => "init",
            Ok(Event::InitApply(_)) => "init-apply",
            Ok(Event::InitDone) => "init-done",
            Err(error) => panic!("a watch failed: {error}"),
        };
        told.lock().unwrap().push(text.to_owned());
    }
}

fn told(told: &Told) -> Vec<String> {
    told.lock().unwrap().clone()
}

#[test]
fn watches_are_taken_up_again_after_their_time() {
    let requests = ten_minutes_more("watches_are_taken_up_again_after_their_time", |_| async {});
    let (watches, lists) = watches_and_lists(&requests);
    assert!(watches >= 3, "{watches} watches in ten minutes: {requests:#?}");
    assert_eq!(lists, 1, "a watch that was renewed lists nothing: {requests:#?}");
}

#[test]
fn a_watcher_sees_one_life() {
    let seen = Told::default();
    let to = seen.clone();
    ten_minutes_more("a_watcher_sees_one_life", move |client| {
        tell(to.clone(), watcher(Api::<echo::Echo>::default_namespaced(client), watcher::Config::default()))
    });
    let seen = told(&seen);
    assert_eq!(seen[..2], ["init", "init-done"], "{seen:?}");
    assert_eq!(seen.iter().filter(|event| *event == "delete").count(), 1, "{seen:?}");
    assert_eq!(seen.iter().filter(|event| *event == "init").count(), 1, "{seen:?}");
    assert!(seen.len() > 6, "{seen:?}");
}

#[test]
fn a_streaming_list_sees_the_same_life() {
    let (listed, streamed) = (Told::default(), Told::default());
    for (to, config) in
        [(&listed, watcher::Config::default()), (&streamed, watcher::Config::default().streaming_lists())]
    {
        let to = to.clone();
        ten_minutes_more("a_streaming_list_sees_the_same_life", move |client| {
            tell(to.clone(), watcher(Api::<echo::Echo>::default_namespaced(client), config.clone()))
        });
    }
    assert_eq!(told(&listed), told(&streamed));
}

#[test]
#[allow(deprecated, reason = "operators of today call it")]
fn metadata_is_watched_too() {
    let seen = Told::default();
    let to = seen.clone();
    ten_minutes_more("metadata_is_watched_too", move |client| {
        tell(
            to.clone(),
            kube::runtime::metadata_watcher(
                Api::<Deployment>::default_namespaced(client),
                watcher::Config::default(),
            ),
        )
    });
    let seen = told(&seen);
    assert!(seen.iter().any(|event| event == "apply") && seen.last().unwrap() == "delete", "{seen:?}");
}

#[test]
fn a_reflector_holds_what_there_is() {
    let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
    let to = sizes.clone();
    ten_minutes_more("a_reflector_holds_what_there_is", move |client| {
        let (to, echoes) = (to.clone(), Api::<echo::Echo>::default_namespaced(client));
        async move {
            let (store, writer) = reflector::store();
            let stream = reflector(writer, watcher(echoes, watcher::Config::default())).default_backoff();
            let mut stream = std::pin::pin!(stream.touched_objects());
            while let Some(echo) = stream.next().await {
                echo.unwrap();
                to.lock().unwrap().push(store.state().len());
            }
        }
    });
    let sizes = sizes.lock().unwrap().clone();
    assert!(sizes.contains(&1) && sizes.last() == Some(&0), "{sizes:?}");
}

#[test]
fn a_watcher_that_starts_late_lists_what_there_is() {
    let seen = Told::default();
    let to = seen.clone();
    ten_minutes_more("a_watcher_that_starts_late_lists_what_there_is", move |client| {
        let to = to.clone();
        async move {
            let echoes = Api::<echo::Echo>::default_namespaced(client);
            kube::runtime::wait::await_condition(echoes.clone(), "hello", echoes::ready(2)).await.unwrap();
            tell(to, watcher(echoes, watcher::Config::default())).await;
        }
    });
    let seen = told(&seen);
    assert_eq!(seen[..3], ["init", "init-apply", "init-done"], "{seen:?}");
    assert_eq!(seen.last().unwrap(), "delete", "{seen:?}");
}
