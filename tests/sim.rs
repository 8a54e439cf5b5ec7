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
use std::{collections::BTreeSet, fs, path::Path, time::Duration};
use tower::ServiceExt;

fn quiet() -> sim::Options {
    let base = Some("2026-01-01T00:00:00Z".parse().unwrap());
    sim::Options { base, controllers: Vec::new(), ..sim::Options::default() }
}

/// One exchange: the status and the whole body.
async fn ask(sim: &Sim, method: &str, path: &str, media: &str, body: &Value) -> (u16, String) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    send(sim, method, path, media, &text).await
}

async fn send(sim: &Sim, method: &str, path: &str, media: &str, body: &str) -> (u16, String) {
    let request = http::Request::builder().method(method).uri(path).header("content-type", media);
    let request: Request = request.body(body.as_bytes().to_vec().into()).unwrap();
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

#[tokio::test(start_paused = true)]
async fn an_apply_that_is_known_is_still_looked_at_when_the_object_changed() {
    let sim = Sim::new(quiet());
    let path = "/api/v1/namespaces/default/configmaps/a?fieldManager=m";
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"}});
    let apply = async || ask(&sim, "PATCH", path, "application/apply-patch+yaml", &config).await;
    let (made, second, third) = (apply().await, apply().await, apply().await);
    assert_eq!((made.0, second.0), (201, 200));
    assert_eq!(made.1, second.1);
    assert_eq!(second, third);
    let other = "/api/v1/namespaces/default/configmaps/a?fieldManager=n";
    ask(&sim, "PATCH", other, "application/merge-patch+json", &json!({"data": {"k": "w"}})).await;
    let (status, text) = apply().await;
    assert!(status == 409 && text.contains("conflict with \\\"n\\\" using v1: .data.k"), "{text}");
    let forced = format!("{path}&force=true");
    let (status, text) = ask(&sim, "PATCH", &forced, "application/apply-patch+yaml", &config).await;
    assert!(status == 200 && text.contains("\"k\":\"v\""), "{text}");
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
            let (status, _) = send(&sim, method, &path, media, body).await;
            assert!((400..500).contains(&status), "{method} {} bytes: {status}", body.len());
        }
    }
    for metadata in ["[]", "\"x\"", "1"] {
        for part in ["metadata", "spec", "target"] {
            let body = format!("{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"{part}\":{metadata}}}");
            let account = "/api/v1/namespaces/default/serviceaccounts/default/token";
            let pod = "/api/v1/namespaces/default/pods/p";
            for (method, path, media) in [
                ("POST", account.to_owned(), "application/json"),
                ("POST", format!("{pod}/binding"), "application/json"),
                ("POST", format!("{pod}/eviction"), "application/json"),
                (
                    "PUT",
                    "/apis/apps/v1/namespaces/default/deployments/d/scale".to_owned(),
                    "application/json",
                ),
                ("PATCH", format!("{maps}/a?fieldManager=m"), "application/apply-patch+yaml"),
            ] {
                // Other parts than metadata are none of a config map, which an apply refuses in its own way.
                let (status, answer) = send(&sim, method, &path, media, &body).await;
                assert!(
                    (400..501).contains(&status) && !answer.contains("panic"),
                    "{method} {path} {body}: {answer}"
                );
            }
        }
    }
    for path in ["/api/v1/../..", "/apis//v1/x", "/api/v1/namespaces/%2e%2e/pods/%00", "/?%"] {
        let (status, _) = ask(&sim, "GET", path, "application/json", &Value::Null).await;
        assert!(status < 500, "{path}: {status}");
    }
}

