/// Compares the objects of a scenario with a snapshot: `assert_cluster_snapshot!(world.objects().of::<Pod>().collect().await)`.
///
/// It is `insta::assert_snapshot!` with all its forms: a name first, an inline snapshot (`@r"…"`) last. The file is
/// `snapshots/MODULE__TEST.snap` beside the test; see [`Objects`](crate::snapshot::Objects) for what stands in it.
///
/// With `capture = "PATH"` the snapshot is a capture instead: what `kubetape gather` wrote of a live cluster, or any
/// manifests. Its objects are chosen as the scenario's are, by kind, labels and owners, and must be the same but for
/// what a snapshot has symbols for. The capture's namespace is the only one in which it has such objects, or the one
/// that is given: `capture = "PATH", namespace = "shop"`. See
/// [`Objects::against_capture`](crate::Objects::against_capture) for how they are compared; the failure names each
/// object, and each field with both its values:
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kubetape::{Options, World, assert_cluster_snapshot};
/// use serde_json::json;
///
/// # let folder = tempfile::tempdir()?;
/// # let shop = folder.path().join("shop.yaml");
/// std::fs::write(&shop, "
/// apiVersion: v1
/// kind: ConfigMap
/// metadata: {name: colours, namespace: shop, uid: 1f0a, resourceVersion: \"77\"}
/// data: {door: green}
/// ")?;
/// # let options = || Options::new("docs::against_a_capture", env!("CARGO_MANIFEST_DIR")).on_sim();
/// let colours = |door: &str| -> ConfigMap {
///     serde_json::from_value(json!({"metadata": {"name": "colours"}, "data": {"door": door}})).unwrap()
/// };
/// # let capture = shop.clone();
/// kubetape::run(options(), async move |world: World| {
///     world.create(colours("green")).await;
///     assert_cluster_snapshot!(world.objects().of::<ConfigMap>().collect().await, capture = capture);
/// });
///
/// let failure = kubetape::try_run(options(), async move |world: World| {
///     world.create(colours("red")).await;
///     assert_cluster_snapshot!(world.objects().of::<ConfigMap>().collect().await, capture = shop);
/// });
/// let text = failure.unwrap_err().to_string();
/// assert!(text.contains(" ~ configmap shop/colours\n     data.door  green → red\n"), "{text}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[macro_export]
macro_rules! assert_cluster_snapshot {
    ($objects:expr, capture = $capture:expr $(,)?) => {
        $crate::snapshot::assert_capture(&$objects, ::std::convert::AsRef::as_ref(&$capture), ::std::option::Option::None)
    };
    ($objects:expr, capture = $capture:expr, namespace = $namespace:expr $(,)?) => {
        $crate::snapshot::assert_capture(
            &$objects,
            ::std::convert::AsRef::as_ref(&$capture),
            ::std::option::Option::Some(::std::convert::AsRef::<str>::as_ref(&$namespace)),
        )
    };
    ($($arguments:tt)*) => {
        $crate::__insta::assert_snapshot!($($arguments)*)
    };
}

/// Compares what the operators of a scenario did with a snapshot: `assert_trace_snapshot!(world.trace())`.
///
/// It is `insta::assert_snapshot!` with all its forms; see [`Trace`](crate::Trace) for what stands in it.
#[macro_export]
macro_rules! assert_trace_snapshot {
    ($($arguments:tt)*) => {
        $crate::__insta::assert_snapshot!($($arguments)*)
    };
}
