//! The same seed, the same bytes on the simulated cluster: requests, store and snapshots; in one process, in threads
//! side by side, in processes of their own, and in dev and release alike.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use http::Request;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::{Client, client::Body};
use kubetape::{Options, World};
use scenarios::{echo, echoes, myapp, myapps};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

/// Makes a child of this test leave the digests of its runs in this file instead of starting children.
const CHILD: &str = "KUBETAPE_TEST_SIM_DETERMINISM_CHILD";

/// Names a file for the digests of this build, which `just determinism` compares with those of the other.
const DIGESTS: &str = "KUBETAPE_TEST_DIGESTS";

#[derive(Clone, Copy, Debug)]
enum Case {
    Echo,
    Concurrent,
    Streaming,
    MyApp,
    Blocking,
}

impl Case {
    const ALL: [Case; 5] = [Case::Echo, Case::Concurrent, Case::Streaming, Case::MyApp, Case::Blocking];

    /// Requests, objects and a snapshot of one run, as text.
    fn run(self, seed: u64) -> String {
        let (run, end) = self.run_to_its_end(seed);
        format!("{run}\n{end}")
    }

    /// What one run did and holds, and its end without what is made by chance.
    fn run_to_its_end(self, seed: u64) -> (String, String) {
        let options = Options::new("sim_determinism::run", env!("CARGO_MANIFEST_DIR")).seed(seed).on_sim();
        let options = match self {
            Case::MyApp => options.crd::<myapp::MyApp>(),
            Case::Blocking => options.crd::<echo::Echo>().bare(),
            _ => options.crd::<echo::Echo>(),
        };
        let (give, take) = mpsc::channel();
        kubetape::run(options, async move |world: World| {
            self.play(world.clone()).await;
            // A Deployment is left behind for what is compared of the store.
            let requests = world.requests().join("\n");
            let objects = world.sim().server().objects();
            let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
            let shown = world.objects().kinds::<(Deployment, ReplicaSet)>().collect().await;
            give.send((format!("{requests}\n{}", objects.join("\n")), format!("{shown:?}"))).unwrap();
        });
        take.recv().unwrap()
    }

    async fn play(self, world: World) {
        match self {
            Case::Echo => echoes::life(world, echo::run).await,
            Case::Concurrent => many(world, echoes::concurrent).await,
            Case::Streaming => many(world, echoes::streaming).await,
            Case::MyApp => myapps::life(world, myapp::run_as).await,
            Case::Blocking => echoes::life_bare(world, hesitant).await,
        }
    }

    fn digest(self, seed: u64) -> String {
        format!("{self:?} {seed} {:x}\n", Sha256::digest(self.run(seed)))
    }
}

/// The echo operator behind a client that does blocking work before each request.
async fn hesitant(client: Client) {
    let namespace = client.default_namespace().to_owned();
    let slow = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            #[allow(clippy::disallowed_methods, reason = "the work is to take time")]
            let work = || std::thread::sleep(std::time::Duration::from_micros(300));
            tokio::task::spawn_blocking(work).await.map_err(|error| kube::Error::Service(error.into()))?;
            client.send(request).await
        }
    });
    echo::run(Client::new(slow, namespace)).await;
}

/// Several objects at once, so that there are orders to choose from; they stay.
async fn many<F, Fut>(world: World, run: F)
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    world.run_as("echo", run);
    for name in ["a", "b", "c"] {
        world.create(echo::Echo::new(name, echo::EchoSpec { replicas: 2 })).await;
    }
    world.until("c", echoes::ready(2)).await;
    world.settle().await;
}

fn all(seed: u64) -> String {
    Case::ALL.iter().map(|case| case.digest(seed)).collect()
}

fn distinct(texts: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    texts.into_iter().collect()
}

fn first_difference(runs: &BTreeSet<String>) -> String {
    let mut lines = runs.iter().take(2).map(|run| run.lines());
    let (Some(a), Some(b)) = (lines.next(), lines.next()) else { return String::new() };
    let differ = a.zip(b).find(|(a, b)| a != b);
    differ.map(|(a, b)| format!("\n{a}\n{b}")).unwrap_or_default()
}

#[test]
fn runs_in_one_process_are_the_same() {
    for case in Case::ALL {
        let runs = distinct((0..2).map(|_| case.run(1)));
        assert_eq!(runs.len(), 1, "{case:?}: {}", first_difference(&runs));
        assert!(runs.first().unwrap().lines().count() > 40);
    }
}

#[test]
fn runs_side_by_side_are_the_same() {
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| Case::Concurrent.run(3))).collect();
    let mut runs = distinct(threads.into_iter().map(|thread| thread.join().unwrap()));
    runs.insert(Case::Concurrent.run(3));
    assert_eq!(runs.len(), 1);
}

#[test]
fn another_seed_is_another_order_that_comes_to_the_same_end() {
    let (orders, ends): (BTreeSet<_>, BTreeSet<_>) =
        (1..5).map(|seed| Case::Concurrent.run_to_its_end(seed)).unzip();
    assert_eq!(orders.len(), 4);
    assert!(ends.len() == 1 && ends.first().unwrap().contains("Deployment"), "{ends:#?}");
}

#[test]
fn runs_in_processes_of_their_own_are_the_same() {
    processes("runs_in_processes_of_their_own_are_the_same", 2);
}

#[test]
#[ignore = "takes minutes: just determinism"]
fn a_thousand_runs_and_fifty_processes_are_the_same() {
    if processes("a_thousand_runs_and_fifty_processes_are_the_same", 50) {
        return;
    }
    for case in Case::ALL {
        let first = case.run(1);
        assert!((0..1000).all(|_| case.run(1) == first), "{case:?}");
    }
    if let Some(path) = std::env::var_os(DIGESTS) {
        std::fs::write(path, all(1) + &all(7)).unwrap();
    }
}

/// Whether this is one of the children.
fn processes(test: &str, count: usize) -> bool {
    if let Some(path) = std::env::var_os(CHILD) {
        std::fs::write(path, all(1) + &all(7)).unwrap();
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = |number: usize| folder.path().join(number.to_string());
    for first in (0..count).step_by(2) {
        for mut child in [first, first + 1].map(|number| child(test, &log(number))) {
            assert!(child.wait().unwrap().success());
        }
    }
    let mut logs = distinct((0..count).map(|number| std::fs::read_to_string(log(number)).unwrap()));
    logs.insert(all(1) + &all(7));
    assert_eq!(logs.len(), 1, "{logs:#?}");
    false
}

fn child(test: &str, log: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(CHILD, log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
