//! Captures of a real control plane, beside what others read of it.

#[path = "../../examples/fill_cluster/fill.rs"]
mod fill;

use kubetape::{
    cluster::{self, Cluster, Options as Plane, Provider},
    gather::{Capture, Logs, Options, Progress, gather},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of the control plane's binaries.
fn assets() -> PathBuf {
    if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS") {
        return folder.into();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kwok/assets.sh");
    let output = Command::new(script).arg("--dir").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// An API server alone.
pub(crate) fn start() -> Cluster {
    cluster::start(&Plane::new(Provider::Envtest).assets(assets())).unwrap()
}

/// Another program that reads.
struct Kubectl(PathBuf);

impl Kubectl {
    fn get(&self, path: &str) -> Value {
        let mut command = Command::new(assets().join("kubectl"));
        let output = command.args(["get", "--raw", path, "--kubeconfig"]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The paths of all kinds that can be listed, each in the version that the server prefers.
    fn kinds(&self) -> Vec<String> {
        let groups = self.get("/apis");
        let versions = groups["groups"].as_array().unwrap().iter().map(|group| {
            let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
            format!("/apis/{version}")
        });
        let mut paths = Vec::new();
        for root in std::iter::once("/api/v1".to_owned()).chain(versions) {
            let resources = self.get(&root)["resources"].as_array().unwrap().clone();
            for resource in resources {
                let name = resource["name"].as_str().unwrap();
                let lists = resource["verbs"].as_array().unwrap().iter().any(|verb| verb == "list");
                if lists && !name.contains('/') {
                    paths.push(format!("{root}/{name}"));
                }
            }
        }
        paths
    }

    /// All objects of the cluster, by `GROUP/KIND NAMESPACE/NAME`.
    fn objects(&self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        for path in self.kinds() {
            // The same events under another name, and what the server makes up at every question.
            if path.starts_with("/apis/events.k8s.io/") || path == "/api/v1/componentstatuses" {
                continue;
            }
            let list = self.get(&path);
            let (version, kind) = (list["apiVersion"].clone(), list["kind"].as_str().unwrap());
            let kind = Value::from(kind.strip_suffix("List").unwrap());
            for mut object in list["items"].as_array().unwrap().iter().cloned() {
                object["apiVersion"] = version.clone();
                object["kind"] = kind.clone();
                quiet(&mut object);
                found.insert(key(&object), object);
            }
        }
        found
    }
}

/// Leaves out what a capture leaves out: of a Lease the heartbeat.
pub(crate) fn quiet(object: &mut Value) {
    if object["kind"] == "Lease" {
        object["spec"].as_object_mut().unwrap().remove("renewTime");
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        // It tells of the same heartbeat.
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
    }
}

/// `GROUP/KIND NAMESPACE/NAME`
pub(crate) fn key(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let metadata = &object["metadata"];
    format!("{group}/{} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// All objects of a capture, by the same keys.
pub(crate) fn captured(place: &Path) -> BTreeMap<String, Value> {
    let capture = Capture::open(place).unwrap();
    assert!(capture.notes.is_empty(), "{:?}", capture.notes);
    let objects = capture.objects.into_values().map(|mut object| {
        quiet(&mut object);
        (key(&object), object)
    });
    objects.collect()
}

/// Fails at the first object that is not the same on both sides.
pub(crate) fn expect_equal(ours: &BTreeMap<String, Value>, theirs: &BTreeMap<String, Value>) {
    for (key, object) in theirs {
        assert_eq!(ours.get(key), Some(object), "{key}");
    }
    let more: Vec<_> = ours.keys().filter(|key| !theirs.contains_key(*key)).collect();
    assert!(more.is_empty(), "nobody else sees {more:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn a_capture_holds_every_object_as_kubectl_reads_it() {
    let cluster = start();
    let config = cluster.config().await.unwrap();
    fill::fill(config.clone(), 2_000).await.unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { include_secrets: true, managed_fields: true, logs: Logs::None, ..Options::default() };
    let kubectl = Kubectl(cluster.kubeconfig().to_owned());
    let theirs = kubectl.objects();
    assert!(theirs.len() >= 2_000, "{}", theirs.len());
    for name in ["capture", "capture.tar.zst", "capture.zip"] {
        let place = folder.path().join(name);
        let manifest =
            gather(client.clone(), "here", &options, &place, false, &Progress::new()).await.unwrap();
        assert_eq!(manifest.warnings, 0, "{:?}", manifest.missing().next());
        let ours = captured(&place);
        let count: u64 = manifest.kinds.iter().map(|kind| kind.objects).sum();
        assert_eq!((count, ours.len()), (theirs.len() as u64, theirs.len()), "{name}");
        expect_equal(&ours, &theirs);
    }
    let planted = theirs.values().filter(|object| object.to_string().contains(fill::PLANTED)).count();
    assert!(planted > 100, "{planted}");
    // Without them nothing is lost but the secrets.
    let place = folder.path().join("scrubbed");
    let options = Options { include_secrets: false, ..options };
    gather(client, "here", &options, &place, false, &Progress::new()).await.unwrap();
    let scrubbed = captured(&place);
    assert_eq!(scrubbed.len(), theirs.len());
    assert!(scrubbed.values().all(|object| !object.to_string().contains(fill::PLANTED)));
}
