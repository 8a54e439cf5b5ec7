//! Serves every `MyApp` with a Deployment and a Service, and says how they are.
//!
//! Any number of replicas of the operator may run; the one that holds the lease works.
//! Children are applied whole on every pass (which repairs drift) and are left to the
//! garbage collector at the end. The status is written, and people are told by an Event,
//! only when it has changed. Only the client's default namespace is watched.

#[path = "children.rs"]
pub mod children;
#[path = "clock.rs"]
pub mod clock;
#[path = "lease.rs"]
pub mod lease;
#[path = "resource.rs"]
pub mod resource;
#[path = "status.rs"]
pub mod status;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use self::lease::Election;
pub use self::resource::{MyApp, MyAppSpec, MyAppStatus};

/// The name under which fields are owned and Events are reported.
pub const MANAGER: &str = "myapp-operator";
/// How long after a good pass the next one comes, if nothing happens before.
pub const REQUEUE: Duration = Duration::from_secs(300);

const RETRY: Duration = Duration::from_secs(5);

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An app without a namespace, which no API server hands out.
    #[error("the MyApp {name:?} has no namespace; set metadata.namespace")]
    NoNamespace {
        /// The object's name.
        name: String,
    },
    /// A child was not applied.
    #[error("failed to apply the {kind}: {error}")]
    ApplyChild {
        /// What the child is.
        kind: &'static str,
        /// What the API server said.
        #[source]
        error: kube::Error,
    },
    /// The app was not read again before its status was to be written.
    #[error("failed to read the app: {0}")]
    ReadApp(#[source] kube::Error),
    /// The status was not written.
    #[error("failed to write the status: {0}")]
    WriteStatus(#[source] kube::Error),
}

/// What every pass is given.
pub struct Context {
    client: Client,
    recorder: Recorder,
    requeue: Duration,
}

impl Context {
    /// A context whose Events are reported by `identity`.
    pub fn new(client: Client, identity: String) -> Self {
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: Some(identity) };
        Self { recorder: Recorder::new(client.clone(), reporter), client, requeue: REQUEUE }
    }

    /// Another time between two good passes than [`REQUEUE`].
    pub fn requeue(mut self, requeue: Duration) -> Self {
        self.requeue = requeue;
        self
    }
}

/// How the watches, the queue and the passes of a leader are set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How objects are watched.
    pub watch: watcher::Config,
    /// How passes are queued.
    pub queue: controller::Config,
    /// How long after a good pass the next one comes.
    pub requeue: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { watch: watcher::Config::default(), queue: controller::Config::default(), requeue: REQUEUE }
    }
}

/// Runs the operator under an identity of its own; it ends only when dropped.
pub async fn run(client: Client) {
    run_as(client, identity()).await;
}

/// Runs the operator as the candidate `identity`; it ends only when dropped.
pub async fn run_as(client: Client, identity: String) {
    run_with(client, identity, Settings::default(), std::future::pending()).await;
}

/// As [`run_as`], until `stop`: then the work ends first and the lease is given back after.
pub async fn run_until(client: Client, identity: String, stop: impl Future<Output = ()>) {
    run_with(client, identity, Settings::default(), stop).await;
}

/// As [`run_until`], with other settings.
pub async fn run_with(client: Client, identity: String, settings: Settings, stop: impl Future<Output = ()>) {
    let election = Election::new(client.clone(), identity.clone());
    tokio::select! {
        biased;
        () = stop => {}
        () = campaign(&election, &client, &identity, &settings) => {}
    }
    election.release().await;
}

/// The Pod's name where there is one; else the host's and the process's, which is unique too.
pub fn identity() -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("POD_NAME").unwrap_or_else(|| {
        let host = variable("HOSTNAME").unwrap_or_else(|| MANAGER.to_owned());
        format!("{host}-{}", std::process::id())
    })
}

async fn campaign(election: &Election, client: &Client, identity: &str, settings: &Settings) {
    loop {
        let lease = election.acquire().await;
        tracing::info!(identity, "leading");
        tokio::select! {
            biased;
            () = election.hold(lease) => tracing::warn!(identity, "lost the lease"),
            () = lead(client.clone(), identity.to_owned(), settings.clone()) => tracing::warn!(identity, "the watches ended"),
        }
    }
}

