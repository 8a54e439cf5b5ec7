use crate::wire::{Body, Request, Response};
use futures::{FutureExt, future::BoxFuture};
use kube::{Client, client::retry::RetryPolicy};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tower::{ServiceBuilder, retry::RetryLayer};

/// A client of a service in this process, with the same retries as on a real cluster; a blown fuse cuts it off.
pub(super) fn retrying<S>(service: S, namespace: &str, fuse: Option<Arc<AtomicBool>>) -> Client
where
    S: tower::Service<Request, Response = http::Response<Body>, Error = tower::BoxError>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let retry = RetryLayer::new(RetryPolicy::server_retry());
    Client::new(ServiceBuilder::new().layer(retry).layer(Fuse(fuse)).service(service), namespace)
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
