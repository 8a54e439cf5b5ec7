//! A tape, an operator and no cluster: `cargo run --example quickstart`.
//!
//! The echo operator is replayed whole from a recording of a real control plane, first as it was recorded,
//! then with a change that the recording does not have.
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

const TAPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/echo__lives.ktape");

fn main() -> ExitCode {
    // A replay that goes wrong may end tasks by a panic; the text comes back as a value.
    panic::set_hook(Box::new(|_| {}));
    let tape = match Tape::load(Path::new(TAPE)) {
        Ok(tape) => tape,
        Err(error) => {
            println!("{TAPE} cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    tell(&tape);

    println!("\nThe same operator on the tape, without a cluster:\n");
    let same = replay(&tape, echo::run);
    println!("\nAn operator that asks for one replica more:\n");
    let changed = replay(&tape, one_more);
    // What is shown is what should happen: the first one passes and the second one does not.
    if same && !changed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The writes of the tape, as `kubetape show` has them.
fn tell(tape: &Tape) {
    let header = &tape.header;
    println!(
        "{}, recorded on {} with Kubernetes {}. Its writes:\n",
        header.scenario, header.source, header.kubernetes
    );
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

/// Whether the operator does on the tape what was recorded.
fn replay<F, Fut>(tape: &Tape, run: F) -> bool
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    #[allow(clippy::disallowed_methods, reason = "the one thing here that is measured in real time")]
    let now = std::time::Instant::now;
    let lasted = tape.events.last().map_or(Offset::default(), |event| event.at);
    let begin = now();
    let options = Options::new("echo::lives", env!("CARGO_MANIFEST_DIR")).crd::<echo::Echo>().tape(TAPE);
    let result = kubetape::try_run(options, |world: World| echoes::life(world, run));
    match result {
        Ok(()) => println!(
            "  passed: {:.1} s of the cluster's time in {:.0} ms",
            lasted.0.as_secs_f64(),
            begin.elapsed().as_secs_f64() * 1000.0
        ),
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
