//! The leader election of the myapp example, on a Lease in memory and a paused clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/myapp/operator.rs"]
pub mod myapp;

use myapp::lease::{DEADLINE, DURATION, Election, PERIOD};

/// One Lease that keeps the rule of resourceVersions, and can be cut off.
#[derive(Clone, Default)]
struct Server {
    lease: Arc<Mutex<Option<Lease>>>,
    down: Arc<AtomicBool>,
}

impl Server {
    fn candidate(&self, identity: &str) -> Election {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let method = request.method().clone();
                let body = request.into_body().collect_bytes().await?;
                match server.down.load(Ordering::Relaxed) {
                    true => Err(kube::Error::Service("cut off".into())),
                    false => Ok(server.answer(&method, &body)),
                }
            }
        });
        Election::new(Client::new(service, "default"), identity.to_owned())
    }

    fn answer(&self, method: &Method, body: &[u8]) -> Response<Body> {
        let mut stored = self.lease.lock().expect("no test panics while it holds the lock");
        let version =
            |lease: &Option<Lease>| lease.as_ref().and_then(|l| l.metadata.resource_version.clone());
        if *method != Method::GET {
            let mut sent: Lease = serde_json::from_slice(body).expect("it is a Lease");
            if sent.metadata.resource_version != version(&stored) {
                return failure(StatusCode::CONFLICT, "Conflict");
            }
            let next = version(&stored).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0) + 1;
            sent.metadata.resource_version = Some(next.to_string());
            *stored = Some(sent);
        }
        match stored.as_ref() {
            Some(lease) => reply(StatusCode::OK, &json!(lease)),
            None => failure(StatusCode::NOT_FOUND, "NotFound"),
        }
    }

    fn holder(&self) -> Option<String> {
        let stored = self.lease.lock().expect("no test panics while it holds the lock");
        stored.clone()?.spec?.holder_identity
    }
}

fn failure(code: StatusCode, reason: &str) -> Response<Body> {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code.as_u16() });
    reply(code, &status)
}

fn reply(code: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = code;
    response
}

#[tokio::test(start_paused = true)]
async fn an_absent_lease_is_taken_at_once_and_by_one() {
    let server = Server::default();
    let (a, b) = (server.candidate("a"), server.candidate("b"));
    let start = Instant::now();
    a.acquire().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(timeout(DURATION / 2, b.acquire()).await.is_err(), "the lease was given twice");
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_is_never_taken() {
    let server = Server::default();
    let (a, b) = (server.candidate("a"), server.candidate("b"));
    let lease = a.acquire().await;
    tokio::select! {
        () = a.hold(lease) => panic!("the leader stepped down"),
        _ = b.acquire() => panic!("the lease was given twice"),
        () = sleep(DURATION * 20) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_after_the_lease_has_stood_still() {
    let server = Server::default();
    let (a, b) = (server.candidate("a"), server.candidate("b"));
    drop(a.acquire().await);
    let start = Instant::now();
    let lease = b.acquire().await;
    assert!(start.elapsed() >= DURATION && start.elapsed() <= DURATION + PERIOD, "{:?}", start.elapsed());
    let spec = lease.spec.expect("a lease that is held has a spec");
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("b"), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_steps_down_before_its_lease_ends() {
    let server = Server::default();
    let a = server.candidate("a");
    let lease = a.acquire().await;
    let start = Instant::now();
    server.down.store(true, Ordering::Relaxed);
    a.hold(lease).await;
    assert!(start.elapsed() <= DEADLINE && DEADLINE < DURATION, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_followed_steps_down_and_a_label_is_no_reason_to() {
    let server = Server::default();
    let a = server.candidate("a");
    let lease = a.acquire().await;
    let change = |change: fn(&mut Lease)| {
        let mut stored = server.lease.lock().expect("no test panics while it holds the lock");
        let lease = stored.as_mut().expect("the lease is held");
        change(lease);
        lease.metadata.resource_version = Some("100".to_owned());
    };
    change(|lease| lease.metadata.labels = Some([("seen".to_owned(), "yes".to_owned())].into()));
    assert!(timeout(DURATION, a.hold(lease.clone())).await.is_err(), "a label made it step down");
    change(|lease| lease.spec = None);
    timeout(PERIOD * 2, a.hold(lease)).await.expect("it steps down when it looks next");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_free_at_once() {
    let server = Server::default();
    let (a, b) = (server.candidate("a"), server.candidate("b"));
    a.acquire().await;
    b.release().await;
    assert_eq!(server.holder().as_deref(), Some("a"), "b gave away what it did not have");
    a.release().await;
    assert_eq!(server.holder(), None);
    let start = Instant::now();
    b.acquire().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}