#[tokio::test]
async fn options_of_a_delete_that_make_no_sense_delete_nothing() {
    let sim = Sim::new(quiet());
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = json!({"metadata": {"name": "a"}});
    assert_eq!(ask(&sim, "POST", maps, "application/json", &map).await.0, 201);
    for options in
        [json!([]), json!({"dryRun": "All"}), json!({"preconditions": "x"}), json!({"propagationPolicy": 1})]
    {
        let (status, text) = ask(&sim, "DELETE", &format!("{maps}/a"), "application/json", &options).await;
        assert_eq!(status, 400, "{options}: {text}");
    }
    assert_eq!(ask(&sim, "GET", &format!("{maps}/a"), "application/json", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn absurd_numbers_of_replicas_are_refused_or_bounded() {
    let sim = Sim::new(sim::Options { base: quiet().base, ..sim::Options::default() });
    let sets = "/apis/apps/v1/namespaces/default/deployments";
    let labels = json!({"app": "web"});
    let surge = json!({"maxSurge": "9223372036854775807%", "maxUnavailable": "9223372036854775807%"});
    let deployment = json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": labels}, "strategy": {"rollingUpdate": surge},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let (status, text) = ask(&sim, "POST", sets, "application/json", &deployment).await;
    assert!(status < 500, "{status} {text}");
    for replicas in [json!("abc"), json!(1e10), json!(2_147_483_648_i64)] {
        let scale = json!({"metadata": {"name": "web"}, "spec": {"replicas": replicas}});
        let (status, text) = ask(&sim, "PUT", &format!("{sets}/web/scale"), "application/json", &scale).await;
        assert_eq!(status, 400, "{replicas}: {text}");
    }
    let many = json!({"spec": {"replicas": i32::MAX}});
    ask(&sim, "PATCH", &format!("{sets}/web"), "application/merge-patch+json", &many).await;
    let (_, pods) =
        ask(&sim, "GET", "/api/v1/namespaces/default/pods", "application/json", &Value::Null).await;
    let pods: Value = serde_json::from_str(&pods).unwrap();
    assert!(pods["items"].as_array().unwrap().len() <= 2000, "a set has at most a thousand pods");
}

#[tokio::test(start_paused = true)]
async fn a_watch_lives_as_long_as_was_asked_for_with_bookmarks_and_without() {
    for (bookmarks, seconds) in [(false, 90), (true, 90), (false, i64::MAX)] {
        let sim = Sim::new(quiet());
        let path = format!(
            "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds={seconds}&allowWatchBookmarks={bookmarks}"
        );
        let request: Request = http::Request::get(path).body(Vec::new().into()).unwrap();
        let mut body = sim.clone().oneshot(request).await.unwrap().into_body();
        let open =
            tokio::time::timeout(Duration::from_secs(80), async { while body.frame().await.is_some() {} });
        assert!(open.await.is_err(), "it ended early: {bookmarks} {seconds}");
        let ended = async { while body.frame().await.is_some() {} };
        let ended = tokio::time::timeout(Duration::from_secs(86_400), ended).await;
        assert!(ended.is_ok(), "it never ended: {bookmarks} {seconds}");
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
fn the_page_of_what_is_covered_names_all_that_answers_501_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/sim-coverage.md")).unwrap();
    let mut said = BTreeSet::new();
    for text in sources(&root.join("src/sim")) {
        let calls =
            ["not_simulated(", "needs_feature("].into_iter().flat_map(|call| text.split(call).skip(1));
        for piece in calls.filter(|piece| !piece.starts_with("what: ")) {
            let literal = piece.trim_start().trim_start_matches("&format!(").trim_start();
            let literal = literal.strip_prefix('"').and_then(|rest| rest.split(['"', '{']).next());
            said.insert(literal.expect("not_simulated is given a literal").trim().to_owned());
        }
    }
    let table = page.split("## What answers 501").nth(1).and_then(|rest| rest.split("##").next()).unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let told: BTreeSet<String> = rows.map(|row| row.split('`').nth_back(1).unwrap().to_owned()).collect();
    assert_eq!(told, said, "docs/sim-coverage.md on the left, the source on the right");
}

fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

#[tokio::test(start_paused = true)]
async fn what_a_quota_counts_is_free_again_when_it_goes() {
    let sim = Sim::new(sim::Options { base: quiet().base, ..sim::Options::default() });
    let (pods, quotas) = ("/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/resourcequotas");
    let json_type = "application/json";
    let quota =
        json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1", "requests.storage": "2Gi"}}});
    assert_eq!(ask(&sim, "POST", quotas, json_type, &quota).await.0, 201);
    let pod = |name: &str| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let (status, text) = ask(&sim, "POST", pods, json_type, &pod("a")).await;
    assert_eq!(status, 201, "{text}");
    let (status, text) = ask(&sim, "POST", pods, json_type, &pod("b")).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"), "{text}");
    ask(&sim, "DELETE", &format!("{pods}/a"), json_type, &Value::Null).await;
    assert_eq!(ask(&sim, "POST", pods, json_type, &pod("b")).await.0, 201);
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    let spec =
        |size: &str| json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}});
    let claim = json!({"metadata": {"name": "c"}, "spec": spec("1Gi")});
    assert_eq!(ask(&sim, "POST", claims, json_type, &claim).await.0, 201);
    let more = json!({"spec": spec("3Gi")});
    let (_, text) = ask(&sim, "GET", &format!("{quotas}/q"), json_type, &Value::Null).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["status"]["used"], json!({"pods": "1", "requests.storage": "1Gi"}));
    let (status, text) =
        ask(&sim, "PATCH", &format!("{claims}/c"), "application/merge-patch+json", &more).await;
    assert!(status == 403 || status == 422, "{text}");
}
