//! `kubetape serve` from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod served;

use serde_json::{Value, json};
use served::Served;
use std::{fs, path::Path, process::Command};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

fn root(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).to_str().unwrap().to_owned()
}

fn operators() -> String {
    root("fixtures/captures/operators")
}

fn kubetape(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubetape")).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn a_capture_is_read_as_the_cluster_was() {
    let served = Served::start(&["serve", &operators()], "");
    let list = served.get("/apis/apps/v1/deployments");
    assert_eq!(
        (list["kind"].as_str(), list["apiVersion"].as_str()),
        (Some("DeploymentList"), Some("apps/v1"))
    );
    assert_eq!(names(&list), ["hello", "shop"]);
    let one = served.get("/apis/apps/v1/namespaces/operators/deployments/hello");
    assert_eq!((one["kind"].as_str(), one["spec"]["replicas"].as_u64()), (Some("Deployment"), Some(2)));
    assert!(names(&served.get("/apis/apps/v1/namespaces/elsewhere/deployments")).is_empty());
    assert_eq!(names(&served.get("/apis/apps/v1/deployments?labelSelector=app%3Dhello")), ["hello"]);
    assert_eq!(names(&served.get("/apis/apps/v1/deployments?fieldSelector=metadata.name%3Dshop")), ["shop"]);
    let echoes = served.get("/apis/example.com/v1/echoes");
    assert_eq!(names(&echoes), ["hello"]);
}

#[test]
fn lists_come_in_pages_rows_and_metadata() {
    let served = Served::start(&["serve", &operators()], "");
    let first = served.get("/apis/apps/v1/deployments?limit=1");
    assert_eq!((names(&first), first["metadata"]["remainingItemCount"].as_u64()), (vec!["hello"], Some(1)));
    let next = first["metadata"]["continue"].as_str().unwrap();
    let second = served.get(&format!("/apis/apps/v1/deployments?limit=1&continue={next}"));
    assert_eq!((names(&second), &second["metadata"]["continue"]), (vec!["shop"], &Value::Null));
    let (_, _, body) = served.ask(0, "GET", "/apis/apps/v1/deployments", TABLE, "");
    let table: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (table["kind"].as_str(), table["columnDefinitions"][1]["name"].as_str()),
        (Some("Table"), Some("Ready"))
    );
    assert_eq!(
        table["rows"][0]["cells"].as_array().unwrap()[..4],
        [json!("hello"), json!("2/2"), json!(2), json!(2)]
    );
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let (_, _, body) = served.ask(0, "GET", "/apis/apps/v1/deployments", metadata, "");
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((names(&list), &list["items"][0]["spec"]), (vec!["hello", "shop"], &Value::Null));
    assert_eq!(served.ask(0, "GET", "/api/v1/pods", "application/vnd.kubernetes.protobuf", "").0, 406);
}

#[test]
fn discovery_and_open_api_are_those_of_the_captured_server() {
    let served = Served::start(&["serve", &operators()], "");
    let captured = |path: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(format!("{}/{path}", operators())).unwrap()).unwrap()
    };
    assert_eq!(served.get("/version"), captured("version.json"));
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let (_, head, body) = served.ask(0, "GET", "/apis", aggregated, "");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), captured("discovery/apis.json"));
    assert!(head.contains("as=APIGroupDiscoveryList"), "{head}");
    let groups = served.get("/apis");
    assert!(
        groups["groups"].as_array().unwrap().iter().any(|group| group["name"] == "example.com"),
        "{groups}"
    );
    assert_eq!(served.get("/apis/apps")["preferredVersion"]["groupVersion"], "apps/v1");
    let resources = served.get("/apis/apps/v1");
    let row =
        resources["resources"].as_array().unwrap().iter().find(|row| row["name"] == "deployments").unwrap();
    assert_eq!((row["kind"].as_str(), row["shortNames"][0].as_str()), (Some("Deployment"), Some("deploy")));
    assert_eq!(served.refused("GET", "/apis/nothing.io/v1/things")["reason"], "NotFound");
    assert_eq!(
        served.refused("GET", "/api/v1/namespaces/operators/pods/none")["message"],
        "pods \"none\" not found"
    );
}

#[test]
fn what_would_change_something_is_refused_and_says_what_to_do() {
    let served = Served::start(&["serve", &operators()], "");
    for (method, path) in [
        ("POST", "/api/v1/namespaces/operators/pods"),
        ("PUT", "/apis/apps/v1/namespaces/operators/deployments/hello"),
        ("PATCH", "/apis/apps/v1/namespaces/operators/deployments/hello"),
        ("DELETE", "/apis/apps/v1/namespaces/operators/deployments/hello"),
        ("DELETE", "/api/v1/namespaces/operators/pods"),
    ] {
        let said = served.refused(method, path);
        assert_eq!(
            (said["code"].as_u64(), said["reason"].as_str()),
            (Some(405), Some("MethodNotAllowed")),
            "{method}"
        );
        let message = said["message"].as_str().unwrap();
        assert!(message.contains("can only be read") && message.contains("kubetape sim --from"), "{message}");
    }
    let review = |verb: &str| {
        let body = json!({"spec": {"resourceAttributes": {"verb": verb, "resource": "pods"}}}).to_string();
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (status, _, body) = served.ask(0, "POST", path, "application/json", &body);
        (status, serde_json::from_str::<Value>(&body).unwrap()["status"]["allowed"].clone())
    };
    assert_eq!((review("list"), review("delete")), ((201, json!(true)), (201, json!(false))));
}

