//! A scenario's objects compared with a capture: what differs is named by object and field, and a capture that
//! cannot be relied on is refused.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kubetape::{Options, World, assert_cluster_snapshot};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fs, path::Path};

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}

/// Runs a scenario on the simulator with a shop in it; `compare` gets the world, and the folder of the files.
fn shop(
    files: &[(&str, &str)],
    compare: impl AsyncFn(&World, &Path) + Send + Sync + 'static,
) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    let path = folder.path().to_owned();
    let options = Options::new("against_capture::shop", env!("CARGO_MANIFEST_DIR")).on_sim();
    let done = kubetape::try_run(options, move |world: World| async move {
        let door: ConfigMap = world
            .create(object(
                json!({"metadata": {"name": "door", "labels": {"app": "shop"}}, "data": {"colour": "green"}}),
            ))
            .await;
        let key = json!({"metadata": {"name": "key", "ownerReferences": [door.owner_ref(&()).expect("an owner")]}, "stringData": {"teeth": "1234"}});
        world.create(object::<Secret>(key)).await;
        compare(&world, &path).await;
    });
    done.err().map(|failure| failure.to_string())
}

const DOOR: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: door, namespace: shop, uid: d00f, labels: {app: shop}}
data: {colour: green}
";
const KEY: &str = "
apiVersion: v1
kind: Secret
type: Opaque
metadata: {name: key, namespace: shop, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: door, uid: d00f}]}
data: {teeth: $secret(key.teeth)}
";

async fn all(world: &World, capture: &Path) {
    assert_cluster_snapshot!(
        world.objects().kinds::<(ConfigMap, Secret)>().collect().await,
        capture = capture
    );
}

#[test]
fn objects_that_are_as_captured_pass_whatever_the_namespace_is_called() {
    assert_eq!(shop(&[("a.yaml", DOOR), ("b.yaml", KEY)], async |world, path| all(world, path).await), None);
    let two = [
        ("a.yaml", DOOR),
        ("b.yaml", KEY),
        ("other.yaml", &DOOR.replace("namespace: shop", "namespace: mall")),
    ];
    let chosen = shop(&two, async |world, path| {
        let maps = world.objects().of::<ConfigMap>().labels("app=shop").collect().await;
        assert_cluster_snapshot!(maps, capture = path, namespace = "mall");
        let door = world.api::<ConfigMap>().get("door").await.expect("a door");
        let owned = world.objects().kinds::<(ConfigMap, Secret)>().owned_by(&door).collect().await;
        assert_eq!(owned.values().len(), 1);
        assert_cluster_snapshot!(owned, capture = path, namespace = "shop");
    });
    assert_eq!(chosen, None);
}

#[test]
fn what_differs_is_named_by_object_and_field() {
    let red = DOOR.replace("green", "red").replace("labels: {app: shop}", "generation: 3");
    let gone = "---\nkind: Secret\napiVersion: v1\nmetadata: {name: spare, namespace: shop}\n";
    let text = shop(&[("a.yaml", &red), ("b.yaml", gone)], async |world, path| all(world, path).await);
    let text = text.expect("they differ");
    for line in [
        " ~ configmap shop/door\n     data.colour  red → green\n     metadata.labels.app  - → shop\n",
        " - secret shop/spare\n",
        " + secret shop/key\n",
        " --force\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn a_capture_that_cannot_be_relied_on_is_refused() {
    let mark = ("capture.json", r#"{"kubetape":"capture","format":1}"#);
    let missing = r#"{"format":1,"kinds":[{"group":"","kind":"Secret","missing":[{"what":"secrets","why":"forbidden","message":"no"}]}]}"#;
    let mall = DOOR.replace("namespace: shop", "namespace: mall");
    let rows: [(&[(&str, &str)], &str); 5] = [
        (&[], "a capture is made with `kubetape gather`"),
        (&[("a.yaml", DOOR), ("b.yaml", "kind: [")], "mend the file, or take it out"),
        (&[mark, ("a.yaml", DOOR)], "was cut off before it was whole; capture it again"),
        (
            &[mark, ("a.yaml", DOOR), ("manifest.json", missing)],
            "misses secrets: forbidden: no; capture it again",
        ),
        (&[("a.yaml", DOOR), ("b.yaml", &mall)], "in the namespaces mall, shop; say which one is meant"),
    ];
    for (files, words) in rows {
        let text = shop(files, async |world, path| all(world, path).await).expect("it is refused");
        assert!(text.contains(words), "{words}\nis not in\n{text}");
    }
}
