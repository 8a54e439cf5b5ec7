use super::echo::{self, Echo, EchoSpec};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kubetape::World;
use serde_json::json;

/// From a new Echo to its end: made, scaled, drifted, deleted.
pub async fn life<F, Fut>(world: World, run: F)
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    world.run_as("echo", run);
    world.create(Echo::new("hello", EchoSpec { replicas: 2 })).await;
    world.until("hello", ready(2)).await;
    world.settle().await;

    world.patch::<Echo>("hello", json!({"spec": {"replicas": 3}})).await;
    world.until("hello", ready(3)).await;
    world.settle().await;

    world.patch::<Deployment>("hello", image("nginx")).await;
    world.until("hello", runs("inanimate/echo-server")).await;
    world.settle().await;

    world.delete::<Echo>("hello").await;
    world.gone::<Echo>("hello").await;
    world.gone::<Deployment>("hello").await;
    world.settle().await;
}

/// The same where nobody runs the Deployment: the scenario writes its status.
pub async fn life_bare<F, Fut>(world: World, run: F)
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    world.run_as("echo", run);
    world.create(Echo::new("hello", EchoSpec { replicas: 2 })).await;
    world.until("hello", |deployment: Option<&Deployment>| deployment.is_some()).await;
    world.patch_status::<Deployment>("hello", available(1, 2)).await;
    world.until("hello", ready(2)).await;
    world.settle().await;

    world.patch::<Echo>("hello", json!({"spec": {"replicas": 3}})).await;
    world.until("hello", replicas(3)).await;
    world.patch_status::<Deployment>("hello", available(2, 3)).await;
    world.until("hello", ready(3)).await;
    world.settle().await;

    world.patch::<Deployment>("hello", image("nginx")).await;
    world.until("hello", runs("inanimate/echo-server")).await;
    world.settle().await;

    world.delete::<Echo>("hello").await;
    world.gone::<Echo>("hello").await;
    world.gone::<Deployment>("hello").await;
    world.settle().await;
}

/// The Echo says that it is ready with this many replicas.
pub fn ready(replicas: i32) -> impl Fn(Option<&Echo>) -> bool + Send {
    move |echo| {
        let status = echo.and_then(|echo| echo.status.as_ref());
        status.is_some_and(|status| status.ready && status.ready_replicas == replicas)
    }
}

fn replicas(replicas: i32) -> impl Fn(Option<&Deployment>) -> bool + Send {
    move |deployment| field(deployment, "/spec/replicas") == json!(replicas)
}

fn runs(image: &'static str) -> impl Fn(Option<&Deployment>) -> bool + Send {
    move |deployment| {
        let found = field(deployment, "/spec/template/spec/containers/0/image");
        found.as_str().is_some_and(|found| found.starts_with(image))
    }
}

/// A field by its path, because newer types have fewer `Option`s on the way.
fn field(deployment: Option<&Deployment>, path: &str) -> serde_json::Value {
    let object = deployment.and_then(|deployment| serde_json::to_value(deployment).ok());
    object.and_then(|object| object.pointer(path).cloned()).unwrap_or_default()
}

fn image(image: &str) -> serde_json::Value {
    let container = json!({"name": "echo-server", "image": image, "ports": [{"containerPort": 8080}]});
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

/// A Deployment's status as its controller would write it.
pub fn available(generation: i64, replicas: i32) -> serde_json::Value {
    json!({"status": {
        "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
    }})
}

/// The operator with four reconciles at a time.
pub async fn concurrent(client: Client) {
    let queue = kube::runtime::controller::Config::default().concurrency(4);
    echo::run_with(client, kube::runtime::watcher::Config::default(), queue, echo::REQUEUE).await;
}

/// The operator with streaming lists.
pub async fn streaming(client: Client) {
    let lists = kube::runtime::watcher::Config::default().streaming_lists();
    echo::run_with(client, lists, kube::runtime::controller::Config::default(), echo::REQUEUE).await;
}
