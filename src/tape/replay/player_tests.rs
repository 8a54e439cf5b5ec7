use super::*;
use crate::{
    tape::{Event, Payload, sample::Builder},
    wire::{EventType, Verb, collect},
};
use serde_json::json;

const CHILD: &str = "/apis/example.com/v1/namespaces/a/children/e";
const CHILDREN: &str = "/apis/example.com/v1/namespaces/a/children";
const APPLY: &str = "application/apply-patch+yaml";
const LATE: Duration = Duration::from_secs(60);

fn object(rv: u64, replicas: u64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Child", "spec": {"replicas": replicas},
        "metadata": {"name": "e", "namespace": "a", "resourceVersion": rv.to_string()}})
}

/// Status and body of the answer; `None` where there is none yet.
fn ask(player: &Player, verb: Verb, path: &str, media: Option<&str>, body: &Value) -> Option<(u16, Value)> {
    let mut one = Builder::new();
    one.sent("op", verb, path, media, Payload::from(body.clone()));
    let Event::Sent(sent) = &one.build().events[0].event else { unreachable!("one request was sent") };
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let Reply::Now(Ok(response)) = player.decide("op", sent.info(), &bytes, LATE) else { return None };
    let status = response.status().as_u16();
    let bytes = collect(response.into_body()).now_or_never()?.ok()?;
    Some((status, serde_json::from_slice(&bytes).ok()?))
}

fn apply(player: &Player, replicas: u64) -> Option<(u16, Value)> {
    ask(player, Verb::Apply, CHILD, Some(APPLY), &json!({"spec": {"replicas": replicas}}))
}

fn applied(tape: &mut Builder, replicas: u64, status: u16, rv: u64) {
    let body = json!({"spec": {"replicas": replicas}});
    tape.write("op", Verb::Apply, CHILD, Some(APPLY), body, status, object(rv, replicas));
}

#[test]
fn frames_wait_for_the_writes_before_them() {
    let mut tape = Builder::new();
    let watch = tape.sent(
        "op",
        Verb::Watch,
        &format!("{CHILDREN}?watch=true&resourceVersion=1"),
        None,
        Payload::Empty,
    );
    tape.answer(&watch, 200, Payload::Empty);
    applied(&mut tape, 1, 201, 5);
    tape.frame(&watch, EventType::Added, object(5, 1));
    let player = Player::new(&tape.build(), Level::Semantic);
    assert_eq!(player.quiet(LATE), Quiet::Nothing, "its cause has not come");
    assert_eq!(apply(&player, 1).map(|(status, _)| status), Some(201));
    assert_eq!(player.quiet(Duration::ZERO), Quiet::Later(Duration::from_millis(50)), "not before its time");
    assert_eq!(player.quiet(LATE), Quiet::Moved);
    assert!(player.is_complete());
}

#[test]
fn a_frame_waits_for_its_status_in_vain_at_most_a_while() {
    let mut tape = Builder::new();
    let watch = tape.sent(
        "op",
        Verb::Watch,
        &format!("{CHILDREN}?watch=true&resourceVersion=1"),
        None,
        Payload::Empty,
    );
    tape.answer(&watch, 200, Payload::Empty);
    for (rv, replicas) in [(5, 1), (6, 2)] {
        let (path, body) = (format!("{CHILD}/status"), json!({"status": {"replicas": replicas}}));
        tape.write(
            "op",
            Verb::Patch,
            &path,
            Some("application/merge-patch+json"),
            body,
            200,
            object(rv, replicas),
        );
        if rv == 5 {
            tape.frame(&watch, EventType::Modified, object(rv, replicas));
        }
    }
    let player = Player::new(&tape.build(), Level::Semantic);
    let Quiet::Later(at) = player.quiet(Duration::from_secs(1)) else { panic!("it waits") };
    assert!(at > Duration::from_secs(20) && player.quiet(at) == Quiet::Moved, "{at:?}");
}

