//! Small operators that do not survive a crash at one place, each beside the form that does. The defects are
//! those that were found in operators of the field.

#![allow(unreachable_pub, reason = "each test binary runs some of them")]

use futures::{FutureExt, StreamExt, future::BoxFuture};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, CustomResource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{Controller, controller::Action, watcher},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub mod broken;
pub mod mended;

/// What the small operators look after.
#[derive(CustomResource, Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "App", namespaced, status = "AppStatus")]
pub struct AppSpec {
    pub size: i64,
    pub config: String,
}

/// What they remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppStatus {
    pub job: Option<String>,
    pub phase: Option<String>,
    pub out_of_sync: Option<bool>,
    pub ready: Option<bool>,
}

/// One look at an App.
#[derive(Clone)]
pub struct Look {
    pub app: Arc<App>,
    pub client: Client,
    /// What this process remembers.
    pub memory: Arc<Mutex<BTreeMap<String, bool>>>,
}

pub type Done = BoxFuture<'static, Result<(), kube::Error>>;

/// An operator that reconciles with this function.
pub fn operator(
    reconcile: fn(Look) -> Done,
) -> impl Fn(Client) -> BoxFuture<'static, ()> + Send + Sync + Clone {
    move |client: Client| {
        let memory = Arc::default();
        let apps = Api::<App>::default_namespaced(client.clone());
        let maps = Api::<ConfigMap>::default_namespaced(client.clone());
        let look = move |app: Arc<App>, _: Arc<()>| {
            let look = Look { app, client: client.clone(), memory: Arc::clone(&memory) };
            async move { reconcile(look).await.map(|()| Action::await_change()) }
        };
        let again = |_: Arc<App>, _: &kube::Error, _: Arc<()>| Action::requeue(Duration::from_secs(5));
        Controller::new(apps, watcher::Config::default())
            .owns(maps, watcher::Config::default())
            .run(look, again, Arc::new(()))
            .for_each(|_| futures::future::ready(()))
            .boxed()
    }
}

impl Look {
    pub fn maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    pub fn apps(&self) -> Api<App> {
        Api::default_namespaced(self.client.clone())
    }

    pub fn status(&self) -> AppStatus {
        self.app.status.clone().unwrap_or_default()
    }

    /// A child with one value.
    pub fn child(&self, name: &str, value: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.owner_references =
            kube::Resource::controller_owner_ref(&*self.app, &()).map(|o| vec![o]);
        map.data = Some([("value".to_owned(), value.to_owned())].into());
        map
    }

    /// The value of a child that exists.
    pub async fn value(&self, name: &str) -> Result<Option<String>, kube::Error> {
        let found = self.maps().get_opt(name).await?;
        Ok(found.map(|map| map.data.and_then(|data| data.get("value").cloned()).unwrap_or_default()))
    }

    pub async fn create(&self, name: &str, value: &str) -> Result<(), kube::Error> {
        self.maps().create(&PostParams::default(), &self.child(name, value)).await.map(drop)
    }

    /// Makes the child, or makes it have this value.
    pub async fn apply(&self, name: &str, value: &str) -> Result<(), kube::Error> {
        let mut map = self.child(name, value);
        map.metadata.managed_fields = None;
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": map.metadata, "data": map.data});
        let params = PatchParams::apply("small").force();
        self.maps().patch(name, &params, &Patch::Apply(&object)).await.map(drop)
    }

    /// Deletes a child; one that is not there is an error.
    pub async fn delete(&self, name: &str) -> Result<(), kube::Error> {
        self.maps().delete(name, &DeleteParams::default()).await.map(drop)
    }

    pub async fn set(&self, status: serde_json::Value) -> Result<(), kube::Error> {
        let patch = json!({ "status": status });
        let params = PatchParams::default();
        self.apps().patch_status(&self.app.name_any(), &params, &Patch::Merge(&patch)).await.map(drop)
    }

    pub async fn finalizers(&self, finalizers: &[&str]) -> Result<(), kube::Error> {
        let patch = json!({"metadata": {"finalizers": finalizers}});
        let params = PatchParams::default();
        self.apps().patch(&self.app.name_any(), &params, &Patch::Merge(&patch)).await.map(drop)
    }
}

/// What is there already, or gone already, is no error.
pub fn tolerated(result: Result<(), kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        other => other,
    }
}
