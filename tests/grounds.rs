//! One scenario on several grounds: what it runs on by default, and that what it leaves on the simulated cluster is
//! what was recorded on a real one.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use kubetape::{
    Ground, Options, Tape, World,
    tape::{self, Difference},
};
use scenarios::{book, books, echo, echoes, myapp, myapps};
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