#[test]
fn one_old_revision_is_a_conflict_and_two_in_a_row_are_a_divergence() {
    let put = |rv: u64, replicas: u64| object(rv, replicas);
    let mut tape = Builder::new();
    tape.write("op", Verb::Create, CHILDREN, None, put(0, 1), 201, object(5, 1));
    tape.write("op", Verb::Update, CHILD, None, put(5, 2), 200, object(6, 2));
    tape.write("op", Verb::Update, CHILD, None, put(6, 3), 200, object(7, 3));
    let tape = tape.build();
    let started = || {
        let player = Player::new(&tape, Level::Semantic);
        ask(&player, Verb::Create, CHILDREN, None, &put(0, 1));
        ask(&player, Verb::Update, CHILD, None, &put(5, 2));
        let conflict = ask(&player, Verb::Update, CHILD, None, &put(5, 3)).expect("an answer");
        assert_eq!((conflict.0, &conflict.1["reason"]), (409, &json!("Conflict")));
        player
    };
    let racing = started();
    assert_eq!(ask(&racing, Verb::Update, CHILD, None, &put(6, 3)).map(|(status, _)| status), Some(200));
    let stale = started();
    assert_eq!(ask(&stale, Verb::Update, CHILD, None, &put(5, 3)), None);
    let divergence = stale.verdict(false, LATE).expect("a divergence");
    assert_eq!(divergence.kind, crate::tape::DivergenceKind::Stale);
    assert_eq!(divergence.changes[0].to_string(), "metadata.resourceVersion  6 → 5");
}

#[test]
fn strict_takes_every_write_in_order_and_lenient_takes_anything() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    applied(&mut tape, 1, 200, 5);
    applied(&mut tape, 2, 200, 6);
    let tape = tape.build();
    let strict = Player::new(&tape, Level::Strict);
    assert!(apply(&strict, 1).is_some());
    assert_eq!(apply(&strict, 2), None, "a repeat was left out");
    assert!(strict.verdict(false, LATE).is_some());

    let lenient = Player::new(&tape, Level::Lenient);
    assert!(apply(&lenient, 1).is_some() && apply(&lenient, 7).is_some());
    assert_eq!((lenient.notes().len(), lenient.verdict(true, LATE)), (1, None));
}

#[test]
fn a_write_that_was_never_answered_is_not_answered() {
    let mut tape = Builder::new();
    tape.sent("op", Verb::Apply, CHILD, Some(APPLY), Payload::from(json!({"spec": {"replicas": 1}})));
    let player = Player::new(&tape.build(), Level::Semantic);
    assert_eq!(apply(&player, 1), None);
    assert_eq!(player.verdict(true, LATE), None);
}

#[test]
fn strict_ends_when_the_last_repeat_has_come_and_semantic_before() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    applied(&mut tape, 1, 200, 5);
    let tape = tape.build();
    let (strict, semantic) = (Player::new(&tape, Level::Strict), Player::new(&tape, Level::Semantic));
    assert!(apply(&strict, 1).is_some() && apply(&semantic, 1).is_some());
    assert!(semantic.is_complete() && semantic.verdict(true, LATE).is_none());
    assert!(!strict.is_complete());
    let missing = strict.verdict(true, LATE).expect("the repeat is missing");
    assert_eq!(missing.kind, crate::tape::DivergenceKind::Missing);
    assert_eq!(missing.taped.map(|taped| taped.n), Some(3));
    assert!(apply(&strict, 1).is_some());
    assert!(strict.is_complete() && strict.verdict(true, LATE).is_none());
}

#[test]
fn a_write_without_a_name_is_found_by_its_path_and_query() {
    let path = format!("{CHILDREN}?labelSelector=app%3De");
    let mut tape = Builder::new();
    let answer = json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
    tape.write("op", Verb::DeleteCollection, &path, None, Value::Null, 200, answer.clone());
    let tape = tape.build();
    let player = Player::new(&tape, Level::Semantic);
    assert_eq!(player.progress(), (1, 0));
    assert_eq!(ask(&player, Verb::DeleteCollection, &path, None, &Value::Null), Some((200, answer)));
    assert_eq!((player.progress(), player.verdict(true, LATE)), ((1, 1), None));

    let player = Player::new(&tape, Level::Semantic);
    assert_eq!(ask(&player, Verb::DeleteCollection, CHILDREN, None, &Value::Null), None);
    let all = player.verdict(false, LATE).expect("everything would be deleted");
    assert_eq!(all.kind, crate::tape::DivergenceKind::Different);
    assert!(all.changes.iter().any(|change| change.path.contains("labelSelector")), "{:?}", all.changes);
}
