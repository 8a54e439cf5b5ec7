//! The simulated cluster from outside: as a service, and as the ground of scenarios.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

use http_body_util::BodyExt;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use kubetape::{
    Ground, Options, World,
    sim::{self, Sim},
    wire::Request,
};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tower::ServiceExt;

fn quiet() -> sim::Options {
    let base = Some("2026-01-01T00:00:00Z".parse().unwrap());
    sim::Options { base, controllers: Vec::new(), ..sim::Options::default() }
}

/// One exchange: the status and the whole body.
async fn ask(sim: &Sim, method: &str, path: &str, media: &str, body: &Value) -> (u16, String) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder().method(method).uri(path).header("content-type", media);
    let request: Request = request.body(text.into_bytes().into()).unwrap();
    let response = sim.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A few writes of every kind and what they were answered.
async fn session(seed: u64) -> Vec<(u16, String)> {
    let sim = Sim::new(sim::Options { seed, ..quiet() });
    let maps = "/api/v1/namespaces/default/configmaps";
    let (json_type, merge, apply) =
        ("application/json", "application/merge-patch+json", "application/apply-patch+yaml");
    let made = json!({"metadata": {"generateName": "a-"}, "data": {"k": "v"}});
    let applied =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"k": "w"}});
    let watch = format!("{maps}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true");
    let mut answers = vec![
        ask(&sim, "POST", maps, json_type, &made).await,
        ask(&sim, "PATCH", &format!("{maps}/b?fieldManager=m"), apply, &applied).await,
        ask(&sim, "PATCH", &format!("{maps}/b"), merge, &json!({"data": {"x": "y"}})).await,
        ask(&sim, "GET", maps, json_type, &Value::Null).await,
        ask(&sim, "GET", &watch, json_type, &Value::Null).await,
    ];
    answers.push(ask(&sim, "DELETE", &format!("{maps}/b"), json_type, &json!({})).await);
    answers
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_other_ids() {
    let first = session(7).await;
    assert_eq!(first.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [201, 201, 200, 200, 200, 200]);
    assert_eq!(first, session(7).await);
    assert_ne!(first[0], session(8).await[0]);
}

#[tokio::test]
async fn what_is_not_simulated_answers_501_and_says_what_it_is() {
    let sim = Sim::new(quiet());
    let (status, body) =
        ask(&sim, "GET", "/api/v1/nodes/n/proxy/metrics", "application/json", &Value::Null).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["reason"]), (501, &json!("NotImplemented")));
    assert!(
        body["message"].as_str().unwrap().starts_with("a proxy to pods and nodes is not simulated"),
        "{body}"
    );
}

#[tokio::test]
async fn hostile_requests_are_answered_with_a_status() {
    let sim = Sim::new(quiet());
    let maps = "/api/v1/namespaces/default/configmaps";
    let deep = "[".repeat(100_000);
    let bodies = ["", "{", "[]", "null", "1e999", "{\"metadata\":[]}", "{\"data\":{\"a\":", "\"x\"", &deep];
    for body in bodies {
        for (method, path, media) in [
            ("POST", maps.to_owned(), "application/json"),
            ("PUT", format!("{maps}/a"), "application/json"),
            ("PATCH", format!("{maps}/a?fieldManager=m"), "application/apply-patch+yaml"),
            ("DELETE", format!("{maps}/a"), "application/json"),
        ] {
            let request = http::Request::builder().method(method).uri(&path).header("content-type", media);
            let request: Request = request.body(body.as_bytes().to_vec().into()).unwrap();
            let response = sim.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            assert!((400..500).contains(&status), "{method} {} bytes: {status}", body.len());
        }
    }
    for path in ["/api/v1/../..", "/apis//v1/x", "/api/v1/namespaces/%2e%2e/pods/%00", "/?%"] {
        let (status, _) = ask(&sim, "GET", path, "application/json", &Value::Null).await;
        assert!(status < 500, "{path}: {status}");
    }
}

#[test]
fn a_deployment_becomes_available_in_virtual_time_and_takes_its_pods_with_it() {
    let options = Options::new("sim::deployment", env!("CARGO_MANIFEST_DIR")).on_sim();
    kubetape::run(options, async |world: World| {
        assert_eq!(world.ground(), Ground::Sim);
        let deployments: Api<Deployment> = world.api();
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
                },
            },
        }))
        .unwrap();
        deployments.create(&PostParams::default(), &deployment).await.unwrap();
        let available = |deployment: Option<&Deployment>| {
            deployment.and_then(|d| d.status.as_ref()?.available_replicas) == Some(2)
        };
        world.until("web", available).await;
        let pods: Api<k8s_openapi::api::core::v1::Pod> = world.api();
        let names = |pods: kube::core::ObjectList<k8s_openapi::api::core::v1::Pod>| pods.items.len();
        assert_eq!(names(pods.list(&Default::default()).await.unwrap()), 2);
        let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
        deployments.patch("web", &PatchParams::default(), &scale).await.unwrap();
        world.settle().await;
        assert_eq!(names(pods.list(&Default::default()).await.unwrap()), 1);
        deployments.delete("web", &DeleteParams::background()).await.unwrap();
        world.settle().await;
        assert_eq!(names(pods.list(&Default::default()).await.unwrap()), 0);
    });
}

#[test]
fn an_operator_sees_a_compaction_as_on_a_real_server() {
    let options = Options::new("sim::compaction", env!("CARGO_MANIFEST_DIR")).on_sim();
    kubetape::run(options, async |world: World| {
        let maps: Api<ConfigMap> = world.api();
        let mut map = ConfigMap::default();
        map.metadata.name = Some("a".into());
        maps.create(&PostParams::default(), &map).await.unwrap();
        world.compact().await;
        let request = http::Request::get(format!(
            "/api/v1/namespaces/{}/configmaps?watch=true&resourceVersion=1&timeoutSeconds=1",
            world.namespace()
        ));
        let text = world.client().request_text(request.body(Vec::new()).unwrap()).await.unwrap();
        assert!(text.contains("\"reason\":\"Expired\"") && text.contains("\"code\":410"), "{text}");
        world.advance(Duration::from_secs(1)).await;
    });
}

#[test]
fn the_page_of_what_is_covered_names_all_that_answers_501() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/sim-coverage.md")).unwrap();
    let mut named = 0;
    for entry in fs::read_dir(root.join("src/sim/verbs")).unwrap() {
        let Ok(text) = fs::read_to_string(entry.unwrap().path()) else { continue };
        for piece in text.split("not_simulated(").skip(1) {
            let literal = piece.trim_start_matches(['&', 'f', 'o', 'r', 'm', 'a', 't', '!', '(']);
            let Some(literal) = literal.strip_prefix('"').and_then(|rest| rest.split(['"', '{']).next())
            else {
                continue;
            };
            assert!(page.contains(&format!("`{}", literal.trim())), "docs/sim-coverage.md lacks {literal:?}");
            named += 1;
        }
    }
    assert!(named >= 4, "only {named} were found: the test no longer reads the source as it is written");
}
