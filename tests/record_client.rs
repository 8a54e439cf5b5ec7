//! A recorded client against a server on a socket.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http_body_util::Full;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use kubetape::tape::{Event, Header, Recorder, Tape};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

const TOKEN: &str = "a-token-that-nobody-may-see";

/// Answers 503 twice and then an empty list, and insists on the token.
async fn server(hits: Arc<AtomicUsize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let hits = hits.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(
                    move |request: http::Request<hyper::body::Incoming>| {
                        let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
                        assert_eq!(authorization, format!("Bearer {TOKEN}"));
                        let (status, text) = match hits.fetch_add(1, SeqCst) {
                            0 | 1 => (
                                503,
                                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":503,"message":"busy","reason":"ServiceUnavailable"}"#,
                            ),
                            _ => (200, r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}"#),
                        };
                        let response = http::Response::builder()
                            .status(status)
                            .body(Full::new(bytes::Bytes::from(text)));
                        async move { Ok::<_, Infallible>(response.unwrap()) }
                    },
                );
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn every_attempt_is_on_the_tape_and_the_token_is_not() {
    let hits = Arc::new(AtomicUsize::new(0));
    let mut config = kube::Config::new(server(hits.clone()).await.parse().unwrap());
    config.auth_info.token = Some(TOKEN.to_owned().into());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.ktape");
    let recorder = Recorder::create(&path, Header::default()).unwrap();
    let client = recorder.client(config, "op").unwrap();
    let pods = Api::<Pod>::default_namespaced(client).list(&ListParams::default()).await.unwrap();
    assert_eq!((pods.items.len(), hits.load(SeqCst)), (0, 3));
    recorder.finish().unwrap();
    let tape = Tape::load(&path).unwrap();
    let statuses = tape.events.iter().filter_map(|event| match &event.event {
        Event::Answer(answer) => Some(answer.status),
        _ => None,
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [503, 503, 200]);
    assert_eq!(tape.header.tool, concat!("kubetape ", env!("CARGO_PKG_VERSION")));
    assert!(!std::fs::read_to_string(&path).unwrap().contains(TOKEN));
}
