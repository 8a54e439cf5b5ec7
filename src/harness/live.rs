use super::{Error, Mode, Options, activity::Activity, calls::Calls, client::Fuse, world::quiet};
use crate::{
    cluster::{self, Cluster, Provider},
    tape::Recorder,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    client::{ClientBuilder, retry::RetryPolicy},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};
use tower::{buffer::BufferLayer, retry::RetryLayer};

/// A real control plane as the ground of a scenario.
pub(super) struct Live {
    config: Config,
    provider: Provider,
    activity: Activity,
    recorder: Option<Recorder>,
    own: Arc<Mutex<Option<Cluster>>>,
}

/// Where a scenario finds its control plane.
pub(super) struct Found {
    pub(super) config: Config,
    /// The cluster that is this scenario's alone.
    pub(super) own: Option<Cluster>,
}

impl Live {
    pub(super) fn new(found: Found, provider: Provider, recorder: Option<Recorder>) -> Self {
        let own = Arc::new(Mutex::new(found.own));
        Self { config: found.config, provider, activity: Activity::new(), recorder, own }
    }

    /// Makes the history before now unknown; every watch breaks.
    pub(super) async fn compact(&self) {
        let own = self.own.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            let cluster =
                own.as_mut().expect("`compact` needs a cluster of its own: #[kubetape::test(exclusive)]");
            cluster.compact().map_err(|error| super::error::chain(&error))
        });
        let done = work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        done.unwrap_or_else(|error| panic!("failed to compact: {error}"));
    }

    pub(super) fn provider(&self) -> Provider {
        self.provider
    }

    pub(super) fn calls(&self) -> &Calls {
        self.activity.calls()
    }

    /// A client whose every attempt is seen: retries stand outside of the recorder.
    ///
    /// # Panics
    /// When kube cannot make a client of a configuration that it made one of before.
    pub(super) fn client(&self, actor: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        let mut config = self.config.clone();
        config.default_retry = false;
        let builder =
            ClientBuilder::try_from(config).expect("a configuration that made a client makes another");
        let fused = Fuse(fuse);
        let activity = self.activity.layer(actor);
        let retry = RetryLayer::new(RetryPolicy::server_retry());
        match &self.recorder {
            Some(recorder) => builder
                .with_layer(&recorder.layer(actor))
                .with_layer(&activity)
                .with_layer(&fused)
                .with_layer(&BufferLayer::new(64))
                .with_layer(&retry)
                .build(),
            None => builder
                .with_layer(&activity)
                .with_layer(&fused)
                .with_layer(&BufferLayer::new(64))
                .with_layer(&retry)
                .build(),
        }
    }

    pub(super) fn step(&self, step: &str, of: &str) {
        if let Some(recorder) = &self.recorder {
            recorder.step(step, of);
        }
    }

    pub(super) async fn settle(&self) {
        while !quiet(&self.activity) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.step("settled", "");
    }
}

/// The cluster for a scenario: its own, or that of this process, which the first scenario starts and a
/// watchdog ends.
pub(super) fn find(
    provider: Provider,
    mode: &Mode,
    options: &Options,
    allowed: &[String],
) -> Result<Found, Error> {
    if options.exclusive {
        let own = cluster::start(&plan(provider, mode, options, allowed)).map_err(Error::Cluster)?;
        return Ok(Found { config: config(&own)?, own: Some(own) });
    }
    static FULL: Mutex<Option<Cluster>> = Mutex::new(None);
    static BARE: Mutex<Option<Cluster>> = Mutex::new(None);
    let (slot, name) = if options.bare { (&BARE, "kubetape-bare") } else { (&FULL, "kubetape") };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        let found = cluster::find(name).ok().flatten().filter(|found| found.provider() == provider);
        *slot = Some(match found {
            Some(found) => found,
            None => cluster::start(&plan(provider, mode, options, allowed)).map_err(Error::Cluster)?,
        });
    }
    let cluster = slot.as_ref().expect("the slot was filled above");
    Ok(Found { config: config(cluster)?, own: None })
}

