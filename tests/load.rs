//! A capture as the beginning of a test: `World::load`, on its tape and on a cluster.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Pod, Secret, Service},
};
use kube::ResourceExt;
use kubetape::World;

#[allow(dead_code, unreachable_pub, missing_docs, reason = "an example; this test needs its types alone")]
#[path = "../examples/echo/operator.rs"]
mod echo;

const CAPTURE: &str = "fixtures/captures/operators";

#[kubetape::test(bare)]
async fn a_capture_is_loaded_whole(world: World) {
    world.load(CAPTURE).await;
    world.settle().await;

    let echo = world.api::<echo::Echo>().get("hello").await.expect("the Echo was loaded");
    let owned = world.api::<Deployment>().get("hello").await.expect("its Deployment was loaded");
    let owners = owned.owner_references();
    assert_eq!(owners[0].uid, echo.uid().unwrap_or_default(), "references follow the new uids");
    assert!(owned.status.is_some_and(|status| status.ready_replicas.is_some()), "status is restored");

    let all = world.objects().kinds::<(echo::Echo, Deployment, ReplicaSet, Pod, Service, Secret)>();
    kubetape::assert_cluster_snapshot!(all.collect().await, capture = CAPTURE);

    let secret = world.api::<Secret>().get("db").await.expect("the Secret was loaded");
    let password = secret.data.and_then(|data| data.get("password").cloned()).map(|value| value.0);
    assert!(password.is_some_and(|value| value != b"correct-horse-battery"), "a stand-in, never the secret");
}

#[test]
fn a_capture_that_is_not_there_says_what_to_do() {
    let failure = kubetape::gather::Capture::open("fixtures/captures/absent").unwrap_err().to_string();
    assert!(failure.contains("see its name with ls"), "{failure}");
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_scenario_that_fails_on_a_cluster_leaves_a_capture_of_its_namespace() {
    let options = kubetape::Options::new("load::fails", env!("CARGO_MANIFEST_DIR")).bare().needs_cluster();
    let failure = kubetape::try_run(options, async |world: World| {
        let mut map = ConfigMap::default();
        map.metadata.name = Some("evidence".into());
        world.create(map).await;
        assert!(world.namespace().is_empty(), "it went wrong");
    });
    let text = failure.expect_err("it panics").to_string();
    assert!(text.starts_with("it went wrong\n\nthe namespace as it was: kubetape show "), "{text}");
    let place = text.rsplit(' ').next().expect("a path");
    let capture = kubetape::gather::Capture::open(place).expect("the capture");
    assert!(capture.objects.keys().any(|id| id.name == "evidence"), "{:?}", capture.objects.keys());
    std::fs::remove_dir_all(place).expect("the capture goes");
}
