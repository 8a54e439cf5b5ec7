//! Clusters that do what clusters do.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use kubetape::cluster::{self, Cluster, Options, Provider};
use serde_json::json;

use crate::support::{assets, timed};

async fn client(cluster: &Cluster) -> Client {
    Client::try_from(cluster.config().await.unwrap()).unwrap()
}

fn options(provider: Provider) -> Options {
    Options::new(provider).assets(assets())
}

fn deployment(replicas: u32) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }))
    .unwrap()
}

/// The numbers of ready replicas that were seen on the way to all of them.
async fn ready_counts(deployments: &Api<Deployment>, replicas: i32) -> Vec<i32> {
    let params = WatchParams::default().fields("metadata.name=web").timeout(60);
    let events = deployments.watch(&params, "0").await.unwrap();
    let mut events = std::pin::pin!(events);
    let mut counts = Vec::new();
    while let Some(event) = events.try_next().await.unwrap() {
        let (WatchEvent::Added(web) | WatchEvent::Modified(web)) = event else { continue };
        let status = web.status.unwrap_or_default();
        counts.push(status.ready_replicas.unwrap_or(0));
        let conditions = status.conditions.unwrap_or_default();
        let available = conditions.iter().any(|c| c.type_ == "Available" && c.status == "True");
        if available && status.available_replicas == Some(replicas) {
            return counts;
        }
    }
    panic!("the Deployment did not become available; ready replicas seen: {counts:?}");
}

async fn a_deployment_progresses_and_becomes_available(cluster: &Cluster) {
    let client = client(cluster).await;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &deployment(3)).await.unwrap();
    let counts = ready_counts(&deployments, 3).await;
    assert_eq!(counts[0], 0, "ready before it was seen progressing: {counts:?}");
    assert!(counts.is_sorted(), "{counts:?}");

    // Garbage collection: without a controller-manager the pods would stay.
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client);
    for _ in 0..600 {
        if pods.list(&ListParams::default()).await.unwrap().items.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the pods outlived their Deployment");
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn a_deployment_becomes_available_on_envtest() {
    let cluster = timed("envtest, full", || cluster::start(&options(Provider::Envtest).full())).unwrap();
    assert!(cluster.version().unwrap().starts_with("v1."));
    a_deployment_progresses_and_becomes_available(&cluster).await;
    timed("envtest, stop", || cluster.stop());
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn a_deployment_becomes_available_on_kwok() {
    let cluster = timed("kwok, one node", || cluster::start(&options(Provider::Kwok).nodes(1))).unwrap();
    a_deployment_progresses_and_becomes_available(&cluster).await;
    timed("kwok, stop", || cluster.stop());
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn a_bare_envtest_stores_objects_and_takes_pods() {
    let cluster = timed("envtest, bare", || cluster::start(&options(Provider::Envtest))).unwrap();
    let client = client(&cluster).await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod = json!({
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    assert!(Api::<Node>::all(client).list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn nodes_are_ready_without_a_controller_manager() {
    let cluster = cluster::start(&options(Provider::Envtest).nodes(2)).unwrap();
    let nodes: Api<Node> = Api::all(client(&cluster).await);
    assert_eq!(nodes.list(&ListParams::default()).await.unwrap().items.len(), 2);
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn a_watch_from_before_a_compaction_is_gone() {
    let mut cluster = cluster::start(&options(Provider::Envtest)).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&cluster).await);
    let make = |name: &str| ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Default::default()
    };
    let old = maps.create(&PostParams::default(), &make("a")).await.unwrap();
    let old = old.resource_version().unwrap();
    let newer = maps.create(&PostParams::default(), &make("b")).await.unwrap();

    let revision = timed("compact", || cluster.compact()).unwrap();
    assert!(revision >= newer.resource_version().unwrap().parse().unwrap());

    let names: Vec<_> = maps.list(&ListParams::default()).await.unwrap().items;
    assert!(names.iter().any(|map| map.name_any() == "a"), "what is stored stays");
    let mut events = maps.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    match events.next().await {
        Some(Ok(WatchEvent::Error(status))) => assert_eq!(status.code, 410, "{status:?}"),
        Some(Err(kube::Error::Api(status))) => assert_eq!(status.code, 410, "{status:?}"),
        other => panic!("expected 410 Gone, got {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn stages_of_the_user_replace_the_built_in_ones() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let node = include_str!("../../kwok/stages/node-initialize.yaml");
    std::fs::write(file.path(), node.replace("pods: \"1000\"", "pods: \"7\"")).unwrap();
    for provider in [Provider::Envtest, Provider::Kwok] {
        let cluster = cluster::start(&options(provider).nodes(1).stage(file.path())).unwrap();
        let nodes: Api<Node> = Api::all(client(&cluster).await);
        let node = nodes.list(&ListParams::default()).await.unwrap().items.remove(0);
        let capacity = node.status.unwrap().capacity.unwrap();
        assert_eq!(capacity["pods"].0, "7", "{provider}");
    }
}
