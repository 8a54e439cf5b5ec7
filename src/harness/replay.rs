use super::calls::{Calls, Noted};
use crate::{
    runtime::{Clock, Gate},
    tape::Player,
    wire::{Body, Request, Response},
};
use futures::{FutureExt, future::BoxFuture};
use kube::{Client, client::retry::RetryPolicy};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tower::{ServiceBuilder, retry::RetryLayer};

/// A tape as the ground of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) player: Player,
    pub(super) clock: Clock,
    pub(super) gate: Gate,
    pub(super) calls: Calls,
}

impl Replay {
    /// A client with the same retries as on a real cluster.
    pub(super) fn client(&self, actor: &str, namespace: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        let clock = self.clock.clone();
        let now = move || clock.now();
        let inner = self.player.service(actor, now.clone());
        let noted = Noted { inner, calls: self.calls.clone(), actor: actor.to_owned(), now };
        let service = self.gate.service(noted, actor);
        let retried = ServiceBuilder::new()
            .layer(RetryLayer::new(RetryPolicy::server_retry()))
            .layer(Fuse(fuse))
            .service(service);
        Client::new(retried, namespace)
    }

    pub(super) async fn step(&self, step: &str, of: &str) {
        self.player.step(step, of).await;
    }

    pub(super) async fn settle(&self) {
        self.player.step("settled", "").await;
        self.clock.idle().await;
    }

    /// Waits until everything that binds has come, in growing steps of virtual time.
    pub(super) async fn complete(&self) {
        let mut pause = Duration::from_millis(50);
        loop {
            self.clock.idle().await;
            if self.player.is_complete() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// How much of the tape's time is still to come.
    pub(super) fn remaining(&self) -> Duration {
        self.player.end().0.saturating_sub(self.clock.now())
    }
}

/// Cuts a killed operator off: what it still sends is never answered, and never reaches the world.
#[derive(Clone, Debug)]
pub(super) struct Fused<S> {
    pub(super) inner: S,
    pub(super) alive: Option<Arc<AtomicBool>>,
}

/// The layer that makes [`Fused`] services.
#[derive(Clone, Debug)]
pub(super) struct Fuse(pub(super) Option<Arc<AtomicBool>>);

impl<S> tower::Layer<S> for Fuse {
    type Service = Fused<S>;

    fn layer(&self, inner: S) -> Fused<S> {
        Fused { inner, alive: self.0.clone() }
    }
}

impl<S> tower::Service<Request> for Fused<S>
where
    S: tower::Service<Request, Response = http::Response<Body>, Error = tower::BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response, tower::BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.alive.as_ref().is_some_and(|alive| !alive.load(Ordering::SeqCst)) {
            return futures::future::pending().boxed();
        }
        self.inner.call(request).boxed()
    }
}
