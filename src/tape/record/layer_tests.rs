use super::*;
use crate::tape::{Header, Tape};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;
use tower_test::mock;

type Handle = mock::Handle<Request, http::Response<Body>>;

fn setup(
    actor: &str,
) -> (tempfile::TempDir, Recorder, RecordService<mock::Mock<Request, http::Response<Body>>>, Handle) {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(dir.path().join("t.ktape"), Header::default()).unwrap();
    let (service, handle) = mock::pair();
    let service = recorder.layer(actor).layer(service);
    (dir, recorder, service, handle)
}

fn request(method: &str, uri: &str, body: &str) -> Request {
    http::Request::builder().method(method).uri(uri).body(body.as_bytes().to_vec().into()).unwrap()
}

fn events(recorder: &Recorder) -> Vec<Event> {
    Tape::load(recorder.finish().unwrap()).unwrap().events.into_iter().map(|event| event.event).collect()
}

#[tokio::test]
async fn a_write_and_its_answer_pass_and_are_recorded_clean() {
    let (_dir, recorder, service, mut handle) = setup("op");
    let body = r#"{"kind":"Secret","metadata":{"name":"s"},"stringData":{"p":"hunter2-hunter2"}}"#;
    let call = service.oneshot(request("POST", "/api/v1/namespaces/a/secrets?", body));
    let serve = async {
        let (request, reply) = handle.next_request().await.unwrap();
        assert_eq!(collect(request.into_body()).await.unwrap(), body.as_bytes());
        let response =
            http::Response::builder().status(201).header("date", "today").header("warning", "299 - \"w\"");
        reply.send_response(response.body(Body::full(body)).unwrap());
    };
    let (response, ()) = tokio::join!(call, serve);
    assert_eq!(collect(response.unwrap().into_body()).await.unwrap(), body.as_bytes());
    let events = events(&recorder);
    let Event::Sent(sent) = &events[0] else { panic!("{events:?}") };
    let clean = Payload::from(
        json!({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "$secret(s.p)"}}),
    );
    assert_eq!(
        (sent.by.as_str(), sent.path.as_str(), &sent.body),
        ("op", "/api/v1/namespaces/a/secrets", &clean)
    );
    let Event::Answer(answer) = &events[1] else { panic!("{events:?}") };
    assert_eq!((answer.status, &answer.body), (201, &clean));
    assert_eq!(answer.headers.keys().collect::<Vec<_>>(), ["warning"]);
}

#[tokio::test]
async fn watch_frames_are_recorded_as_they_pass_and_the_end_after_them() {
    let (_dir, recorder, service, mut handle) = setup("op");
    let call = service.oneshot(request("GET", "/api/v1/pods?watch=true", ""));
    let (feed, chunks) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let serve = async {
        let (_, reply) = handle.next_request().await.unwrap();
        let stream = futures::stream::unfold(chunks, |mut chunks| async {
            chunks.recv().await.map(|text| (Ok(Bytes::from(text)), chunks))
        });
        reply.send_response(http::Response::new(Body::stream(stream)));
    };
    let (response, ()) = tokio::join!(call, serve);
    let mut body = response.unwrap().into_body();
    assert_eq!(recorder.events_written(), 2);
    feed.send("{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n{\"type\":").unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(recorder.events_written(), 3);
    feed.send("\"DELETED\",\"object\":{}}").unwrap();
    drop(feed);
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.is_none());
    drop(body);
    let events = events(&recorder);
    assert!(
        matches!(&events[2], Event::Frame { of, object, .. } if of == "r1" && **object == json!({"a": 1}))
    );
    assert!(matches!(&events[3], Event::Frame { .. }));
    assert_eq!(events[4..], [Event::Closed { of: "r1".to_owned(), error: None }]);
}

#[tokio::test]
async fn what_the_client_gives_up_is_said_so_and_a_connection_error_keeps_its_text() {
    let (_dir, recorder, service, mut handle) = setup("op");
    let call = service.clone().oneshot(request("GET", "/api/v1/pods", ""));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(5), call).await.is_err());
    let _given_up = handle.next_request().await.unwrap();
    let call = service.oneshot(request("GET", "/version", ""));
    let serve = async {
        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_error("connection refused");
    };
    let (response, ()) = tokio::join!(call, serve);
    assert!(response.is_err());
    let events = events(&recorder);
    assert_eq!(events[1], Event::Failed { to: "r1".to_owned(), error: DROPPED.to_owned() });
    assert_eq!(events[3], Event::Failed { to: "r2".to_owned(), error: "connection refused".to_owned() });
}

