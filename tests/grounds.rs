//! One scenario on several grounds: what it runs on by default, and that what it leaves on the simulated cluster is
//! what was recorded on a real one.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use kubetape::{
    Ground, Options, Tape, World,
    tape::{self, Difference},
};
use scenarios::{book, books, echo, echoes, myapp, myapps};
use serde_json::json;
use std::path::{Path, PathBuf};

#[kubetape::test(crd(book::Book), bare, on(tape, sim, envtest), tape = "recordings/book__shelf_bare.ktape")]
async fn shelf(world: World) {
    books::shelf(world, book::run).await;
}

#[kubetape::test]
async fn without_a_tape_it_is_the_simulated_cluster(world: World) {
    if std::env::var_os("KUBETAPE_CLUSTER").is_none() {
        assert_eq!(world.ground(), Ground::Sim);
    }
    let pods = world.api::<k8s_openapi::api::core::v1::Pod>();
    assert!(pods.list(&Default::default()).await.unwrap().items.is_empty());
}

fn recordings(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(format!("{name}.ktape"))
}

fn options(name: &str) -> Options {
    let (module, test) = name.split_once("__").unwrap();
    let options = Options::new(&format!("{module}::{test}"), env!("CARGO_MANIFEST_DIR")).on_sim();
    if name.ends_with("_bare") || name.contains("410") { options.bare() } else { options }
}

/// Runs a scenario on the simulated cluster, and gives the difference to its recording on a real one.
fn compared<F>(name: &str, with: impl FnOnce(Options) -> Options, scenario: F) -> Difference
where
    F: AsyncFnOnce(World) + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sim.ktape");
    let options = with(options(name)).record(&path);
    kubetape::run(options, move |world: World| scenario(world));
    let (real, simulated) = (Tape::load(recordings(name)).unwrap(), Tape::load(&path).unwrap());
    assert_eq!((simulated.header.source.as_str(), simulated.end.as_str()), ("sim", "ok"));
    tape::diff(&real, &simulated)
}

/// With no controller that races, nothing but reads and repetitions may differ.
fn assert_same_in_full(name: &str, difference: &Difference) {
    assert!(difference.is_empty(), "{name}: {difference:#?}");
    let loose = ["repeats", "watch ", "list ", "get ", "writes of leases", "writes of events"];
    let told: Vec<_> = difference
        .notes
        .iter()
        .filter(|note| !loose.iter().any(|word| note.what.starts_with(word)))
        .collect();
    assert!(told.is_empty(), "{name}: {told:#?}");
}

#[test]
fn a_book_leaves_the_tape_of_a_real_cluster() {
    let crd = |options: Options| options.crd::<book::Book>();
    for name in ["book__shelf", "book__shelf_bare"] {
        let found = compared(name, crd, async |world| books::shelf(world, book::run).await);
        assert_same_in_full(name, &found);
    }
    let relist = async |world: World| {
        let a_while = std::time::Duration::from_secs(60);
        books::relist(world, book::run, tokio::time::sleep(a_while)).await;
    };
    assert_same_in_full("book__relists_after_410", &compared("book__relists_after_410", crd, relist));
}

#[test]
fn an_echo_leaves_the_tape_of_a_real_cluster() {
    let crd = |options: Options| options.crd::<echo::Echo>();
    let found = compared("echo__lives_bare", crd, async |world| echoes::life_bare(world, echo::run).await);
    assert_same_in_full("echo__lives_bare", &found);
    let found = compared("echo__lives", crd, async |world| echoes::life(world, echo::run).await);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_myapp_leaves_the_tape_of_a_real_cluster() {
    let crd = |options: Options| options.crd::<myapp::MyApp>();
    let found =
        compared("myapp__lives_bare", crd, async |world| myapps::life_bare(world, myapp::run_as).await);
    assert_same_in_full("myapp__lives_bare", &found);
    let found = compared("myapp__lives", crd, async |world| myapps::life(world, myapp::run_as).await);
    assert!(found.is_empty(), "{found:#?}");
}

#[kubetape::test(crd(echo::Echo), on(sim))]
async fn what_only_a_simulated_cluster_can_do(world: World) {
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
    let sim = world.sim();
    assert_eq!(sim.seed(), 1);
    let empty = sim.now();
    assert!(sim.since(&empty).is_empty());

    world.run(echo::run);
    let echo = world.create(echo::Echo::new("hello", echo::EchoSpec { replicas: 2 })).await;
    world.until("hello", echoes::ready(2)).await;
    world.settle().await;
    let deployed = sim.requests().by("echo").of::<Deployment>().named("hello").writes().answered(201);
    assert_eq!(deployed, 1, "{}", sim.requests());
    assert_eq!(deployed.iter().next().unwrap().body()["kind"], "Deployment");
    assert!(!sim.requests().by("echo").subresource("status").writes().is_empty(), "{}", sim.requests());
    let space = world.namespace();
    let told = sim.since(&empty).to_string();
    for name in ["Deployment.apps", "Echo.example.com"] {
        assert!(told.contains(&format!("+ {name} {space}/hello\n")), "{told}");
    }

    let before = sim.now();
    world.patch::<echo::Echo>("hello", json!({"spec": {"replicas": 3}})).await;
    world.until("hello", echoes::ready(3)).await;
    let told = sim.since(&before).to_string();
    assert!(told.contains(&format!("~ Echo.example.com {space}/hello\n")), "{told}");
    assert!(told.contains("    spec.replicas  2 → 3\n"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let uid = "11111111-2222-4333-8444-555555555555";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old", "namespace": space, "uid": uid,
        "creationTimestamp": "2020-01-01T00:00:00Z",
        "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Echo", "name": "hello", "uid": echo.metadata.uid}]}});
    std::fs::write(folder.path().join("old.json"), map.to_string()).unwrap();
    sim.restore(folder.path());
    let old = world.api::<ConfigMap>().get("old").await.unwrap();
    assert_eq!(old.metadata.uid.as_deref(), Some(uid));
    assert_eq!(old.metadata.creation_timestamp.unwrap().0.to_string(), "2020-01-01T00:00:00Z");
    // What was restored has an owner that lives and dies.
    world.delete::<echo::Echo>("hello").await;
    world.gone::<ConfigMap>("old").await;
}
