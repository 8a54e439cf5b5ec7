//! Fills a cluster with objects of twenty kinds, for measuring and testing captures:
//! `cargo run --release --example fill_cluster -- 10000` into the cluster of `KUBECONFIG`.
//!
//! Among them are names with colons, capitals and letters beyond ASCII, two kinds of custom resources, objects
//! of a megabyte, and secrets, which also stand plain, in base64, twice in base64 and inside JSON texts elsewhere.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

const SPACES: usize = 10;
/// The secret values begin so; nothing else in the cluster does.
const PLANTED: &str = "planted-5ecret-";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize =
        std::env::args().nth(1).unwrap_or_else(|| "10000".into()).parse().context("how many?")?;
    let mut config = kube::Config::infer().await.context("set KUBECONFIG to the cluster to fill")?;
    let local = config.cluster_url.host().is_some_and(|host| host == "127.0.0.1" || host == "localhost");
    anyhow::ensure!(local, "{} is not on this machine; only a test cluster is filled", config.cluster_url);
    config.default_retry = true;
    let client = Client::try_from(config)?;
    let first: Vec<Value> = (0..SPACES)
        .map(|n| object("v1", "Namespace", None, &format!("fill-{n}")))
        .chain([crd("Gadget"), crd("Gizmo")])
        .collect();
    create(&client, first).await?;
    established(&client).await?;
    create(&client, (0..count.saturating_sub(SPACES + 2)).map(one)).await?;
    eprintln!("made {count} objects; each secret value begins with {PLANTED}");
    Ok(())
}

async fn create(client: &Client, objects: impl IntoIterator<Item = Value>) -> anyhow::Result<()> {
    let all = objects.into_iter().map(|value| make(client.clone(), value));
    futures::stream::iter(all).buffer_unordered(24).try_collect::<Vec<()>>().await?;
    Ok(())
}

async fn make(client: Client, value: Value) -> anyhow::Result<()> {
    let object: DynamicObject = serde_json::from_value(value)?;
    let types = object.types.clone().context("every object has a kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{} {:?}", types.kind, object.metadata.name)),
    }
}

async fn established(client: &Client) -> anyhow::Result<()> {
    let asked = async {
        for kind in ["gadgets", "gizmos"] {
            let path = format!("/apis/fill.example.com/v1/{kind}?limit=1");
            while client.request_text(http::Request::get(&path).body(Vec::new())?).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), asked)
        .await
        .context("the CRDs are not served")?
}

fn object(version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Value {
    let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    if let Some(namespace) = namespace {
        value["metadata"]["namespace"] = json!(namespace);
    }
    value
}

fn crd(kind: &str) -> Value {
    let (singular, plural) = (kind.to_lowercase(), format!("{}s", kind.to_lowercase()));
    let mut value = object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        None,
        &format!("{plural}.fill.example.com"),
    );
    value["spec"] = json!({
        "group": "fill.example.com", "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": singular, "shortNames": [&singular[..3]]},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
    });
    value
}

/// The object with number `n`: a twentieth are of each kind.
fn one(n: usize) -> Value {
    let space = format!("fill-{}", n % SPACES);
    let make = |version: &str, kind: &str, fields: Value| {
        let mut value = object(version, kind, Some(&space), &format!("o-{n}"));
        value["metadata"]["labels"] = json!({"app": format!("app-{}", n % 7), "part": "fill"});
        value.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
        value
    };
    let pods = json!({"metadata": {"labels": {"o": format!("{n}")}},
        "spec": {"containers": [{"name": "main", "image": "example.com/app:1", "env": [{"name": "MODE", "value": "on"}]}]}});
    let selector = json!({"matchLabels": {"o": format!("{n}")}});
    match (n / SPACES) % 20 {
        0 => make("v1", "Secret", json!({"stringData": {"password": secret(n), "user": "shop"}})),
        1 => make("v1", "ConfigMap", json!({"data": hiding(n)})),
        2 => make(
            "v1",
            "ConfigMap",
            json!({"data": {"text": "Grüße, 世界 ☃\n- on\n- 0755\n", "yes": "no", "empty": ""}}),
        ),
        3 => make(
            "v1",
            "Service",
            json!({"spec": {"ports": [{"name": "web", "port": 80}], "selector": {"o": "x"}, "clusterIP": "None"}}),
        ),
        4 => make("v1", "ServiceAccount", json!({})),
        5 => make(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        6 => make(
            "v1",
            "Event",
            json!({"involvedObject": {"kind": "Pod", "name": format!("o-{n}"), "namespace": &space}, "reason": "Made", "message": "it was made", "type": "Normal"}),
        ),
        7 => make(
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 0, "selector": selector, "template": pods}}),
        ),
        8 => make(
            "apps/v1",
            "ReplicaSet",
            json!({"spec": {"replicas": 0, "selector": selector, "template": pods}}),
        ),
        9 => make(
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"replicas": 0, "serviceName": "x", "selector": selector, "template": pods}}),
        ),
        10 => make(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/app:1"}]}}}}}}),
        ),
        11 => make("networking.k8s.io/v1", "NetworkPolicy", json!({"spec": {"podSelector": {}}})),
        12 => make(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}),
        ),
        13 => make(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        14 => named("ClusterRole", n, json!({"rules": []})),
        15 => make(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}, "subjects": [{"kind": "User", "name": "Jürgen", "apiGroup": "rbac.authorization.k8s.io"}]}),
        ),
        16 => make(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": 1, "selector": selector}}),
        ),
        17 => make(
            "fill.example.com/v1",
            "Gadget",
            json!({"spec": {"size": n, "mode": "on", "note": format!("uses {}", secret(n - n % 20))}}),
        ),
        18 => make(
            "fill.example.com/v1",
            "Gizmo",
            json!({"spec": {"list": [1, 2.5, null, true, "0x1F", "1e3", "~"], "deep": {"a": {"b": {"c": []}}}}}),
        ),
        _ if n % 400 == 199 => {
            make("v1", "ConfigMap", json!({"data": {"large": "0123456789abcdef".repeat(60_000)}}))
        }
        _ => make(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": []}),
        ),
    }
}

/// Names that file systems do not like.
fn named(kind: &str, n: usize, fields: Value) -> Value {
    let name = match n % 4 {
        0 => format!("fill:role:{n}"),
        1 => format!("Fill-Role-{n}"),
        2 => format!("fill-größe-☃-{n}"),
        _ => format!("fill-{}-{n}", "long".repeat(40)),
    };
    let mut value = object("rbac.authorization.k8s.io/v1", kind, None, &name);
    value.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
    value
}

fn secret(n: usize) -> String {
    format!("{PLANTED}{n:08}")
}

/// A secret in the forms in which it turns up elsewhere.
fn hiding(n: usize) -> Value {
    let plain = secret(n - 10);
    let once = STANDARD.encode(&plain);
    json!({
        "plain": format!("password={plain}"),
        "once": once,
        "twice": STANDARD.encode(&once),
        "json": json!({"db": {"password": plain}}).to_string(),
    })
}