async fn lead(client: Client, identity: String, settings: Settings) {
    let Settings { watch, queue, requeue } = settings;
    let apps = Api::<MyApp>::default_namespaced(client.clone());
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    let services = Api::<Service>::default_namespaced(client.clone());
    Controller::new(apps, watch.clone())
        .owns(deployments, watch.clone())
        .owns(services, watch)
        .with_config(queue)
        .run(reconcile, error_policy, Arc::new(Context::new(client, identity).requeue(requeue)))
        .for_each(async |outcome| report(&outcome))
        .await;
}

fn report<Q: std::error::Error>(outcome: &Result<(ObjectRef<MyApp>, Action), controller::Error<Error, Q>>) {
    match outcome {
        Ok((app, _)) => tracing::debug!(%app, "reconciled"),
        // The children's last events come after their owner has gone: nothing is left to do.
        Err(controller::Error::ObjectNotFound(app)) => tracing::debug!(%app, "gone"),
        Err(error) => tracing::warn!(%error, "not reconciled"),
    }
}

/// Brings the cluster to what one `MyApp` says.
///
/// # Errors
///
/// The step that failed.
pub async fn reconcile(app: Arc<MyApp>, context: Arc<Context>) -> Result<Action, Error> {
    if app.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let name = app.name_any();
    let Some(namespace) = app.namespace() else { return Err(Error::NoNamespace { name }) };
    let client = &context.client;
    let deployment =
        apply(&Api::namespaced(client.clone(), &namespace), &name, children::deployment(&app)).await?;
    apply(&Api::namespaced(client.clone(), &namespace), &name, children::service(&app)).await?;
    let seen = status::observe(&app, app.status.as_ref(), &deployment, clock::now());
    if app.status.as_ref() != Some(&seen) {
        let apps = Api::namespaced(client.clone(), &namespace);
        write_status(&apps, &app, &deployment, &context.recorder).await?;
    }
    Ok(Action::requeue(context.requeue))
}

/// Retries later, whatever the error: all of them may pass.
pub fn error_policy(_: Arc<MyApp>, _: &Error, _: Arc<Context>) -> Action {
    Action::requeue(RETRY)
}

async fn apply<K>(api: &Api<K>, name: &str, child: K) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + k8s_openapi::Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let params = PatchParams::apply(MANAGER).force();
    api.patch(name, &params, &Patch::Apply(child))
        .await
        .map_err(|error| Error::ApplyChild { kind: <K as k8s_openapi::Resource>::KIND, error })
}

/// Our copy of the app may be older than our own last write, which would then be repeated
/// with a later time and told twice: so the app is read once more before it is written.
async fn write_status(
    apps: &Api<MyApp>,
    app: &MyApp,
    deployment: &Deployment,
    recorder: &Recorder,
) -> Result<(), Error> {
    let name = app.name_any();
    let current = apps.get_opt(&name).await.map_err(Error::ReadApp)?;
    let Some(current) = current.filter(|current| current.uid() == app.uid()) else { return Ok(()) };
    let before = current.status.as_ref();
    let status = status::observe(app, before, deployment, clock::now());
    if before == Some(&status) {
        return Ok(());
    }
    let patch = json!({
        "apiVersion": MyApp::api_version(&()),
        "kind": MyApp::kind(&()),
        "metadata": { "name": name },
        "status": status,
    });
    let params = PatchParams::apply(MANAGER).force();
    apps.patch_status(&name, &params, &Patch::Apply(patch)).await.map_err(Error::WriteStatus)?;
    tracing::info!(app = name, ready = status.is_ready, "status changed");
    for event in status::events(app, before, &status) {
        // The work is done whether or not anybody is told.
        if let Err(error) = recorder.publish(&event, &app.object_ref(&())).await {
            tracing::warn!(app = name, %error, "event not published");
        }
    }
    Ok(())
}
