//! `crash_everywhere` finds operators that do not survive a crash, and leaves alone those that do.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod crashes;
mod scenarios;

use crashes::{App, AppSpec, Done, Look, broken, mended, operator};
use kubetape::{Options, World, explore::crash_everywhere};
use scenarios::{echo, echoes};
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Reconcile = fn(Look) -> Done;

/// Every defect: its name, the broken form, the mended one, and a word of the text that must be told.
const DEFECTS: [(&str, Reconcile, Reconcile, &str); 8] = [
    ("guard_first", broken::guard_first, mended::guard_first, "ConfigMap claim: data.value  2 → 1"),
    ("lost_flag", broken::lost_flag, mended::lost_flag, "ConfigMap pod: data.value  b → a"),
    ("phase_needs_object", broken::phase_needs_object, mended::phase_needs_object, "Finalizing → Ongoing"),
    (
        "pair_behind_one_check",
        broken::pair_behind_one_check,
        mended::pair_behind_one_check,
        "ssl-internal is missing",
    ),
    ("generated_name", broken::generated_name, mended::generated_name, "$name(job-,2) is there"),
    (
        "finalizer_before_cleanup",
        broken::finalizer_before_cleanup,
        mended::finalizer_before_cleanup,
        "ConfigMap outside is there",
    ),
    (
        "already_exists_is_fatal",
        broken::already_exists_is_fatal,
        mended::already_exists_is_fatal,
        "status.ready",
    ),
    ("progress_in_memory", broken::progress_in_memory, mended::progress_in_memory, "second is missing"),
];

/// An App is made, changed and perhaps deleted.
async fn life(world: World, reconcile: Reconcile, deleted: bool) {
    world.run_as("small", operator(reconcile));
    world.create(App::new("app", AppSpec { size: 1, config: "a".into() })).await;
    world.settle().await;
    world.patch::<App>("app", json!({"spec": {"size": 2, "config": "b"}})).await;
    world.settle().await;
    if deleted {
        world.delete::<App>("app").await;
        world.settle().await;
    }
}

fn explored(name: &str, reconcile: Reconcile) -> Result<(), String> {
    let options = Options::new(&format!("crash_everywhere::{name}"), env!("CARGO_MANIFEST_DIR"));
    let deleted = name == "finalizer_before_cleanup";
    let run = || crash_everywhere(options.crd::<App>().bare(), move |world| life(world, reconcile, deleted));
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic.downcast_ref::<String>().unwrap().clone())
}

#[test]
fn every_broken_operator_is_found() {
    for (name, broken, _, told) in DEFECTS {
        let text = explored(name, broken).expect_err(name);
        assert!(text.contains(told), "{name}: {text}");
    }
}

#[test]
fn no_mended_operator_is_blamed() {
    for (name, _, mended, _) in DEFECTS {
        explored(name, mended).unwrap_or_else(|text| panic!("{name}: {text}"));
    }
}

#[test]
fn the_text_names_the_write_the_difference_and_the_line_that_repeats_it() {
    let text = explored("guard_first", broken::guard_first).unwrap_err();
    insta::assert_snapshot!("a_crash_that_is_not_survived", text);
}

#[kubetape::test(crd(echo::Echo), bare, crash_everywhere)]
async fn an_echo_survives_every_crash(world: World) {
    echoes::life_bare(world, echo::run).await;
}
