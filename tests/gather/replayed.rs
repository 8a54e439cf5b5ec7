//! A real control plane that is changed at random while it is watched, over a connection that is cut, with its
//! history compacted: the lists and the tape give what it holds at the end.

use crate::real::{captured, expect_equal, key, quiet, start};
use futures::{FutureExt, StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use kubetape::{
    gather::{Filter, KindReport, Manifest, Options, Progress, gather},
    tape::{Event, Tape},
    wire::{EventType, Verb},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    time::Duration,
};
use tokio::sync::watch;

/// How many rounds of changes there are.
const ROUNDS: usize = 9;
/// How many changes each has.
const CHANGES: usize = 40;
/// The kinds that are changed, and whether they live in namespaces.
const KINDS: [(&str, &str, bool); 4] = [
    ("v1", "ConfigMap", true),
    ("v1", "ServiceAccount", true),
    ("v1", "Secret", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", false),
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// The same server over a connection that breaks at every change of `cut`, and is not there while it is odd.
fn cuttable(inner: Client, cut: watch::Receiver<u32>) -> Client {
    let service = tower::service_fn(move |request| {
        let (inner, mut cut) = (inner.clone(), cut.clone());
        async move {
            if *cut.borrow_and_update() % 2 == 1 {
                return Err(io::Error::other("the connection is cut"));
            }
            let (parts, body) = inner.send(request).await.map_err(io::Error::other)?.into_parts();
            let broken = async move {
                let _ = cut.changed().await;
            };
            let chunks = body.into_data_stream().map_err(io::Error::other).take_until(broken.boxed());
            Ok(http::Response::from_parts(parts, StreamBody::new(chunks.map_ok(Frame::data))))
        }
    });
    Client::new(service, "default")
}

/// Somebody who changes things.
struct Driver {
    client: Client,
    dice: Dice,
    /// What there is, by kind.
    names: BTreeMap<usize, BTreeSet<String>>,
    made: usize,
}

impl Driver {
    fn api(&self, kind: usize) -> (Api<DynamicObject>, ApiResource) {
        let (version, kind, namespaced) = KINDS[kind];
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = match namespaced {
            true => Api::namespaced_with(self.client.clone(), "default", &resource),
            false => Api::all_with(self.client.clone(), &resource),
        };
        (api, resource)
    }

    async fn make(&mut self, kind: usize, name: &str) -> Option<String> {
        let (api, resource) = self.api(kind);
        let object = DynamicObject::new(name, &resource);
        let made = api.create(&PostParams::default(), &object).await.unwrap();
        self.names.entry(kind).or_default().insert(name.to_owned());
        made.metadata.resource_version
    }

    /// Makes, changes or deletes something; gives its new version, which a deletion does not tell.
    async fn change(&mut self) -> Option<String> {
        let kind = self.dice.below(KINDS.len());
        let names: Vec<String> = self.names.get(&kind).into_iter().flatten().cloned().collect();
        let what = self.dice.below(10);
        if names.len() < 3 || what < 3 {
            // Now and then under a name that was there before.
            let name = match self.dice.below(3) {
                0 => format!("again-{}", self.dice.below(4)),
                _ => {
                    self.made += 1;
                    format!("made-{}", self.made)
                }
            };
            if !names.contains(&name) {
                return self.make(kind, &name).await;
            }
        }
        let name = &names[self.dice.below(names.len())];
        let (api, _) = self.api(kind);
        if what < 7 {
            let value = format!("{}", self.dice.below(1000));
            let patch = json!({"metadata": {"labels": {"value": value}}});
            let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            return patched.metadata.resource_version;
        }
        api.delete(name, &DeleteParams::default()).await.unwrap();
        self.names.get_mut(&kind).unwrap().remove(name);
        None
    }

    /// Waits until the tape knows all that happened before.
    async fn settle(&mut self, tape: &Path) {
        self.made += 1;
        let names: Vec<_> = (0..KINDS.len()).map(|kind| format!("mark-{}-{kind}", self.made)).collect();
        for (kind, name) in names.iter().enumerate() {
            self.make(kind, name).await;
        }
        for _ in 0..600 {
            let text = fs::read_to_string(tape).unwrap_or_default();
            if names.iter().all(|name| text.contains(name)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("what was made does not come");
    }
}

/// What the objects are after the frames of the tape.
fn replay(mut objects: BTreeMap<String, Value>, tape: &Tape) -> BTreeMap<String, Value> {
    for event in &tape.events {
        let Event::Frame { event, object, .. } = &event.event else { continue };
        match event {
            EventType::Added | EventType::Modified => {
                let mut object = Value::clone(object);
                quiet(&mut object);
                objects.insert(key(&object), object)
            }
            EventType::Deleted => objects.remove(&key(object)),
            _ => None,
        };
    }
    objects
}

/// The versions of what the watches saw, after a look at their order.
fn versions(tape: &Tape) -> BTreeSet<u64> {
    let (mut paths, mut latest, mut all) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for event in &tape.events {
        match &event.event {
            Event::Sent(sent) if sent.verb == Verb::Watch => {
                paths.insert(sent.id.as_str(), sent.path.split('?').next().unwrap());
            }
            Event::Frame { of, event, object } if *event != EventType::Error => {
                let Some(path) = paths.get(of.as_str()) else { continue };
                let version = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                let before = latest.insert(*path, version);
                assert!(before.is_none_or(|before| before < version), "{path}: {version} after {before:?}");
                assert!(all.insert(version), "{version} comes twice");
            }
            _ => {}
        }
    }
    all
}

/// What an independent client reads of the kinds that were captured.
async fn read(client: &Client, manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for KindReport { group, version, plural, kind, .. } in &manifest.kinds {
        let version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
        let path = format!("/{}/{version}/{plural}", if group.is_empty() { "api" } else { "apis" });
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let list: Value = client.request(request).await.unwrap();
        for mut object in list["items"].as_array().unwrap().iter().cloned() {
            (object["apiVersion"], object["kind"]) = (json!(version), json!(kind));
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
            quiet(&mut object);
            found.insert(key(&object), object);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: just e2e"]
async fn lists_and_tape_give_what_the_cluster_holds_at_the_end() {
    let mut cluster = start();
    let client = Client::try_from(cluster.config().await.unwrap()).unwrap();
    let (cut, cuts) = watch::channel(0);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let tape = folder.path().join("capture.partial/watch.ktape");
    let progress = Progress::new();
    let mut driver =
        Driver { client: client.clone(), dice: Dice(20_261_125), names: BTreeMap::new(), made: 0 };
    for _ in 0..CHANGES {
        driver.change().await;
    }
    let gathering = tokio::spawn({
        let (client, place, progress) = (cuttable(client.clone(), cuts), place.clone(), progress.clone());
        // Heartbeats never end.
        let kinds = Filter { include: Vec::new(), exclude: vec!["leases".parse().unwrap()] };
        let options = Options { watch: Some(Duration::MAX), openapi: false, kinds, ..Options::default() };
        async move { gather(client, "here", &options, &place, false, &progress).await.unwrap() }
    });
    while fs::metadata(&tape).map_or(0, |found| found.len()) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut expected = BTreeSet::new();
    for round in 0..ROUNDS {
        // Nothing happens to the connection, it is cut, or it is cut and the history is forgotten.
        let (cuts, forgets) = (round % 3 > 0, round % 3 == 2);
        if cuts {
            cut.send_modify(|number| *number += 1);
        }
        for change in 0..CHANGES {
            let version = driver.change().await;
            expected.extend(version.filter(|_| !forgets).map(|version| version.parse::<u64>().unwrap()));
            if forgets && change == CHANGES / 2 {
                let (back, _) = tokio::task::spawn_blocking(move || {
                    let revision = cluster.compact().unwrap();
                    (cluster, revision)
                })
                .await
                .unwrap();
                cluster = back;
            }
        }
        if cuts {
            cut.send_modify(|number| *number += 1);
        }
        driver.settle(&tape).await;
    }
    progress.stop();
    let manifest = gathering.await.unwrap();
    let theirs = read(&client, &manifest).await;

    let tape = Tape::load(place.join("watch.ktape")).unwrap();
    let report = manifest.watch.unwrap();
    assert!(report.gaps as usize >= ROUNDS / 3 * KINDS.len(), "{} gaps", report.gaps);
    assert_eq!(manifest.warnings, report.gaps as usize, "{:?}", report.missing);
    let seen = versions(&tape);
    let lost: Vec<_> = expected.difference(&seen).collect();
    assert!(lost.is_empty() && expected.len() > CHANGES, "{lost:?} of {} are lost", expected.len());
    expect_equal(&replay(captured(&place), &tape), &theirs);
}
