//! What scenarios leave behind, and what the operators did for it: the same snapshots on every ground.

mod scenarios;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Pod, Service},
};
use kubetape::World;
use scenarios::{echo, echoes, myapp, myapps};

#[kubetape::test(crd(echo::Echo))]
async fn what_an_echo_becomes(world: World) {
    world.run(echo::run);
    let echo = world.create(echo::Echo::new("hello", echo::EchoSpec { replicas: 2 })).await;
    world.until("hello", echoes::ready(2)).await;
    world.settle().await;

    let children = world.objects().kinds::<(Deployment, ReplicaSet, Pod)>().owned_by(&echo);
    kubetape::assert_cluster_snapshot!(children.collect().await);
    kubetape::assert_cluster_snapshot!("the_echo_itself", world.objects().of::<echo::Echo>().collect().await);
    kubetape::assert_trace_snapshot!(world.trace(), @"");
}

#[kubetape::test(crd(myapp::MyApp))]
async fn what_a_myapp_becomes(world: World) {
    world.run(myapp::run);
    world.create(myapps::app(2)).await;
    world.until("shop", myapps::ready(2)).await;
    world.settle().await;

    let objects =
        world.objects().kinds::<(Deployment, Service, myapp::MyApp)>().redact("status.conditions[].message");
    kubetape::assert_cluster_snapshot!(objects.collect().await);
    kubetape::assert_trace_snapshot!(world.trace(), @"");
}