#[test]
fn a_watch_tells_what_there_is_and_then_ends() {
    let served = Served::start(&["serve", &operators()], "");
    let lines = |query: &str| -> Vec<Value> {
        let path = format!("/apis/apps/v1/deployments?watch=true&timeoutSeconds=1{query}");
        let (_, _, body) = served.ask(0, "GET", &path, "application/json", "");
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines("");
    let told: Vec<_> = all.iter().map(|line| (&line["type"], &line["object"]["metadata"]["name"])).collect();
    assert_eq!(told, [(&json!("ADDED"), &json!("hello")), (&json!("ADDED"), &json!("shop"))]);
    let initial = lines("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    let mark = &initial.last().unwrap()["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"];
    assert_eq!((initial.len(), mark), (3, &json!("true")));
    let version = served.get("/apis/apps/v1/deployments")["metadata"]["resourceVersion"].clone();
    assert!(lines(&format!("&resourceVersion={}", version.as_str().unwrap())).is_empty());
}

#[test]
fn logs_are_those_of_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n\
        spec: {initContainers: [{name: init}], containers: [{name: main}, {name: side}]}\n";
    for (path, text) in [
        ("namespaces/shop/core/pods/web.yaml", pod),
        ("namespaces/shop/pods/web/main/main/logs/current.log", "one\ntwo\nthree\n"),
        ("namespaces/shop/pods/web/main/main/logs/previous.log", "before\n"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let served = Served::start(&["serve", folder.path().to_str().unwrap()], "");
    let log = |query: &str| {
        served.ask(0, "GET", &format!("/api/v1/namespaces/shop/pods/web/log?{query}"), "*/*", "")
    };
    let text = |query: &str| {
        let (status, _, text) = log(query);
        assert_eq!(status, 200, "{query}: {text}");
        text
    };
    assert_eq!(text("container=main"), "one\ntwo\nthree\n");
    assert_eq!(text("container=main&tailLines=2"), "two\nthree\n");
    assert_eq!(text("container=main&limitBytes=5"), "one\nt");
    assert_eq!(text("container=main&previous=true"), "before\n");
    assert!(log("container=main&timestamps=true").1.to_lowercase().contains("warning: 299"));
    for (query, code, words) in [
        ("", 400, "choose one of: [init main side]"),
        ("container=none", 400, "container none is not valid for pod web"),
        ("container=side&previous=true", 400, "previous terminated container"),
        ("container=side", 404, "kubetape gather --logs all"),
    ] {
        let (status, _, said) = log(query);
        assert!(status == code && said.contains(words), "{query}: {status} {said}");
    }
}

#[test]
fn a_tape_is_served_as_it_was_at_a_place() {
    let tape = root("fixtures/tapes/echo-bare.ktape");
    let (code, table, _) = kubetape(&["show", &tape, "--verb", "ADDED"]);
    assert_eq!(code, Some(0));
    let first: String = table.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let before: u64 = first.parse::<u64>().unwrap() - 1;
    for (at, expected) in [(first.as_str(), vec!["hello"]), (&before.to_string(), vec![])] {
        let served = Served::start(&["serve", &tape, "--at", at], "");
        let (status, _, body) = served.ask(0, "GET", "/apis/example.com/v1/echoes", "application/json", "");
        let list: Value = serde_json::from_str(&body).unwrap();
        // Before the first of its objects the tape knows no such kind.
        let found = if status == 404 { Vec::new() } else { names(&list) };
        assert_eq!(found, expected, "--at {at}");
    }
    let served = Served::start(&["serve", &tape, "--at", &first], "");
    let apps = served.get("/apis/apps/v1");
    let row = apps["resources"].as_array().unwrap().iter().find(|row| row["name"] == "deployments").unwrap();
    assert_eq!(row["shortNames"], json!(["deploy"]), "kinds of every server have their names");
    let (code, _, said) = kubetape(&["serve", &tape, "--at", "99999", "--", "true"]);
    assert!(code == Some(1) && said.contains("has no event 99999"), "{said}");
    let (code, _, said) = kubetape(&["serve", &tape, "--at", "soon", "--", "true"]);
    assert!(code == Some(2) && said.contains("+12s"), "{said}");
    let (code, _, said) = kubetape(&["serve", &operators(), "--at", "4", "--", "true"]);
    assert!(code == Some(2) && said.contains("a capture has none"), "{said}");
}

#[test]
fn sources_are_contexts_and_the_command_ends_it() {
    let list = root("fixtures/captures/foreign/list.yaml");
    let (code, printed, _) =
        kubetape(&["serve", &operators(), &list, &list, "--", "sh", "-c", "cat $KUBECONFIG; exit 7"]);
    assert_eq!(code, Some(7));
    let config: Value = serde_json::from_str(&printed).unwrap();
    let contexts: Vec<_> = config["contexts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|context| context["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        (contexts, config["current-context"].as_str()),
        (vec!["operators", "list", "list-2"], Some("operators"))
    );
    let (code, _, said) = kubetape(&["serve", &list, "--", "/nowhere/at-all"]);
    assert!(code == Some(127) && said.contains("is it on the PATH"), "{said}");
    assert_eq!(kubetape(&["serve", &list, "--", "/dev/null"]).0, Some(126));
    assert_eq!(kubetape(&["serve", &list, "--", "sh", "-c", "kill -9 $$"]).0, Some(137));
    let (code, _, said) = kubetape(&["serve", "absent.tar.zst", "--", "true"]);
    assert!(code == Some(3) && said.contains("absent.tar.zst"), "{said}");
}

#[test]
fn standard_input_is_served_and_a_signal_ends_it_well() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n";
    let mut served = Served::start(&["serve", "-"], manifest);
    assert_eq!(names(&served.get("/api/v1/configmaps")), ["a"]);
    let kubeconfig = served.kubeconfig.clone();
    assert_eq!(served.terminate().code(), Some(0));
    assert!(!Path::new(&kubeconfig).exists(), "the kubeconfig goes with the server");
}
