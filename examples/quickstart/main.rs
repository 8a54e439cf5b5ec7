//! An operator, a simulated cluster and a tape: `cargo run --example quickstart`.
//!
//! The echo operator lives on the simulated cluster and is recorded there; then it is replayed whole from the
//! recording, first as it was, then with a change that the recording does not have.
#![allow(clippy::print_stdout, reason = "it prints what it shows")]

#[allow(dead_code, unreachable_pub, reason = "an operator is more than one example needs")]
#[path = "../echo/operator.rs"]
mod echo;
#[allow(dead_code, unreachable_pub, reason = "the scenarios are more than one example needs")]
#[path = "../../tests/scenarios/echoes.rs"]
mod echoes;

use http::Request;
use kube::client::{Body, Client};
use kubetape::{
    Failure, Options, World,
    entropy::Offset,
    tape::{Filter, Row, Tape, summary},
};
use serde_json::{Value, json};
use std::{future::Future, panic, path::Path, process::ExitCode};

fn main() -> ExitCode {
    // A replay that goes wrong may end tasks by a panic; the text comes back as a value.
    panic::set_hook(Box::new(|_| {}));
    show(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/kubetape/quickstart.ktape")))
}

fn show(path: &Path) -> ExitCode {
    println!("The echo operator on a simulated cluster, recorded: made, scaled, repaired, deleted.\n");
    let recorded = run(options().on_sim().record(path), echo::run);
    let tape = match Tape::load(path) {
        Ok(tape) => tape,
        Err(error) => {
            println!("the recording cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    tell(&tape);
    println!("\nThe same operator on the tape, with no cluster at all:\n");
    let same = run(options().tape(path), echo::run);
    println!("\nAn operator on the tape that asks for one replica more:\n");
    let changed = run(options().tape(path), one_more);
    // What is shown is what should happen: the last one does not pass.
    if recorded && same && !changed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options() -> Options {
    Options::new("echo::lives", env!("CARGO_MANIFEST_DIR")).crd::<echo::Echo>()
}

/// The writes of the tape, as `kubetape show` has them.
fn tell(tape: &Tape) {
    let lasted = tape.events.last().map_or(Offset::default(), |event| event.at);
    println!("  its writes, in {:.1} s of the cluster's time:\n", lasted.0.as_secs_f64());
    let verbs = ["create", "update", "patch", "apply", "delete"].map(str::to_owned);
    let writes = summary(tape, &Filter { verbs: verbs.into(), ..Filter::default() });
    println!("{}", Row::HEAD);
    for row in writes.iter().filter(|row| row.what != "repeat") {
        println!("{}", shortened(row));
    }
}

fn shortened(row: &Row) -> String {
    let line = row.to_string();
    if line.chars().count() < 110 { line } else { line.chars().take(109).chain(['…']).collect() }
}

/// Whether the scenario passes with this operator.
fn run<F, Fut>(options: Options, operator: F) -> bool
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    #[allow(clippy::disallowed_methods, reason = "the one thing here that is measured in real time")]
    let now = std::time::Instant::now;
    let begin = now();
    match kubetape::try_run(options, |world: World| echoes::life(world, operator)) {
        Ok(()) => println!("  passed in {:.0} ms", begin.elapsed().as_secs_f64() * 1000.0),
        Err(Failure::Diverged(text)) => {
            println!("{}", text.trim());
            return false;
        }
        Err(other) => {
            println!("  not run: {other}");
            return false;
        }
    }
    true
}

/// The echo operator behind a client that changes what it applies, as a bug in it would.
async fn one_more(client: Client) {
    let namespace = client.default_namespace().to_owned();
    let changed = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move { client.send(raise(request).await?).await }
    });
    echo::run(Client::new(changed, namespace)).await;
}

async fn raise(request: Request<Body>) -> kube::Result<Request<Body>> {
    let is_deployment = request.uri().path().contains("/deployments/");
    if request.method() != http::Method::PATCH || !is_deployment {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await?;
    let mut object: Value = serde_json::from_slice(&bytes).map_err(kube::Error::SerdeError)?;
    if let Some(replicas) = object.pointer("/spec/replicas").and_then(Value::as_i64) {
        object["spec"]["replicas"] = json!(replicas + 1);
    }
    Ok(Request::from_parts(parts, Body::from(object.to_string().into_bytes())))
}
