//! Serves every `Echo` with a Deployment of an echo server.
//!
//! A finalizer comes before anything is made, the Deployment is applied whole on every
//! pass (which repairs drift), and the status is written only where it has changed.
//! Only the client's default namespace is watched.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::watcher;
use kube::{Api, Client, CustomResource, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Keeps a deleted `Echo` until its Deployment is gone.
pub const FINALIZER: &str = "echoes.example.com/finalizer";
/// The name under which fields are owned.
pub const MANAGER: &str = "echo-operator";
/// How long after a good pass the next one comes, if nothing happens before.
pub const REQUEUE: Duration = Duration::from_secs(10);

const IMAGE: &str = "inanimate/echo-server";
const PORT: i32 = 8080;
const RETRY: Duration = Duration::from_secs(5);

/// An echo server with a number of replicas.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Echo",
    plural = "echoes",
    shortname = "echo",
    namespaced,
    status = "EchoStatus",
    doc = "An echo server with a number of replicas.",
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "Ready", type_ = "boolean", json_path = ".status.ready"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct EchoSpec {
    /// How many echo servers are wanted.
    #[schemars(range(min = 0))]
    pub replicas: i32,
}

/// What was last seen of the Deployment.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EchoStatus {
    /// How many echo servers are ready.
    pub ready_replicas: i32,
    /// Whether that is as many as are wanted, all of the wanted shape.
    pub ready: bool,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The object asks for something that no retry will make possible.
    #[error("the Echo {name:?} cannot be served: {reason}")]
    UserInput {
        /// The object's name.
        name: String,
        /// What is wrong with it and what would be right.
        reason: &'static str,
    },
    /// The Deployment was not applied.
    #[error("failed to apply the Deployment: {0}")]
    ApplyDeployment(#[source] kube::Error),
    /// The Deployment was not deleted.
    #[error("failed to delete the Deployment: {0}")]
    DeleteDeployment(#[source] kube::Error),
    /// The status was not written.
    #[error("failed to write the status: {0}")]
    WriteStatus(#[source] kube::Error),
    /// The finalizer, or the work under it, failed.
    #[error(transparent)]
    Finalizer(#[from] Box<finalizer::Error<Error>>),
}

/// What every pass is given.
#[derive(Clone)]
pub struct Context {
    /// Where objects are read and written.
    pub client: Client,
    /// How long after a good pass the next one comes.
    pub requeue: Duration,
}

/// Runs the operator in the client's default namespace; it ends only when dropped.
pub async fn run(client: Client) {
    run_with(client, watcher::Config::default(), controller::Config::default(), REQUEUE).await;
}

/// As [`run`], with other settings for the watches, the queue and the time between passes.
pub async fn run_with(client: Client, watch: watcher::Config, queue: controller::Config, requeue: Duration) {
    let echoes = Api::<Echo>::default_namespaced(client.clone());
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    Controller::new(echoes, watch.clone())
        .owns(deployments, watch)
        .with_config(queue)
        .run(reconcile, error_policy, Arc::new(Context { client, requeue }))
        .for_each(async |outcome| report(&outcome))
        .await;
}

fn report<Q: std::error::Error>(
    outcome: &Result<(kube::runtime::reflector::ObjectRef<Echo>, Action), controller::Error<Error, Q>>,
) {
    match outcome {
        Ok((echo, _)) => tracing::debug!(%echo, "reconciled"),
        // The Deployment's last events come after its Echo has gone: nothing is left to do.
        Err(controller::Error::ObjectNotFound(echo)) => tracing::debug!(%echo, "gone"),
        Err(error) => tracing::warn!(%error, "not reconciled"),
    }
}

/// Brings the cluster to what one `Echo` says, or cleans up after it.
///
/// # Errors
///
/// [`Error::UserInput`] for an `Echo` without a namespace, otherwise the step that failed.
pub async fn reconcile(echo: Arc<Echo>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = echo.namespace() else {
        let reason = "it has no namespace, and a Deployment needs one; set metadata.namespace";
        return Err(Error::UserInput { name: echo.name_any(), reason });
    };
    let echoes = Api::<Echo>::namespaced(context.client.clone(), &namespace);
    let deployments = Api::<Deployment>::namespaced(context.client.clone(), &namespace);
    let outcome = finalizer(&echoes, FINALIZER, echo, async |event| match event {
        Event::Apply(echo) => apply(&echoes, &deployments, &echo, context.requeue).await,
        Event::Cleanup(echo) => cleanup(&deployments, &echo).await,
    });
    match outcome.await {
        Err(error) if already_released(&error) => Ok(Action::await_change()),
        other => other.map_err(|error| Error::Finalizer(Box::new(error))),
    }
}

/// Retries later; what the user got wrong waits for the user as long as a good pass would.
pub fn error_policy(_: Arc<Echo>, error: &Error, context: Arc<Context>) -> Action {
    match error {
        Error::UserInput { .. } => Action::requeue(context.requeue),
        _ => Action::requeue(RETRY),
    }
}

/// Deleting the Deployment wakes us once more, often before our own removal of the
/// finalizer has come back through the watch; the object is then already as we want it.
fn already_released(error: &finalizer::Error<Error>) -> bool {
    matches!(error, finalizer::Error::RemoveFinalizer(kube::Error::Api(status)) if status.is_not_found())
}

async fn apply(
    echoes: &Api<Echo>,
    deployments: &Api<Deployment>,
    echo: &Echo,
    requeue: Duration,
) -> Result<Action, Error> {
    let name = echo.name_any();
    let params = PatchParams::apply(MANAGER).force();
    let applied = deployments
        .patch(&name, &params, &Patch::Apply(deployment(echo)))
        .await
        .map_err(Error::ApplyDeployment)?;
    let status = status(echo, &applied);
    // Writing what is already there would wake us for nothing.
    if echo.status.as_ref() != Some(&status) {
        let patch = Patch::Merge(json!({ "status": status }));
        echoes.patch_status(&name, &PatchParams::default(), &patch).await.map_err(Error::WriteStatus)?;
        tracing::info!(
            echo = name,
            ready = status.ready_replicas,
            wanted = echo.spec.replicas,
            "status changed"
        );
    }
    Ok(Action::requeue(requeue))
}

async fn cleanup(deployments: &Api<Deployment>, echo: &Echo) -> Result<Action, Error> {
    let name = echo.name_any();
    match deployments.delete(&name, &DeleteParams::background()).await {
        Ok(_) => tracing::info!(echo = name, "deleted the Deployment"),
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(error) => return Err(Error::DeleteDeployment(error)),
    }
    Ok(Action::await_change())
}

/// The Deployment that an `Echo` asks for.
pub fn deployment(echo: &Echo) -> Deployment {
    let labels = [("app".to_owned(), echo.name_any())];
    let container = Container {
        name: "echo-server".to_owned(),
        image: Some(IMAGE.to_owned()),
        ports: Some(vec![ContainerPort { container_port: PORT, ..ContainerPort::default() }]),
        ..Container::default()
    };
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels.clone().into()), ..ObjectMeta::default() }),
        spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
    };
    Deployment {
        metadata: ObjectMeta {
            name: Some(echo.name_any()),
            namespace: echo.namespace(),
            labels: Some(labels.clone().into()),
            owner_references: echo.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        // `Some` up to the types of Kubernetes 1.36, the spec itself from then on.
        spec: DeploymentSpec {
            replicas: Some(echo.spec.replicas),
            selector: LabelSelector { match_labels: Some(labels.into()), ..LabelSelector::default() },
            template,
            ..DeploymentSpec::default()
        }
        .into(),
        status: None,
    }
}

/// What to say about an `Echo` whose Deployment was last seen as `deployment`.
pub fn status(echo: &Echo, deployment: &Deployment) -> EchoStatus {
    let seen = deployment.status.clone().unwrap_or_default();
    let ready_replicas = seen.ready_replicas.unwrap_or(0);
    // Counts from before the last change of the Deployment say nothing about it.
    let current = seen.observed_generation >= deployment.metadata.generation;
    let updated = seen.updated_replicas.unwrap_or(0);
    let wanted = echo.spec.replicas;
    EchoStatus { ready_replicas, ready: current && updated == wanted && ready_replicas == wanted }
}
