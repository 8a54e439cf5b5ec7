/// Compares the objects of a scenario with a snapshot: `assert_cluster_snapshot!(world.objects().of::<Pod>().collect().await)`.
///
/// It is `insta::assert_snapshot!` with all its forms: a name first, an inline snapshot (`@r"…"`) last. The file is
/// `snapshots/MODULE__TEST.snap` beside the test; see [`Objects`](crate::snapshot::Objects) for what stands in it.
#[macro_export]
macro_rules! assert_cluster_snapshot {
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
