use super::*;
use crate::{
    tape::{Payload, Tape, sample::Builder},
    wire::Verb::{Apply, Create, Patch, Update},
};
use serde_json::json;

const CHILD: &str = "/apis/example.com/v1/namespaces/a/children/e";
const ECHO: &str = "/apis/example.com/v1/namespaces/a/echoes/e";
const STATUS: &str = "/apis/example.com/v1/namespaces/a/echoes/e/status";
const PODS: &str = "/api/v1/namespaces/a/pods";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
/// Nothing new stands between an operator and what it does.
const OLD_NEWS: u64 = u64::MAX;

fn object(name: &str, rv: u64, spec: &Value) -> Value {
    json!({"kind": "Echo", "metadata": {"name": name, "namespace": "a", "resourceVersion": rv.to_string()}, "spec": spec})
}

fn refusal(code: u16) -> Value {
    json!({"kind": "Status", "status": "Failure", "code": code})
}

fn ledger(tape: Builder) -> Ledger {
    Ledger::new(Arc::new(Plan::new(&tape.build())))
}

fn attempt(verb: Verb, path: &str, media: Option<&str>, body: Value) -> Attempt {
    let tape = sent(verb, path, media, body.clone());
    let crate::tape::Event::Sent(sent) = &tape.events[0].event else { unreachable!("one request was sent") };
    Attempt { actor: "op".into(), info: sent.info(), body: body.into() }
}

fn sent(verb: Verb, path: &str, media: Option<&str>, body: Value) -> Tape {
    let mut one = Builder::new();
    one.sent("op", verb, path, media, Payload::from(body));
    one.build()
}

fn take(ledger: &mut Ledger, attempt: &Attempt) -> Verdict {
    let verdict = ledger.judge(attempt, OLD_NEWS);
    ledger.record(attempt, &verdict);
    verdict
}

fn apply(replicas: u64) -> Attempt {
    attempt(Apply, CHILD, Some(APPLY), json!({"spec": {"replicas": replicas}}))
}

fn status(ready: u64) -> Attempt {
    attempt(Patch, STATUS, Some(MERGE), json!({"status": {"ready": ready}}))
}

fn applied(tape: &mut Builder, replicas: u64, status: u16, rv: u64) {
    let spec = json!({"replicas": replicas});
    let response = if status < 300 { object("e", rv, &spec) } else { refusal(status) };
    tape.write("op", Apply, CHILD, Some(APPLY), json!({"spec": spec}), status, response);
}

fn said(tape: &mut Builder, ready: u64, rv: u64) {
    let mut answer = object("e", rv, &json!({}));
    answer["status"] = json!({"ready": ready});
    tape.write("op", Patch, STATUS, Some(MERGE), json!({"status": {"ready": ready}}), 200, answer);
}

#[test]
fn repeats_are_free_and_other_bodies_are_not() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    applied(&mut tape, 1, 200, 5);
    applied(&mut tape, 2, 200, 6);
    let mut ledger = ledger(tape);
    let got: Vec<Verdict> = [1, 1, 1, 2, 2].iter().map(|n| take(&mut ledger, &apply(*n))).collect();
    let (first, second) = (Verdict::Match(0), Verdict::Match(2));
    assert_eq!(
        got,
        [first, Verdict::Repeat(Some(0)), Verdict::Repeat(Some(0)), second, Verdict::Repeat(Some(2))]
    );
    assert_eq!(take(&mut ledger, &apply(1)), Verdict::Again(0));
    assert_eq!(take(&mut ledger, &apply(3)), Verdict::Different(2));
    assert_eq!(ledger.open_binding_count(), 0);
}

#[test]
fn failures_are_optional() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    applied(&mut tape, 2, 409, 0);
    applied(&mut tape, 2, 200, 6);
    let plan = Arc::new(Plan::new(&tape.build()));
    let mut with = Ledger::new(plan.clone());
    let got: Vec<Verdict> = [1, 2, 2].iter().map(|n| take(&mut with, &apply(*n))).collect();
    assert_eq!(got, [Verdict::Match(0), Verdict::Match(1), Verdict::Match(2)]);
    let mut without = Ledger::new(plan);
    take(&mut without, &apply(1));
    assert_eq!(without.open_binding_count(), 1, "the failure does not bind");
}

#[test]
fn order_binds_where_the_second_was_sent_after_the_first_was_answered() {
    let finalizer = || attempt(Patch, ECHO, Some(MERGE), json!({"metadata": {"finalizers": ["f"]}}));
    let owned = json!({"metadata": {"ownerReferences": [{"uid": "u", "controller": true}]}});
    let child = attempt(Apply, CHILD, Some(APPLY), owned.clone());
    let mut answer = object("e", 6, &json!({}));
    answer["metadata"]["ownerReferences"] = owned["metadata"]["ownerReferences"].clone();
    let mut echo = object("e", 5, &json!({}));
    echo["metadata"]["uid"] = json!("u");

    let mut causal = Builder::new();
    causal.write("op", Patch, ECHO, Some(MERGE), (*finalizer().body).clone(), 200, echo.clone());
    causal.write("op", Apply, CHILD, Some(APPLY), owned.clone(), 201, answer.clone());
    let mut causal = ledger(causal);
    assert_eq!(take(&mut causal, &child), Verdict::Early { write: 1, first: 0 });
    assert_eq!(take(&mut causal, &finalizer()), Verdict::Match(0));
    assert_eq!(take(&mut causal, &child), Verdict::Match(1));

    let mut crossed = Builder::new();
    let first = crossed.sent("op", Patch, ECHO, Some(MERGE), Payload::Json(finalizer().body));
    let second = crossed.sent("op", Apply, CHILD, Some(APPLY), Payload::from(owned));
    crossed.answer(&first, 200, Payload::from(echo));
    crossed.answer(&second, 201, Payload::from(answer));
    assert_eq!(take(&mut ledger(crossed), &child), Verdict::Match(1));
}

