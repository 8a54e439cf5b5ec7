//! Any service on a loopback port.
//!
//! In go a bound listener and a service; out go its answers over HTTP/1.1 and HTTP/2, without TLS. It ends
//! with the future that it is given, and knows nothing about what it serves.

use crate::wire::{Request, Response, collect_limited};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use std::{convert::Infallible, future::Future, time::Duration};
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// Serves until `end` is over. Connections that are open then are closed.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve<S>(listener: TcpListener, service: S, end: impl Future<Output = ()>) -> std::io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let mut connections = tokio::task::JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return Ok(()),
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                // Answers are small and many: none waits for another.
                stream.set_nodelay(true)?;
                let service = tower::service_fn({
                    let service = service.clone();
                    move |request| answer(service.clone(), request)
                });
                connections.spawn(async move {
                    let mut builder = Builder::new(TokioExecutor::new());
                    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
                    builder.http2().timer(TokioTimer::new());
                    // A connection that breaks is the client's affair.
                    let _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Takes in the body, when it is not too large, and lets the service answer.
async fn answer<S, B>(service: S, request: http::Request<B>) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    let (parts, body) = request.into_parts();
    match collect_limited(body).await {
        Ok(body) => service.oneshot(Request::from_parts(parts, body.to_vec().into())).await,
        Err(failure) => Ok(failure.to_response()),
    }
}