fn config(cluster: &Cluster) -> Result<Config, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| Error::Stopped(crate::runtime::Stopped::Runtime(e)))?;
    runtime.block_on(cluster.config()).map_err(Error::Cluster)
}

fn plan(provider: Provider, mode: &Mode, options: &Options, allowed: &[String]) -> cluster::Options {
    let mut plan = cluster::Options::new(provider);
    if !options.bare {
        plan = plan.full();
    }
    if !allowed.is_empty() {
        plan = plan.allowed(allowed.to_vec());
    }
    match &mode.context {
        Some(context) => plan.context(context.clone()),
        None => plan,
    }
}

/// Makes the namespace and the CRDs of a scenario; what an earlier run left there goes first.
pub(super) async fn prepare(
    client: &Client,
    namespace: &str,
    crds: &[Value],
    bare: bool,
) -> Result<(), Error> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| Error::Prepare { what, source: Box::new(source) }
    };
    for crd in crds {
        install(client, crd).await.map_err(failed("install a CRD"))?;
    }
    clean(client, namespace, crds).await.map_err(failed("delete the namespace of an earlier run"))?;
    let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &resource("", "v1", "Namespace"));
    let object =
        DynamicObject::new(namespace, &resource("", "v1", "Namespace")).data(json!({})).within_kubetape();
    namespaces
        .create(&PostParams::default(), &object)
        .await
        .map_err(failed("create the scenario's namespace"))?;
    if !bare {
        let accounts: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), namespace, &resource("", "v1", "ServiceAccount"));
        for _ in 0..200 {
            if accounts
                .get_opt("default")
                .await
                .map_err(failed("look for the default ServiceAccount"))?
                .is_some()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

trait Labelled {
    fn within_kubetape(self) -> Self;
}

impl Labelled for DynamicObject {
    fn within_kubetape(mut self) -> Self {
        let labels = self.metadata.labels.get_or_insert_default();
        labels.insert("app.kubernetes.io/managed-by".into(), "kubetape".into());
        self
    }
}

/// Deletes the scenario's objects and namespace, and waits until they are gone. Finalizers of its own
/// types are taken off: their operator no longer runs.
pub(super) async fn clean(client: &Client, namespace: &str, crds: &[Value]) -> kube::Result<()> {
    let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &resource("", "v1", "Namespace"));
    if namespaces.get_opt(namespace).await?.is_none() {
        return Ok(());
    }
    for crd in crds {
        unfinalize(client, namespace, crd).await?;
    }
    for _ in 0..600 {
        match namespaces.delete(namespace, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        finalize(client, namespace).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Where no namespace controller runs, nobody else takes the finalizer off.
async fn finalize(client: &Client, namespace: &str) -> kube::Result<()> {
    let accounts: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &resource("", "v1", "ServiceAccount"));
    if accounts.get_opt("default").await?.is_some() {
        return Ok(());
    }
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}});
    let request = http::Request::put(format!("/api/v1/namespaces/{namespace}/finalize"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    match client.request::<Value>(request).await {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn unfinalize(client: &Client, namespace: &str, crd: &Value) -> kube::Result<()> {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("/spec/scope") != "Namespaced" {
        return Ok(());
    }
    let gvk = GroupVersionKind::gvk(
        &text("/spec/group"),
        &text("/spec/versions/0/name"),
        &text("/spec/names/kind"),
    );
    let types = ApiResource::from_gvk_with_plural(&gvk, &text("/spec/names/plural"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &types);
    for object in api.list(&ListParams::default()).await?.items {
        let Some(name) = object.metadata.name else { continue };
        let patch = json!({"metadata": {"finalizers": null}});
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(())
}

async fn install(client: &Client, crd: &Value) -> kube::Result<()> {
    let types = resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &types);
    let name = crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let params = PatchParams::apply("kubetape").force();
    api.patch(name, &params, &Patch::Apply(crd)).await?;
    for _ in 0..200 {
        let found = api.get(name).await?;
        let conditions = found.data.pointer("/status/conditions").and_then(Value::as_array);
        let established = |c: &Value| c["type"] == "Established" && c["status"] == "True";
        if conditions.is_some_and(|all| all.iter().any(established)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
