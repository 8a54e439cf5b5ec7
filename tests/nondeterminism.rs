//! `KUBETAPE_CHECK=determinism` finds an operator that does something else in every process.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use kube::{Api, Client, api::ListParams};
use kubetape::{Level, Options, World};
use scenarios::{echo, echoes};
use std::{
    path::Path,
    process::{Command, Output},
};

fn options(test: &str) -> Options {
    let tape = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tapes/echo-bare.ktape");
    Options::new(&format!("nondeterminism::{test}"), env!("CARGO_MANIFEST_DIR"))
        .tape(tape)
        .level(Level::Lenient)
}

/// An operator that asks for objects by the number of its process.
async fn by_process(client: Client) {
    let echoes: Api<echo::Echo> = Api::default_namespaced(client.clone());
    let label = format!("process={}", std::process::id());
    drop(echoes.list(&ListParams::default().labels(&label)).await);
    echo::run(client).await;
}

/// Runs a test of this binary with the check on.
fn checked(test: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env("KUBETAPE_CHECK", "determinism")
        .output()
        .unwrap()
}

#[test]
#[ignore = "red by intention: the_check_finds_it runs it"]
fn depends_on_its_process() {
    kubetape::run(options("depends_on_its_process"), |world: World| echoes::life_bare(world, by_process));
}

#[test]
fn depends_on_nothing() {
    kubetape::run(options("depends_on_nothing"), |world: World| echoes::life_bare(world, echo::run));
}

#[test]
#[ignore = "red by intention: the_check_finds_it runs it"]
fn depends_on_its_process_on_the_simulated_cluster() {
    let name = "nondeterminism::depends_on_its_process_on_the_simulated_cluster";
    let options = Options::new(name, env!("CARGO_MANIFEST_DIR")).crd::<echo::Echo>().bare().on_sim();
    kubetape::run(options, |world: World| echoes::life_bare(world, by_process));
}

/// An operator with a thread of its own beside it, that finds out what to ask for.
async fn by_thread(client: Client) {
    let (give, take) = std::sync::mpsc::channel();
    let (_alive, ends) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        give.send(std::process::id()).unwrap();
        ends.recv()
    });
    let id = take.recv().unwrap();
    let echoes: Api<echo::Echo> = Api::default_namespaced(client.clone());
    drop(echoes.list(&ListParams::default().labels(&format!("process={id}"))).await);
    echo::run(client).await;
}

#[test]
#[ignore = "red by intention: threads_of_its_own_are_named runs it"]
fn depends_on_a_thread() {
    let options = Options::new("nondeterminism::depends_on_a_thread", env!("CARGO_MANIFEST_DIR"));
    kubetape::run(options.crd::<echo::Echo>().bare().on_sim(), |world: World| {
        echoes::life_bare(world, by_thread)
    });
}

#[test]
#[cfg(target_os = "linux")]
fn threads_of_its_own_are_named() {
    let output = checked("depends_on_a_thread");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("1 started by the operator or the scenario"), "{text}");
}

#[test]
fn the_check_finds_it() {
    finds("depends_on_its_process");
    finds("depends_on_its_process_on_the_simulated_cluster");
}

fn finds(test: &str) {
    let output = checked(test);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    for part in
        ["Two runs of this test differ", "▸ here ", "▸ child", "labelSelector=process", "likely causes"]
    {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_check_passes_an_operator_that_does_the_same() {
    let output = checked("depends_on_nothing");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
