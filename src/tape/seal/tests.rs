use super::*;
use crate::{
    tape::{Reader, sample::Builder},
    wire::{EventType, Verb},
};

const UID: &str = "6f1e2d3c-0000-4000-8000-00000000000a";

/// A tape with everything that sealing has to keep.
pub(in crate::tape) fn tape() -> Tape {
    let mut tape = Builder::new();
    let echo = json!({"kind": "Echo", "metadata": {"name": "hello", "namespace": "a", "uid": UID,
        "resourceVersion": "233", "creationTimestamp": "2026-01-02T03:04:08Z"},
        "spec": {"text": "costs $5 or $$5 $secret(db.password) $rv(9)", "until": "2030-01-01T00:00:00Z", "float": 0.30000000000000004,
        "at": "2026-01-02T03:04:08.000120Z", "odd": "2026-01-02T03:04:08+00:00"}});
    let list = json!({"kind": "EchoList", "metadata": {"resourceVersion": "234"}, "items": [echo]});
    for _ in 0..3 {
        tape.get("op", "/apis/example.com/v1/namespaces/a/echoes", list.clone());
    }
    let watch = tape.sent(
        "op",
        Verb::Watch,
        "/apis/example.com/v1/namespaces/a/echoes?watch=true&resourceVersion=234&resourceVersionMatch=x",
        None,
        Payload::Empty,
    );
    tape.answer(&watch, 200, Payload::Empty);
    tape.frame(&watch, EventType::Modified, echo);
    tape.frame(&watch, EventType::Bookmark, json!({"kind": "Echo", "metadata": {"resourceVersion": "240"}}));
    let pod = json!({"metadata": {"name": "web-7d9c-ab1cd", "generateName": "web-7d9c-", "uid": "6f1e2d3c-0000-4000-8000-00000000000b",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d9c", "uid": "6f1e2d3c-0000-4000-8000-00000000000c"}],
        "annotations": {format!("seen/{UID}"): format!("by {UID}, web-7d9c-ab1cd and web-7d9c-ab1cde")}}});
    tape.write(
        "op",
        Verb::Create,
        "/api/v1/namespaces/a/pods",
        None,
        json!({"metadata": {"generateName": "web-7d9c-"}}),
        201,
        pod,
    );
    let patch = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "233"}]);
    tape.write(
        "op",
        Verb::Patch,
        "/api/v1/namespaces/a/pods/web-7d9c-ab1cd",
        Some("application/json-patch+json"),
        patch,
        409,
        json!({}),
    );
    for body in [
        Payload::Text("a $ {\"x\"".to_owned()),
        Payload::Bytes(vec![0, 255]),
        Payload::from(json!({"base64": "YQ=="})),
        Payload::from(json!({"json": 1})),
        Payload::from(json!("text")),
        Payload::from(Value::Null),
        Payload::from(json!([])),
    ] {
        let id = tape.sent("kcm", Verb::Get, "/version", None, body.clone());
        tape.answer(&id, 200, body);
    }
    let id = tape.sent("op", Verb::Get, "/version", None, Payload::Empty);
    tape.push(Event::Failed { to: id, error: format!("no {UID}") });
    tape.push(Event::Closed { of: watch.clone(), error: None });
    tape.push(Event::Closed { of: watch, error: Some("reset".to_owned()) });
    tape.push(Event::Step { step: "kill".to_owned(), of: "op".to_owned() });
    tape.build()
}

fn loaded(text: &str) -> Tape {
    let mut tape = Tape::read(text.as_bytes()).unwrap();
    assert!(tape.header.sealed);
    tape.header.sealed = false;
    tape
}

#[test]
fn loading_a_sealed_tape_gives_the_tape_that_was_sealed() {
    for compact in [false, true] {
        let text = tape().to_sealed(&SealOptions { compact, managed_fields: false });
        assert_eq!(loaded(&text), tape());
        assert_eq!(loaded(&text).to_sealed(&SealOptions { compact, managed_fields: false }), text);
    }
}

