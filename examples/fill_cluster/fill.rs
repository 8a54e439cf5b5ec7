//! Objects of twenty kinds. Among them are names with colons, capitals and letters beyond ASCII, two kinds of
//! custom resources, objects of a megabyte, and secrets, which also stand plain, in base64, twice in base64 and
//! inside JSON texts elsewhere.

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
pub(super) const PLANTED: &str = "planted-5ecret-";

/// Makes `count` objects in a cluster on this machine.
pub(super) async fn fill(mut config: kube::Config, count: usize) -> anyhow::Result<()> {
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
    let kinds: Vec<Value> = serde_json::from_str(include_str!("kinds.json"))?;
    create(&client, (0..count.saturating_sub(SPACES + 2)).map(|n| one(&kinds, n))).await
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

/// The object with number `n`: a twentieth are of each kind, and every four hundredth is large.
fn one(kinds: &[Value], n: usize) -> Value {
    let at = (n / SPACES) % kinds.len();
    let space = format!("fill-{}", n % SPACES);
    // The Secret of this number's round; the other kinds hide what it holds.
    let plain = format!("{PLANTED}{:08}", n - at * SPACES);
    let once = STANDARD.encode(&plain);
    let words = [
        ("$secret", plain),
        ("$twice", STANDARD.encode(&once)),
        ("$once", once),
        ("$n", n.to_string()),
        ("$space", space.clone()),
    ];
    let mut value = kinds[at].clone();
    fill_in(&mut value, &words);
    let labels = json!({"app": format!("app-{}", n % 7), "part": "fill"});
    value["metadata"] = json!({"name": format!("o-{n}"), "namespace": space, "labels": labels});
    if value["kind"] == "ClusterRole" {
        value["metadata"] = json!({"name": odd_name(n)});
    }
    if value["kind"] == "ConfigMap" && (n / SPACES).is_multiple_of(41) {
        value["data"]["large"] = json!("0123456789abcdef".repeat(60_000));
    }
    value
}

fn fill_in(value: &mut Value, words: &[(&str, String)]) {
    match value {
        Value::String(text) => {
            for (word, with) in words {
                *text = text.replace(word, with);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, words)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_in(field, words)),
        _ => {}
    }
}

/// Names that file systems do not like.
fn odd_name(n: usize) -> String {
    match n % 4 {
        0 => format!("fill:role:{n}"),
        1 => format!("Fill-Role-{n}"),
        2 => format!("fill-größe-☃-{n}"),
        _ => format!("fill-{}-{n}", "long".repeat(60)),
    }
}
