use super::*;
use crate::tape::sample::Builder;
use serde_json::json;

const PATH: &str = "/apis/example.com/v1/namespaces/a/echoes/e";
const APPLY: &str = "application/apply-patch+yaml";

fn echo(rv: u64, generation: u64, replicas: u64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Echo", "spec": {"replicas": replicas},
        "metadata": {"name": "e", "namespace": "a", "resourceVersion": rv.to_string(), "generation": generation}})
}

fn classes(tape: &Tape) -> Vec<Class> {
    classify(tape).iter().map(|write| write.class).collect()
}

use Class::{Effective, Failed, Repeat};

#[test]
fn repeats_change_nothing_and_failures_are_failures() {
    let body = json!({"spec": {"replicas": 1}});
    let mut tape = Builder::new();
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 201, echo(5, 1, 1));
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 200, echo(5, 1, 1));
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 409, json!({"kind": "Status"}));
    tape.write("op", Verb::Apply, PATH, Some(APPLY), json!({"spec": {"replicas": 2}}), 200, echo(6, 2, 2));
    // Another actor has a slot of its own.
    tape.write("other", Verb::Apply, PATH, Some(APPLY), body, 200, echo(7, 3, 1));
    assert_eq!(classes(&tape.build()), [Effective, Repeat, Failed, Effective, Effective]);
}

#[test]
fn the_same_body_is_effective_when_someone_undid_it() {
    let body = json!({"spec": {"replicas": 1}});
    let mut tape = Builder::new();
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 201, echo(5, 1, 1));
    tape.get("op", PATH, echo(6, 2, 9));
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 200, echo(7, 3, 1));
    // A status that another controller wrote in between raises the revision, not our write.
    tape.get("op", PATH, echo(8, 3, 1));
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body.clone(), 200, echo(9, 3, 1));
    // Nothing on the tape shows what was undone, but the generation rose.
    tape.write("op", Verb::Apply, PATH, Some(APPLY), body, 200, echo(11, 5, 1));
    assert_eq!(classes(&tape.build()), [Effective, Effective, Repeat, Effective]);
}

#[test]
fn times_revisions_and_what_the_server_keeps_do_not_tell_updates_apart() {
    let lease = |rv: &str, holder: &str, time: &str| {
        json!({"metadata": {"name": "l", "namespace": "a", "resourceVersion": rv},
            "spec": {"holderIdentity": holder, "renewTime": time}})
    };
    let path = "/apis/coordination.k8s.io/v1/namespaces/a/leases/l";
    let mut tape = Builder::new();
    for (rv, holder, time) in [("1", "x", "05"), ("2", "x", "07"), ("3", "x", "09"), ("4", "y", "11")] {
        let time = format!("2026-01-02T03:04:{time}.000000Z");
        let after = (rv.parse::<u64>().unwrap() + 1).to_string();
        tape.write(
            "op",
            Verb::Update,
            path,
            None,
            lease(rv, holder, &time),
            200,
            lease(&after, holder, &time),
        );
    }
    assert_eq!(classes(&tape.build()), [Effective, Repeat, Repeat, Effective]);
}

#[test]
fn a_second_delete_of_a_dying_object_is_a_repeat() {
    let dying = |rv: u64| {
        let mut object = echo(rv, 2, 1);
        object["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
        object
    };
    let mut tape = Builder::new();
    tape.get("op", PATH, echo(5, 1, 1));
    tape.write("op", Verb::Delete, PATH, None, json!({}), 200, dying(6));
    tape.write("op", Verb::Delete, PATH, None, json!({}), 200, dying(6));
    tape.write(
        "op",
        Verb::Delete,
        PATH,
        None,
        json!({}),
        200,
        json!({"kind": "Status", "status": "Success"}),
    );
    tape.write("op", Verb::Delete, PATH, None, json!({}), 404, json!({"kind": "Status"}));
    assert_eq!(classes(&tape.build()), [Effective, Repeat, Effective, Failed]);
}

#[test]
fn a_create_is_named_by_its_answer() {
    let mut tape = Builder::new();
    let body = json!({"metadata": {"generateName": "e-"}});
    tape.write(
        "op",
        Verb::Create,
        "/apis/example.com/v1/namespaces/a/echoes",
        None,
        body,
        201,
        echo(5, 1, 1),
    );
    let writes = classify(&tape.build());
    assert_eq!(writes[0].key.to_string(), "echoes.example.com a/e");
    assert_eq!((writes[0].response_rv, writes[0].answered_n), (Some(5), Some(2)));
}
