//! A scenario's own steps end, whatever its operators do; what ends an operator is told.

mod scenarios;

use kube::Client;
use kubetape::{Failure, Options, World};
use scenarios::{echo, echoes::ready};
use serde_json::json;
use std::path::Path;

fn options(test: &str) -> Options {
    let tape = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tapes/echo-bare.ktape");
    Options::new(&format!("steps::{test}"), env!("CARGO_MANIFEST_DIR")).tape(tape)
}

async fn made(world: &World) {
    world.create(echo::Echo::new("hello", echo::EchoSpec { replicas: 2 })).await;
}

/// Without a wait between them, the second write waits for the operator's writes between the two.
async fn scales_at_once(world: World) {
    made(&world).await;
    world.patch::<echo::Echo>("hello", json!({"spec": {"replicas": 3}})).await;
}

fn text(result: Result<(), Failure>) -> String {
    result.expect_err("the operator did nothing").to_string()
}

#[test]
fn a_step_whose_cause_never_comes_ends() {
    let text = text(kubetape::try_run(options("idle"), |world| async move {
        world.run_as("echo", |_: Client| std::future::pending::<()>());
        scales_at_once(world).await;
    }));
    assert!(text.contains("The operator stopped before the tape did."), "{text}");
    assert!(text.contains("`echo: patch echoes.example.com hello`"), "{text}");
    assert!(text.contains("the scenario waits to patch echoes.example.com"), "{text}");
}

#[test]
fn an_operators_error_fails_the_scenario() {
    let text = text(kubetape::try_run(options("error"), |world| async move {
        world.run_as("echo", |_: Client| async { Err::<(), _>("no such thing") });
        made(&world).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Err::<(), _>("mine")
    }));
    assert_eq!(text, "mine");
    let text = self::text(kubetape::try_run(options("error"), |world| async move {
        world.run_as("echo", |_: Client| async { Err::<(), _>("no such thing") });
        world.until("hello", ready(2)).await;
    }));
    assert!(text.contains("the operator echo ended with an error: no such thing"), "{text}");
}

#[test]
fn a_panic_is_not_lost_by_a_kill() {
    let result = std::panic::catch_unwind(|| {
        kubetape::try_run(options("panic"), |world| async move {
            let operator =
                world.run_as("echo", |_: Client| async { assert!(std::env::args().len() == 0, "mine") });
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            operator.kill().await;
        })
    });
    let failure = result.expect("a failure is a value").expect_err("the operator panicked");
    assert!(matches!(failure, Failure::Panic(_)), "{failure}");
}

#[test]
fn a_scenario_for_a_cluster_says_how_to_get_one() {
    let options = options("on_a_cluster").needs_cluster();
    let text = text(kubetape::try_run(options, |_: World| async {}));
    assert!(text.contains("this scenario runs on a cluster alone"), "{text}");
    assert!(
        text.trim_end().ends_with("KUBETAPE_CLUSTER=envtest cargo test on_a_cluster -- --include-ignored"),
        "{text}"
    );
}