#[tokio::test]
async fn a_secret_that_passed_before_it_was_known_is_not_on_the_finished_tape() {
    let (dir, recorder, service, mut handle) = setup("op");
    let config = r#"{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"dsn":"x:Hunter2-\"Hunter2@db"}}"#;
    let secret = r#"{"kind":"Secret","metadata":{"name":"s"},"stringData":{"p":"Hunter2-\"Hunter2"}}"#;
    for (path, body) in
        [("/api/v1/namespaces/a/configmaps/c", config), ("/api/v1/namespaces/a/secrets/s", secret)]
    {
        let call = service.clone().oneshot(request("GET", path, ""));
        let serve = async {
            handle.next_request().await.unwrap().1.send_response(http::Response::new(Body::full(body)))
        };
        tokio::join!(call, serve).0.unwrap();
    }
    recorder.finish().unwrap();
    let text = std::fs::read_to_string(dir.path().join("t.ktape")).unwrap();
    assert!(!text.contains("Hunter2") && text.contains("x:$secret(s.p)@db"), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Everything that an operator with credentials says, in every form in which they may stand in it.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table of bodies")]
async fn no_planted_secret_is_in_any_artefact() {
    use crate::tape::{Filter, SealOptions, diff, summary};
    use base64::{Engine, engine::general_purpose::STANDARD};
    let plain = ["Pl4nted-Passw0rd", "An0ther Secret, w1th blanks"];
    let once = plain.map(|text| STANDARD.encode(text));
    let twice = once.clone().map(|text| STANDARD.encode(text));
    let secret = |i: usize| {
        json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": format!("s{i}"),
        "annotations": {"note": plain[i]}}, "data": {"p": once[i], "coded": twice[i]}})
    };
    let bodies = [
        (
            "GET",
            "/api/v1/configmaps",
            json!({"items": [{"metadata": {"name": "c"}, "data": {"a": plain[1], "b": twice[0]}}]}),
        ),
        ("GET", "/api/v1/secrets", json!({"kind": "SecretList", "items": [secret(0)]})),
        ("PUT", "/api/v1/namespaces/a/secrets/s1", secret(1)),
        (
            "PUT",
            "/apis/x/v1/namespaces/a/dbs/d",
            json!({"spec": {"dsn": format!("u:{}@h", plain[0]), "b": once[1], "t": twice[1]},
            "status": {"conditions": [{"message": format!("cannot log in with {}", plain[1])}]}}),
        ),
        (
            "PATCH",
            "/api/v1/namespaces/a/secrets/s0",
            json!([{"op": "add", "path": "/data/q", "value": twice[1]}]),
        ),
    ];
    let (dir, recorder, service, mut handle) = setup("op");
    for (method, path, body) in &bodies {
        let text = body.to_string();
        let call = service.clone().oneshot(request(method, path, if *method == "GET" { "" } else { &text }));
        let serve = async {
            handle
                .next_request()
                .await
                .unwrap()
                .1
                .send_response(http::Response::new(Body::full(text.clone())))
        };
        tokio::join!(call, serve).0.unwrap();
    }
    let query = format!("/api/v1/pods?labelSelector=x%3D{}", plain[0]);
    let call = service.clone().oneshot(request("GET", &query, ""));
    let serve = async { handle.next_request().await.unwrap().1.send_error(format!("no {}", plain[1])) };
    tokio::join!(call, serve).0.unwrap_err();
    recorder.finish().unwrap();
    let path = dir.path().join("t.ktape");
    let captured = std::fs::read_to_string(&path).unwrap();
    let tape = Tape::load(&path).unwrap();
    let empty = Tape { events: Vec::new(), ..tape.clone() };
    let rows: Vec<String> = summary(&tape, &Filter::default()).iter().map(|row| format!("{row:?}")).collect();
    for text in
        [captured, tape.to_sealed(&SealOptions::default()), diff(&empty, &tape).to_string(), rows.join("\n")]
    {
        for planted in plain.iter().map(|text| (*text).to_owned()).chain(once.clone()).chain(twice.clone()) {
            assert!(
                !text.contains(&planted) && !text.contains(planted.trim_end_matches('=')),
                "{planted} in {text}"
            );
        }
    }
}
