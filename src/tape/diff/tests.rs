use super::*;
use crate::tape::sample::Builder;
use crate::wire::Verb;
use serde_json::{Value, json};

const APPLY: Option<&str> = Some("application/apply-patch+yaml");

/// One recording: everything that the server chooses depends on `seed`.
fn recording(seed: u64, namespace: &str, image: &str, extra: bool) -> Tape {
    let uid = format!("6f1e2d3c-0000-4000-8000-{seed:012}");
    let echoes = format!("/apis/example.com/v1/namespaces/{namespace}/echoes");
    let web = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
    let service = format!("/api/v1/namespaces/{namespace}/services/web");
    let rv = |plus: u64| (seed + plus).to_string();
    let time = format!("2026-01-02T03:04:{:02}Z", seed % 50);
    let echo =
        json!({"metadata": {"name": "e", "namespace": namespace, "uid": uid, "resourceVersion": rv(1)}});
    let deployment = |rv: String| {
        json!({"metadata": {"name": "web", "namespace": namespace, "resourceVersion": rv,
        "ownerReferences": [{"kind": "Echo", "name": "e", "uid": uid}]},
        "spec": {"containers": [{"name": "web", "image": image}]}})
    };
    let mut body = deployment(rv(0));
    body["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    body["at"] = json!(time);
    let mut tape = Builder::new();
    for _ in 0..=(seed % 3) {
        tape.get("op", &echoes, json!({"items": [echo]}));
    }
    tape.write("op", Verb::Apply, &web, APPLY, body.clone(), 201, deployment(rv(2)));
    for _ in 0..(seed % 5) {
        tape.write("op", Verb::Apply, &web, APPLY, body.clone(), 200, deployment(rv(2)));
    }
    if extra {
        tape.write(
            "op",
            Verb::Apply,
            &service,
            APPLY,
            json!({"spec": {}}),
            201,
            json!({"metadata": {"name": "web"}}),
        );
    }
    for ready in (seed % 2)..=3 {
        let status = |rv: String| json!({"metadata": {"name": "e", "resourceVersion": rv}, "status": {"ready": ready}});
        let path = format!("{echoes}/e/status");
        tape.write("op", Verb::Update, &path, None, status(rv(10 + ready)), 200, status(rv(11 + ready)));
    }
    let mut tape = tape.build();
    tape.header.namespace = namespace.to_owned();
    tape
}

#[test]
fn recordings_of_the_same_scenario_are_equal() {
    let first = recording(100, "kt-aaa", "nginx:1.27", false);
    for seed in 101..115 {
        let other = recording(seed, "kt-zzz", "nginx:1.27", false);
        let difference = diff(&first, &other);
        assert!(difference.is_empty(), "{seed}: {difference}");
    }
}

#[test]
fn what_differs_is_told_by_object_and_field() {
    let difference =
        diff(&recording(100, "kt-aaa", "nginx:1.27", false), &recording(101, "kt-b", "nginx:1.28", true));
    let expected = " writes   2 → 3
 ~ apply deployments.apps/web                spec.containers[name=web].image  nginx:1.27 → nginx:1.28
 + apply services/web                        new, after deployments.apps/web
   note   intermediate status 3 → 2 (not compared)
   note   list echoes.example.com $namespace/ 2 → 3 (not compared)
   note   repeats 0 → 1 (not compared)
";
    assert_eq!(difference.to_string(), expected);
}

#[test]
fn another_last_status_and_a_missing_write_are_differences() {
    let mut old = recording(100, "kt-a", "x", true);
    let new = recording(100, "kt-a", "x", false);
    let last = old.events.len() - 2;
    if let Event::Sent(sent) = &mut old.events[last].event {
        sent.body = crate::tape::Payload::from(json!({"status": {"ready": 2}}));
    }
    let entries = diff(&old, &new).entries;
    assert!(
        matches!(&entries[..], [Entry::Changed { changes, .. }, Entry::Removed { what }]
        if changes.iter().any(|c| c.path == "status.ready" && c.new == Some(Value::from(3))) && what == "apply services/web"),
        "{entries:?}"
    );
}
