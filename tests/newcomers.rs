//! Kinds and namespaces that appear while a capture watches.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use kubetape::{
    gather::{Logs, Manifest, Options, Progress, Why, gather},
    sim::Sim,
    tape::{Event, Tape},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tower::ServiceBuilder;

fn client(sim: &Sim) -> Client {
    let service = ServiceBuilder::new().map_err(tower::BoxError::from).service(sim.clone());
    Client::new(service, "default")
}

async fn create(client: &Client, object: Value) {
    let (group, version) = object["apiVersion"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .unwrap_or(("", object["apiVersion"].as_str().unwrap()));
    let kind = object["kind"].as_str().unwrap().to_owned();
    let resource = match kind.as_str() {
        "Ox" => ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, &kind), "oxen"),
        kind => ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)),
    };
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    // A kind may be listed before it can be written.
    for _ in 0..50 {
        match api.create(&PostParams::default(), &object).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.code == 404 => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("{kind} never came to be");
}

fn named(kind: &str, namespace: &str, name: &str) -> Value {
    let api_version = if kind == "Ox" { "example.com/v1" } else { "v1" };
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "oxen.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "oxen", "singular": "ox", "kind": "Ox"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
}

/// Captures while these objects are made, until as many of the named kinds are on the tape; gives their names.
async fn seen(options: Options, objects: Vec<Value>, wanted: &[&str]) -> (Vec<String>, Manifest) {
    let sim = Sim::new(kubetape::sim::Options { controllers: Vec::new(), ..Default::default() });
    let (client, progress) = (client(&sim), Progress::new());
    create(&client, named("Namespace", "", "shop")).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let options = Options { watch: Some(Duration::MAX), openapi: false, logs: Logs::None, ..options };
    let done = tokio::spawn({
        let (client, progress, place) = (client.clone(), progress.clone(), place.clone());
        async move { gather(client, "", &options, &place, false, &progress).await }
    });
    while progress.counts().now != "changes" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for object in objects {
        create(&client, object).await;
    }
    let partial = folder.path().join("capture.partial/watch.ktape");
    let found = |tape: &str| wanted.iter().all(|name| tape.contains(&format!("\"name\":\"{name}\"")));
    for _ in 0..500 {
        if found(&std::fs::read_to_string(&partial).unwrap_or_default()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    progress.stop();
    let manifest = done.await.unwrap().unwrap();
    let tape = Tape::load(place.join("watch.ktape")).unwrap();
    let names: BTreeSet<String> = tape
        .events
        .iter()
        .filter_map(|event| match &event.event {
            Event::Frame { event, object, .. } => {
                let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
                Some(format!("{event} {} {}/{}", object["kind"].as_str()?, text("namespace"), text("name")))
            }
            _ => None,
        })
        .collect();
    (names.into_iter().collect(), manifest)
}

/// Nothing is missing but watches that had not begun when the capture was ended.
fn only_stopped(manifest: &Manifest) {
    let watch = manifest.watch.as_ref().unwrap();
    assert!(watch.gaps == 0 && watch.missing.iter().all(|missing| missing.why == Why::Stopped), "{watch:?}");
}

#[tokio::test]
async fn a_kind_that_appears_is_watched_with_the_others() {
    let objects = vec![definition(), named("Ox", "shop", "big"), named("Ox", "shop", "small")];
    let (names, manifest) = seen(Options::default(), objects, &["big", "small"]).await;
    for name in
        ["ADDED CustomResourceDefinition /oxen.example.com", "ADDED Ox shop/big", "ADDED Ox shop/small"]
    {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    only_stopped(&manifest);
}

#[tokio::test]
async fn a_namespace_that_appears_and_fits_is_watched_and_no_other_is() {
    let options = Options { namespaces: vec!["shop*".parse().unwrap()], ..Options::default() };
    let objects = vec![
        named("Namespace", "", "elsewhere"),
        named("ConfigMap", "elsewhere", "not-this"),
        named("Namespace", "", "shop-2"),
        named("ConfigMap", "shop-2", "second"),
        named("ConfigMap", "shop", "first"),
    ];
    let (names, manifest) = seen(options, objects, &["first", "second"]).await;
    assert!(names.iter().any(|name| name == "ADDED ConfigMap shop-2/second"), "{names:?}");
    assert!(names.iter().any(|name| name == "ADDED ConfigMap shop/first"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("not-this")), "{names:?}");
    only_stopped(&manifest);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let spaces = ["default", "shp", "x*"].map(|pattern| pattern.parse().unwrap()).to_vec();
    for (namespaces, expected) in [
        (spaces[..2].to_vec(), vec!["the namespace shp"]),
        (spaces.clone(), vec!["the namespaces shp", "the namespaces x*"]),
    ] {
        let sim = Sim::new(Default::default());
        let place = tempfile::tempdir().unwrap();
        let options = Options { namespaces, openapi: false, ..Options::default() };
        let done = gather(client(&sim), "", &options, &place.path().join("c"), false, &Progress::new()).await;
        let manifest = done.unwrap();
        assert_eq!(manifest.other.iter().map(|missing| missing.what.as_str()).collect::<Vec<_>>(), expected);
    }
}
