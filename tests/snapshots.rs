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
    let children = children.collect().await;
    kubetape::assert_cluster_snapshot!(children);
    kubetape::assert_cluster_snapshot!(children, capture = "fixtures/captures/operators");
    kubetape::assert_cluster_snapshot!("the_echo_itself", world.objects().of::<echo::Echo>().collect().await);
    kubetape::assert_trace_snapshot!(world.trace(), @r"
    echo  patch  echoes.example.com hello  200
    echo  apply  deployments.apps hello  201
    echo  patch  echoes.example.com hello status  200
    ");
}

#[kubetape::test(crd(myapp::MyApp))]
async fn what_a_myapp_becomes(world: World) {
    // Named, for the name it gives itself has the number of its process in it.
    world.run_as("myapp", |client| myapp::run_as(client, "a".to_owned()));
    world.create(myapps::app(2)).await;
    world.until("shop", myapps::ready(2)).await;
    world.settle().await;

    let objects =
        world.objects().kinds::<(Deployment, Service, myapp::MyApp)>().redact("status.conditions[].message");
    kubetape::assert_cluster_snapshot!(objects.collect().await);
    kubetape::assert_trace_snapshot!(world.trace(), @r"
    myapp  apply  deployments.apps shop  201
    myapp  apply  services shop  201
    myapp  apply  myapps.mycompany.com shop status  200
    ");
}
