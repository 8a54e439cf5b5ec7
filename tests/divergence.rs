//! What a person reads when an operator does not do what the tape says: the whole text.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret},
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
    client::Body,
    runtime::wait::await_condition,
};
use kubetape::{Options, World};
use scenarios::{echo, echoes};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A tape that stays as it is, so that the texts do.
const TAPE: &str = "fixtures/tapes/echo-bare.ktape";

fn options(test: &str, tape: &Path) -> Options {
    Options::new(&format!("divergence::{test}"), env!("CARGO_MANIFEST_DIR")).tape(tape)
}

/// The text with which a replay of the echo operator's life fails.
fn failure<F, Fut>(test: &str, run: F) -> String
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tape = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(TAPE);
    fails(options(test, &tape), move |world| echoes::life_bare(world, run))
}

fn fails<S, Fut>(options: Options, scenario: S) -> String
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let panic = catch_unwind(AssertUnwindSafe(|| kubetape::run(options, scenario))).unwrap_err();
    stable(panic.downcast_ref::<String>().expect("the text of a failure is made"))
}

/// Without line numbers of the scenario and trailing blanks.
fn stable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = match line.split_once(".rs:") {
            Some((before, after)) => {
                format!("{before}.rs:N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line.to_owned(),
        };
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// A client whose write bodies go through `edit`; it gets method, path and body.
fn edited(
    client: Client,
    edit: impl Fn(&str, &str, String) -> String + Clone + Send + Sync + 'static,
) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, edit) = (client.clone(), edit.clone());
        let answer: BoxFuture<'static, Result<_, tower::BoxError>> = Box::pin(async move {
            let (head, body) = request.into_parts();
            let body: Bytes = body.collect().await?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            let body = edit(head.method.as_str(), head.uri.path(), body);
            let request = http::Request::from_parts(head, Body::from(body.into_bytes()));
            Ok(client.send(request).await?)
        });
        answer
    });
    Client::new(service, namespace)
}

/// The operator, and something that it does beside its work once its Deployment is there.
async fn beside(client: Client, work: impl Future<Output = ()>) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let there = |deployment: Option<&Deployment>| deployment.is_some();
    let then = async {
        await_condition(deployments, "hello", there).await.unwrap();
        work.await;
    };
    tokio::join!(echo::run(client), then);
}

#[test]
fn a_different_body() {
    let text = failure("a_different_body", |client| {
        echo::run(edited(client, |_, _, body| {
            body.replace("inanimate/echo-server", "inanimate/echo-server:2")
        }))
    });
    insta::assert_snapshot!(text);
}

#[test]
fn an_unknown_write() {
    let text = failure("an_unknown_write", |client| {
        let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
        beside(client, async move {
            let mut map = ConfigMap::default();
            map.metadata.name = Some("hello".into());
            drop(maps.create(&PostParams::default(), &map).await);
        })
    });
    insta::assert_snapshot!(text);
}

#[test]
fn the_same_write_again() {
    let text = failure("the_same_write_again", |client| {
        let scaled = Arc::new(AtomicUsize::new(0));
        echo::run(edited(client, move |_, path, body| {
            let is_scaled = path.ends_with("/deployments/hello") && body.contains("\"replicas\":3");
            // The second time, back to what was so before.
            if is_scaled && scaled.fetch_add(1, Ordering::SeqCst) > 0 {
                return body.replace("\"replicas\":3", "\"replicas\":2");
            }
            body
        }))
    });
    insta::assert_snapshot!(text);
}

#[test]
fn a_write_too_early() {
    let text = failure("a_write_too_early", |client| async move {
        let echoes: Api<echo::Echo> = Api::default_namespaced(client.clone());
        let deployments: Api<Deployment> = Api::default_namespaced(client);
        let there = |echo: Option<&echo::Echo>| echo.is_some();
        // No finalizer first.
        let echo = await_condition(echoes, "hello", there).await.unwrap().unwrap();
        let patch = Patch::Apply(echo::deployment(&echo));
        drop(deployments.patch("hello", &PatchParams::apply(echo::MANAGER).force(), &patch).await);
    });
    insta::assert_snapshot!(text);
}

#[test]
fn an_operator_that_stops_early() {
    let text = failure("an_operator_that_stops_early", |_| async {});
    insta::assert_snapshot!(text);
}

#[test]
fn a_read_without_an_answer() {
    let text = failure("a_read_without_an_answer", |client| {
        let secrets: Api<Secret> = Api::default_namespaced(client.clone());
        beside(client, async move { drop(secrets.list(&ListParams::default()).await) })
    });
    insta::assert_snapshot!(text);
}

#[test]
fn a_wrong_last_status() {
    let text = failure("a_wrong_last_status", |client| {
        echo::run(edited(client, |_, path, body| {
            if path.ends_with("/status") {
                body.replace("\"readyReplicas\":3", "\"readyReplicas\":4")
            } else {
                body
            }
        }))
    });
    insta::assert_snapshot!(text);
}

#[test]
fn no_tape_yet() {
    let options = options("no_tape_yet", Path::new("recordings/no__tape.ktape"));
    let text = fails(options, |world| echoes::life_bare(world, echo::run));
    insta::assert_snapshot!(text);
}

#[test]
fn a_torn_tape() {
    let whole = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(TAPE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let torn = folder.path().join("torn.ktape");
    std::fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    let text = fails(options("a_torn_tape", &torn), |world| echoes::life_bare(world, echo::run));
    insta::assert_snapshot!(text.replace(&folder.path().display().to_string(), "TAPES"));
}