#[test]
fn the_sealed_text_holds_symbols_and_one_head_line_for_each_event() {
    let text = tape().to_sealed(&SealOptions::default());
    for symbol in [
        "\"$uid(echoes/hello)\"",
        "\"$rv(1)\"",
        "$time(+3s)",
        "$time(+3.000120s)",
        "&resourceVersion=$rv(2)&",
        "pods/$name(web-7d9c-,1)",
        "by $uid(echoes/hello), $name(web-7d9c-,1) and web-7d9c-ab1cde",
        "seen/$uid(echoes/hello)",
        "$uid(replicaset/web-7d9c)",
        "costs $$5 or $$$$5 $secret(db.password) $$rv(9)",
        "2030-01-01T00:00:00Z",
        "2026-01-02T03:04:08+00:00",
        "\"again\":2",
    ] {
        assert!(text.contains(symbol), "{symbol} in {text}");
    }
    let heads = text.lines().filter(|line| line.starts_with('{')).count();
    assert_eq!(heads, tape().events.len() + 3);
    assert_eq!(text.matches(UID).count(), 1, "only the binding keeps the uid");
    assert_eq!(Reader::new(text.as_bytes()).filter(Result::is_ok).count(), heads);
}

#[test]
fn another_recording_of_the_same_traffic_differs_in_the_bindings_alone() {
    let text = serde_json::to_string(&tape().events.len()).unwrap();
    let first = tape().to_sealed(&SealOptions::default());
    let other =
        first.replace("6f1e2d3c", "7a7a7a7a").replace("\"234\"", "\"1234\"").replace("ab1cd\"", "zz9zz\"");
    // The digest was that of the first text.
    let other = other.split("{\"end\"").next().unwrap().to_owned()
        + &format!("{{\"end\":\"ok\",\"events\":{text}}}\n");
    let second = loaded(&other).to_sealed(&SealOptions::default());
    let rest = |text: &str| {
        text.lines().skip_while(|line| !line.starts_with("{\"n\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (a, b) = (rest(&first), rest(&second));
    assert_eq!(a[..a.len() - 1], b[..b.len() - 1]);
}

#[test]
fn managed_fields_are_left_out_unless_asked_for() {
    let mut tape = Builder::new();
    let object = json!({"metadata": {"name": "a", "managedFields": [{"manager": "op"}]}});
    tape.get("op", "/api/v1/pods", json!({"items": [object]}));
    let tape = tape.build();
    let kept = tape.to_sealed(&SealOptions { managed_fields: true, ..SealOptions::default() });
    assert_eq!(loaded(&kept), tape);
    assert!(!tape.to_sealed(&SealOptions::default()).contains("managedFields"));
}

#[test]
fn a_changed_tape_is_told_by_its_digest() {
    let text = tape().to_sealed(&SealOptions::default()).replace("\"reset\"", "\"Reset\"");
    assert!(matches!(Tape::read(text.as_bytes()), Err(Error::Digest)));
}

#[test]
fn a_new_object_under_an_old_name_has_a_symbol_of_its_own() {
    let mut tape = Builder::new();
    for uid in ["u1", "u2"] {
        tape.get("op", "/api/v1/namespaces/a/pods/p", json!({"metadata": {"name": "p", "uid": uid}}));
    }
    let text = tape.build().to_sealed(&SealOptions::default());
    assert!(text.contains("$uid(pods/p)") && text.contains("$uid(pods/p#2)"), "{text}");
}

#[test]
fn a_sealed_file_replaces_the_old_one_and_anyone_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.ktape");
    std::fs::write(&path, "old").unwrap();
    let sealed = tape().seal(&path, &SealOptions::default()).unwrap();
    assert_eq!((sealed.folded, sealed.secrets), (2, 1));
    assert_eq!(loaded(&std::fs::read_to_string(&path).unwrap()), tape());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
