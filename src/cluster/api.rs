//! A blocking client: readiness, nodes, versions. Plain JSON, so that it works with
//! whichever Kubernetes version the user's k8s-openapi has.

use std::path::Path;
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::Error;
use super::site::Site;
use crate::wire::causes;

/// Ready but for the hundred RBAC objects, whose creation is throttled to about two
/// seconds. An administrator can work meanwhile, so the controllers start here.
const SERVING: &str = "/readyz?exclude=poststarthook/rbac/bootstrap-roles";

/// A connection to one API server. Must be made and used outside a runtime, see [`apart`].
pub(super) struct Session {
    runtime: Runtime,
    client: kube::Client,
}

impl Session {
    /// Connects with the first request, not before. One request may take `patience`.
    pub(super) fn open(kubeconfig: &Path, patience: Duration) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::files("start a runtime for", kubeconfig))?;
        let client = runtime.block_on(async {
            let mut config = config(kubeconfig).await?;
            config.default_retry = false;
            config.connect_timeout = Some(patience);
            config.read_timeout = Some(patience);
            kube::Client::try_from(config).map_err(request("make a client"))
        })?;
        Ok(Self { runtime, client })
    }

    /// GETs a path.
    pub(super) fn get(&self, path: &str) -> Result<String, kube::Error> {
        let request = http::Request::get(path).body(Vec::new()).expect("a fixed path");
        self.runtime.block_on(self.client.request_text(request))
    }

    /// POSTs an object.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<(), kube::Error> {
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a fixed path");
        self.runtime.block_on(self.client.request_text(request)).map(drop)
    }

    /// The `gitVersion`, such as `v1.36.3`.
    pub(super) fn version(&self) -> Result<String, Error> {
        let text = self.get("/version").map_err(request("ask for the version"))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(value["gitVersion"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Waits until requests of an administrator are answered.
    pub(super) fn until_serving(&self, site: &mut Site) -> Result<(), Error> {
        site.until("a serving API server", || self.expect_ok(SERVING))
    }

    /// Waits until the API server calls itself ready.
    pub(super) fn until_ready(&self, site: &mut Site) -> Result<(), Error> {
        site.until("a ready API server", || self.expect_ok("/readyz"))
    }

    /// Waits until pods can be created in `default`, which ServiceAccount admission
    /// refuses before the controller-manager has made the account.
    pub(super) fn until_pods_are_admitted(&self, site: &mut Site) -> Result<(), Error> {
        site.until("the default ServiceAccount", || {
            self.expect_ok("/api/v1/namespaces/default/serviceaccounts/default")
        })
    }

    /// Waits until this many nodes take pods.
    pub(super) fn until_nodes(&self, site: &mut Site, wanted: u32) -> Result<(), Error> {
        site.until(&format!("{wanted} schedulable nodes"), || {
            let text = self.get("/api/v1/nodes").map_err(|error| causes(&error))?;
            let found = count_schedulable(&serde_json::from_str(&text).unwrap_or_default());
            if found >= wanted as usize {
                return Ok(());
            }
            Err(format!("{found} nodes"))
        })
    }

    /// Creates nodes for kwok to play.
    pub(super) fn create_nodes(&self, count: u32) -> Result<(), Error> {
        for index in 0..count {
            let name = format!("node-{index}");
            let node = json!({
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                    "labels": {
                        "kubernetes.io/hostname": name,
                        "kubernetes.io/os": "linux",
                        "kubernetes.io/arch": "amd64",
                        "type": "kwok",
                    },
                },
            });
            self.post("/api/v1/nodes", &node).map_err(request("create a node"))?;
        }
        Ok(())
    }

    fn expect_ok(&self, path: &str) -> Result<(), String> {
        self.get(path).map(drop).map_err(|error| causes(&error))
    }
}

/// Ready, and without the taints that keep pods away until the controllers saw it.
fn count_schedulable(nodes: &Value) -> usize {
    let ready = |node: &&Value| {
        let conditions = node["status"]["conditions"].as_array();
        let ready = conditions.into_iter().flatten();
        let untainted = node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
        untainted && ready.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    nodes["items"].as_array().into_iter().flatten().filter(ready).count()
}

/// The client configuration of a kubeconfig's current context.
pub(super) async fn config(kubeconfig: &Path) -> Result<Config, Error> {
    let failed = |error| Error::Kubeconfig(Box::new(error));
    let parsed = Kubeconfig::read_from(kubeconfig).map_err(failed)?;
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(parsed, &options).await.map_err(failed)
}

/// Runs blocking work on a thread of its own: a runtime cannot be entered from inside
/// another one, and callers may be async.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn request(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Request { what: what.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tainted_node_does_not_count() {
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let nodes = json!({"items": [
            {"spec": {}, "status": ready},
            {"spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}, "status": ready},
            {"spec": {}, "status": {}},
        ]});
        assert_eq!(count_schedulable(&nodes), 1);
    }
}
