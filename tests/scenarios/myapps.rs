use super::myapp::{MyApp, MyAppSpec, lease};
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Service};
use kube::{
    Client,
    api::{Patch, PatchParams},
};
use kubetape::{Operator, World};
use serde_json::json;

/// Two replicas of the operator; one leads, is killed, and the other takes over. Meanwhile an app is made,
/// its child deleted, its status contested and a change of it refused.
pub async fn life<F, Fut>(world: World, run: F)
where
    F: Fn(Client, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let first = start(&world, &run, "a").await;
    start_second(&world, &run);
    world.create(app(2)).await;
    world.until("shop", ready(2)).await;
    world.settle().await;

    contest(&world).await;
    refuse(&world).await;
    world.delete::<Deployment>("shop").await;
    world.until("shop", recreated).await;
    world.until("shop", ready(2)).await;
    world.settle().await;

    first.kill().await;
    world.until(lease::NAME, held_by("b")).await;
    world.patch::<MyApp>("shop", json!({"spec": {"replicas": 3}})).await;
    world.until("shop", ready(3)).await;
    world.settle().await;
    end(&world, false).await;
}

/// The same where nobody runs the Deployment: the scenario writes its status.
pub async fn life_bare<F, Fut>(world: World, run: F)
where
    F: Fn(Client, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let first = start(&world, &run, "a").await;
    start_second(&world, &run);
    world.create(app(2)).await;
    world.until("shop", |deployment: Option<&Deployment>| deployment.is_some()).await;
    world.patch_status::<Deployment>("shop", super::echoes::available(1, 2)).await;
    world.until("shop", ready(2)).await;
    world.settle().await;

    contest(&world).await;
    refuse(&world).await;
    world.delete::<Deployment>("shop").await;
    world.until("shop", |deployment: Option<&Deployment>| deployment.is_some()).await;
    world.patch_status::<Deployment>("shop", super::echoes::available(1, 2)).await;
    world.settle().await;

    first.kill().await;
    world.until(lease::NAME, held_by("b")).await;
    world.patch::<MyApp>("shop", json!({"spec": {"replicas": 3}})).await;
    world.until("shop", wants(3)).await;
    world.patch_status::<Deployment>("shop", super::echoes::available(2, 3)).await;
    world.until("shop", ready(3)).await;
    world.settle().await;
    end(&world, true).await;
}

/// The first replica, until it leads.
async fn start<F, Fut>(world: &World, run: &F, identity: &'static str) -> Operator
where
    F: Fn(Client, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let run = run.clone();
    let operator = world.run_as("myapp-a", move |client| run(client, identity.to_owned()));
    world.until(lease::NAME, held_by(identity)).await;
    operator
}

fn start_second<F, Fut>(world: &World, run: &F)
where
    F: Fn(Client, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let run = run.clone();
    world.run_as("myapp-b", move |client| run(client, "b".to_owned()));
}

/// Somebody else applies the status without force, and is told whose it is.
async fn contest(world: &World) {
    let status = json!({
        "apiVersion": "mycompany.com/v1", "kind": "MyApp", "metadata": {"name": "shop"},
        "status": {"is_ready": false, "conditions": []},
    });
    let params = PatchParams::apply("somebody-else");
    let refused = world.api::<MyApp>().patch_status("shop", &params, &Patch::Apply(status)).await;
    let Err(kube::Error::Api(status)) = refused else { panic!("a contested status was taken: {refused:?}") };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"), "{status:?}");
}

/// The rules of the CRD hold.
async fn refuse(world: &World) {
    let patch = Patch::Merge(json!({"spec": {"spec": "another"}}));
    let refused = world.api::<MyApp>().patch("shop", &PatchParams::default(), &patch).await;
    let Err(kube::Error::Api(status)) = refused else {
        panic!("an immutable field was changed: {refused:?}")
    };
    assert_eq!(status.code, 422);
    assert!(status.message.contains("spec is immutable"), "{}", status.message);
}

/// Where no garbage collector runs, the children of a deleted app stay.
async fn end(world: &World, bare: bool) {
    world.delete::<MyApp>("shop").await;
    world.gone::<MyApp>("shop").await;
    if !bare {
        world.gone::<Deployment>("shop").await;
        world.gone::<Service>("shop").await;
    }
    world.settle().await;
}

/// An app of this many replicas.
pub fn app(replicas: i32) -> MyApp {
    MyApp::new("shop", MyAppSpec { spec: "v1".into(), replicas })
}

/// The app says that all of this many replicas are ready.
pub fn ready(replicas: i32) -> impl Fn(Option<&MyApp>) -> bool + Send {
    move |app| {
        app.is_some_and(|app| {
            let status = app.status.as_ref().filter(|status| status.is_ready);
            app.spec.replicas == replicas
                && status.is_some_and(|status| {
                    status.conditions.iter().all(|c| c.message.starts_with(&format!("{replicas} of")))
                })
        })
    }
}

fn recreated(deployment: Option<&Deployment>) -> bool {
    deployment.is_some_and(|deployment| deployment.metadata.deletion_timestamp.is_none())
}

fn wants(replicas: i32) -> impl Fn(Option<&Deployment>) -> bool + Send {
    move |deployment| deployment.and_then(|d| d.spec.as_ref()?.replicas) == Some(replicas)
}

fn held_by(identity: &'static str) -> impl Fn(Option<&Lease>) -> bool + Send {
    move |lease| lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref()) == Some(identity)
}
