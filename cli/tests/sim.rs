//! `kubetape sim` from outside: what is put into it, and what is recorded of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod served;

use served::{Served, terminate};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
    metadata: {name: oxen.example.com}\n\
    spec:\n  group: example.com\n  scope: Namespaced\n  names: {plural: oxen, singular: ox, kind: Ox}\n  \
    versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, \
    properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}\n";
const OX: &str =
    "apiVersion: example.com/v1\nkind: Ox\nmetadata: {name: big, namespace: farm}\nspec: {size: 3}\n";

fn kubetape(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubetape")).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A path for a command line.
fn at(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn manifests_are_put_into_it_whatever_their_order() {
    let folder = tempfile::tempdir().unwrap();
    // The object comes before its definition, whose plural nobody could guess, and before its namespace.
    for (name, text) in [("a/ox.yaml", OX), ("b/definition.yaml", DEFINITION)] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let input = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: b}\n";
    let args = ["sim", "-f", &at(&folder, "a"), "-f", &at(&folder, "b"), "-f", "-"];
    let sim = Served::start(&args, input);
    assert_eq!(sim.get("/apis/example.com/v1/namespaces/farm/oxen/big")["spec"]["size"], 3);
    assert_eq!(sim.get("/api/v1/namespaces/default/configmaps/plain")["data"]["a"], "b");
}

#[test]
fn a_manifest_that_is_wrong_ends_it_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("kind: [", "holds nothing that can be read"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_b}\n",
            "does not take configmap A_b: ConfigMap",
        ),
    ] {
        fs::write(folder.path().join("wrong.yaml"), text).unwrap();
        let (code, _, said) = kubetape(&["sim", "-f", &at(&folder, "wrong.yaml"), "--", "true"]);
        assert!(code != Some(0) && said.contains(words), "{code:?} {said}");
    }
    let (code, _, said) = kubetape(&["sim", "-f", &at(&folder, "absent"), "--", "true"]);
    assert!(code == Some(3) && said.contains("absent"), "{code:?} {said}");
}

#[test]
fn a_capture_is_put_into_it_with_status_and_owners() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures/operators");
    let sim = Served::start(&["sim", "--from", capture.to_str().unwrap()], "");
    let of = |plural: &str| sim.get(&format!("/apis/apps/v1/namespaces/operators/{plural}"))["items"].clone();
    let (deployments, sets) = (of("deployments"), of("replicasets"));
    assert_eq!(deployments[0]["status"]["readyReplicas"], 2);
    for set in sets.as_array().unwrap() {
        let owner = &set["metadata"]["ownerReferences"][0]["uid"];
        assert!(
            deployments.as_array().unwrap().iter().any(|deployment| deployment["metadata"]["uid"] == *owner),
            "{set}"
        );
    }
    assert!(!sets.as_array().unwrap().is_empty());
}

#[test]
fn the_same_seed_gives_the_same_uids() {
    let uid = |seed: &str| {
        let sim = Served::start(&["sim", "--seed", seed], "");
        sim.get("/api/v1/namespaces/default")["metadata"]["uid"].clone()
    };
    assert_eq!(uid("7"), uid("7"));
    assert_ne!(uid("7"), uid("8"));
}

#[test]
fn what_clients_say_is_recorded_on_a_tape_that_says_where_from() {
    let folder = tempfile::tempdir().unwrap();
    let tape = at(&folder, "try.ktape");
    let mut sim = Served::start(&["sim", "--record", &tape], "");
    let body = r#"{"metadata":{"name":"made"},"data":{"a":"b"}}"#;
    let (status, ..) = sim.ask(0, "POST", "/api/v1/namespaces/default/configmaps", "application/json", body);
    assert_eq!((status, sim.terminate().code()), (201, Some(0)));
    let (code, rows, _) = kubetape(&["show", &tape, "--verb", "create", "-o", "name"]);
    assert_eq!((code, rows.as_str()), (Some(0), "default/configmaps/made\n"));
    let (code, found, _) = kubetape(&["lint", &tape]);
    assert!(code == Some(1) && found.contains("K006"), "{found}");
    let (code, _, said) = kubetape(&["sim", "--record", &tape, "--", "true"]);
    assert!(code == Some(6) && said.contains("name another tape"), "{said}");
}

/// A signal in the middle of a watch ends a capture in good order.
#[test]
fn sigterm_ends_a_capture_well() {
    let folder = tempfile::tempdir().unwrap();
    let sim = Served::start(&["sim"], "");
    let mut gather = Command::new(env!("CARGO_BIN_EXE_kubetape"))
        .args(["gather", &at(&folder, "shop"), "--watch", "10m", "--progress", "json"])
        .env("KUBECONFIG", &sim.kubeconfig)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(gather.stderr.take().unwrap()).lines();
    let watching = lines.by_ref().map_while(Result::ok).any(|line| line.contains(r#""now":"changes""#));
    assert!(watching, "it never came to watch");
    terminate(&gather);
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(gather.wait().unwrap().code(), Some(0), "{rest:?}");
    let (code, _, said) = kubetape(&["show", &at(&folder, "shop/watch.ktape")]);
    assert_eq!((code, said.as_str()), (Some(0), ""), "the tape has its end");
    assert!(folder.path().join("shop/manifest.json").exists());
}
