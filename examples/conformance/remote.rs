//! A server that is not ours: it is emptied before each vector and transcript.

use crate::judge::{
    json::text,
    server::{Door, Ground, Kind, Server},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use http_body_util::BodyExt;
use kubetape::wire::Body;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

/// How long emptying may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that are there already, by whether controllers run.
pub(crate) struct Remote {
    servers: BTreeMap<bool, (Server, Base)>,
}

/// What was on a server at first, once it was looked at.
type Base = Mutex<Option<BTreeSet<String>>>;

/// Objects by their paths and uids.
type Objects = BTreeMap<String, Value>;

/// A way to any server; certificates are not checked.
pub(crate) fn door(url: &str) -> anyhow::Result<Door> {
    let mut config = kube::Config::new(url.parse()?);
    config.accept_invalid_certs = true;
    config.read_timeout = None;
    // A refusal is an answer, and no reason to ask again.
    config.default_retry = false;
    let client = kube::Client::try_from(config)?;
    Ok(Arc::new(move |request| {
        let client = client.clone();
        async move {
            let (parts, body) = client.send(request).await?.into_parts();
            let chunks = body.into_data_stream().map(|chunk| chunk.map_err(Into::into));
            Ok(http::Response::from_parts(parts, Body::stream(chunks)))
        }
        .boxed()
    }))
}

/// A server as it is now.
pub(crate) fn server(door: Door, admin: &str) -> Server {
    #[allow(clippy::disallowed_methods, reason = "a real server shows the time of this machine")]
    let now = jiff::Timestamp::now();
    Server {
        door,
        began: Instant::now(),
        epoch: now.as_millisecond() as f64 / 1000.0,
        admin: admin.to_owned(),
        poor: Some("as:u".to_owned()),
        other: Some("as:jane".to_owned()),
        compact: None,
    }
}

impl Remote {
    /// Of the URLs without and with controllers.
    pub(crate) fn new(plain: Option<&str>, controllers: Option<&str>, token: &str) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        for (runs, url) in [(false, plain), (true, controllers)] {
            if let Some(url) = url {
                servers.insert(runs, (server(door(url)?, token), Mutex::default()));
            }
        }
        Ok(Self { servers })
    }
}

impl Ground for Remote {
    fn fresh(&self, kind: Kind) -> BoxFuture<'_, Result<Server, String>> {
        async move {
            if kind.accounts && !kind.controllers {
                return Err("no server with the admission of service accounts alone".to_owned());
            }
            let own = self.servers.get(&kind.controllers);
            let (known, base) =
                own.ok_or_else(|| "no server with controllers (--controllers-server)".to_owned())?;
            let mut base = base.lock().await;
            match base.as_ref() {
                Some(base) => empty(known, base).await?,
                None => *base = Some(objects(known).await.into_keys().collect()),
            }
            Ok(server(known.door.clone(), &known.admin))
        }
        .boxed()
    }
}

/// Everything that can be listed and deleted, by its path and uid.
async fn objects(server: &Server) -> Objects {
    let mut found = Objects::new();
    for (root, plural) in resources(server).await {
        let list = server.admin("GET", &format!("{root}/{plural}"), None).await.json().unwrap_or_default();
        for object in list["items"].as_array().into_iter().flatten() {
            let meta = &object["metadata"];
            let space =
                meta["namespace"].as_str().map(|space| format!("/namespaces/{space}")).unwrap_or_default();
            let path = format!("{root}{space}/{plural}/{}", text(meta, "name"));
            found.insert(format!("{path}#{}", text(meta, "uid")), object.clone());
        }
    }
    found
}

/// Each type once, by its preferred version.
async fn resources(server: &Server) -> Vec<(String, String)> {
    let groups = server.admin("GET", "/apis", None).await.json().unwrap_or_default();
    let groups = groups["groups"].as_array().into_iter().flatten();
    let roots = groups.map(|group| format!("/apis/{}", text(&group["preferredVersion"], "groupVersion")));
    let mut found = Vec::new();
    for root in std::iter::once("/api/v1".to_owned()).chain(roots) {
        let document = server.admin("GET", &root, None).await.json().unwrap_or_default();
        for resource in document["resources"].as_array().into_iter().flatten() {
            let can = |verb: &str| resource["verbs"].as_array().into_iter().flatten().any(|own| own == verb);
            // Events pass by themselves, and leases are the server's own.
            let kept = ["componentstatuses"].contains(&text(resource, "name"));
            if can("list") && can("delete") && !text(resource, "name").contains('/') && !kept {
                found.push((root.clone(), text(resource, "name").to_owned()));
            }
        }
    }
    found
}

/// Deletes what was not there at first.
async fn empty(server: &Server, base: &BTreeSet<String>) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut extra = objects(server).await;
        extra.retain(|key, _| {
            !base.contains(key) && !key.contains("/leases/") && !key.contains("kube-system/events")
        });
        if extra.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            let left: Vec<_> = extra.into_keys().take(3).collect();
            return Err(format!("cannot be emptied of {}", left.join(", ")));
        }
        let definitions = extra.keys().any(|key| key.contains("/customresourcedefinitions/"));
        for (key, object) in &extra {
            remove(server, key.split('#').next().unwrap_or_default(), object).await;
        }
        // Discovery and the routes of definitions follow after a while.
        sleep(Duration::from_millis(if definitions { 1500 } else { 20 })).await;
    }
}

async fn remove(server: &Server, path: &str, object: &Value) {
    if object["metadata"].get("finalizers").is_some() && !path.contains("/customresourcedefinitions/") {
        let body = json!({"metadata": {"finalizers": null}});
        let mut ask = crate::judge::server::Ask::new("PATCH", path, Some(&body));
        ask.headers = vec![("content-type".to_owned(), "application/merge-patch+json".to_owned())];
        server.ask(ask, &server.admin).await;
    }
    let how = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
    server.admin("DELETE", path, Some(&how)).await;
    if path.starts_with("/api/v1/namespaces/") && path.matches('/').count() == 4 {
        let mut object = object.clone();
        object["spec"] = json!({"finalizers": []});
        object["metadata"]["resourceVersion"] = Value::Null;
        server.admin("PUT", &format!("{path}/finalize"), Some(&object)).await;
    }
}