#[test]
fn the_last_status_of_a_stretch_binds_and_those_before_it_are_free() {
    let mut tape = Builder::new();
    said(&mut tape, 0, 5);
    said(&mut tape, 1, 6);
    said(&mut tape, 2, 7);
    tape.write(
        "op",
        Patch,
        ECHO,
        Some(MERGE),
        json!({"spec": {"a": 1}}),
        200,
        object("e", 8, &json!({"a": 1})),
    );
    said(&mut tape, 3, 9);
    let mut ledger = ledger(tape);
    assert_eq!(ledger.open_binding_count(), 3);
    assert_eq!(take(&mut ledger, &status(3)), Verdict::Free(Some(0)), "the next stretch has not begun");
    assert_eq!(take(&mut ledger, &status(9)), Verdict::Free(Some(0)), "an extra one");
    assert_eq!(take(&mut ledger, &status(2)), Verdict::Match(2), "two were left out");
    assert_eq!(
        take(&mut ledger, &attempt(Patch, ECHO, Some(MERGE), json!({"spec": {"a": 1}}))),
        Verdict::Match(3)
    );
    assert_eq!(ledger.open_before(u64::MAX).collect::<Vec<_>>(), [4]);
    assert_eq!(take(&mut ledger, &status(3)), Verdict::Match(4));
    assert!(ledger.wrong_statuses().is_empty());
    take(&mut ledger, &status(9));
    assert_eq!(ledger.wrong_statuses(), [4], "one after the last");
}

#[test]
fn generated_names_are_bound_in_order() {
    let body = json!({"metadata": {"generateName": "e-"}});
    let mut tape = Builder::new();
    for (name, rv) in [("e-x", 5), ("e-y", 6)] {
        tape.write("op", Create, PODS, None, body.clone(), 201, object(name, rv, &json!({})));
    }
    let mut ledger = ledger(tape);
    let create = attempt(Create, PODS, None, body);
    assert_eq!(take(&mut ledger, &create), Verdict::Match(0));
    assert_eq!(ledger.key_of(&create).map(|key| key.name), Some("e-y".into()));
    assert_eq!(take(&mut ledger, &create), Verdict::Match(1));
}

#[test]
fn a_renewal_is_a_repeat_even_where_it_is_an_update_after_a_create() {
    let path = "/apis/coordination.k8s.io/v1/namespaces/a/leases/l";
    let lease = |rv: u64, second: u64| {
        json!({"kind": "Lease", "metadata": {"name": "l", "namespace": "a", "resourceVersion": rv.to_string()},
            "spec": {"holderIdentity": "x", "renewTime": format!("2026-01-02T03:04:{second:02}.000000Z")}})
    };
    let mut tape = Builder::new();
    let leases = path.trim_end_matches("/l");
    tape.write("op", Create, leases, None, lease(0, 1), 201, lease(5, 1));
    tape.write("op", Update, path, None, lease(5, 6), 200, lease(6, 6));
    let mut ledger = ledger(tape);
    assert_eq!(take(&mut ledger, &attempt(Create, leases, None, lease(0, 2))), Verdict::Match(0));
    for second in [7, 12] {
        assert_eq!(
            take(&mut ledger, &attempt(Update, path, None, lease(5, second))),
            Verdict::Repeat(Some(0))
        );
    }
}

#[test]
fn the_same_body_is_due_when_what_it_repairs_was_seen() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    tape.get("other", CHILD, object("e", 6, &json!({"replicas": 9})));
    applied(&mut tape, 1, 200, 7);
    let mut ledger = ledger(tape);
    take(&mut ledger, &apply(1));
    assert_eq!(ledger.judge(&apply(1), 4), Verdict::Repeat(Some(0)), "the drift has not been shown");
    assert_eq!(take(&mut ledger, &apply(1)), Verdict::Match(1));
}

#[test]
fn a_repair_that_was_sent_before_the_damage_was_answered_waits_for_the_damage() {
    let mut tape = Builder::new();
    applied(&mut tape, 1, 201, 5);
    let delete = tape.sent("driver", Verb::Delete, CHILD, None, Payload::Empty);
    let again = tape.sent("op", Apply, CHILD, Some(APPLY), Payload::Json(apply(1).body));
    tape.answer(&delete, 200, Payload::from(json!({"kind": "Status", "status": "Success"})));
    tape.answer(&again, 201, Payload::from(object("e", 7, &json!({"replicas": 1}))));
    let mut ledger = ledger(tape);
    take(&mut ledger, &apply(1));
    assert_eq!(take(&mut ledger, &apply(1)), Verdict::Repeat(Some(0)));
    let damage = Attempt { actor: "driver".into(), ..attempt(Verb::Delete, CHILD, None, Value::Null) };
    assert_eq!(take(&mut ledger, &damage), Verdict::Match(1));
    assert_eq!(take(&mut ledger, &apply(1)), Verdict::Match(2));
}
